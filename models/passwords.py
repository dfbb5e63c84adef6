"""Passwords, hashed as Django hashes them, so that an existing user table can move in and out."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from passlib.hash import django_pbkdf2_sha256
from zxcvbn import zxcvbn

# Django 6.1's default for PBKDF2-SHA256. One check keeps a core busy for about a third of a second.
ROUNDS = 1_500_000

LEAST_CHARACTERS = 8
MOST_CHARACTERS = 256
# zxcvbn's "somewhat guessable": beyond a million guesses, three weeks at the thirty a minute that one account allows.
LEAST_SCORE = 2
# What a beginning withstands, the whole does too; and over a longer one a crafted password would keep a core busy for seconds.
SCORED_CHARACTERS = 24
# Shorter words of a name occur in too much else.
TELLING_CHARACTERS = 4


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
        """Return the hash to store. Raises TooManyAtOnce."""
        with self._slot():
            return str(self._scheme.hash(password))

    def matches(self, password: str, stored: str | None) -> bool:
        """Return whether the password is the stored one; no stored one costs the same time. Raises TooManyAtOnce."""
        with self._slot():
            right = bool(self._scheme.verify(password, stored or self._nobody))
        return right and stored is not None

    def is_outdated(self, stored: str) -> bool:
        """Return whether the stored hash was made at another cost than today's."""
        return int(self._scheme.from_string(stored).rounds) != self._rounds

    def objection(self, password: str, *, about: Iterable[str | None] = ()) -> str | None:
        """Return why nobody should choose this password, or None. Raises TooManyAtOnce.

        `about` is what an attacker knows of the person: address, name, org. The password is taken to the letter, as Django
        takes it; only the comparison folds case.
        """
        if not LEAST_CHARACTERS <= len(password) <= MOST_CHARACTERS:
            return f"must have {LEAST_CHARACTERS} to {MOST_CHARACTERS} characters"
        folded = password.casefold()
        known = _words(about)
        if any(word in folded for word in known):
            return "must not contain your name, your address or your school"
        with self._slot():
            found = zxcvbn(password[:SCORED_CHARACTERS], user_inputs=sorted(known))
        if found["score"] < LEAST_SCORE:
            return "is too easy to guess: it is among common passwords, or made of common words and patterns"
        return None

    @contextmanager
    def _slot(self) -> Iterator[None]:
        if not self._slots.acquire(timeout=self._patience_seconds):
            raise TooManyAtOnce
        try:
            yield
        finally:
            self._slots.release()


def _words(about: Iterable[str | None]) -> set[str]:
    """Return what of these may not occur in a password: a whole address and its first part, an org, each word of a name."""
    words = {"essaycoach"}
    for text in about:
        folded = (text or "").strip().casefold()
        words |= {folded, folded.partition("@")[0], *folded.partition("@")[0].replace(".", " ").split()}
    return {word for word in words if len(word) >= TELLING_CHARACTERS}
