"""Sign what is sent to a webhook endpoint, as Standard Webhooks describes it."""

from __future__ import annotations

import base64
import hashlib
import hmac


def sign(secret: str, *, event_id: str, timestamp: int, body: bytes) -> str:
    """Return the entry of a webhook-signature header that this secret (whsec_…) makes. `timestamp` is in Unix seconds."""
    digest = hmac.new(secret_bytes(secret), f"{event_id}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    return "v1," + base64.b64encode(digest).decode()


def secret_bytes(secret: str) -> bytes:
    """Return the key that a secret stands for."""
    return base64.b64decode(secret.removeprefix("whsec_"))
