"""The watcher of a process: one thread that finds out for all parked requests whose submission has changed.

Workers announce each change through Redis (`models/announcements.py`). An announcement may be lost: a worker may die before
it, the clock and web announce nothing, and Redis may be away. So the states of all that is waited for are also read every
SWEEP_SECONDS, with one statement for each org.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
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
# After an error Redis is asked again when this has passed.
RETRY_SECONDS = 1.0

Waiting = list[tuple[Connection, Wait]]


class Watcher:
    """Call `wake` with those whose submission has changed. It is called in the watcher's thread."""

    def __init__(self, parking: Parking, listener: Listener, *, wake: Callable[[Waiting], None]) -> None:
        self._parking = parking
        self._listener = listener
        self._wake = wake
        self._next_sweep = 0.0

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
        if now >= self._next_sweep:
            self._next_sweep = now + SWEEP_SECONDS
            self._sweep()
        self._tell(self._listen(max(0.0, self._next_sweep - time.monotonic())))

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

    def _sweep(self) -> None:
        by_org: defaultdict[UUID, Waiting] = defaultdict(list)
        for connection, wait in self._parking.waits():
            by_org[wait.org].append((connection, wait))
        for org, waiting in by_org.items():
            try:
                tags = waiting[0][1].read_tags(org, list({wait.submission for _, wait in waiting}))
            except DomainError:
                return  # no database: each request finds that out for itself when its time is over
            changed = [(one, wait) for one, wait in waiting if tags.get(wait.submission) != wait.tag]
            if changed:
                self._wake(changed)
