"""Deep linking: the answer that tells a platform which assignment a teacher has chosen, signed with our key."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from ingest.lms.id_token import CLAIM, VERSION
from ingest.lms.launch_claims import ASSET_PROCESSOR, ASSIGNMENT, DEEP_LINKING
from models.db import session
from models.lti_keys import signing_key
from models.platforms import Platform
from outgoing import score
from outgoing.lti import sign


def link_to(assignment: UUID, platform: Platform, *, title: str, launch_url: str) -> dict[str, Any]:
    """Return a link to this assignment. Some platforms pass on the address, others the parameter."""
    item: dict[str, Any] = {
        "type": "ltiResourceLink", "title": title, "url": f"{launch_url}?{urlencode({ASSIGNMENT: assignment})}",
        "custom": {ASSIGNMENT: str(assignment)},
    }  # fmt: skip
    if platform.scores == "handed_in":
        item["lineItem"] = {"scoreMaximum": score.MAXIMUM, "label": title}
    return item


def asset_processor(*, title: str, text: str, launch_url: str) -> dict[str, Any]:
    """Return what attaches us to an assignment of the platform's own. Its reports are opened by a launch."""
    return {"type": ASSET_PROCESSOR, "title": title, "text": text, "report": {"url": launch_url}}


def answer(platform: Platform, item: dict[str, Any], *, deployment: str, data: str | None) -> str:
    """Return the signed answer with what was chosen."""
    known = platform.registration
    claims: dict[str, Any] = {
        "iss": known.client_id,
        "aud": [known.issuer],
        CLAIM + "message_type": "LtiDeepLinkingResponse",
        CLAIM + "version": VERSION,
        CLAIM + "deployment_id": deployment,
        DEEP_LINKING + "content_items": [item],
    }
    if data is not None:
        claims[DEEP_LINKING + "data"] = data
    with session(role="ec_auth"):
        key = signing_key(platform.id)
    return sign(claims, key)
