"""Silence: a server that keeps a connection open and says nothing must not hold a request for ever.

libpq waits for an answer without a limit, and a kernel that acknowledges every packet never reports trouble. So one thread
a process looks ten times a second at the statements that wait and closes the socket below those that wait too long; the
waiting thread then gets the error it would have got from a server that died. It costs a statement two dictionary writes.
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
    """Cuts connections whose statement has gone unanswered for `answer_seconds`."""

    def __init__(self) -> None:
        self.answer_seconds = 15.0
        self._waiting: dict[int, tuple[Any, float]] = {}  # by thread: its connection, and until when it waits
        self._cut: set[int] = set()
        self._lock = threading.Lock()
        self._process = 0

    def watch(self, connection: Any, *, answer_seconds: float | None = None) -> None:
        """This thread waits for an answer on this connection from now on, for so long or as long as all do."""
        if self._process != os.getpid():
            self._watch()
        with self._lock:
            until = time.monotonic() + (answer_seconds or self.answer_seconds)
            self._waiting[threading.get_ident()] = (connection, until)

    def was_cut(self) -> bool:
        """Return whether the connection this thread waits on was cut."""
        return threading.get_ident() in self._cut

    def unwatch(self) -> None:
        """This thread waits no longer. Nothing may close the connection before this."""
        me = threading.get_ident()
        with self._lock:
            self._waiting.pop(me, None)
            self._cut.discard(me)

    def _watch(self) -> None:
        # A fork takes along this object but none of its threads, and perhaps a lock that somebody held.
        self._lock = threading.Lock()
        self._waiting, self._cut = {}, set()
        self._process = os.getpid()
        threading.Thread(target=self._watch_loop, name="silence", daemon=True).start()

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
    # Our own copy of the descriptor: shutting it down wakes the thread that reads, closing it leaves theirs open.
    with suppress(OSError, psycopg2.InterfaceError), socket.socket(fileno=os.dup(connection.fileno())) as theirs:
        theirs.shutdown(socket.SHUT_RDWR)
