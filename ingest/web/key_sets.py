"""The public keys of LMSs: fetched from the registered address only, remembered for an hour, and not asked for all the time."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import jwt
from flask import Flask, current_app

from outgoing.client import Client, NoAnswer
from outgoing.errors import NoSlot
from outgoing.lti import fetch_json

ALGORITHMS = {"RS256": "RSA", "ES256": "EC"}
KEEP_SECONDS = 3600.0
# A key that is not in a set makes us fetch the set again, at most this often.
AGAIN_SECONDS = 30.0
# How long a request waits for another one that asks the same address.
PATIENCE_SECONDS = 2.0
MAX_SETS = 1000
MAX_KEYS = 50
MIN_RSA_BITS = 2048


@dataclass(frozen=True)
class _KeySet:
    keys: list[dict[str, Any]]
    fetched_at: float

    def has(self, kid: str) -> bool:
        """Return whether a key has this id."""
        return any(key.get("kid") == kid for key in self.keys)

    def is_due(self, kid: str) -> bool:
        """Return whether the address is to be asked again, for whoever wants this key."""
        return time.monotonic() - self.fetched_at >= (KEEP_SECONDS if self.has(kid) else AGAIN_SECONDS)


class KeySets:
    """The key sets that this process remembers."""

    def __init__(self) -> None:
        self._known: dict[str, _KeySet] = {}
        self._failed: dict[str, float] = {}
        self._turns: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()

    def find(self, url: str, *, kid: str, algorithm: str, client: Client) -> jwt.PyJWK | None:
        """Return the key with this id from the set at this address, if it fits the algorithm. Raises NoAnswer without the set."""
        known = self._known.get(url)
        if known is None or known.is_due(kid):
            try:
                known = self._renew(url, kid, client=client)
            except NoAnswer:
                # A key that was good an hour ago is better than none.
                if known is None or not known.has(kid):
                    raise
        return next((_usable(key, algorithm) for key in known.keys if key.get("kid") == kid), None)

    def _renew(self, url: str, kid: str, *, client: Client) -> _KeySet:
        """Return the set as it is now. One request asks, and the others take what it got: a class opens its assignment at once."""
        known = self._known.get(url)
        # Who has the key of before waits for nobody.
        with self._turn(url, seconds=0.0 if known is not None and known.has(kid) else PATIENCE_SECONDS):
            known = self._known.get(url)
            return self._ask(url, client=client, now=time.monotonic()) if known is None or known.is_due(kid) else known

    @contextmanager
    def _turn(self, url: str, *, seconds: float) -> Iterator[None]:
        """Hold the turn to ask this address while the block runs. Raises NoSlot when another has it for longer than this."""
        with self._lock:
            if len(self._turns) >= MAX_SETS:
                self._turns.clear()
            turn = self._turns.setdefault(url, threading.Lock())
        if not turn.acquire(timeout=seconds):
            raise NoSlot
        try:
            yield
        finally:
            turn.release()

    def _ask(self, url: str, *, client: Client, now: float) -> _KeySet:
        keys = self._fetch(url, client=client, now=now).get("keys")
        found = _KeySet(
            [key for key in keys if isinstance(key, dict)][:MAX_KEYS] if isinstance(keys, list) else [], now
        )
        with self._lock:
            if len(self._known) >= MAX_SETS:
                self._known.clear()
            self._known[url] = found
        return found

    def _fetch(self, url: str, *, client: Client, now: float) -> dict[str, Any]:
        """Return what is at the address. One that gave no answer is left alone for a while: others need the threads."""
        failed_at = self._failed.get(url)
        if failed_at is not None and now - failed_at < AGAIN_SECONDS:
            raise NoAnswer("it did not answer a moment ago")
        try:
            _, found = fetch_json(client, "GET", url)
        except NoSlot:
            # The address was not asked.
            raise
        except NoAnswer:
            with self._lock:
                if len(self._failed) >= MAX_SETS:
                    self._failed.clear()
                self._failed[url] = now
            raise
        return found


def set_up(app: Flask) -> None:
    """Create the memory of the app."""
    app.extensions["essaycoach.key_sets"] = KeySets()


def key_sets() -> KeySets:
    """Return the memory of the app that answers this request."""
    found: KeySets = current_app.extensions["essaycoach.key_sets"]
    return found


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
