"""Headers that every response has, whether the app sends it or the server below the app."""

from __future__ import annotations

import re
from uuid import uuid4

# Tell a browser not to guess content types, not to send a referrer, and not to load our answers into other sites.
SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
CONTENT_SECURITY_POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
CACHE_CONTROL = "no-store"
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")


def request_id_for(sent: str) -> str:
    """Return the X-Request-Id that the client sent if it is well-formed, otherwise a new one."""
    return sent if _REQUEST_ID.fullmatch(sent) else uuid4().hex
