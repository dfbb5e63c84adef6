"""Statement watchdog: cuts the connection of a statement that gets no answer, so that no request hangs for ever.

libpq waits for an answer without a limit, and a kernel that acknowledges every packet never reports a failure. So one
thread in each process looks ten times a second at the waiting statements, and shuts down the socket of those that wait too
long. The waiting thread then gets the same error as from a server that died. The cost is two dictionary writes a statement.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from contextlib import suppress
from typing import Any

import psycopg2

LOOK_SECONDS = 0.1


class StatementWatchdog:
    """Cuts the connection of a statement that got no answer for `answer_seconds`."""

    def __init__(self) -> None:
        self.answer_seconds = 15.0
        self._waiting: dict[int, tuple[Any, float]] = {}  # by thread id: its connection, and when its wait ends
        self._cut: set[int] = set()
        self._lock = threading.Lock()
        self._process_id = 0

    def watch(self, connection: Any, *, answer_seconds: float | None = None) -> None:
        """Start watching this thread's wait on this connection, for `answer_seconds` or the default of all threads."""
        if self._process_id != os.getpid():
            self._start_thread()
        with self._lock:
            until = time.monotonic() + (answer_seconds or self.answer_seconds)
            self._waiting[threading.get_ident()] = (connection, until)

    def was_cut(self) -> bool:
        """Return whether the connection that this thread waits on was cut."""
        return threading.get_ident() in self._cut

    def unwatch(self) -> None:
        """Stop watching this thread. Call it before anything closes the connection."""
        thread = threading.get_ident()
        with self._lock:
            self._waiting.pop(thread, None)
            self._cut.discard(thread)

    def _start_thread(self) -> None:
        # A fork copies this object but none of its threads, and perhaps a lock that another thread held.
        self._lock = threading.Lock()
        self._waiting, self._cut = {}, set()
        self._process_id = os.getpid()
        threading.Thread(target=self._watch_loop, name="statement-watchdog", daemon=True).start()

    def _watch_loop(self) -> None:
        while True:
            time.sleep(LOOK_SECONDS)
            now = time.monotonic()
            with self._lock:
                for thread, (connection, until) in self._waiting.items():
                    if now > until and thread not in self._cut:
                        self._cut.add(thread)
                        _shut_down(connection)


def _shut_down(connection: Any) -> None:
    # Use a duplicate of the descriptor: shutting it down wakes the reading thread, and closing it leaves the original open.
    with suppress(OSError, psycopg2.InterfaceError), socket.socket(fileno=os.dup(connection.fileno())) as duplicate:
        duplicate.shutdown(socket.SHUT_RDWR)
