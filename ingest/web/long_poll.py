"""Long polls: requests that wait for a change. Their number per process is bounded, so that other requests find a free thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from ingest.web.activity import REQUESTS

State = TypeVar("State")

POLL_INTERVAL_SECONDS = 0.2


class LongPollSlots:
    """The long-poll slots of one process. A long poll holds no database connection between two reads of the state."""

    def __init__(self, slots: int) -> None:
        self._slots = threading.BoundedSemaphore(slots)

    @contextmanager
    def slot(self) -> Iterator[bool]:
        """Hold a slot while the block runs. Yields False when no slot is free: the caller then answers at once."""
        free = self._slots.acquire(blocking=False)
        try:
            yield free
        finally:
            if free:
                self._slots.release()

    def wait_until(
        self, look: Callable[[], State], changed: Callable[[State], bool], *, seconds: float, now: State
    ) -> State:
        """Return the first state for which `changed` is true, or the latest state after `seconds`.

        `now` is the state already known; `look` reads the next one every POLL_INTERVAL_SECONDS.
        """
        deadline = time.monotonic() + seconds
        state = now
        while not changed(state) and (left := deadline - time.monotonic()) > 0:
            time.sleep(min(POLL_INTERVAL_SECONDS, left))
            state = look()
            REQUESTS.move()
        return state
