"""The broker: Redis carries hints and nothing else. When Redis loses them all, jobs start a few seconds later; none is lost."""

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

# An idle worker asks Redis this often. Dramatiq's default, one second, would be most of the duration of a short pass.
IDLE_POLL_MS = 50
HEARTBEAT_TIMEOUT_MS = 10_000
# After a Redis error, hints are left to the clock for this long, so that not every request waits for Redis.
HOLD_OFF_SECONDS = 2.0

log = logger(__name__)


# Arguments: id, message, id, message, … The script stores messages before ids, so no consumer finds an id without its message.
_ENQUEUE_SCRIPT = """
redis.call("hset", KEYS[2], unpack(ARGV))
local ids = {}
for i = 1, #ARGV, 2 do ids[#ids + 1] = ARGV[i] end
return redis.call("rpush", KEYS[1], unpack(ids))
"""


class HintBroker(RedisBroker):
    """Dramatiq's Redis broker with a shorter idle poll and a `send` that raises no Redis error."""

    held_off_until = 0.0

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._enqueue_script = self.client.register_script(_ENQUEUE_SCRIPT)

    def consume(self, queue_name: str, prefetch: int = 1, timeout: int = 5000) -> Consumer:
        """Return a consumer that polls an empty queue at least every IDLE_POLL_MS."""
        return super().consume(queue_name, prefetch, min(timeout, IDLE_POLL_MS))

    def send(self, hints: Sequence[Hint]) -> int:
        """Send the hints and return how many were sent.

        Return 0 when Redis fails, or failed within the last HOLD_OFF_SECONDS: the clock sends these hints later.
        """
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
        """Enqueue the messages as Dramatiq's `enqueue` does, but with one command for each queue.

        Three hints for one queue then cost one round trip. The hash and the list are Dramatiq's own; a test compares the
        result with that of `enqueue`.
        """
        by_queue: dict[str, list[dramatiq.Message[Any]]] = {}
        for message in messages:
            by_queue.setdefault(message.queue_name, []).append(message)
        for queue, queue_messages in by_queue.items():
            key = f"{self.namespace}:{queue}"
            ids_and_bodies = [
                part for message in queue_messages for part in (message.options["redis_message_id"], message.encode())
            ]
            self._enqueue_script(keys=[key, f"{key}.msgs"], args=ids_and_bodies)

    def depth(self, queue: Queue) -> int:
        """Return how many hints are in a queue. Raises redis.RedisError."""
        return int(self.client.llen(f"{self.namespace}:{queue}"))


def make_broker(url: str, *, answer_seconds: float = 5.0) -> HintBroker:
    """Return a broker with every queue declared. Redis has `answer_seconds` to answer.

    The middleware is listed explicitly. It leaves out Retries, which loses the job when Redis is away at that moment,
    GroupCallbacks, which fires early and twice, and Results. Retries are a column, and SQL decides when all three passes
    are done.
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
