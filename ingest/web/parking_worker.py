"""The part of the worker class that parks requests which wait for a change (`ingest/web/long_poll.py`), and resumes them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from gunicorn.workers.gthread import ThreadWorker

from ingest.settings import read_waiting_slots
from ingest.web.connection import Connection, State
from ingest.web.long_poll import Wait
from ingest.web.parking import Parking
from ingest.web.watcher import Waiting, Watcher
from models import settings
from models.announcements import Listener

# How often the main loop looks for what has lasted too long.
SWEEP_SECONDS = 0.25


class ParkingWorker(ThreadWorker, ABC):  # type: ignore[misc]  # gunicorn is untyped
    """A worker with parked connections. Its subclass watches sockets and hands connections over to threads."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._parking = Parking(read_waiting_slots(), hand_over=self._hand_over)
        self._stop_at = float("inf")

    def init_process(self) -> None:
        """Start the watcher of the parked requests, in the process that it is about."""
        Watcher(
            self._parking,
            Listener(settings.redis_url()),
            wake=lambda waiting: self.method_queue.defer(self._wake, waiting),
        ).start()
        super().init_process()

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """Wait for events, and no longer than until the next sweep while requests are parked."""
        super().wait_for_and_dispatch_events(min(timeout, SWEEP_SECONDS) if self._parking.count else timeout)

    def _park(self, connection: Connection, wait: Wait) -> None:
        """Watch the connection for its client going away, and let it go on at once when it missed a change."""
        connection.sock.setblocking(False)
        self._watch(connection)
        if not self._parking.park(connection, wait) or not self.alive:
            self._resume(connection)

    def _wake(self, waiting: Waiting) -> None:
        """Let those go on whose submission has changed, if they still wait."""
        for connection, wait in waiting:
            if connection.state is State.PARKED and connection.wait_for is wait:
                self._resume(connection)

    def _resume(self, connection: Connection) -> None:
        assert connection.wait_for is not None
        connection.wait_for.over |= not self.alive
        self.poller.unregister(connection.sock)
        self._parking.resume(connection)

    def _cap_keepalive(self, deadline: float) -> None:
        # gunicorn calls this once, when it begins to stop. Whoever waits gets the present state now.
        self._stop_at = deadline
        for connection, _ in self._parking.waits():
            self._resume(connection)

    @abstractmethod
    def _watch(self, connection: Connection) -> None:
        """Let the poller tell when something comes on this connection."""

    @abstractmethod
    def _hand_over(self, connection: Connection) -> None:
        """Let a thread answer the request of this connection."""
