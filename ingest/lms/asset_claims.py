"""Claims of the LTI Asset Processor and of the Platform Notification Service, by the specification's names and by others in use.

Blackboard writes some of them below `lti-aip` or `lti-ap`, and calls the ids `activity_id` and `submission_id`. What the
specification says counts first. (docs/adr/0180-an-lms-tells-us-by-notices.md)
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from ingest.lms.claim_values import id_of, object_of, storable, text_of, texts_of
from ingest.lms.id_token import CLAIM
from models.asset_activities import Activity

PREFIXES = (CLAIM, "https://purl.imsglobal.org/spec/lti-aip/claim/", "https://purl.imsglobal.org/spec/lti-ap/claim/")
SUBMISSION_NOTICE = "LtiAssetProcessorSubmissionNotice"
HANDLERS_SCOPE = "https://purl.imsglobal.org/spec/lti/scope/noticehandlers"
ASSET_SCOPE = "https://purl.imsglobal.org/spec/lti/scope/asset.readonly"
REPORT_SCOPE = "https://purl.imsglobal.org/spec/lti/scope/report"
MAX_URL = 2048
MAX_KEY = 200
MAX_SCOPES = 5
MAX_SCOPE = 255


@dataclass(frozen=True, kw_only=True)
class NoticeService:
    """Where the platform takes orders for notices, and which types it sends."""

    url: str
    scopes: list[str]
    types: list[str]


@dataclass(frozen=True, kw_only=True)
class AssetLaunch:
    """What a launch says for the Asset Processor: `hand_in` is the key of the arrival, `tool_url` where the platform knows us."""

    activity: Activity | None
    hand_in: str | None
    notices: NoticeService | None
    tool_url: str | None


def read_launch(claims: dict[str, Any]) -> AssetLaunch:
    """Return what checked claims of a launch say."""
    deployment, submission = claims[CLAIM + "deployment_id"], submission_id_of(claims)
    return AssetLaunch(
        activity=activity_of(claims, deployment=deployment),
        hand_in=key_of(submission, deployment=deployment) if submission is not None else None,
        notices=notice_service_of(claims),
        tool_url=url_of(claims.get(CLAIM + "target_link_uri")),
    )


def claim_of(claims: dict[str, Any], name: str) -> dict[str, Any]:
    """Return the claim with this name, wherever it stands; without members when it is nowhere."""
    return next((found for prefix in PREFIXES if (found := object_of(claims.get(prefix + name)))), {})


def activity_of(claims: dict[str, Any], *, deployment: str) -> Activity | None:
    """Return the assignment of the platform that a launch or a notice is about, or None when it names none."""
    found, report = claim_of(claims, "activity"), claim_of(claims, "assetreport")
    identifier = id_of(found.get("id", found.get("activity_id")))
    if identifier is None:
        return None
    url = url_of(report.get("report_url"))
    return Activity(
        deployment=deployment, id=identifier, title=text_of(found.get("title")), report_url=url,
        report_scopes=scopes_of(report.get("scope"), usual=REPORT_SCOPE) if url else [],
    )  # fmt: skip


def submission_id_of(claims: dict[str, Any]) -> str | None:
    """Return the platform's id of the hand-in, or None."""
    found = claim_of(claims, "submission")
    return id_of(found.get("id", found.get("submission_id")))


def key_of(submission: str, *, deployment: str) -> str:
    """Return the key of the hand-in's arrival. Two deployments may count from one: a school's Blackboard and the one for trying out."""
    key = f"{deployment} {submission}"
    return key if len(key) <= MAX_KEY else hashlib.sha256(key.encode()).hexdigest()


def notice_service_of(claims: dict[str, Any]) -> NoticeService | None:
    """Return where this platform takes orders for notices, or None when it sends none."""
    found = claim_of(claims, "platformnotificationservice")
    url = url_of(found.get("platform_notification_service_url"))
    if url is None:
        return None
    scopes = scopes_of(found.get("scope"), usual=HANDLERS_SCOPE)
    return NoticeService(url=url, scopes=scopes, types=texts_of(found.get("notice_types_supported")))


def url_of(value: object) -> str | None:
    """Return an address as it is stored, or None when it is none. Whether it may be called is checked with each call."""
    text = storable(value)
    if text is None or len(text) > MAX_URL:
        return None
    try:
        is_address = bool(urlsplit(text).hostname) and urlsplit(text).port != 0
    except ValueError:
        return None
    return text if is_address else None


def scopes_of(value: object, *, usual: str) -> list[str]:
    """Return the scopes as the platform writes them, because it gives a token for no other; `usual` when it names none."""
    named = [one for one in texts_of([value] if isinstance(value, str) else value) if _is_scope(one)]
    return named[:MAX_SCOPES] or [usual]


def _is_scope(text: str) -> bool:
    return text.isascii() and text.isprintable() and " " not in text and 0 < len(text) <= MAX_SCOPE
