"""The way of a browser to the platform: OpenID Connect that the platform has begun (third-party initiated login)."""

from __future__ import annotations

import secrets
from typing import Any
from urllib.parse import urlencode, urlsplit

from ingest.lms import tickets
from models.platforms import Platform

MAX_HINT = 4096
HINTS = ("login_hint", "lti_message_hint")


def ticket(platform: Platform, asked: dict[str, str], *, browser: str, in_new_tab: bool) -> str:
    """Return what the next step must know: where the browser comes from, and the hints for the platform."""
    hints = {name: asked[name][:MAX_HINT] for name in HINTS if asked.get(name)}
    values = {"platform": str(platform.id), "browser": tickets.digest_of(browser), "tab": in_new_tab, **hints}
    return tickets.sign("ticket", values)


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


def is_neighbour(url: str, other: str) -> bool:
    """Return whether two addresses are of one site: on one host, or on hosts that differ in their first part only.

    We prove who we are to the site that a request for a token goes to, and to no other: its proof would let that site ask
    for tokens in our name.
    """
    host, beside = (urlsplit(one).hostname or "" for one in (url, other))
    above, above_other = host.partition(".")[2], beside.partition(".")[2]
    return host == beside or (above == above_other and "." in above)


def origin_of(url: str) -> str:
    """Return the origin of an address, as a browser writes it."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()
