"""Slots that callers share fairly: whoever asks often waits behind those who ask seldom."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager


class NoSlot(Exception):
    """No slot became free in time, or this caller has too many requests waiting already."""


class FairSlots:
    """A number of slots. One caller holds `most_running` at most (default: all but one), and has `most_waiting` in line at most."""

    def __init__(
        self, slots: int, *, most_waiting: int, patience_seconds: float, most_running: int | None = None
    ) -> None:
        self._free = slots
        self._most_running = most_running or max(1, slots - 1)
        self._most_waiting = most_waiting
        self._patience_seconds = patience_seconds
        self._running: Counter[str] = Counter()
        self._waiting: deque[tuple[str, threading.Event]] = deque()
        self._lock = threading.Lock()

    @contextmanager
    def hold(self, caller: str) -> Iterator[None]:
        """Hold a slot for this caller while the block runs. Raises NoSlot."""
        turn = (caller, threading.Event())
        with self._lock:
            if sum(name == caller for name, _ in self._waiting) >= self._most_waiting:
                raise NoSlot
            self._waiting.append(turn)
            self._grant()
        if not turn[1].wait(self._patience_seconds):
            with self._lock:
                if not turn[1].is_set():
                    self._waiting.remove(turn)
                    raise NoSlot
        try:
            yield
        finally:
            with self._lock:
                self._free += 1
                self._running[caller] -= 1
                self._running += Counter()  # forgets callers with nothing running
                self._grant()

    def _grant(self) -> None:
        """Give free slots to those who wait: first whoever has the fewest running, then in the order of arrival."""
        while self._free:
            may_run = [turn for turn in self._waiting if self._running[turn[0]] < self._most_running]
            if not may_run:
                return
            turn = min(may_run, key=lambda one: self._running[one[0]])
            self._waiting.remove(turn)
            self._free -= 1
            self._running[turn[0]] += 1
            turn[1].set()
