"""Deep linking: the answer that tells a platform which assignment a teacher has chosen, signed with our key."""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import urlencode
from uuid import UUID, uuid4

import jwt

from ingest.lms.id_token import CLAIM, VERSION
from ingest.lms.launch_claims import ASSIGNMENT, DEEP_LINKING
from models.db import session
from models.lti_keys import SigningKey, signing_key
from models.platforms import Platform

SECONDS = 300


def answer(
    platform: Platform, *, deployment: str, data: str | None, assignment: UUID, title: str, launch_url: str
) -> str:
    """Return the signed answer with one link, to this assignment. Some platforms pass on the address, others the parameter."""
    item = {
        "type": "ltiResourceLink", "title": title, "url": f"{launch_url}?{urlencode({ASSIGNMENT: assignment})}",
        "custom": {ASSIGNMENT: str(assignment)},
    }  # fmt: skip
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
    return sign(claims)


def sign(claims: dict[str, Any]) -> str:
    """Return these claims as a token of ours that is valid for a few minutes."""
    with session(role="ec_auth"):
        key: SigningKey = signing_key()
    now = int(time.time())
    times = {"iat": now, "exp": now + SECONDS, "nonce": uuid4().hex, "jti": uuid4().hex}
    return jwt.encode({**claims, **times}, key.private_key, algorithm="RS256", headers={"kid": str(key.id)})
