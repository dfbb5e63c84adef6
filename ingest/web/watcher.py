"""The watcher of a process: one thread that finds out for all parked requests whose submission has changed.

Workers announce each change through Redis (`models/announcements.py`). An announcement may be lost: a worker may die before
it, the clock and web announce nothing, and Redis may be away. So the states of all that is waited for are also read, spread
over SWEEP_SECONDS. Who begins to wait meanwhile comes with the next sweep.
"""

from __future__ import annotations

import math
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from uuid import UUID

import redis

from ingest.web.connection import Connection
from ingest.web.long_poll import Wait
from ingest.web.parking import Parking
from models.announcements import Listener
from models.errors import DomainError
from models.log import logger

log = logger(__name__)

SWEEP_SECONDS = 2.0
# So many states are read with one statement, which takes a few milliseconds; the next not before this has passed.
PIECE = 20
PAUSE_SECONDS = 0.05
# After an error Redis is asked again when this has passed.
RETRY_SECONDS = 1.0

Waiting = list[tuple[Connection, Wait]]


class Watcher:
    """Call `wake` with those whose submission has changed. It is called in the watcher's thread."""

    def __init__(self, parking: Parking, listener: Listener, *, wake: Callable[[Waiting], None]) -> None:
        self._parking = parking
        self._listener = listener
        self._wake = wake
        self._pieces: deque[tuple[UUID, Waiting]] = deque()
        self._pause_seconds = SWEEP_SECONDS
        self._at_once = 1
        self._next_piece = 0.0

    def start(self) -> None:
        """Watch from now on, in a thread that ends with the process."""
        threading.Thread(target=self._watch, name="watcher", daemon=True).start()

    def _watch(self) -> None:
        while True:
            try:
                if self._parking.count:
                    self._look()
                    continue
                # Nobody waits, so only the last changes are of interest.
                self._tell(self._listen(SWEEP_SECONDS))
            except Exception as error:  # noqa: BLE001 - whatever fails, the others still wait
                log.warning("parked requests not looked after", reason=type(error).__name__)
                time.sleep(RETRY_SECONDS)

    def _look(self) -> None:
        now = time.monotonic()
        if now >= self._next_piece:
            self._sweep_on()
            self._next_piece = now + self._pause_seconds
        self._tell(self._listen(max(0.0, self._next_piece - time.monotonic())))

    def _tell(self, changed: Iterable[UUID]) -> None:
        found = self._parking.note_changes(changed) if changed else []
        if found:
            self._wake(found)

    def _listen(self, seconds: float) -> set[UUID]:
        try:
            return self._listener.next_changes(seconds)
        except redis.RedisError:
            time.sleep(min(seconds, RETRY_SECONDS))
            return set()

    def _sweep_on(self) -> None:
        """Read the next few states, and wake who waits for those that have changed."""
        if not self._pieces:
            self._pieces.extend(_pieces(self._parking.waits()))
            self._pause_seconds = max(PAUSE_SECONDS, SWEEP_SECONDS / max(1, len(self._pieces)))
            # Of many orgs, more than one within a pause.
            self._at_once = math.ceil(len(self._pieces) * PAUSE_SECONDS / SWEEP_SECONDS)
        for _ in range(self._at_once):
            if self._pieces:
                self._read(*self._pieces.popleft())

    def _read(self, org: UUID, waiting: Waiting) -> None:
        try:
            tags = waiting[0][1].read_tags(org, list({wait.submission for _, wait in waiting}))
        except DomainError:
            self._pieces.clear()
            return  # no database: each request finds that out for itself when its time is over
        changed = [(one, wait) for one, wait in waiting if tags.get(wait.submission) != wait.tag]
        if changed:
            self._wake(changed)


def _pieces(waits: Waiting) -> Iterator[tuple[UUID, Waiting]]:
    """Yield who waits in pieces of one org each."""
    by_org: defaultdict[UUID, Waiting] = defaultdict(list)
    for connection, wait in waits:
        by_org[wait.org].append((connection, wait))
    for org, waiting in by_org.items():
        for first in range(0, len(waiting), PIECE):
            yield org, waiting[first : first + PIECE]
