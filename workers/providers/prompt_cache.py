"""Gate for the vendor's prompt cache: let one call write a shared prefix before other calls use it.

A prefix can be read from the cache once the first answer that uses it begins. Until then, every further call would pay for
writing it again, so it waits a little for the call that is writing. Calls of the same essay wait for as long as it pays,
which is learned from how soon answers begin. Calls of other essays of the same class wait for up to five seconds, because
the class prefix is written only once in five minutes. Where the start of an answer cannot be seen, the passes of one essay
never wait for each other.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

CACHE_SECONDS = 300.0  # for how long a prefix stays in the vendor's cache after its last use (documented)
CLASS_SECONDS = 5.0  # the longest wait for a call of another essay of the same class
ESSAY_SECONDS = 2.0  # the longest wait for a call of the same essay
UNKNOWN_SECONDS = 0.5  # the wait for a call of the same essay before anything was learned
PREFIXES = 4_096  # how many prefixes are remembered; the one unused for longest is forgotten first
_WEIGHT = 0.2  # weight of the newest answer in the moving averages


class CacheTurn:
    """One call on its way through the gate. The caller reports when its answer begins and ends."""

    def __init__(self, gate: PromptCacheGate, *, class_key: str, essay_key: str) -> None:
        self._gate = gate
        self.class_key = class_key
        self.essay_key = essay_key
        self.since = time.monotonic()
        self.begun_after: float | None = None

    def report_start(self) -> None:
        """Report that the answer has begun, so that its prefixes can be read from the cache. Only the first report counts."""
        if self.begun_after is None:
            self.begun_after = time.monotonic() - self.since
            self._gate.warmed(self)

    def report_end(self) -> None:
        """Report that the answer is complete. An answer whose start was not reported came in one piece."""
        self._gate.learned(self, whole_seconds=time.monotonic() - self.since)
        if self.begun_after is None:
            self._gate.warmed(self)


@dataclass
class _Prefix:
    warm_until: float = 0.0
    writer: CacheTurn | None = None


class PromptCacheGate:
    """The gate for all threads of a process that call the same vendor.

    `most_seconds` limits every wait; with 0 no call waits. `prefixes` limits how many prefixes are remembered.
    """

    def __init__(self, *, most_seconds: float = CLASS_SECONDS, prefixes: int = PREFIXES) -> None:
        self._most_seconds = most_seconds
        self._limit = prefixes
        self._condition = threading.Condition()
        self._prefixes: OrderedDict[str, _Prefix] = OrderedDict()
        self._reports_start: bool | None = None  # whether the start of the last complete answer was reported
        self._begin_seconds: float | None = None
        self._whole_seconds = 0.0

    @contextmanager
    def passing(self, *, class_key: str, essay_key: str) -> Iterator[CacheTurn]:
        """Wait until this call may go, and yield its turn.

        A turn that ends without an answer stops being the writer, so that a waiting call can take over.
        """
        turn = CacheTurn(self, class_key=class_key, essay_key=essay_key)
        try:
            self._wait_for_writers(turn)
            yield turn
        finally:
            self._end_turn(turn)

    def patience_seconds(self) -> float:
        """Return for how many seconds a call waits for another call of the same essay."""
        if self._reports_start is None:
            return UNKNOWN_SECONDS
        if not self._reports_start or self._begin_seconds is None or self._begin_seconds >= self._whole_seconds / 2:
            return 0.0
        return min(ESSAY_SECONDS, 1.5 * self._begin_seconds)

    def __len__(self) -> int:
        """Return the number of prefixes that are remembered."""
        return len(self._prefixes)

    def warmed(self, turn: CacheTurn) -> None:
        """Mark both prefixes of this turn as cached for LASTS_SECONDS from now, and wake the waiting calls."""
        with self._condition:
            for key in (turn.class_key, turn.essay_key):
                prefix = self._prefix(key)
                prefix.warm_until = time.monotonic() + CACHE_SECONDS
                prefix.writer = None
            self._condition.notify_all()

    def learned(self, turn: CacheTurn, *, whole_seconds: float) -> None:
        """Update the moving averages with one more complete answer, which took `whole_seconds`."""
        with self._condition:
            self._reports_start = turn.begun_after is not None
            if turn.begun_after is None:
                return
            weight = 1.0 if self._begin_seconds is None else _WEIGHT
            self._begin_seconds = (1 - weight) * (self._begin_seconds or 0.0) + weight * turn.begun_after
            self._whole_seconds = (1 - weight) * self._whole_seconds + weight * whole_seconds

    def _wait_for_writers(self, turn: CacheTurn) -> None:
        arrived = time.monotonic()
        with self._condition:
            while (seconds_left := self._class_seconds_left(turn, arrived)) > 0:
                self._condition.wait(seconds_left)
            arrived = time.monotonic()
            while (seconds_left := self._essay_seconds_left(turn, arrived)) > 0:
                self._condition.wait(seconds_left)
            # The first call becomes the writer of a prefix that is not cached and has no writer.
            now = time.monotonic()
            for key in (turn.class_key, turn.essay_key):
                prefix = self._prefix(key)
                if prefix.writer is None and prefix.warm_until <= now:
                    prefix.writer = turn
            turn.since = now

    def _class_seconds_left(self, turn: CacheTurn, arrived: float) -> float:
        writer = self._writer(turn.class_key)
        if writer is None or writer.essay_key == turn.essay_key:
            return 0.0
        return self._seconds_left(CLASS_SECONDS, writer, arrived)

    def _essay_seconds_left(self, turn: CacheTurn, arrived: float) -> float:
        writer = self._writer(turn.essay_key)
        return 0.0 if writer is None else self._seconds_left(self.patience_seconds(), writer, arrived)

    def _seconds_left(self, seconds: float, writer: CacheTurn, arrived: float) -> float:
        # Count from the writer's start where that is earlier: if the writer hangs, later calls must not wait the full time again.
        return min(arrived, writer.since) + min(seconds, self._most_seconds) - time.monotonic()

    def _writer(self, key: str) -> CacheTurn | None:
        """Return the turn that is writing this prefix, or None when it is cached or no call is writing it."""
        prefix = self._prefix(key)
        return None if prefix.warm_until > time.monotonic() else prefix.writer

    def _end_turn(self, turn: CacheTurn) -> None:
        with self._condition:
            for key in (turn.class_key, turn.essay_key):
                prefix = self._prefixes.get(key)
                if prefix is not None and prefix.writer is turn:
                    prefix.writer = None
            self._condition.notify_all()

    def _prefix(self, key: str) -> _Prefix:
        prefix = self._prefixes.setdefault(key, _Prefix())
        self._prefixes.move_to_end(key)
        while len(self._prefixes) > self._limit:
            self._prefixes.popitem(last=False)
        return prefix
