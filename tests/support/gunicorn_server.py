"""Run ingest under gunicorn with our configuration, and talk to it over a real socket."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.ports import free_port
from tests.support.races import eventually
from tests.support.servers import ROOT


@dataclass(frozen=True)
class GunicornServer:
    """A running server."""

    port: int
    process: subprocess.Popen[bytes]


@contextmanager
def run_gunicorn(
    environment: Mapping[str, str], *, log_file: Path, app: str = "ingest.app:create_app()"
) -> Iterator[GunicornServer]:
    """Start gunicorn with one process, and stop it at the end; its log must contain no traceback."""
    port = free_port()
    environment = {**os.environ, "WEB_PROCESSES": "1", **environment, "PORT": str(port)}
    with log_file.open("wb") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "--config", "ingest/gunicorn.py", app],
            cwd=ROOT, env=environment, stderr=stderr, stdout=stderr,
        )  # fmt: skip

    def is_ready() -> bool:
        assert process.poll() is None, log_file.read_text()
        try:
            return ask(port, "GET", "/readyz").status == 200
        except OSError:
            return False

    try:
        eventually(is_ready, what="gunicorn's readiness")
        yield GunicornServer(port, process)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)
    log = log_file.read_text()
    assert "Traceback" not in log, log
    assert '"exception"' not in log, log


class Answer:
    """A response that was read to its end."""

    def __init__(self, raw: http.client.HTTPResponse) -> None:
        self.status = raw.status
        self.headers = raw.headers
        self.body = raw.read()

    @property
    def json(self):
        return json.loads(self.body)


def ask(port: int, method: str, path: str, body=None, headers=None, *, chunked: bool = False) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request(method, path, body=body, headers=headers or {}, encode_chunked=chunked)
        return Answer(connection.getresponse())
    finally:
        connection.close()


def connect(port: int, request: bytes = b"") -> socket.socket:
    """Open a connection and send bytes unchanged. The caller closes it."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=60)
    if request:
        connection.sendall(request)
    return connection


def read_to_end(connection: socket.socket) -> bytes:
    """Return everything until the server closes the connection, and close it."""
    with connection:
        received = b""
        while part := connection.recv(65536):
            received += part
        return received


def raw(port: int, request: bytes) -> bytes:
    """Send bytes unchanged, end the sending side, and return everything that comes back."""
    connection = connect(port, request)
    connection.shutdown(socket.SHUT_WR)
    return read_to_end(connection)


def parse_answer(received: bytes) -> Answer:
    """Return the one response that these bytes are."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(received)
        theirs.shutdown(socket.SHUT_WR)
        response = http.client.HTTPResponse(ours)
        response.begin()
        answer = Answer(response)
        assert ours.recv(1) == b"", "more than one response"
        return answer
