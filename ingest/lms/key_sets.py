"""The public keys of platforms: fetched from the registered address only, remembered for an hour, and not asked for all the time."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import jwt
from flask import Flask

from ingest.lms.calls import fetch
from models.platforms import Platform
from outgoing.client import Client, NoAnswer

ALGORITHMS = {"RS256": "RSA", "ES256": "EC"}
KEEP_SECONDS = 3600.0
# So often a key that is not in the set makes us look whether the set has changed.
AGAIN_SECONDS = 30.0
MAX_SETS = 1000
MAX_KEYS = 50
MIN_RSA_BITS = 2048


@dataclass(frozen=True)
class _KeySet:
    url: str
    keys: list[dict[str, Any]]
    fetched_at: float


class KeySets:
    """The key sets that this process remembers."""

    def __init__(self) -> None:
        self._known: dict[UUID, _KeySet] = {}
        self._failed: dict[tuple[UUID, str], float] = {}
        self._lock = threading.Lock()

    def find(self, platform: Platform, *, kid: str, algorithm: str, client: Client) -> jwt.PyJWK | None:
        """Return the platform's key with this id, if it fits the algorithm. Raises NoAnswer when the set cannot be fetched."""
        url, now = platform.registration.jwks_url, time.monotonic()
        known = self._known.get(platform.id)
        age = now - known.fetched_at if known is not None and known.url == url else KEEP_SECONDS
        has_key = known is not None and any(key.get("kid") == kid for key in known.keys)
        if known is None or age >= (KEEP_SECONDS if has_key else AGAIN_SECONDS):
            keys = self._fetch(platform.id, url, client=client, now=now).get("keys")
            known = _KeySet(
                url, [key for key in keys if isinstance(key, dict)][:MAX_KEYS] if isinstance(keys, list) else [], now
            )
            with self._lock:
                if len(self._known) >= MAX_SETS:
                    self._known.clear()
                self._known[platform.id] = known
        return next((_usable(key, algorithm) for key in known.keys if key.get("kid") == kid), None)

    def _fetch(self, platform: UUID, url: str, *, client: Client, now: float) -> dict[str, Any]:
        """Return the answer of the platform. One that gave none is left alone for a while: others need the threads."""
        failed_at = self._failed.get((platform, url))
        if failed_at is not None and now - failed_at < AGAIN_SECONDS:
            raise NoAnswer("it did not answer a moment ago")
        try:
            _, found = fetch(client, "GET", url)
        except NoAnswer:
            with self._lock:
                if len(self._failed) >= MAX_SETS:
                    self._failed.clear()
                self._failed[platform, url] = now
            raise
        return found


def set_up(app: Flask) -> None:
    """Create the memory of the app."""
    app.extensions["essaycoach.key_sets"] = KeySets()


def _usable(key: dict[str, Any], algorithm: str) -> jwt.PyJWK | None:
    if (
        key.get("kty") != ALGORITHMS[algorithm]
        or key.get("use", "sig") != "sig"
        or key.get("alg", algorithm) != algorithm
    ):
        return None
    try:
        found = jwt.PyJWK.from_dict(key, algorithm=algorithm)
    except (jwt.PyJWTError, ValueError, TypeError, KeyError):
        return None
    is_weak = algorithm == "RS256" and found.key.key_size < MIN_RSA_BITS
    return None if is_weak else found
