"""One client's connection: collect the bytes of a request until the request is complete.

gunicorn's parser reads the head. The body is cut off here, so that the app reads it from memory and never from the socket.
"""

from __future__ import annotations

import io
import socket
import time
from enum import Enum
from typing import Any

from gunicorn.http.body import ChunkedReader
from gunicorn.http.errors import LimitRequestHeaders
from gunicorn.http.message import Request
from gunicorn.http.unreader import IterUnreader

from ingest.settings import ConnectionLimits
from ingest.web.body import MAX_BODY_BYTES, max_bytes, too_large
from ingest.web.chunked_body import ChunkedBody
from ingest.web.client_address import counted_address
from ingest.web.long_poll import Wait
from ingest.web.problems import Problem

MAX_HEAD_BYTES = 64 * 1024
# So much of a body that is too large is looked at, and so long, to tell the client whether a picture is the reason. A body
# that announces more than MAX_LOOKED_AT_BYTES is no essay with a picture.
LOOK_AT_BYTES = 256 * 1024
LOOK_SECONDS = 0.5
MAX_LOOKED_AT_BYTES = 64 * 1024 * 1024
_ABOUT_BODY = {"CONTENT-LENGTH", "CONTENT-TYPE", "CONTENT-ENCODING", "TRANSFER-ENCODING"}
_HEAD_END = b"\r\n\r\n"


class State(Enum):
    """What a connection is doing. `ingest/web/server.py` says how it gets from one state to the next."""

    WAITING = "nothing of the next request has arrived"
    READING = "a part of the request has arrived"
    RUNNING = "a thread answers the request, or it waits for one"
    PARKED = "the request waits for a change, without a thread"
    CLOSING = "the last answer was sent, and what still arrives is dropped"


class Connection:
    """A connection. `deadline` is the time (of `time.monotonic`) at which the main loop ends its present state."""

    def __init__(self, sock: socket.socket, client: Any, server: Any, *, cfg: Any, limits: ConnectionLimits) -> None:
        # gunicorn's own code reads `sock`, `client` and `server`.
        self.sock = sock
        self.client = client
        self.server = server
        self.address = counted_address(client[0]) if isinstance(client, tuple) else ""
        self._cfg = cfg
        self._limits = limits
        self._received = bytearray()
        self.wait(limits.head_seconds)

    def wait(self, seconds: float) -> None:
        """Wait so long for the first byte of the next request."""
        self._enter(State.WAITING, seconds)
        self.request: Request | None = None
        # What the request waits for, from its first parking to its answer; and the number of the last change before its turn.
        self.wait_for: Wait | None = None
        self.began = 0
        # Why its body was refused, when the app is to say it.
        self.refusal: Problem | None = None
        self._searched = 0
        self._chunks: ChunkedBody | None = None
        self._length = 0
        self._limit = MAX_BODY_BYTES

    @property
    def is_too_large(self) -> bool:
        """Return whether the request whose body arrives has announced one that will be refused."""
        return self._announced > self._limit

    @property
    def _announced(self) -> int:
        return 0 if self.request is None else int(getattr(self.request.body.reader, "length", 0))

    def refuse_too_large(self) -> Problem:
        """Return the problem of a body that is too large, as far as it has arrived."""
        return too_large(self._received, limit=self._limit)

    def leave_to_app(self, refusal: Problem) -> None:
        """Let the app answer that the body was refused. Drop what has arrived of the body, and the headers about it."""
        request: Any = self.request
        request.headers = [(name, value) for name, value in request.headers if name not in _ABOUT_BODY]
        request.body = io.BytesIO()
        request.force_close()
        self._received.clear()
        self._chunks = None
        self.refusal = refusal

    def run(self) -> None:
        """Note that a thread has the connection. It has no deadline then: the app bounds its own work."""
        self._enter(State.RUNNING, float("inf"))

    def park(self, wait: Wait) -> None:
        """Wait for a change, until the wait looks again."""
        self.wait_for = wait
        self._enter(State.PARKED, wait.look_at - time.monotonic())

    def keep(self, data: bytes) -> None:
        """Keep bytes of the next request, which came before this one's answer."""
        self._received += data

    def send_events(self, text: str, goes_on: bool) -> bool:  # noqa: FBT001 - what `Wait.next_events` returned
        """Send a part of an event stream, its last one unless it goes on. Return whether it goes on.

        Raises OSError when the client has gone, or does not take what is sent: then the whole part does not fit into the
        buffers of the kernel.
        """
        data = text.encode()
        if self.request is not None and self.request.version > (1, 0):
            data = (b"%x\r\n%b\r\n" % (len(data), data) if data else b"") + (b"" if goes_on else b"0\r\n\r\n")
        self.sock.setblocking(False)
        if data and self.sock.send(data) < len(data):
            raise BlockingIOError
        return goes_on

    def drain(self, seconds: float) -> None:
        """Drop everything that was received, and for so long what still arrives.

        If the socket were closed while unread bytes arrive, the kernel would reset the connection, and the client might never
        see the answer. Raises OSError when the client has gone.
        """
        self._enter(State.CLOSING, seconds)
        self._received.clear()
        self._chunks = None
        self.request = None
        self.sock.shutdown(socket.SHUT_WR)

    @property
    def size(self) -> int:
        """Return how many bytes of requests the connection holds."""
        return len(self._received) + self._length + (len(self._chunks.data) if self._chunks else 0)

    def take(self, data: bytes) -> bool:
        """Add bytes that have arrived. Return True when the request is complete; further bytes stay for the next request.

        Raises Problem or an exception of gunicorn's parser when the request must be refused, OSError when the client has gone.
        """
        self._received += data
        # Some clients send an empty line after a body. It begins no request, and the parser skips it.
        if self.state is State.WAITING and bytes(self._received) not in (b"", b"\r\n"):
            self._enter(State.READING, self._limits.head_seconds)
        if self.request is None:
            self.request = self._read_head()
            if self.request is None:
                return False
            self._limit = max_bytes(self.request.method, self.request.path)
            # A file has as long for each MiB as another body has in all.
            seconds = self._limits.body_seconds * max(
                1, min(self._announced or self._limit, self._limit) / MAX_BODY_BYTES
            )
            self._enter(State.READING, min(LOOK_SECONDS, seconds) if self.is_too_large else seconds)
        complete = self._read_body(self.request)
        if self.request._expected_100_continue:  # noqa: SLF001 - gunicorn has no other name for it
            # The client may send the body only after this. gunicorn would send it again when the request runs.
            self.request._expected_100_continue = False  # noqa: SLF001
            if not complete:
                self.sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        return complete

    def _enter(self, state: State, seconds: float) -> None:
        self.state = state
        self.deadline = time.monotonic() + seconds

    def _read_head(self) -> Request | None:
        """Return the request once its head is complete. Raises Problem or an exception of gunicorn's parser when it is malformed."""
        end = self._received.find(_HEAD_END, max(0, self._searched - len(_HEAD_END) + 1))
        self._searched = len(self._received)
        size = end + len(_HEAD_END) if end >= 0 else self._searched
        if size > MAX_HEAD_BYTES:
            raise LimitRequestHeaders("head too large")
        # With a line feed alone the head would never end. The parser refuses it; all other heads wait until they are complete.
        if end < 0 and self._received.count(b"\n") == self._received.count(b"\r\n"):
            return None
        head = bytes(self._received[:size])
        del self._received[:size]
        request = Request(self._cfg, IterUnreader([head]), self.client)
        # RFC 9112, section 3.2. The parser refuses a second Host itself.
        if request.version > (1, 0) and all(name != "HOST" for name, _ in request.headers):
            raise Problem("malformed-request", "The header Host is missing.")
        return request

    def _read_body(self, request: Request) -> bool:
        """Put the body into the request once it is complete. Raises Problem when it is too large, even before it arrives."""
        if isinstance(request.body.reader, ChunkedReader):
            self._chunks = self._chunks or ChunkedBody(request, limit=self._limit)
            if not self._chunks.take(self._received):
                return False
            body, self._chunks = bytes(self._chunks.data), None
        else:
            length = request.body.reader.length
            if length > self._limit:
                # A client that asks first sends nothing before the answer.
                looks = length <= MAX_LOOKED_AT_BYTES and not request._expected_100_continue  # noqa: SLF001
                if not looks or len(self._received) >= LOOK_AT_BYTES:
                    raise self.refuse_too_large()
                return False
            if len(self._received) < length:
                return False
            body = bytes(self._received[:length])
            del self._received[:length]
        self._length = len(body)
        request.body = io.BytesIO(body)
        return True
