"""The broker: Redis carries hints, nothing else. Losing all of it costs a few seconds, never a job."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import dramatiq
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


# Arguments: id, message, id, message, … The messages go in before their ids, so a consumer never finds an id alone.
_PUT_ALL = """
redis.call("hset", KEYS[2], unpack(ARGV))
local ids = {}
for i = 1, #ARGV, 2 do ids[#ids + 1] = ARGV[i] end
return redis.call("rpush", KEYS[1], unpack(ids))
"""


class HintBroker(RedisBroker):
    """Dramatiq's Redis broker with a shorter idle poll, and a way to send that never raises."""

    held_off_until = 0.0

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._put_all = self.client.register_script(_PUT_ALL)

    def consume(self, queue_name: str, prefetch: int = 1, timeout: int = 5000) -> Consumer:
        """Return a consumer that polls an empty queue every IDLE_POLL_MS at the slowest."""
        return super().consume(queue_name, prefetch, min(timeout, IDLE_POLL_MS))

    def send(self, hints: Sequence[Hint]) -> int:
        """Send the hints and return how many went out; with Redis away the rest is the clock's to send."""
        if time.monotonic() < self.held_off_until:
            return 0
        if not hints:
            return 0
        try:
            self._enqueue_all([hint.to_message(redis_message_id=str(uuid4())) for hint in hints])
        except redis.RedisError as error:
            self.held_off_until = time.monotonic() + HOLD_OFF_SECONDS
            log.warning("hints left to the clock", hints=len(hints), reason=type(error).__name__)
            return 0
        return len(hints)

    def _enqueue_all(self, messages: Sequence[dramatiq.Message[Any]]) -> None:
        """Do what Dramatiq's `enqueue` does for each message, in one command for all: three hints are one round trip.

        The hash and list are Dramatiq's own; a test holds this against `enqueue` itself.
        """
        by_queue: dict[str, list[dramatiq.Message[Any]]] = {}
        for message in messages:
            by_queue.setdefault(message.queue_name, []).append(message)
        for queue, waiting in by_queue.items():
            name = f"{self.namespace}:{queue}"
            ids_and_bodies = [
                part for message in waiting for part in (message.options["redis_message_id"], message.encode())
            ]
            self._put_all(keys=[name, f"{name}.msgs"], args=ids_and_bodies)

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
