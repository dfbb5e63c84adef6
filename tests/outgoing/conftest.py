"""Fixtures of the tests of outgoing: servers that answer as a test wants, byte by byte."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from tests.support.tls import Certificates, make_certificates

HOST = "lms.example"


class RawServer:
    """A server that hands each connection to a function. `requests` are the heads that it has read."""

    def __init__(
        self, answer: Callable[[socket.socket], None], host: str, port: int, tls: ssl.SSLContext | None
    ) -> None:
        self.requests: list[bytes] = []
        self.connections = 0
        self._answer = answer
        self._tls = tls
        self._listener = socket.create_server((host, port))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.connections += 1
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            if self._tls is not None:
                connection = self._tls.wrap_socket(connection, server_side=True)
            with connection:
                self._answer(connection)

    def read(self, connection: socket.socket) -> bytes:
        """Read and keep the head of a request."""
        head = b""
        while b"\r\n\r\n" not in head and (read := connection.recv(65536)):
            head += read
        self.requests.append(head)
        return head

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


Serve = Callable[..., RawServer]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """`serve(answer)` starts a server. `answer` is bytes, sent after a request was read, or a function of a connection."""
    running: list[RawServer] = []

    def start(
        answer: bytes | Callable[[socket.socket], None],
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        tls: ssl.SSLContext | None = None,
    ) -> RawServer:
        def send(connection: socket.socket) -> None:
            server.read(connection)
            connection.sendall(answer)

        server = RawServer(answer if callable(answer) else send, host, port, tls)
        running.append(server)
        return server

    yield start
    for one in running:
        one.close()


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Give an authority and the certificate of HOST that it has signed."""
    return make_certificates(tmp_path_factory.mktemp("tls"), host=HOST)


@pytest.fixture
def server_tls(certificates: Certificates) -> ssl.SSLContext:
    """Give the TLS of a server that is HOST."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.certificate, certificates.key)
    return context


@pytest.fixture
def trusted(certificates: Certificates, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let clients made from now on trust the authority."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.authority))
