"""Passwords, hashed as Django hashes them, so that an existing user table can move in and out."""

from __future__ import annotations

import threading
from typing import Any

from passlib.hash import django_pbkdf2_sha256

# Django 6.1's default for PBKDF2-SHA256. One check keeps a core busy for about a third of a second.
ROUNDS = 1_500_000


class TooManyAtOnce(Exception):
    """Every hashing slot of this process stayed busy; ask again in a moment."""


class Passwords:
    """Makes and checks hashes at today's cost, a bounded number at once: students hand in meanwhile."""

    def __init__(self, *, rounds: int = ROUNDS, at_once: int = 2, patience_seconds: float = 5.0) -> None:
        self._scheme: Any = django_pbkdf2_sha256.using(rounds=rounds)
        self._rounds = rounds
        self._slots = threading.BoundedSemaphore(at_once)
        self._patience_seconds = patience_seconds
        self._nobody: str = self._scheme.hash("nobody has this password")

    def hash(self, password: str) -> str:
        """Return the hash to store."""
        return str(self._scheme.hash(password))

    def matches(self, password: str, stored: str | None) -> bool:
        """Return whether the password is the stored one; no stored one costs the same time. Raises TooManyAtOnce."""
        if not self._slots.acquire(timeout=self._patience_seconds):
            raise TooManyAtOnce
        try:
            right = bool(self._scheme.verify(password, stored or self._nobody))
        finally:
            self._slots.release()
        return right and stored is not None

    def is_outdated(self, stored: str) -> bool:
        """Return whether the stored hash was made at another cost than today's."""
        return int(self._scheme.from_string(stored).rounds) != self._rounds
