"""Send a browser on to the platform: OpenID Connect that the platform has begun (third-party initiated login)."""

from __future__ import annotations

import secrets
from typing import Any
from urllib.parse import urlencode, urlsplit

from ingest.lms import tickets
from models.platforms import Platform

# The hints travel in an address of ours and in one of the platform. No server takes one that is much longer.
MAX_HINTS = 7000
HINTS = ("login_hint", "lti_message_hint")


def ticket(platform: Platform, asked: dict[str, str], *, browser: str, in_new_tab: bool) -> str:
    """Return what the next step must know: where the browser comes from, and the hints for the platform."""
    values = {"platform": str(platform.id), "browser": tickets.digest_of(browser), "tab": in_new_tab, **_hints(asked)}
    return tickets.sign("ticket", values)


def are_too_long(asked: dict[str, str]) -> bool:
    """Return whether the platform has sent more hints than can be brought back to it. A part of one would mean nothing there."""
    return sum(map(len, _hints(asked).values())) > MAX_HINTS


def platform_address(platform: Platform, known: dict[str, Any], *, redirect_uri: str) -> str:
    """Return the address of the platform to send the browser to. It holds the state and the nonce of this launch."""
    nonce = secrets.token_urlsafe(32)
    state = tickets.sign("state", {"platform": str(platform.id), "nonce": nonce, "browser": known["browser"]})
    registration = platform.registration
    asked = {
        "scope": "openid", "response_type": "id_token", "response_mode": "form_post", "prompt": "none",
        "client_id": registration.client_id, "redirect_uri": redirect_uri, "state": state, "nonce": nonce,
        **{name: known[name] for name in HINTS if name in known},
    }  # fmt: skip
    joint = "&" if urlsplit(registration.authorization_url).query else "?"
    return f"{registration.authorization_url}{joint}{urlencode(asked)}"


def _hints(asked: dict[str, str]) -> dict[str, str]:
    return {name: asked[name] for name in HINTS if asked.get(name)}
