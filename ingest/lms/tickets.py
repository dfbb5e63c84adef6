"""What we must remember of a launch between its steps: signed, for ten minutes, and bound to one browser. Nothing of it is stored.

A launch begins with a *ticket* (who sent the browser, and the hints for the platform) and goes on with a *state*, which the
platform sends back. Both name the browser by the digest of a random value in its cookie.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from typing import Any

from flask import Response, current_app, request
from itsdangerous import BadData, URLSafeTimedSerializer

from ingest.web.identity import SigningKeys

SECONDS = 600
_VALUE = re.compile(r"[A-Za-z0-9_-]{43}")


def sign(kind: str, values: dict[str, Any]) -> str:
    """Return these values as a text that only we can make, bound to nothing."""
    return _signer(kind).dumps(values)


def read(kind: str, text: str, *, seconds: int = SECONDS) -> dict[str, Any] | None:
    """Return the values of a text that `sign` made within so many seconds, or None."""
    try:
        found: dict[str, Any] = _signer(kind).loads(text, max_age=seconds)
    except BadData:
        return None
    return found


def bind(response: Response, value: str) -> Response:
    """Let the browser keep its value. In a frame of another site it may, where the browser allows cookies there."""
    response.set_cookie(
        cookie_name(), value, secure=request.is_secure, httponly=True, samesite="None" if request.is_secure else "Lax",
        partitioned=request.is_secure,
    )  # fmt: skip
    return response


def browser_value() -> str:
    """Return the value that this browser has, or a new one. Several launches on one page share it."""
    found = request.cookies.get(cookie_name(), "")
    return found if _VALUE.fullmatch(found) else secrets.token_urlsafe(32)


def is_same_browser(digest: str) -> bool:
    """Return whether this browser has the value with this digest."""
    value = request.cookies.get(cookie_name(), "")
    return bool(value) and hmac.compare_digest(digest_of(value), digest)


def digest_of(value: str) -> str:
    """Return the digest of a browser's value."""
    return hashlib.sha256(value.encode()).hexdigest()[:32]


def cookie_name() -> str:
    """Return the name of the cookie with the browser's value."""
    return "__Host-essaycoach-browser" if request.is_secure else "essaycoach-browser"


def _signer(kind: str) -> URLSafeTimedSerializer:
    keys: SigningKeys = current_app.extensions["essaycoach.signing_keys"]
    # The newest secret signs, and stands last here.
    return URLSafeTimedSerializer([secret for _, secret in reversed(keys)], salt=f"essaycoach.lti-{kind}")
