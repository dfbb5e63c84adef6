"""Long polls and event streams: requests that wait for a change give their thread back and wait as a connection only.

A view calls `hold`. When the request must wait, `hold` raises `Parked`, and the server (`ingest/web/server.py`) keeps the
connection without a thread. After a change, or when the time is over, the server runs the same request again, with every
check of the caller, and `hold` then returns. A server that parks nothing gets its answer at once.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from flask import g

# A person has a few tabs and devices. An LMS waits with one key for many students.
PLACES_OF_PERSON = 10
# A longer wait may end early, at a moment between this and its length: a class that began together then does not end together.
EXACT_SECONDS = 20.0

# The tags of submissions of one org, by submission. One that no longer exists has none.
ReadTags = Callable[[UUID, Sequence[UUID]], dict[UUID, str]]


@dataclass(eq=False, kw_only=True)
class Wait:
    """What a parked request waits for: that the submission's state has another `tag`, until `until` (of `time.monotonic`).

    `look_at` is the time of its next turn, at the latest. An event stream has `next_events`: it returns the text to send and
    whether the stream goes on. Another request has none, and is run again. `over` ends the wait before its time.
    """

    org: UUID
    submission: UUID
    caller: UUID
    tag: str
    until: float
    read_tags: ReadTags
    look_at: float
    next_events: Callable[[], tuple[str, bool]] | None = None
    over: bool = False

    @property
    def is_over(self) -> bool:
        """Return whether the time of the wait has passed, or the server ends it."""
        return self.over or time.monotonic() >= self.until


class Parked(BaseException):
    """Raised to leave a request: the server parks it."""

    def __init__(self, wait: Wait) -> None:
        super().__init__()
        self.wait = wait


class Places(Protocol):
    """What a server that parks requests offers."""

    def reserve(self, caller: UUID, *, is_person: bool) -> bool:
        """Take a place for one waiting request of this caller. Return False when none is free."""

    def has_place(self, caller: UUID, *, is_person: bool) -> bool:
        """Return whether `reserve` would take a place now."""


@dataclass(frozen=True)
class _Turn:
    places: Places
    wait: Wait | None


_TURN: ContextVar[_Turn | None] = ContextVar("turn", default=None)


@contextmanager
def turn(places: Places, wait: Wait | None) -> Iterator[None]:
    """Run a request in the block. `wait` is what it has waited for, or None when it is new."""
    token = _TURN.set(_Turn(places, wait))
    try:
        yield
    finally:
        _TURN.reset(token)


def is_resumed() -> bool:
    """Return whether this request has been parked and is run again."""
    now = _TURN.get()
    return now is not None and now.wait is not None


def reserve(caller: UUID, *, is_person: bool) -> bool:
    """Take a place for a request of this caller that will be parked. Return False when it must be answered at once."""
    now = _TURN.get()
    return now is not None and now.places.reserve(caller, is_person=is_person)


def has_place(caller: UUID, *, is_person: bool) -> bool:
    """Return whether a request of this caller could be parked now. It takes no place."""
    now = _TURN.get()
    return now is not None and now.places.has_place(caller, is_person=is_person)


def hold(
    *,
    org: UUID,
    submission: UUID,
    caller: UUID,
    is_person: bool,
    tag: str,
    seconds: float,
    wanted: bool,
    read_tags: ReadTags,
) -> bool:
    """Return whether this answer was held back; raise Parked when it must be, until the tag differs from `tag` or the time is over.

    `wanted` says whether the client knows the present state, so that it wishes to wait.
    """
    now = _TURN.get()
    if now is not None and now.wait is not None:
        g.waited = True
        if now.wait.is_over or tag != now.wait.tag:
            return True
        raise Parked(now.wait)
    if not wanted or (seconds and not reserve(caller, is_person=is_person)):
        return False
    g.waited = True
    if not seconds:
        return True
    early = random.uniform(0, max(0.0, seconds - EXACT_SECONDS))  # noqa: S311 - spread, not a secret
    until = time.monotonic() + seconds - early
    raise Parked(
        Wait(org=org, submission=submission, caller=caller, tag=tag, until=until, look_at=until, read_tags=read_tags)
    )
