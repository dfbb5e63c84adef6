"""Requests that wait for something to change: a bounded number per process, so that they never starve the others."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

State = TypeVar("State")

LOOK_EVERY_SECONDS = 0.2


class LongPollSlots:
    """The slots of one process. No database connection is held between two looks."""

    def __init__(self, slots: int) -> None:
        self._slots = threading.BoundedSemaphore(slots)

    @contextmanager
    def slot(self) -> Iterator[bool]:
        """Hold a slot while the block runs; False when every slot is taken and the answer must come at once."""
        free = self._slots.acquire(blocking=False)
        try:
            yield free
        finally:
            if free:
                self._slots.release()

    def wait_until(
        self, look: Callable[[], State], changed: Callable[[State], bool], *, seconds: float, now: State
    ) -> State:
        """Return the first state that counts as changed, or the latest one when the time is up."""
        deadline = time.monotonic() + seconds
        state = now
        while not changed(state) and (left := deadline - time.monotonic()) > 0:
            time.sleep(min(LOOK_EVERY_SECONDS, left))
            state = look()
        return state
