"""A school's own server that receives webhooks: a real HTTP server whose answers a test scripts.

It imports nothing of the project, so that it may check what comes as any receiver would.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self


@dataclass(frozen=True)
class Received:
    """One request."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]


class Receiver:
    """Keeps what it received, and answers 200 or what was scripted."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.at_once: Counter[str] = Counter()
        self.most_at_once: Counter[str] = Counter()
        self._answers: deque[tuple[int, Mapping[str, str]]] = deque()
        self._always: tuple[int, Mapping[str, str]] = (200, {})
        self._open = threading.Event()
        self._open.set()
        self._arrived = threading.Semaphore(0)
        self._lock = threading.Lock()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *args: object) -> None:
                """Log nothing."""

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                status, extra = receiver._take(Received(self.path, headers, body))
                self.send_response(status)
                for name, value in {"content-length": "0", **extra}.items():
                    self.send_header(name, value)
                self.end_headers()

            do_GET = do_POST

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]  # ignore clients that disconnect
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/hooks"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._open.set()
        self._server.shutdown()
        self._server.server_close()

    def answer(self, *answers: int | tuple[int, Mapping[str, str]]) -> None:
        """Answer the next requests with these statuses, some with headers."""
        self._answers.extend(one if isinstance(one, tuple) else (one, {}) for one in answers)

    def answer_always(self, status: int, headers: Mapping[str, str] | None = None) -> None:
        """Answer every request for which nothing is scripted with this status."""
        self._always = (status, headers or {})

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold answers back until the block ends."""
        self._open.clear()
        try:
            yield
        finally:
            self._open.set()

    def await_requests(self, count: int = 1) -> None:
        """Wait until so many more requests have come; their answers may be held back."""
        for _ in range(count):
            assert self._arrived.acquire(timeout=60), "no further request came"

    def ids(self) -> Counter[str]:
        """Return how often each delivery came."""
        with self._lock:
            return Counter(one.id for one in self.received)

    def _take(self, received: Received) -> tuple[int, Mapping[str, str]]:
        key = received.headers.get("webhook-id", "")
        with self._lock:
            self.received.append(received)
            for name in (key, "all"):
                self.at_once[name] += 1
                self.most_at_once[name] = max(self.most_at_once[name], self.at_once[name])
            answer = self._answers.popleft() if self._answers else self._always
        self._arrived.release()
        self._open.wait(60)
        with self._lock:
            for name in (key, "all"):
                self.at_once[name] -= 1
        return answer
