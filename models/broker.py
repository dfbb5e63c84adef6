"""The broker: Redis carries hints, nothing else. Losing all of it costs a few seconds, never a job."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import redis
from dramatiq.broker import Consumer
from dramatiq.brokers.redis import RedisBroker
from dramatiq.middleware import CurrentMessage, Middleware, ShutdownNotifications, TimeLimit

from models.jobs import Hint, Queue
from models.log import logger

# An idle worker asks Redis this often; Dramatiq's own second would be most of a short pass.
IDLE_POLL_MS = 50
HEARTBEAT_TIMEOUT_MS = 10_000
# After Redis failed once, hints are left to the clock for this long instead of making every request wait.
HOLD_OFF_SECONDS = 2.0

log = logger(__name__)


class HintBroker(RedisBroker):  # type: ignore[misc]  # dramatiq leaves this class untyped
    """Dramatiq's Redis broker with a shorter idle poll, and a way to send that never raises."""

    held_off_until = 0.0

    def consume(self, queue_name: str, prefetch: int = 1, timeout: int = 5000) -> Consumer:
        """Return a consumer that polls an empty queue every IDLE_POLL_MS at the slowest."""
        return super().consume(queue_name, prefetch, min(timeout, IDLE_POLL_MS))

    def send(self, hints: Sequence[Hint]) -> int:
        """Send the hints and return how many went out; with Redis away the rest is the clock's to send."""
        if time.monotonic() < self.held_off_until:
            return 0
        sent = 0
        try:
            for hint in hints:
                self.enqueue(hint.to_message())
                sent += 1
        except redis.RedisError as error:
            self.held_off_until = time.monotonic() + HOLD_OFF_SECONDS
            log.warning("hints left to the clock", sent=sent, of=len(hints), reason=type(error).__name__)
        return sent

    def depth(self, queue: Queue) -> int:
        """Return how many hints wait in a queue. Raises redis.RedisError."""
        return int(self.client.llen(f"{self.namespace}:{queue}"))


def make_broker(url: str, *, answer_seconds: float = 5.0) -> HintBroker:
    """Return a broker with every queue declared. Redis gets `answer_seconds` to answer.

    The middleware is explicit: no Retries (it loses the job when Redis is away at that moment), no GroupCallbacks (they
    fire early and twice), no Results. Retries are a column; "all three are done" is decided in SQL.
    """
    middleware: list[Middleware] = [TimeLimit(), ShutdownNotifications(), CurrentMessage()]
    connections: Any = redis.ConnectionPool.from_url(
        url, socket_connect_timeout=min(1.0, answer_seconds), socket_timeout=answer_seconds, health_check_interval=30
    )
    broker = HintBroker(
        client=redis.Redis(connection_pool=connections), middleware=middleware, heartbeat_timeout=HEARTBEAT_TIMEOUT_MS
    )
    for queue in Queue:
        broker.declare_queue(queue)
    return broker
