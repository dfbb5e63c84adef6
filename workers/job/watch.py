"""End this process when its threads stop moving. Whoever started it (supervisor, container, systemd) starts it anew.

Nothing can safely interrupt a thread that hangs in a computation, or that waits for a lock which nobody releases. It keeps
its place among the threads of the worker for ever, and with all of them gone so, the worker looks alive and does nothing.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Collection, Hashable, Iterable
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from types import FrameType

import dramatiq
from dramatiq.broker import MessageProxy
from dramatiq.middleware import Middleware

from models.broker import HintBroker
from models.log import logger
from workers.job.leases import Held, Leases

log = logger(__name__)

TICK_SECONDS = 1.0
# A consumer looks for hints many times a second, and while Redis is away every few seconds.
LONGEST_SILENCE_SECONDS = 120.0
# A database that does not answer must not keep alive a process that is to end.
HAND_BACK_SECONDS = 10.0
# A process that was told to stop has this long to end once its passes have ended or were handed back.
ENDING_SECONDS = 10.0
# The status of the process (EX_SOFTWARE of sysexits.h). Dramatiq's own are 0 to 3.
EXIT_STUCK = 70


@dataclass(kw_only=True)
class Watched:
    """One kind of work: what of it is under way, and for how long one piece may be."""

    what: str
    under_way: Callable[[], Iterable[Hashable]]
    longest_seconds: float
    since: dict[Hashable, float] = field(default_factory=dict)

    def overdue(self, now: float) -> list[Hashable]:
        """Return the pieces that have been under way for too long. `now` is the time of the watch, see `Watch`."""
        self.since = {piece: self.since.get(piece, now) for piece in self.under_way()}
        return [piece for piece, since in self.since.items() if now - since > self.longest_seconds]


class Watch(Middleware):
    """Middleware with a thread that ends the process when a pass, a message, a reading or a consumer hangs, or a thread died.

    Time is counted in its own ticks, so it stands still while the whole process is frozen (SIGSTOP, a suspended machine).
    """

    def __init__(
        self, leases: Leases, *, works: Iterable[Watched], message_seconds: float, longest_seconds: float
    ) -> None:
        """Watch these works, and every message. `longest_seconds` limits what a thread computes without letting others run."""
        self._leases = leases
        self._messages: dict[int, int] = {}
        self._numbers = count()
        self._works = [*works, Watched(what="message", under_way=self._running, longest_seconds=message_seconds)]
        self._longest_seconds = longest_seconds
        self._awake_seconds = 0.0
        self._worker: dramatiq.Worker | None = None
        self._ends_at: float | None = None

    def before_process_message(self, broker: dramatiq.Broker, message: MessageProxy) -> None:  # noqa: ARG002 - Dramatiq's signature
        """Note that this thread has begun a message."""
        self._messages[threading.get_ident()] = next(self._numbers)

    def after_process_message(self, broker: dramatiq.Broker, message: MessageProxy, **_: object) -> None:  # noqa: ARG002 - Dramatiq's signature
        """Note that this thread has ended its message."""
        self._messages.pop(threading.get_ident(), None)

    def before_worker_boot(self, broker: dramatiq.Broker, worker: dramatiq.Worker) -> None:  # noqa: ARG002 - Dramatiq's signature
        """Limit what a thread computes from the first message on, which may come before the watch has begun."""
        self._limit_computation()

    def after_worker_boot(self, broker: dramatiq.Broker, worker: dramatiq.Worker) -> None:
        """Start to watch."""
        assert isinstance(broker, HintBroker)
        self._worker = worker
        looks = broker.looks
        self._works.append(
            Watched(what="consumer", under_way=lambda: list(looks.items()), longest_seconds=LONGEST_SILENCE_SECONDS)
        )
        threading.Thread(target=self._watch, name="watch", daemon=True).start()

    def before_worker_shutdown(self, broker: dramatiq.Broker, worker: dramatiq.Worker) -> None:  # noqa: ARG002 - Dramatiq's signature
        """Stop looking at the threads, which end now."""
        self._worker = None
        self._works = [work for work in self._works if work.what != "consumer"]

    def after_worker_shutdown(self, broker: dramatiq.Broker, worker: dramatiq.Worker) -> None:  # noqa: ARG002 - Dramatiq's signature
        """Limit how long the process takes to end: Python waits for the thread of the local engine, which may hang."""
        self._ends_at = self._awake_seconds + ENDING_SECONDS

    def _running(self) -> list[tuple[int, int]]:
        return list(self._messages.copy().items())

    def _watch(self) -> None:
        last = time.monotonic()
        while True:
            self._limit_computation()
            time.sleep(TICK_SECONDS)
            now = time.monotonic()
            self._awake_seconds += min(now - last, 2 * TICK_SECONDS)
            last = now
            try:
                self._look()
            except Exception:
                # A watch that dies would leave the worker without one.
                log.exception("worker not watched")

    def _limit_computation(self) -> None:
        """Let the kernel end the process (SIGVTALRM) where a thread computes and lets no other run: then no thread can look."""
        signal.setitimer(signal.ITIMER_VIRTUAL, self._longest_seconds)

    def _look(self) -> None:
        dead = self._dead_threads()
        if dead:
            self._end("dead thread", dead)
        for watched in list(self._works):
            overdue = watched.overdue(self._awake_seconds)
            if overdue:
                self._end(watched.what, overdue)
        if self._ends_at is not None and self._awake_seconds > self._ends_at:
            # All passes have ended or were handed back, so nothing is lost.
            log.warning("ended while the local engine still read")
            os._exit(0)

    def _dead_threads(self) -> list[Hashable]:
        worker = self._worker
        if worker is None:
            return []
        return [one.name for one in (*worker.workers, *worker.consumers.values()) if not one.is_alive()]

    def _end(self, what: str, stuck: list[Hashable]) -> None:
        """End the process. What hangs stays claimed, so that its attempt counts; every other pass is handed back."""
        self._leases.stopping = True
        # In a thread of its own: the log or the pool of connections may be what hangs.
        last_words = threading.Thread(target=self._last_words, args=(what, stuck), daemon=True)
        last_words.start()
        last_words.join(HAND_BACK_SECONDS)
        os._exit(EXIT_STUCK)

    def _last_words(self, what: str, stuck: list[Hashable]) -> None:
        log.critical(
            "worker stuck",
            what=what,
            stuck=len(stuck),
            threads=threading.active_count(),
            next="this process ends; its supervisor must start it anew",
            where=_places(self._messages.copy()),
        )
        handed_back = self._leases.hand_back(but=[one for one in stuck if isinstance(one, Held)])
        log.warning("passes handed back", passes=handed_back)


def _places(threads: Collection[int]) -> list[str]:
    """Return where these threads are, the most frequent place first: how many, and the innermost functions."""
    frames = sys._current_frames()  # noqa: SLF001 - the only way to see where another thread is
    places = Counter(_place(frames[one]) for one in threads if one in frames)
    return [f"{times} in {place}" for place, times in places.most_common(3)]


def _place(frame: FrameType) -> str:
    stack = traceback.extract_stack(frame)[-5:]
    return " > ".join(f"{Path(one.filename).name}:{one.lineno} {one.name}" for one in stack)
