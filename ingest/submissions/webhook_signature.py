"""Standard Webhooks, verified on the raw bytes in constant time, before anything is parsed.

The published library answers hostile headers with a ValueError or worse and knows one secret only; it signs in our tests.
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
# No full stop: the signed text is id.timestamp.body, and its parts must not be movable.
_ID = re.compile(r"[\x21-\x2d\x2f-\x7e]{1,255}")
_TIMESTAMP = re.compile(r"[0-9]{1,12}")


def verify(headers: Headers, body: bytes, *, secrets: Sequence[str], now: float | None = None) -> str:
    """Return the webhook-id of an authentic delivery. Raises Problem."""
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
    expected = [hmac.new(_key(secret), signed, hashlib.sha256).digest() for secret in secrets]
    offered = [digest for digest in map(_digest, values["webhook-signature"].split(" ")) if digest is not None]
    # Every pair is compared, so the time taken says nothing about which one matched.
    matches = [hmac.compare_digest(ours, theirs) for ours in expected for theirs in offered]
    if not any(matches):
        raise Problem("invalid-signature", "No signature in webhook-signature matches these bytes.")
    return event_id


def sign(secret: str, *, event_id: str, timestamp: int, body: bytes) -> str:
    """Return the webhook-signature a sender puts on a delivery."""
    digest = hmac.new(_key(secret), f"{event_id}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    return "v1," + base64.b64encode(digest).decode()


def _key(secret: str) -> bytes:
    return base64.b64decode(secret.removeprefix("whsec_"))


def _digest(entry: str) -> bytes | None:
    """Return the digest of a v1 entry; None for another scheme or a malformed one, which does not spoil a good one."""
    scheme, _, encoded = entry.partition(",")
    if scheme != "v1":
        return None
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return None
