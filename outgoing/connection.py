"""One connection to a checked address, with one deadline for look-up, TLS, request and answer."""

from __future__ import annotations

import ipaddress
import queue
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

import httpcore2

from outgoing.addresses import Address, Networks, may_be_called
from outgoing.errors import NoAnswer, Refused

# What `socket.getaddrinfo` returns. Tests give another resolver.
Resolver = Callable[..., Iterable[tuple[Any, ...]]]
SocketOption = tuple[Any, ...]
NEVER_CALLED = "is in a network that is never called"


class Deadline:
    """The moment at which a request has taken too long."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """Return how many seconds are left. Raises TimeoutError when there are none."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left


class CheckedBackend(httpcore2.NetworkBackend):
    """Opens connections for httpcore: looks a name up once, checks every address, and connects to one of them."""

    def __init__(self, deadline: Deadline, *, allowed: Networks, resolve: Resolver) -> None:
        self._deadline = deadline
        self._allowed = allowed
        self._resolve = resolve

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002 - the deadline counts
        local_address: str | None = None,  # noqa: ARG002 - the system chooses
        socket_options: Iterable[SocketOption] | None = None,  # noqa: ARG002 - there are none
    ) -> httpcore2.NetworkStream:
        """Return a connection to this host. Raises Refused, NoAnswer and OSError."""
        addresses = self._look_up(host, port)
        if not all(may_be_called(address, allowed=self._allowed) for address in addresses):
            raise Refused(f"this address {NEVER_CALLED}")
        return BoundedStream(self._connect(addresses, port), self._deadline)

    def _look_up(self, host: str, port: int) -> list[Address]:
        """Return every address of the host, in the order of the resolver."""
        answer: queue.SimpleQueue[Iterable[tuple[Any, ...]] | Exception] = queue.SimpleQueue()

        def ask() -> None:
            try:
                answer.put(self._resolve(host, port, type=socket.SOCK_STREAM))
            except Exception as error:  # noqa: BLE001 - raised again where it is waited for
                answer.put(error)

        # A look-up cannot be interrupted, so it gets a thread that nobody waits for longer than the deadline.
        threading.Thread(target=ask, name="look-up", daemon=True).start()
        try:
            found = answer.get(timeout=self._deadline.left())
        except queue.Empty:
            raise TimeoutError from None
        if isinstance(found, OSError | UnicodeError):
            raise NoAnswer("its name cannot be found")
        if isinstance(found, Exception):
            raise found
        addresses = [ipaddress.ip_address(one[4][0]) for one in found]
        if not addresses:
            raise NoAnswer("its name cannot be found")
        return list(dict.fromkeys(addresses))

    def _connect(self, addresses: list[Address], port: int) -> socket.socket:
        """Return a connection to the first address that takes one. Each gets its share of the time that is left."""
        for number, address in enumerate(addresses):
            is_last = number == len(addresses) - 1
            seconds = self._deadline.left() / (len(addresses) - number)
            try:
                return socket.create_connection((str(address), port), timeout=seconds)
            except OSError:
                if is_last:
                    raise
        raise AssertionError("there is at least one address")


class BoundedStream(httpcore2.NetworkStream):
    """A connection on which every step takes only the time that the deadline leaves. The timeouts of httpcore do not count."""

    def __init__(self, connection: socket.socket, deadline: Deadline) -> None:
        self._socket = connection
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002
        """Return what has come, at most `max_bytes`. Raises OSError."""
        self._socket.settimeout(self._deadline.left())
        return self._socket.recv(max_bytes)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002
        """Send all bytes. Raises TimeoutError, and WriteError, after which httpcore reads an early answer."""
        rest = memoryview(buffer)
        while rest:
            self._socket.settimeout(self._deadline.left())
            try:
                rest = rest[self._socket.send(rest) :]
            except TimeoutError:
                raise
            except OSError as error:
                raise httpcore2.WriteError from error

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002
    ) -> httpcore2.NetworkStream:
        """Return this connection with TLS. Raises OSError."""
        try:
            self._socket.settimeout(self._deadline.left())
            return BoundedStream(ssl_context.wrap_socket(self._socket, server_hostname=server_hostname), self._deadline)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()
