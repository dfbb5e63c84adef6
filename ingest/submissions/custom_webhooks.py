"""Webhooks of an LMS with a form of its own: verify them and turn them into our event, as the source's mapping says."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from werkzeug.datastructures import Headers

from documents.contents import is_blank
from ingest.submissions.webhook_signature import check_time
from ingest.web.body import parse
from ingest.web.mapping import NEEDED, MappedSignature, Mapping
from ingest.web.problems import Problem

HANDED_IN = "submission.updated"
UNTITLED = "Essay"
# A blank one counts as none.
TITLES = ("title", "assignment/title")
# A number with more digits is no time, and Python refuses to read very long ones.
_MAX_SECONDS = 10**11


def verify(headers: Headers, body: bytes, *, secrets: Sequence[str], mapping: Mapping) -> str:
    """Return the id of an authentic delivery: that in its body, or the digest of its body. Raises Problem.

    A header with an id is not signed, so it could make another event of a delivery that somebody has recorded.
    """
    asked = mapping.signature
    timestamp = _header(headers, asked.timestamp_header) if asked.timestamp_header else None
    if timestamp is not None:
        check_time(timestamp, name=str(asked.timestamp_header), now=time.time())
    received = _header(headers, asked.header)
    signed = body if timestamp is None else f"{timestamp}.".encode() + body
    digest = _digest(received.strip(), asked)
    expected = [hmac.new(secret.encode(), signed, asked.algorithm).digest() for secret in secrets]
    # Compare with every one, so that the time taken does not show which one matched.
    matches = [hmac.compare_digest(ours, digest) for ours in expected]
    if not any(matches):
        raise Problem("invalid-signature", f"The signature in {asked.header} does not match these bytes.")
    return event_id_of(body, mapping)


def event_id_of(body: bytes, mapping: Mapping) -> str:
    """Return the id of the event in an authentic body: that which the body says, or else its digest."""
    return hashlib.sha256(_id_in(body, mapping) or body).hexdigest()


def to_event(said: Any, mapping: Mapping) -> dict[str, Any]:
    """Return what a delivery says as our event. What is missing in it is missing there too."""
    if mapping.event_type is not None:
        kind = _text(find(said, mapping.event_type))
        if kind not in mapping.event_types:
            # An event that the admin did not choose must not carry one of our own types, which would hand in.
            is_theirs = isinstance(kind, str) and 0 < len(kind) <= 200 and not kind.startswith("submission.")
            return {"type": kind if is_theirs else "unknown", "data": {}}
    return {"type": HANDED_IN, "data": data_of(said, mapping)}


def data_of(said: Any, mapping: Mapping) -> dict[str, Any]:
    """Return what a delivery says as our submission, whatever its type."""
    data: dict[str, Any] = {}
    for member, pointer in mapping.members.items():
        value = find(said, pointer)
        is_untitled = member in TITLES and isinstance(value, str) and is_blank(value)
        if value is not None and not is_untitled:
            place = data
            *parents, name = member.split("/")
            for parent in parents:
                place = place.setdefault(parent, {})
            place[name] = _moment(value) if member == "submitted_at" else _text(value)
    data.setdefault("title", data.get("assignment", {}).get("title") or UNTITLED)
    return data


def point_back(problem: Problem, mapping: Mapping) -> Problem:
    """Return the problem with pointers into what the LMS sent."""
    errors = point_errors_back(problem.errors or [], mapping)
    return Problem(problem.slug, problem.detail, errors=errors or None, headers=problem.headers)


def point_errors_back(errors: Sequence[dict[str, str]], mapping: Mapping) -> list[dict[str, str]]:
    """Return errors or warnings with pointers into what the LMS sent."""
    return [{**one, "pointer": _back(one["pointer"], mapping)} for one in errors]


def _back(pointer: str, mapping: Mapping) -> str:
    """Return where in the LMS's body the member at this pointer, or one below it, comes from; needed ones first.

    Return the pointer itself when the mapping names no place for it.
    """
    for member in sorted(mapping.members, key=lambda one: one not in NEEDED):
        if f"/data/{member}/".startswith(pointer + "/"):
            return mapping.members[member]
    return pointer


def find(said: Any, pointer: str) -> Any:
    """Return the value at a JSON pointer (RFC 6901), or None when there is none."""
    for step in pointer[1:].split("/"):
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(said, dict):
            said = said.get(name)
        elif isinstance(said, list) and name.isascii() and name.isdigit() and len(name) < 10:
            said = said[int(name)] if int(name) < len(said) else None
        else:
            return None
    return said


def _id_in(body: bytes, mapping: Mapping) -> bytes | None:
    """Return the id that an authentic body gives its event, or None. Ids of any form are told apart by their digests."""
    if mapping.event_id is None:
        return None
    try:
        found = _text(find(parse(body), mapping.event_id))
    except Problem:
        return None
    return found.encode() if isinstance(found, str) and found else None


def _header(headers: Headers, name: str) -> str:
    found = headers.get(name, "")
    if not found:
        raise Problem("missing-signature", f"The header {name} is missing.")
    return found


def _digest(received: str, asked: MappedSignature) -> bytes:
    """Return the digest in a header, empty when there is none. Capital letters of hex and the padding of base64 do not matter."""
    if not received.startswith(asked.prefix):
        return b""
    written = received.removeprefix(asked.prefix)
    try:
        # More padding than is needed is ignored.
        return bytes.fromhex(written) if asked.encoding == "hex" else base64.b64decode(written.rstrip("=") + "==")
    except ValueError:
        return b""


def _text(value: Any) -> Any:
    """Return an id or a word as text. Many LMSs number their people and assignments."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**20 else value


def _moment(value: Any) -> Any:
    """Return a time as text; a number is one in Unix seconds."""
    is_seconds = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _MAX_SECONDS
    return datetime.fromtimestamp(value, UTC).isoformat() if is_seconds else value
