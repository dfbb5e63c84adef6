"""End a call to the vendor at one moment, however slowly bytes arrive, by shortening every wait of its connection.

The timeouts of the HTTP client limit each wait for bytes, not their sum: a vendor that sends one byte now and then, or one
interim response after the other, would keep a thread for ever. Here each wait ends with the call. It ends in the thread
itself, as a timeout of its own socket. An exception thrown into the thread from outside would leave the locks of the
connection pool locked if it struck there, and every later call of the process would hang.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from ssl import SSLContext
from typing import Any

import httpcore2
import httpx2

# A write returns when its last byte is sent, so that it may wait once for each part. Small pieces share the time that is left.
PIECE_BYTES = 16 * 1024


class Deadline:
    """The moment at which the call of each thread ends."""

    def __init__(self) -> None:
        self._of_thread = threading.local()

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Let the calls that this thread makes in the block end after so many seconds in all."""
        self._of_thread.ends_at = time.monotonic() + seconds
        try:
            yield
        finally:
            self._of_thread.ends_at = None

    def apply_to(self, client: httpx2.Client) -> None:
        """Let the connections that this client opens from now on keep the deadline."""
        for transport in (client._transport, *client._mounts.values()):  # noqa: SLF001 - httpx2 hands no network backend on
            if transport is not None:
                pool: Any = transport._pool  # type: ignore[attr-defined]  # noqa: SLF001
                pool._network_backend = _Backend(self, pool._network_backend)  # noqa: SLF001

    def left(self, timeout: float | None, late: Callable[[str], Exception]) -> float | None:
        """Return how long this thread may wait: `timeout`, or less when its call ends earlier. Raises `late` after its end."""
        ends_at: float | None = getattr(self._of_thread, "ends_at", None)
        if ends_at is None:
            return timeout
        seconds = ends_at - time.monotonic()
        if seconds <= 0:
            raise late("the answer took too long in all")
        return seconds if timeout is None else min(timeout, seconds)


class _Backend(httpcore2.NetworkBackend):
    """A network backend whose connections keep the deadline of the thread that uses them."""

    def __init__(self, deadline: Deadline, backend: httpcore2.NetworkBackend) -> None:
        self._deadline = deadline
        self._backend = backend

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.NetworkStream:
        """Connect."""
        timeout = self._deadline.left(timeout, httpcore2.ConnectTimeout)
        stream = self._backend.connect_tcp(host, port, timeout, local_address, socket_options)
        return _Stream(self._deadline, stream)

    def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None
    ) -> httpcore2.NetworkStream:
        """Connect to a socket of this machine."""
        timeout = self._deadline.left(timeout, httpcore2.ConnectTimeout)
        return _Stream(self._deadline, self._backend.connect_unix_socket(path, timeout, socket_options))

    def sleep(self, seconds: float) -> None:
        """Sleep before another attempt to connect."""
        self._backend.sleep(seconds)


class _Stream(httpcore2.NetworkStream):
    """A connection that keeps the deadline of the thread that uses it."""

    def __init__(self, deadline: Deadline, stream: httpcore2.NetworkStream) -> None:
        self._deadline = deadline
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Return the next bytes."""
        return self._stream.read(max_bytes, self._deadline.left(timeout, httpcore2.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send these bytes."""
        for start in range(0, len(buffer), PIECE_BYTES):
            left = self._deadline.left(timeout, httpcore2.WriteTimeout)
            self._stream.write(buffer[start : start + PIECE_BYTES], left)

    def close(self) -> None:
        """Close the connection."""
        self._stream.close()

    def start_tls(
        self, ssl_context: SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        """Return the connection with TLS."""
        timeout = self._deadline.left(timeout, httpcore2.ConnectTimeout)
        return _Stream(self._deadline, self._stream.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        """Return what the HTTP client asks about the connection."""
        return self._stream.get_extra_info(info)
