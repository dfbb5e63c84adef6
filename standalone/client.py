"""A small HTTP client for the demo: what an LMS, a student's page or an educator's page would send."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any
from uuid import uuid4


@dataclass(frozen=True, kw_only=True)
class Answer:
    """An HTTP answer, read whole."""

    status: int
    headers: dict[str, str]
    body: Any


def ask(
    method: str, url: str, *, body: Any = None, raw: bytes | None = None, headers: dict[str, str] | None = None
) -> Answer:
    """Return the answer to one request, whatever its status."""
    sent = raw if raw is not None else None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(  # noqa: S310 - our own http:// address
        url, data=sent, method=method, headers={"Content-Type": "application/json", **(headers or {})}
    )
    try:
        with urllib.request.urlopen(request, timeout=40) as response:  # noqa: S310 - our own http:// address
            return _read(response.status, response)
    except urllib.error.HTTPError as error:
        with error:
            return _read(error.code, error)


def deliver(url: str, *, secret: str, event: dict[str, Any], event_id: str | None = None) -> tuple[Answer, str]:
    """Send a Standard Webhooks delivery, signed as any LMS would, and return the answer with the event's id."""
    event_id = event_id or f"msg_{uuid4().hex}"
    raw, timestamp = json.dumps(event).encode(), str(int(time.time()))
    key = base64.b64decode(secret.removeprefix("whsec_"))
    digest = hmac.new(key, f"{event_id}.{timestamp}.".encode() + raw, hashlib.sha256).digest()
    headers = {
        "webhook-id": event_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": "v1," + base64.b64encode(digest).decode(),
    }
    return ask("POST", url, raw=raw, headers=headers), event_id


def _read(status: int, response: Any) -> Answer:
    text = response.read().decode()
    kind = response.headers.get("Content-Type", "")
    return Answer(status=status, headers=dict(response.headers), body=json.loads(text) if "json" in kind else text)
