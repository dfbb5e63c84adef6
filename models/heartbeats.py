"""Heartbeats: every process of web, worker and clock writes one row every ten seconds, from a thread that does nothing else.

A frozen process writes nothing, so its row grows old. A process whose threads are stuck goes on writing, and the row says so:
it has work, and its last progress is long ago. Nothing here ends such a process.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, TypeVar
from uuid import UUID, uuid4

from models.db import run, session
from models.errors import DatabaseAway
from models.log import logger
from models.version import version

Result = TypeVar("Result")
Program = Literal["web", "worker", "clock"]

BEAT_SECONDS = 10.0
# A process counts as alive for 30 s after its last heartbeat, so one that could not be written is soon tried again.
RETRY_SECONDS = 2.0
ANSWER_SECONDS = 1.5

log = logger(__name__)


class Activity:
    """Which threads of this process work, and when work last got on.

    It has no lock, only operations that CPython carries out as one: a thread that is stopped at any moment, or ended by an
    exception from another thread, holds up nobody.
    """

    def __init__(self) -> None:
        self._working: set[int] = set()
        self._moved_at = time.monotonic()

    def begin(self) -> None:
        """Note that this thread works now. After a time without work this counts as progress: nothing was waiting."""
        if not self._working:
            self.move()
        self._working.add(threading.get_ident())

    def end(self) -> None:
        """Note that this thread no longer works."""
        self._working.discard(threading.get_ident())

    def move(self) -> None:
        """Note that work got on: a piece of it has ended."""
        self._moved_at = time.monotonic()

    @contextmanager
    def working(self) -> Iterator[None]:
        """Count this thread as working during the block, whose end is progress, also when it raises."""
        self.begin()
        try:
            yield
        finally:
            self.move()
            self.end()

    def counted(self, work: Callable[[], Result]) -> Callable[[], Result]:
        """Return the function, counting the thread that calls it as working."""

        def call() -> Result:
            with self.working():
                return work()

        return call

    @property
    def busy(self) -> int:
        """Return how many threads work now."""
        return len(self._working)

    @property
    def still_seconds(self) -> float:
        """Return for how many seconds no work has got on."""
        return time.monotonic() - self._moved_at


@dataclass(frozen=True, kw_only=True)
class Process:
    """What a process says about itself: its threads that can work, those that do, and whether there is work for them."""

    threads_alive: int
    threads_busy: int
    has_work: bool
    still_seconds: float


class Heartbeat:
    """The heartbeat of this process. Make it in the process that it is about, after any fork."""

    def __init__(self, program: Program, look: Callable[[], Process]) -> None:
        self._program = program
        self._look = look
        # Not the pid: in containers that share the host's name every process has pid 1.
        self._id: UUID = uuid4()
        self._host = os.uname().nodename[:255] or "unknown"
        self._began = time.monotonic()
        self._is_away = False
        self._stopped = threading.Event()

    def start(self) -> None:
        """Beat from now on, in a thread that ends with the process."""
        threading.Thread(target=self._beat_on, name="heartbeat", daemon=True).start()

    def stop(self) -> None:
        """Beat no more."""
        self._stopped.set()

    def beat(self) -> bool:
        """Write the row in a short transaction of its own, and return whether that worked. A failure is logged once."""
        try:
            self._write(self._look())
        except Exception as error:  # noqa: BLE001 - whatever fails, the next heartbeat must be tried
            if not self._is_away:
                self._is_away = True
                reason = "database away" if isinstance(error, DatabaseAway) else type(error).__name__
                log.warning("heartbeat not written", reason=reason)
            return False
        self._is_away = False
        return True

    def _beat_on(self) -> None:
        wait = 0.0
        while not self._stopped.wait(wait):
            wait = BEAT_SECONDS if self.beat() else RETRY_SECONDS

    def _write(self, process: Process) -> None:
        values = (
            self._id, self._program, self._host, os.getpid(), version(), time.monotonic() - self._began,
            process.still_seconds, process.threads_alive, process.threads_busy, process.has_work,
        )  # fmt: skip
        with session(answer_seconds=ANSWER_SECONDS):
            run("select record_heartbeat(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)", values)
