"""Learning platforms that hand in steadily and, as they should, send the same piece again until it is accepted."""

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

from tests.chaos.subject import Answer, Subject

ESSAY = (
    "Schools should keep phones out of lessons. They distracts everybody, and my friend and me are no exception.\n\n"
    "First, a phone buzzes and everyone look up. Last week our teacher stopped three times because of one phone.\n\n"
    "In conclusion, phones should stay in the bag until the bell rings. Piece {key}."
)
# What a client is told when it should come back: nobody there, in progress, too many, away. Anything else is a fault.
COME_BACK = (0, 409, 429, 503)
GIVE_UP_SECONDS = 180.0


def post(url: str, body: Any, *, headers: Mapping[str, str], timeout_seconds: float) -> Answer:
    """Return the answer to one POST over a connection of its own; status 0 when it broke or nobody was there."""
    parts = urlsplit(url)
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    started = time.monotonic()
    connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=timeout_seconds)
    try:
        connection.request("POST", parts.path, body=sent, headers={"Content-Type": "application/json", **headers})
        response = connection.getresponse()
        answer = json.loads(response.read() or b"null")
    except (OSError, http.client.HTTPException, ValueError):
        return Answer(0, seconds=time.monotonic() - started)
    finally:
        connection.close()
    submission = answer.get("id") if isinstance(answer, dict) and response.status == 202 else None
    return Answer(response.status, submission, time.monotonic() - started)


class Lms:
    """Hands in to one subject, from several threads, and remembers what was accepted and how every attempt was answered."""

    def __init__(self, subject: Subject, *, new_key: Callable[[], str]) -> None:
        self._subject = subject
        self._new_key = new_key
        self._pool = ThreadPoolExecutor(64, thread_name_prefix="lms")
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._steady: threading.Thread | None = None
        self._begun: set[Future[str | None]] = set()
        self.accepted: dict[str, str] = {}
        self.statuses: Counter[int] = Counter()
        self.slowest_seconds = 0.0

    def hand_in(self, *, text: str = ESSAY, key: str | None = None, once: bool = False) -> Future[str | None]:
        """A piece is being handed in, again and again until it is accepted; the future gives its submission's id."""
        future = self._pool.submit(self._until_accepted, key or self._new_key(), text, once)
        with self._lock:
            self._begun = {one for one in self._begun if not one.done()} | {future}
        return future

    def hand_in_some(self, count: int, *, text: str = ESSAY) -> list[str]:
        """So many pieces have been accepted; returns their submissions."""
        futures = [self.hand_in(text=text) for _ in range(count)]
        return [submission for future in futures if (submission := future.result()) is not None]

    def go_steadily(self, *, per_second: float) -> None:
        """Pieces come in at this rate from now on, until `rest`."""
        self._stop.clear()

        def send() -> None:
            while not self._stop.wait(1 / per_second):
                self.hand_in()

        self._steady = threading.Thread(target=send, name="lms-steady", daemon=True)
        self._steady.start()

    def rest(self) -> None:
        """No new piece comes in, and every one that was begun has been accepted."""
        self._stop.set()
        if self._steady is not None:
            self._steady.join()
            self._steady = None
        self.settle()

    def settle(self) -> None:
        """Every piece begun before this call has been accepted."""
        with self._lock:
            begun = set(self._begun)
        wait(begun)

    def close(self) -> None:
        """No thread of this LMS runs."""
        self._stop.set()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def forget_answers(self) -> None:
        """Attempts are counted anew."""
        with self._lock:
            self.statuses.clear()
            self.slowest_seconds = 0.0

    def _until_accepted(self, key: str, text: str, once: bool) -> str | None:
        deadline = time.monotonic() + GIVE_UP_SECONDS
        while True:
            answer = self._subject.hand_in(key, text=text.replace("{key}", key))
            with self._lock:
                self.statuses[answer.status] += 1
                self.slowest_seconds = max(self.slowest_seconds, answer.seconds)
                if answer.submission is not None:
                    self.accepted[key] = answer.submission
                    return answer.submission
            if once or answer.status not in COME_BACK or time.monotonic() > deadline:
                return None
            time.sleep(0.2)
