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

TOLERANCE_SECONDS = 300
# An id has no full stop: the signed text is id.timestamp.body, and a full stop could move the border between its parts.
_ID = re.compile(r"[\x21-\x2d\x2f-\x7e]{1,255}")
_TIMESTAMP = re.compile(r"[0-9]{1,12}")


def verify(headers: Headers, body: bytes, *, secrets: Sequence[str], now: float | None = None) -> str:
    """Return the webhook-id of an authentic delivery. Raises Problem. One of `secrets` must have signed it."""
    values = {name: headers.get(name, "") for name in ("webhook-id", "webhook-timestamp", "webhook-signature")}
    missing = [name for name, value in values.items() if not value]
    if missing:
        raise Problem("missing-signature", f"{', '.join(missing)} is missing.")
    event_id, timestamp = values["webhook-id"], values["webhook-timestamp"]
    if not _ID.fullmatch(event_id):
        raise Problem("invalid-signature", "webhook-id must be 1 to 255 visible ASCII characters without a full stop.")
    if not _TIMESTAMP.fullmatch(timestamp):
        raise Problem("invalid-signature", "webhook-timestamp must be 1 to 12 digits.")
    if abs((time.time() if now is None else now) - int(timestamp)) > TOLERANCE_SECONDS:
        raise Problem(
            "timestamp-out-of-range", f"The timestamp is more than {TOLERANCE_SECONDS} seconds from this server's time."
        )
    signed = f"{event_id}.{timestamp}.".encode() + body
    expected = [hmac.new(_secret_bytes(secret), signed, hashlib.sha256).digest() for secret in secrets]
    received = [digest for digest in map(_digest, values["webhook-signature"].split(" ")) if digest is not None]
    # Compare every pair, so that the time taken does not show which one matched.
    matches = [hmac.compare_digest(ours, theirs) for ours in expected for theirs in received]
    if not any(matches):
        raise Problem("invalid-signature", "No signature in webhook-signature matches these bytes.")
    return event_id


def sign(secret: str, *, event_id: str, timestamp: int, body: bytes) -> str:
    """Return the webhook-signature header for a delivery, as a sender computes it."""
    digest = hmac.new(_secret_bytes(secret), f"{event_id}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    return "v1," + base64.b64encode(digest).decode()


def _secret_bytes(secret: str) -> bytes:
    return base64.b64decode(secret.removeprefix("whsec_"))


def _digest(entry: str) -> bytes | None:
    """Return the digest of a v1 entry. Returns None for another scheme or a malformed entry: another entry may still match."""
    scheme, _, encoded = entry.partition(",")
    if scheme != "v1":
        return None
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return None
