"""A small closed-loop load: clients that each send their next request when the last one was answered."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True, kw_only=True)
class Measured:
    """The result of a load: answers a second, sorted latencies in seconds, and answers with another status than expected."""

    per_second: float
    latencies: list[float]
    wrong: int

    def quantile(self, share: float) -> float:
        """Return the latency below which this share of the requests stayed, 0.99 for p99."""
        return self.latencies[min(len(self.latencies) - 1, int(share * len(self.latencies)))]


Request = tuple[str, str, bytes, dict[str, str]]


def closed_loop(url: str, make: Callable[[], Request], *, clients: int, seconds: float, expected: int) -> Measured:
    """Send requests from `clients` threads for `seconds`, each on one kept-alive connection; return what they measured."""
    latencies: list[float] = []
    wrong = 0
    lock = threading.Lock()
    barrier = threading.Barrier(clients + 1)
    address = urlsplit(url)
    stop_at = [0.0]

    def one_client() -> None:
        nonlocal wrong
        connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=30)
        own: list[float] = []
        own_wrong = 0
        barrier.wait()
        while time.perf_counter() < stop_at[0]:
            method, path, body, headers = make()
            started = time.perf_counter()
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            answer.read()
            own.append(time.perf_counter() - started)
            own_wrong += answer.status != expected
        connection.close()
        with lock:
            latencies.extend(own)
            wrong += own_wrong

    threads = [threading.Thread(target=one_client) for _ in range(clients)]
    for thread in threads:
        thread.start()
    stop_at[0] = time.perf_counter() + seconds
    barrier.wait()
    for thread in threads:
        thread.join()
    return Measured(per_second=len(latencies) / seconds, latencies=sorted(latencies), wrong=wrong)
