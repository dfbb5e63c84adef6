"""The marker around an author's words in the prompt: nobody without our keys can compute it, so nobody can write it."""

from __future__ import annotations

import hashlib
import hmac
import secrets

_LENGTH = 24  # hex digits


class _Key:
    """The key of this process: a random one until `use_key` gives the one that all workers share."""

    secret = secrets.token_bytes(32)


def use_key(secret: bytes) -> None:
    """Use this key from now on. Workers with the same key send the same bytes, so they share the vendor's prompt cache."""
    _Key.secret = secret


def marker_of(content: str) -> str:
    """Return the marker for this content. It is the same for every pass, or the cached prefix would differ."""
    return hmac.new(_Key.secret, content.encode(errors="surrogatepass"), hashlib.sha256).hexdigest()[:_LENGTH]
