"""An HTTP server that fails when a test says so: another status, a pause, an answer that breaks off."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What the server does in place of an answer: another status, a body, a pause, or a connection that breaks off half-way."""

    status: int = 200
    body: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)
    pause_seconds: float = 0.0
    breaks_off: bool = False
    # The request is carried out, but its answer is lost.
    after_the_work: bool = False

    @property
    def prevents_work(self) -> bool:
        """Return whether the request is not carried out."""
        return not self.after_the_work and (self.status != 200 or self.body is not None or self.breaks_off)


class FailingServer(ThreadingHTTPServer):
    """The server. Faults are told apart by what a request is about."""

    request_queue_size = 64

    def __init__(self, handler: type[FailingHandler]) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.lock = threading.Lock()
        self.faults: dict[str, list[Fault]] = {}

    def fail(self, about: str, *faults: Fault) -> None:
        """Let the next requests about this end so."""
        with self.lock:
            self.faults.setdefault(about, []).extend(faults)

    def next_fault(self, about: str) -> Fault | None:
        """Return what happens in place of the next answer, or None."""
        with self.lock:
            waiting = self.faults.get(about)
            return waiting.pop(0) if waiting else None


class FailingHandler(BaseHTTPRequestHandler):
    """Reads the form of a request, and writes an answer or its fault."""

    def do_GET(self) -> None:
        self.serve({})

    def do_POST(self) -> None:
        text = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.serve(dict(parse_qsl(text, keep_blank_values=True)))

    do_PUT = do_POST

    def serve(self, fields: dict[str, str]) -> None:
        """Answer a request with these fields."""
        raise NotImplementedError

    def write(self, status: int, body: bytes, headers: Mapping[str, str], fault: Fault) -> None:
        """Send the answer, as far as the fault lets it. The client may have gone away."""
        time.sleep(fault.pause_seconds)
        body = body if fault.body is None else fault.body
        with suppress(BrokenPipeError, ConnectionResetError):
            self.send_response(status if fault.status == 200 else fault.status)
            for name, value in {**headers, **fault.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body) + 100 if fault.breaks_off else len(body)))
            self.end_headers()
            self.wfile.write(body)

    def log_message(self, *_args: Any) -> None:
        """Log nothing."""


@contextmanager
def serving(*servers: ThreadingHTTPServer) -> Iterator[None]:
    """Let the servers answer while the block runs."""
    with ExitStack() as stack:
        for server in servers:
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
            thread.start()
            stack.callback(server.server_close)
            stack.callback(thread.join)
            stack.callback(server.shutdown)
        yield
