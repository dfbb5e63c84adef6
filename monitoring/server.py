"""Serve /metrics to Prometheus and / to people. A client that stalls holds up neither."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, make_wsgi_app

from models.log import logger
from monitoring.history import History
from monitoring.page import CONTENT_SECURITY_POLICY, render

# For so long may a client send nothing, or take nothing.
CLIENT_SECONDS = 10.0
# So many clients are served at a time; the next one is turned away, because each takes a thread.
CLIENTS = 64

Headers = list[tuple[str, str]]
App = Callable[[dict[str, Any], Callable[[str, Headers], Any]], Iterable[bytes]]

log = logger(__name__)

_SAFE: Headers = [
    ("X-Content-Type-Options", "nosniff"),
    ("Content-Security-Policy", CONTENT_SECURITY_POLICY),
    ("Referrer-Policy", "no-referrer"),
    ("Cache-Control", "no-store"),
    # Otherwise wsgiref names its version and Python's.
    ("Server", "essaycoach"),
]


@dataclass(frozen=True, kw_only=True)
class _Answer:
    status: str
    headers: Headers
    body: bytes


def make_app(registry: CollectorRegistry, history: History, *, runbooks: str | None = None) -> App:
    """Return the WSGI application: GET and HEAD of / and /metrics; other methods get 405, other paths 404."""
    metrics: App = make_wsgi_app(registry)

    def answer(environ: dict[str, Any]) -> _Answer:
        if environ["PATH_INFO"] not in ("/", "/metrics"):
            return _text("404 Not Found", "Not found. There are / for people and /metrics for Prometheus.\n")
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            return _text("405 Method Not Allowed", "Use GET or HEAD.\n", ("Allow", "GET, HEAD"))
        if environ["PATH_INFO"] == "/metrics":
            return _call(metrics, {**environ, "REQUEST_METHOD": "GET"})
        return _text("200 OK", render(history.reading(), runbooks=runbooks), kind="text/html")

    def app(environ: dict[str, Any], start_response: Callable[[str, Headers], Any]) -> Iterable[bytes]:
        try:
            found = answer(environ)
        except Exception:
            log.exception("request failed", path=environ["PATH_INFO"])
            found = _text("500 Internal Server Error", "This failed; the monitor's log says where.\n")
        start_response(found.status, [*found.headers, ("Content-Length", str(len(found.body))), *_SAFE])
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [found.body]

    return app


def _text(status: str, text: str, *headers: tuple[str, str], kind: str = "text/plain") -> _Answer:
    return _Answer(status=status, headers=[("Content-Type", f"{kind}; charset=utf-8"), *headers], body=text.encode())


def _call(app: App, environ: dict[str, Any]) -> _Answer:
    """Return the answer of another WSGI application."""
    started: list[tuple[str, Headers]] = []
    body = b"".join(app(environ, lambda status, headers: started.append((status, headers))))
    [(status, headers)] = started
    return _Answer(status=status, headers=headers, body=body)


class _Handler(WSGIRequestHandler):
    """Serves one client, who must not stall, and logs no line for each request."""

    timeout = CLIENT_SECONDS

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name in the standard library
        """Log nothing."""


class _Server(ThreadingMixIn, WSGIServer):
    """Gives each client a thread of its own, and turns clients away when there are too many."""

    daemon_threads = True
    request_queue_size = CLIENTS

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._free = threading.BoundedSemaphore(CLIENTS)
        super().__init__(*args, **kwargs)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Start a thread for a client, or close its connection."""
        if self._free.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serve a client in its thread."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a client that went away or stalled. What fails in the application is logged there."""


def start_server(port: int, host: str, app: App) -> tuple[WSGIServer, threading.Thread]:
    """Listen, and serve in a thread. Raises OSError when the address cannot be used."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    server_class = type("_Server", (_Server,), {"address_family": family})
    server: WSGIServer = make_server(host, port, app, server_class, _Handler)
    thread = threading.Thread(target=server.serve_forever, name="serve", daemon=True)
    thread.start()
    return server, thread
