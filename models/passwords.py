"""Passwords, hashed as Django hashes them, so that user tables can be taken over from Django and given back to it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from passlib.hash import django_pbkdf2_sha256

from models.fair_slots import FairSlots, NoSlot

# Django 6.1's default for PBKDF2-SHA256. One check uses a core for about a third of a second.
ROUNDS = 1_500_000

# Requests of one address that wait for a slot in one process. A web process has 16 threads by default.
MOST_WAITING = 6

LEAST_CHARACTERS = 8
MOST_CHARACTERS = 256
# zxcvbn's "somewhat guessable": over a million guesses, which take three weeks at the thirty a minute that an account allows.
LEAST_SCORE = 2
# A password is at least as strong as its beginning. Scoring a longer, crafted password would keep a core busy for seconds.
SCORED_CHARACTERS = 24
# Shorter words of a name occur in too many other words.
TELLING_CHARACTERS = 4


class TooManyAtOnce(Exception):
    """Every hashing slot of this process stayed busy. Try again in a moment."""


class Passwords:
    """Hashes and checks passwords at the current cost. At most `at_once` run together, so that other requests are not blocked.

    `caller` is the client's address. One address never holds all slots, and only a few of its requests wait, because each of
    them holds a thread of the server.
    """

    def __init__(
        self, *, rounds: int = ROUNDS, at_once: int = 2, patience_seconds: float = 5.0, most_waiting: int = MOST_WAITING
    ) -> None:
        self._scheme: Any = django_pbkdf2_sha256.using(rounds=rounds)
        self._rounds = rounds
        self._slots = FairSlots(at_once, most_waiting=most_waiting, patience_seconds=patience_seconds)
        self._dummy_hash: str = self._scheme.hash("nobody has this password")

    def hash(self, password: str, *, caller: str = "") -> str:
        """Return the hash to store. Raises TooManyAtOnce."""
        with self._slot(caller):
            return str(self._scheme.hash(password))

    def matches(self, password: str, stored: str | None, *, caller: str = "") -> bool:
        """Return whether the password matches the stored hash. Without one it takes the same time. Raises TooManyAtOnce."""
        with self._slot(caller):
            correct = bool(self._scheme.verify(password, stored or self._dummy_hash))
        return correct and stored is not None

    def is_outdated(self, stored: str) -> bool:
        """Return whether the stored hash was made at another cost than the current one."""
        return int(self._scheme.from_string(stored).rounds) != self._rounds

    def objection(self, password: str, *, about: Iterable[str | None] = (), caller: str = "") -> str | None:
        """Return why this password must not be chosen, or None. Raises TooManyAtOnce.

        `about` is what an attacker knows about the person: e-mail address, name, org. The password itself is not normalised,
        as in Django; only the comparison with `about` ignores case.
        """
        if not LEAST_CHARACTERS <= len(password) <= MOST_CHARACTERS:
            return f"must have {LEAST_CHARACTERS} to {MOST_CHARACTERS} characters"
        folded = password.casefold()
        forbidden = _forbidden_words(about)
        if any(word in folded for word in forbidden):
            return "must not contain your name, your address or your school"
        # Its word lists take 12 MiB, which only a process holds in which somebody has chosen a password.
        from zxcvbn import zxcvbn  # noqa: PLC0415

        with self._slot(caller):
            found = zxcvbn(password[:SCORED_CHARACTERS], user_inputs=sorted(forbidden))
        if found["score"] < LEAST_SCORE:
            return "is too easy to guess: it is among common passwords, or made of common words and patterns"
        return None

    @contextmanager
    def _slot(self, caller: str) -> Iterator[None]:
        with ExitStack() as held:
            try:
                held.enter_context(self._slots.hold(caller))
            except NoSlot:
                raise TooManyAtOnce from None
            yield


def _forbidden_words(about: Iterable[str | None]) -> set[str]:
    """Return the words that a password must not contain: a whole address and its first part, an org, each word of a name."""
    words = {"essaycoach"}
    for text in about:
        folded = (text or "").strip().casefold()
        words |= {folded, folded.partition("@")[0], *folded.partition("@")[0].replace(".", " ").split()}
    return {word for word in words if len(word) >= TELLING_CHARACTERS}
