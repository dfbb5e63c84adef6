"""The parked connections of one process: which submission each waits for, whose they are, and which must go on."""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable
from uuid import UUID

from ingest.web.connection import Connection, State
from ingest.web.long_poll import PLACES_OF_PERSON, Wait

# So many resumed requests have a thread at the same time; the others queue here. A class whose answers come all at once then
# leaves the other threads to those who hand in.
RESUMED_AT_ONCE = 2
# The last changes are remembered, for a request that read the state before a change and is parked after it.
REMEMBERED_CHANGES = 4096


class Parking:
    """The places of one process. Only the main loop parks and resumes; request threads reserve, the watcher reports changes."""

    def __init__(self, slots: int, *, hand_over: Callable[[Connection], None]) -> None:
        self._slots = slots
        self._hand_over = hand_over
        self._lock = threading.Lock()
        self._taken = 0
        self._taken_by: Counter[UUID] = Counter()
        self._parked: defaultdict[UUID, set[Connection]] = defaultdict(set)
        self._changes: OrderedDict[UUID, int] = OrderedDict()
        self._forgotten = 0
        self.sequence = 0
        self._due: deque[Connection] = deque()
        self._running = 0

    @property
    def count(self) -> int:
        """Return how many requests wait."""
        return self._taken

    def reserve(self, caller: UUID, *, is_person: bool) -> bool:
        """Take a place for one request of this caller. Return False when none is free, or the caller has its share."""
        with self._lock:
            if not self._has_place(caller, is_person=is_person):
                return False
            self._taken += 1
            self._taken_by[caller] += 1
            return True

    def has_place(self, caller: UUID, *, is_person: bool) -> bool:
        """Return whether `reserve` would take a place now."""
        with self._lock:
            return self._has_place(caller, is_person=is_person)

    def _has_place(self, caller: UUID, *, is_person: bool) -> bool:
        share = min(PLACES_OF_PERSON, self._slots) if is_person else max(1, self._slots // 2)
        return self._taken < self._slots and self._taken_by.get(caller, 0) < share

    def release(self, connection: Connection) -> None:
        """Give back the place of a connection, if it has one: it is answered, or its client has gone."""
        wait, connection.wait_for = connection.wait_for, None
        if wait is None:
            return
        with self._lock:
            self._forget(connection, wait)
            self._taken -= 1
            self._taken_by[wait.caller] -= 1
            if not self._taken_by[wait.caller]:
                del self._taken_by[wait.caller]

    def park(self, connection: Connection, wait: Wait) -> bool:
        """Keep the connection. Return False when its submission has changed since its thread began: it must go on at once."""
        connection.park(wait)
        with self._lock:
            self._parked[wait.submission].add(connection)
            return max(self._changes.get(wait.submission, 0), self._forgotten) <= connection.began

    def resume(self, connection: Connection) -> None:
        """Take the connection out, and give it a thread as soon as few enough resumed requests have one."""
        assert connection.wait_for is not None
        with self._lock:
            self._forget(connection, connection.wait_for)
        connection.run()
        self._due.append(connection)
        self._hand_over_due()

    def _forget(self, connection: Connection, wait: Wait) -> None:
        self._parked[wait.submission].discard(connection)
        if not self._parked[wait.submission]:
            del self._parked[wait.submission]

    def finished(self, connection: Connection) -> None:
        """Note that the thread of this connection is free again, and give the next one a thread."""
        if connection.wait_for is not None:
            self._running -= 1
            self._hand_over_due()

    def _hand_over_due(self) -> None:
        while self._due and self._running < RESUMED_AT_ONCE:
            self._running += 1
            self._hand_over(self._due.popleft())

    def note_changes(self, submissions: Iterable[UUID]) -> list[tuple[Connection, Wait]]:
        """Remember that these submissions have changed, and return who waits for them."""
        with self._lock:
            self.sequence += 1
            found = []
            for submission in submissions:
                self._changes.pop(submission, None)
                self._changes[submission] = self.sequence
                found += [(one, one.wait_for) for one in self._parked.get(submission, ()) if one.wait_for is not None]
            while len(self._changes) > REMEMBERED_CHANGES:
                _, self._forgotten = self._changes.popitem(last=False)
            return found

    def waits(self) -> list[tuple[Connection, Wait]]:
        """Return everyone who is parked now."""
        with self._lock:
            parked = [one for connections in self._parked.values() for one in connections]
            return [(one, one.wait_for) for one in parked if one.wait_for is not None and one.state is State.PARKED]
