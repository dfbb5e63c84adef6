"""A gunicorn worker whose threads never wait for a client's bytes.

gunicorn's own `gthread` worker gives a connection to a thread as soon as its first byte arrives, and the thread then waits for
the rest: as many stalled clients as there are threads would stop the server. Here the main loop collects each request in
memory, and a thread gets it only when it is complete.

    accept ──> WAITING ──first byte──> READING ──request complete──> RUNNING ──answer sent, kept alive──> WAITING
                  │                       │                           │   └──answer sent, not kept──> CLOSING ──> closed
                  │                       │                           └──must wait──> PARKED ──change, time over──> RUNNING
                  └──too long──> closed   └──malformed, too large, too slow: a problem document──> CLOSING ──> closed

WAITING   ESSAYCOACH_REQUEST_HEAD_SECONDS on a new connection, ESSAYCOACH_KEEPALIVE_SECONDS after an answer; then closed.
READING   ESSAYCOACH_REQUEST_HEAD_SECONDS for the head and ESSAYCOACH_REQUEST_BODY_SECONDS for the body; then 408.
          When a browser's form is refused, the app answers in a thread, so that the browser gets a page (`refusals.py`).
RUNNING   A thread has the connection; on the metrics port one of its own, so that a busy server can still be observed.
          A client that has not taken a part of its answer after ESSAYCOACH_RESPONSE_SECONDS is closed.
PARKED    A long poll or an event stream waits for a change, and no thread with it (`ingest/web/long_poll.py`). At most
          ESSAYCOACH_WAITING_SLOTS requests wait, and of one person PLACES_OF_PERSON. Then the request is run again, or the
          next event is sent.
CLOSING   DRAIN_SECONDS for the client to read its last answer and close.

A client that closes is dropped in every state but RUNNING. Only the main loop changes states, and it never blocks. After
SIGTERM it accepts nothing more, what is parked is answered, gunicorn waits for the threads, and every connection that is not
RUNNING is closed two seconds later. TLS and HTTP/2 end in a proxy in front.
"""

from __future__ import annotations

import errno
import selectors
import socket
import time
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any

from gunicorn.util import close

from ingest.settings import read_connection_limits, read_metrics_address
from ingest.web import long_poll, metrics_page
from ingest.web.activity import REQUESTS
from ingest.web.connection import Connection, State
from ingest.web.long_poll import Parked, Wait
from ingest.web.metrics import count_refused, show_waiting
from ingest.web.parking_worker import SWEEP_SECONDS, ParkingWorker
from ingest.web.problems import PROBLEM_TYPES, Problem
from ingest.web.refusals import answer_bytes, problem_of, refused, wants_page
from ingest.web.response_headers import request_id_for
from ingest.web.security_log import record_server_refusal
from models.heartbeats import Process
from models.log import logger

log = logger(__name__)

RECEIVE_BYTES = 64 * 1024
DRAIN_SECONDS = 5.0
# The requests of all connections of a process together, but those that are being answered. An essay is a few KiB, so only an
# attack comes near it.
MAX_HELD_BYTES = 64 * 1024 * 1024
# The client has gone again, another process took it, or the process has no free file descriptor now.
_NOT_ACCEPTED = {errno.EAGAIN, errno.ECONNABORTED, errno.EMFILE, errno.ENFILE}


class BufferingWorker(ParkingWorker):
    """The worker class of ingest. The methods without an underscore replace those of gunicorn's ThreadWorker."""

    wsgi: Any

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._limits = read_connection_limits()
        self._connections: set[Connection] = set()
        self._per_address: Counter[str] = Counter()
        metrics_address = read_metrics_address()
        self._metrics_port = metrics_address[1] if metrics_address else None
        self._metrics_thread = ThreadPoolExecutor(max_workers=1)
        self._handed_over = 0
        self._next_sweep = 0.0

    def load_wsgi(self) -> None:
        """Load the app, and put the metrics page on its own port beside it."""
        super().load_wsgi()
        self.wsgi = metrics_page.split_by_port(self.wsgi, self._metrics_port)

    def look(self) -> Process:
        """Return what the heartbeat of this process says. A parked request is no work: it has no thread."""
        # The pool starts a thread when it first needs it, so its size says more than how many have been started.
        return Process(
            threads_alive=self.cfg.threads,
            threads_busy=REQUESTS.busy,
            has_work=self._handed_over > 0,
            still_seconds=REQUESTS.still_seconds,
        )

    def accept(self, listener: Any) -> None:
        """Accept one connection. Its request is often there already."""
        try:
            sock, client = listener.accept()
        except OSError as error:
            if error.errno in _NOT_ACCEPTED:
                return
            raise
        sock.setblocking(False)
        connection = Connection(sock, client, listener.getsockname(), cfg=self.cfg, limits=self._limits)
        self.nr_conns += 1
        self._connections.add(connection)
        self._per_address[connection.address] += 1
        if 0 < self._limits.per_address < self._per_address[connection.address]:
            self._turn_away(connection)
            return
        self._watch(connection)
        self._receive(connection, sock)

    def enqueue_req(self, connection: Connection) -> None:
        """Give a complete request to a thread."""
        if metrics_page.is_on_port(connection.server, self._metrics_port):
            done = self._metrics_thread.submit(self._answer, connection)
            done.add_done_callback(lambda done: self.method_queue.defer(self.finish_request, connection, done))
            return
        if not self._handed_over:
            REQUESTS.move()  # nothing was waiting
        self._handed_over += 1
        super().enqueue_req(connection)

    def handle(self, connection: Connection) -> bool | Wait:
        """Answer a complete request, in a thread. Return whether the connection may carry another one, or what it waits for."""
        with REQUESTS.working():
            return self._answer(connection)

    def _answer(self, connection: Connection) -> bool | Wait:
        request: Any = connection.request
        connection.began = self._parking.sequence
        if self.nr_conns > self.max_keepalived:
            request.force_close()
        wait = connection.wait_for
        try:
            if wait is not None and wait.next_events is not None:
                return wait if connection.send_events(*wait.next_events()) else not request.should_close()
            with long_poll.turn(self._parking, wait), refused(connection.refusal):
                return bool(self.handle_request(request, connection))
        except Parked as parked:
            return parked.wait
        except (OSError, StopIteration) as error:
            # The client has gone, does not read (TimeoutError), or the app failed in the middle of its answer.
            log.debug("answer not sent", reason=type(error).__name__)
        except Exception as error:  # noqa: BLE001 - a thread that raises would leave its connection open
            self.handle_error(request, connection.sock, connection.client, error)
        return False

    def finish_request(self, connection: Connection, done: Future[bool]) -> None:
        """Go on with a connection after its answer, in the main loop."""
        if not metrics_page.is_on_port(connection.server, self._metrics_port):
            self._handed_over -= 1
        self._parking.finished(connection)
        result = False if done.cancelled() or done.exception() is not None else done.result()
        if isinstance(result, Wait):
            self._park(connection, result)
            return
        self._parking.release(connection)
        if connection.sock.fileno() < 0:  # gunicorn closes it when the app fails in the middle of its answer
            self._drop(connection)
            return
        connection.sock.setblocking(False)
        self._watch(connection)
        if result:
            connection.wait(self.cfg.keepalive)
            self._advance(connection, b"")  # the next request may have come with the last one
        else:
            self._close_after_answer(connection)

    def handle_error(self, req: Any, client: socket.socket, addr: Any, exc: Exception) -> None:
        """Answer with a problem document instead of gunicorn's HTML."""
        problem = problem_of(exc)
        status = PROBLEM_TYPES[problem.slug].status
        with suppress(OSError):
            if not metrics_page.is_on_port(client.getsockname(), self._metrics_port):
                count_refused(req.method if req else "", status)
        sent_id = next((value for name, value in req.headers if name == "X-REQUEST-ID"), "") if req else ""
        request_id = request_id_for(sent_id)
        if status >= 500:
            cause = exc if problem.slug == "internal-error" else None
            log.error(
                "request failed outside the app",
                status=status,
                reason=problem.slug,
                request_id=request_id,
                exc_info=cause,
            )
        record_server_refusal(problem.slug, address=addr, request_id=request_id)
        with suppress(OSError):
            client.sendall(answer_bytes(problem, sent_id=request_id))

    def murder_keepalived(self, force: bool = False) -> None:  # noqa: FBT001, FBT002 - gunicorn's signature
        """End what has lasted too long. gunicorn calls it in every turn of the main loop, and with `force` at the end."""
        now = time.monotonic()
        if now < self._next_sweep and not force:
            return
        self._next_sweep = now + SWEEP_SECONDS
        show_waiting(self._parking.count)
        for connection in [one for one in self._connections if one.state is not State.RUNNING]:
            is_parked = connection.state is State.PARKED
            if force or (now >= self._stop_at and not is_parked):
                self._drop(connection)
            elif now >= min(connection.deadline, self._stop_at):
                (self._resume if is_parked else self._give_up)(connection)
        self._bound_memory()

    def _hand_over(self, connection: Connection) -> None:
        connection.run()
        connection.sock.settimeout(self._limits.send_seconds)
        self.enqueue_req(connection)

    def _watch(self, connection: Connection) -> None:
        self.poller.register(connection.sock, selectors.EVENT_READ, partial(self._receive, connection))

    def _receive(self, connection: Connection, sock: socket.socket) -> None:
        try:
            data = sock.recv(RECEIVE_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._drop(connection)
        elif connection.state is State.PARKED and connection.wait_for is not None:
            connection.keep(data)  # of another request, so this one waits no more
            connection.wait_for.over = True
            self._resume(connection)
        elif connection.state is not State.CLOSING:
            self._advance(connection, data)

    def _advance(self, connection: Connection, data: bytes) -> None:
        """Give the connection these bytes, and a thread if its request is now complete."""
        try:
            complete = connection.take(data)
        except OSError:
            self._drop(connection)
        except Exception as error:  # noqa: BLE001 - no request may stop the main loop
            self._refuse(connection, error)
        else:
            if complete:
                self.poller.unregister(connection.sock)
                self._hand_over(connection)

    def _give_up(self, connection: Connection) -> None:
        """End a state whose time is over."""
        if connection.state is not State.READING:
            self._drop(connection)
        elif connection.is_too_large:
            self._refuse(connection, connection.refuse_too_large())
        elif connection.request is None:
            detail = f"The headers did not arrive within {self._limits.head_seconds:g} seconds."
            self._refuse(connection, Problem("request-timeout", detail))
        else:
            detail = f"The body did not arrive within {self._limits.body_seconds:g} seconds."
            self._refuse(connection, Problem("request-timeout", detail))

    def _bound_memory(self) -> None:
        """Refuse the largest incomplete requests while all connections together hold too much."""
        # What threads work on ends soon, and refusing others would not end it sooner. What waits for a thread counts.
        running = sorted((one.size for one in self._connections if one.state is State.RUNNING), reverse=True)
        others = (one.size for one in self._connections if one.state is not State.RUNNING)
        held = sum(others) + sum(running[self.cfg.threads :])
        if held <= MAX_HELD_BYTES:
            return
        reading = [one for one in self._connections if one.state is State.READING]
        for connection in sorted(reading, key=lambda one: one.size, reverse=True):
            if held <= MAX_HELD_BYTES:
                return
            held -= connection.size
            self._refuse(connection, Problem("temporarily-unavailable", "Too many large requests arrive at once."))

    def _turn_away(self, connection: Connection) -> None:
        """Answer 429 and close at once: a connection over the limit must not stay open, even if its client misses the answer."""
        detail = f"More than {self._limits.per_address} connections of this address are open."
        with suppress(OSError):
            connection.sock.recv(RECEIVE_BYTES)  # unread bytes would reset the connection
        problem = Problem("rate-limited", detail, headers={"Retry-After": "1"})
        self.handle_error(None, connection.sock, connection.client, problem)
        self._drop(connection)

    def _refuse(self, connection: Connection, error: Exception) -> None:
        if isinstance(error, Problem) and connection.request is not None and wants_page(connection.request):
            connection.leave_to_app(error)
            self.poller.unregister(connection.sock)
            self._hand_over(connection)
            return
        self.handle_error(connection.request, connection.sock, connection.client, error)
        self._close_after_answer(connection)

    def _close_after_answer(self, connection: Connection) -> None:
        try:
            connection.drain(DRAIN_SECONDS)
        except OSError:
            self._drop(connection)

    def _drop(self, connection: Connection) -> None:
        with suppress(KeyError, ValueError):
            self.poller.unregister(connection.sock)
        self._parking.release(connection)
        close(connection.sock)
        self.nr_conns -= 1
        self._connections.discard(connection)
        self._per_address[connection.address] -= 1
        if not self._per_address[connection.address]:
            del self._per_address[connection.address]
