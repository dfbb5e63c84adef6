"""A learning platform that hands in essays at a steady rate and repeats each request until it is accepted."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any
from urllib.parse import urlsplit

from tests.chaos.subject import Answer, SystemUnderTest

ESSAY = (
    "Schools should keep phones out of lessons. They distracts everybody, and my friend and me are no exception.\n\n"
    "First, a phone buzzes and everyone look up. Last week our teacher stopped three times because of one phone.\n\n"
    "In conclusion, phones should stay in the bag until the bell rings. Piece {key}."
)
# Statuses after which a client tries again: no answer, in progress, too many requests, unavailable. Any other is an error.
RETRY_STATUSES = (0, 409, 429, 503)
GIVE_UP_SECONDS = 180.0


def post(url: str, body: Any, *, headers: Mapping[str, str], timeout_seconds: float) -> Answer:
    """Send one POST over a new connection and return the answer. Its status is 0 when the connection failed."""
    parts = urlsplit(url)
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    started = time.monotonic()
    connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=timeout_seconds)
    try:
        connection.request("POST", parts.path, body=content, headers={"Content-Type": "application/json", **headers})
        response = connection.getresponse()
        answer = json.loads(response.read() or b"null")
    except (OSError, http.client.HTTPException, ValueError):
        return Answer(0, seconds=time.monotonic() - started)
    finally:
        connection.close()
    submission = answer.get("id") if isinstance(answer, dict) and response.status == 202 else None
    return Answer(response.status, submission, time.monotonic() - started)


class Lms:
    """Hands in essays from several threads and keeps what was accepted and how each attempt was answered."""

    def __init__(self, system: SystemUnderTest, *, new_key: Callable[[], str]) -> None:
        self._system = system
        self._new_key = new_key
        self._pool = ThreadPoolExecutor(64, thread_name_prefix="lms")
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._load: threading.Thread | None = None
        self._pending: set[Future[str | None]] = set()
        self.accepted: dict[str, str] = {}
        self.statuses: Counter[int] = Counter()
        self.slowest_seconds = 0.0

    def hand_in(self, *, text: str = ESSAY, key: str | None = None, once: bool = False) -> Future[str | None]:
        """Start to hand in an essay and repeat it until it is accepted. The future returns the submission id."""
        future = self._pool.submit(self._repeat_until_accepted, key or self._new_key(), text, once)
        with self._lock:
            self._pending = {one for one in self._pending if not one.done()} | {future}
        return future

    def hand_in_several(self, count: int, *, text: str = ESSAY) -> list[str]:
        """Hand in so many essays, wait until they are accepted, and return their submission ids."""
        futures = [self.hand_in(text=text) for _ in range(count)]
        return [submission for future in futures if (submission := future.result()) is not None]

    def start_load(self, *, per_second: float) -> None:
        """Hand in essays at this rate until `stop_load`."""
        self._stop.clear()

        def send() -> None:
            while not self._stop.wait(1 / per_second):
                self.hand_in()

        self._load = threading.Thread(target=send, name="lms-load", daemon=True)
        self._load.start()

    def stop_load(self) -> None:
        """Stop handing in new essays and wait until those already started are accepted."""
        self._stop.set()
        if self._load is not None:
            self._load.join()
            self._load = None
        self.drain()

    def drain(self) -> None:
        """Wait until every essay started before this call is accepted."""
        with self._lock:
            pending = set(self._pending)
        wait(pending)

    def close(self) -> None:
        """Stop all threads."""
        self._stop.set()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def reset_statistics(self) -> None:
        """Count the attempts from zero again."""
        with self._lock:
            self.statuses.clear()
            self.slowest_seconds = 0.0

    def _repeat_until_accepted(self, key: str, text: str, once: bool) -> str | None:
        deadline = time.monotonic() + GIVE_UP_SECONDS
        while True:
            answer = self._system.hand_in(key, text=text.replace("{key}", key))
            with self._lock:
                self.statuses[answer.status] += 1
                self.slowest_seconds = max(self.slowest_seconds, answer.seconds)
                if answer.submission is not None:
                    self.accepted[key] = answer.submission
                    return answer.submission
            if once or answer.status not in RETRY_STATUSES or time.monotonic() > deadline:
                return None
            time.sleep(0.2)
