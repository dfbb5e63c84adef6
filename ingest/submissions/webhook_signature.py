"""Verify Standard Webhooks signatures on the raw bytes in constant time, before anything is parsed.

The published library raises ValueError and other errors for hostile headers, and supports one secret only. The tests use it
to sign.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import time
from collections.abc import Sequence

from werkzeug.datastructures import Headers

from ingest.web.problems import Problem
from outgoing.signature import secret_bytes

TOLERANCE_SECONDS = 300
# Senders that Svix hosts use its names for the same headers. The first family that came counts.
FAMILIES = ("webhook", "svix")
PARTS = ("id", "timestamp", "signature")
# An id has no full stop: the signed text is id.timestamp.body, and a full stop could move the border between its parts.
_ID = re.compile(r"[\x21-\x2d\x2f-\x7e]{1,255}")
_TIMESTAMP = re.compile(r"[0-9]{1,12}")


def verify(headers: Headers, body: bytes, *, secrets: Sequence[str], now: float | None = None) -> str:
    """Return the webhook-id of an authentic delivery. Raises Problem. One of `secrets` must have signed it."""
    family, (event_id, timestamp, signatures) = _read_headers(headers)
    if not _ID.fullmatch(event_id):
        raise Problem(
            "invalid-signature", f"{family}-id must be 1 to 255 visible ASCII characters without a full stop."
        )
    check_time(timestamp, name=f"{family}-timestamp", now=time.time() if now is None else now)
    signed = f"{event_id}.{timestamp}.".encode() + body
    expected = [hmac.new(secret_bytes(secret), signed, hashlib.sha256).digest() for secret in secrets]
    received = [digest for digest in map(_digest, signatures.split(" ")) if digest is not None]
    # Compare every pair, so that the time taken does not show which one matched.
    matches = [hmac.compare_digest(ours, theirs) for ours in expected for theirs in received]
    if not any(matches):
        raise Problem("invalid-signature", f"No signature in {family}-signature matches these bytes.")
    return event_id


def check_time(timestamp: str, *, name: str, now: float) -> None:
    """Raise Problem unless this is a time in Unix seconds, and near now."""
    if not _TIMESTAMP.fullmatch(timestamp):
        raise Problem("invalid-signature", f"{name} must be 1 to 12 digits.")
    if abs(now - int(timestamp)) > TOLERANCE_SECONDS:
        raise Problem(
            "timestamp-out-of-range", f"The timestamp is more than {TOLERANCE_SECONDS} seconds from this server's time."
        )


def _read_headers(headers: Headers) -> tuple[str, list[str]]:
    """Return the family whose headers came, and their values. Raises Problem when one is missing.

    The families are never mixed: a header of another family may come from a relay that signs for somebody else.
    """
    came = [name for family in FAMILIES for part in PARTS if headers.get(name := f"{family}-{part}", "")]
    family = next((known for known in FAMILIES if any(name.startswith(known) for name in came)), FAMILIES[0])
    missing = [name for part in PARTS if (name := f"{family}-{part}") not in came]
    if missing:
        found = f"; {', '.join(came)} came" if came else ""
        raise Problem(
            "missing-signature", f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing{found}."
        )
    return family, [headers[f"{family}-{part}"] for part in PARTS]


def _digest(entry: str) -> bytes | None:
    """Return the digest of a v1 entry. Returns None for another scheme or a malformed entry: another entry may still match."""
    scheme, _, encoded = entry.partition(",")
    if scheme != "v1":
        return None
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return None
