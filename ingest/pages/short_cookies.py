"""Short-lived signed cookies: what a browser has to remember between two steps of one sign-in, which only it may go on with."""

from __future__ import annotations

from typing import Any

from flask import Response, current_app, request
from itsdangerous import BadData, URLSafeTimedSerializer

from ingest.web.identity import SigningKeys

SECONDS = 600


def put(response: Response, name: str, values: dict[str, Any]) -> Response:
    """Let the browser remember these values, which it may read and cannot change, for SECONDS."""
    response.set_cookie(
        _full_name(name), _signer(name).dumps(values), max_age=SECONDS, secure=request.is_secure, httponly=True, samesite="Lax"
    )  # fmt: skip
    return response


def read(name: str) -> dict[str, Any] | None:
    """Return what the browser remembers under this name, or None when that is nothing, is too old or was changed."""
    try:
        found: dict[str, Any] = _signer(name).loads(request.cookies.get(_full_name(name), ""), max_age=SECONDS)
    except BadData:
        return None
    return found


def forget(response: Response, name: str) -> Response:
    """Let the browser forget what it remembers under this name."""
    response.delete_cookie(_full_name(name), secure=request.is_secure, httponly=True, samesite="Lax")
    return response


def _full_name(name: str) -> str:
    return f"__Host-essaycoach-{name}" if request.is_secure else f"essaycoach-{name}"


def _signer(name: str) -> URLSafeTimedSerializer:
    keys: SigningKeys = current_app.extensions["essaycoach.signing_keys"]
    # The newest secret signs, and stands last here.
    return URLSafeTimedSerializer([secret for _, secret in reversed(keys)], salt=f"essaycoach.{name}")
