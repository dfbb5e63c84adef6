"""The text of an API key: a prefix, 30 random characters, and a checksum of them. Only its digest is stored."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import string
import zlib

ALPHABET = string.digits + string.ascii_letters
KEY_PREFIX = "ec_live_"
RANDOM_LENGTH = 30
CHECKSUM_LENGTH = 6


def new_text() -> str:
    """Return the text of a new key."""
    body = "".join(secrets.choice(ALPHABET) for _ in range(RANDOM_LENGTH))
    return KEY_PREFIX + body + checksum(body)


def has_right_checksum(text: str) -> bool:
    """Return whether this may be the text of a key. The prefix may be missing."""
    body = text.removeprefix(KEY_PREFIX)
    return len(body) == RANDOM_LENGTH + CHECKSUM_LENGTH and checksum(body[:RANDOM_LENGTH]) == body[RANDOM_LENGTH:]


def shown_prefix(text: str) -> str:
    """Return the beginning of a key, by which people tell it from others."""
    return text[: len(KEY_PREFIX) + 4]


def digest(text: str, pepper: bytes) -> bytes:
    """Return what is stored of a key."""
    return hmac.new(pepper, text.encode(), hashlib.sha256).digest()


def checksum(body: str) -> str:
    """Return the checksum of the random characters."""
    number = zlib.crc32(body.encode())
    digits = ""
    for _ in range(CHECKSUM_LENGTH):
        number, remainder = divmod(number, len(ALPHABET))
        digits = ALPHABET[remainder] + digits
    return digits
