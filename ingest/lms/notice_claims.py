"""What a notice says, read from the claims of its token: its type, and for a hand-in where its documents are.

A document's title and file name may hold a student's words, such as their name. They are not stored: of the file name its ending is.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePath
from typing import Any

from ingest.lms.asset_claims import (
    ASSET_SCOPE,
    SUBMISSION_NOTICE,
    activity_of,
    claim_of,
    key_of,
    scopes_of,
    submission_id_of,
    url_of,
)
from ingest.lms.claim_values import exact_id_of, id_of, object_of, storable
from ingest.lms.id_token import CLAIM
from ingest.lms.launch_claims import course_of, sis_id_of
from models.arrivals import NewArrival

MAX_ASSETS = 20
MAX_CONTENT_TYPE = 100
SHA256_BYTES = 32
# Text that was typed into the LMS is a document without a file name.
TYPED = ("text/html", "text/plain")
_ENDING = re.compile(r"\.[a-z0-9]{1,8}")
_ENDINGS = {
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": ".docx",
    "application/vnd.oasis.opendocument.text": ".odt",
    "application/pdf": ".pdf",
    "application/rtf": ".rtf",
    "text/rtf": ".rtf",
}


class NotUsable(Exception):
    """A genuine notice lacks something that we need. The text says what; it holds nothing that was sent."""


@dataclass(frozen=True, kw_only=True)
class Notice:
    """A notice. `arrival` is None for types that we do nothing about."""

    type: str
    arrival: NewArrival | None


def read(claims: dict[str, Any]) -> Notice:
    """Return what checked claims say. Raises NotUsable."""
    about = object_of(claims.get(CLAIM + "notice"))
    kind, identifier = about.get("type"), exact_id_of(about.get("id"))
    if not isinstance(kind, str):
        raise NotUsable("it says no type")
    if kind != SUBMISSION_NOTICE:
        return Notice(type=kind, arrival=None)
    if identifier is None:
        raise NotUsable("it has no id")
    return Notice(type=kind, arrival=_arrival(claims, identifier, happened_at=_time(about.get("timestamp"))))


def _arrival(claims: dict[str, Any], notice: str, *, happened_at: datetime) -> NewArrival:
    deployment: str = claims[CLAIM + "deployment_id"]
    activity, submission = activity_of(claims, deployment=deployment), submission_id_of(claims)
    service, person = claim_of(claims, "assetservice"), claim_of(claims, "for_user")
    subject, course = exact_id_of(person.get("user_id")), course_of(claims)
    listed = service.get("assets")
    assets = [found for one in listed[:MAX_ASSETS] if (found := _asset(one))] if isinstance(listed, list) else []
    if activity is None:
        raise NotUsable("it names no assignment")
    if submission is None:
        raise NotUsable("it names no hand-in")
    if subject is None:
        raise NotUsable("it names nobody")
    if not assets:
        raise NotUsable("it names no document")
    place = {
        "notice": notice, "hand_in": submission, "deployment": deployment, "assignment": activity.id, "title": activity.title,
        "course": course.id, "course_name": course.title,
        "person": {"subject": subject, "sis_id": sis_id_of(person.get("person_sourcedid"))},
        "assets": assets, "asset_scopes": scopes_of(service.get("scope"), usual=ASSET_SCOPE),
        "report_url": activity.report_url, "report_scopes": activity.report_scopes,
    }  # fmt: skip
    return NewArrival(version_key=key_of(submission, deployment=deployment), place=place, changed_at=happened_at)


def _asset(value: object) -> dict[str, Any] | None:
    """Return what is stored of a document, or None when it cannot be fetched. `ending` is None for typed text."""
    found = object_of(value)
    identifier, url, size = id_of(found.get("asset_id")), url_of(found.get("url")), found.get("size")
    if identifier is None or url is None:
        return None
    sent_type = storable(found.get("content_type")) or ""
    content_type = sent_type.partition(";")[0].strip().lower()[:MAX_CONTENT_TYPE]
    return {
        "id": identifier, "url": url, "content_type": content_type, "ending": _ending(found.get("filename"), content_type),
        "size": size if isinstance(size, int) and size >= 0 else None,
        "sha256": _sha256(found.get("sha256_checksum") or found.get("checksum")),
    }  # fmt: skip


def _ending(filename: object, content_type: str) -> str | None:
    if isinstance(filename, str) and filename:
        ending = PurePath(filename.lower()).suffix
        return ending if _ENDING.fullmatch(ending) else ""
    return None if content_type in TYPED else _ENDINGS.get(content_type, "")


def _sha256(value: object) -> str | None:
    """Return the SHA-256 as hex digits, from hex or base64. A shorter checksum is of another kind and tells nothing certain."""
    if not isinstance(value, str):
        return None
    try:
        found = bytes.fromhex(value) if len(value) == 2 * SHA256_BYTES else base64.b64decode(value, validate=True)
    except (ValueError, binascii.Error):
        return None
    return found.hex() if len(found) == SHA256_BYTES else None


def _time(value: object) -> datetime:
    """Return when it happened. A time that is missing or not there yet is now."""
    now = datetime.now(UTC)
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else now
        # PostgreSQL knows no offset beyond 16 hours, and Python no time outside its calendar.
        moment = (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return now
    return min(moment, now) if moment.year > 1 else now
