"""A small HTTP client for the demo. It sends what an LMS and the pages of students and educators would send."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from outgoing.signature import sign


@dataclass(frozen=True, kw_only=True)
class Answer:
    """An HTTP response with its complete body: parsed JSON, or text."""

    status: int
    headers: dict[str, str]
    body: Any


def ask(
    method: str, url: str, *, body: Any = None, raw: bytes | None = None, headers: dict[str, str] | None = None
) -> Answer:
    """Send one request and return the response, also when its status is an error.

    `body` is sent as JSON; `raw` is sent unchanged and takes precedence.
    """
    data = raw if raw is not None else None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(  # noqa: S310 - an http:// address of this project
        url, data=data, method=method, headers={"Content-Type": "application/json", **(headers or {})}
    )
    try:
        with urllib.request.urlopen(request, timeout=40) as response:  # noqa: S310 - an http:// address of this project
            return _read(response.status, response)
    except urllib.error.HTTPError as error:
        with error:
            return _read(error.code, error)


def deliver(url: str, *, secret: str, event: dict[str, Any], event_id: str | None = None) -> tuple[Answer, str]:
    """Send a signed Standard Webhooks delivery and return the response and the event id.

    A new event id is generated when `event_id` is missing.
    """
    event_id = event_id or f"msg_{uuid4().hex}"
    raw, timestamp = json.dumps(event).encode(), int(time.time())
    headers = {
        "webhook-id": event_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": sign(secret, event_id=event_id, timestamp=timestamp, body=raw),
    }
    return ask("POST", url, raw=raw, headers=headers), event_id


def _read(status: int, response: Any) -> Answer:
    """Return the response as an `Answer`; parse the body when its content type is JSON."""
    text = response.read().decode()
    content_type = response.headers.get("Content-Type", "")
    return Answer(
        status=status, headers=dict(response.headers), body=json.loads(text) if "json" in content_type else text
    )
