"""The broker: Redis carries hints and nothing else. When Redis loses them all, jobs start a few seconds later; none is lost."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Any
from uuid import uuid4

import dramatiq
import redis
from dramatiq.broker import Consumer, MessageProxy
from dramatiq.brokers.redis import RedisBroker
from dramatiq.common import current_millis
from dramatiq.errors import ConnectionClosed

from models import hint_queue
from models.hint_queue import FETCH_LIMIT, HintQueue
from models.jobs import AnyHint, Queue
from models.redis_refusals import Refusal, RefusalLog, reason_of

# For so long an idle worker waits at Redis for a hint before it says that it lives, and acknowledges what is done.
IDLE_SECONDS = 0.5
HEARTBEAT_TIMEOUT_MS = 10_000
# After a Redis error, hints are left to the clock for this long, so that not every request waits for Redis.
HOLD_OFF_SECONDS = 2.0
# While Redis does not serve, a consumer asks it this often.
REFUSED_POLL_SECONDS = 0.5
# Of so many threads of a worker, one may carry out deliveries.
DELIVERIES_SHARE = 4
# Hints in one call of the script. Redis counts the arguments as used memory, and Lua limits how many there may be.
PIECE_HINTS = 100

Messages = list[dramatiq.Message[Any]]
REDIS_ERRORS = (redis.RedisError, ConnectionClosed)

# Arguments: id, message, id, message, … The script stores messages before ids, so no consumer finds an id without its message.
_ENQUEUE_SCRIPT = """
redis.call("hset", KEYS[2], unpack(ARGV))
local ids = {}
for i = 1, #ARGV, 2 do ids[#ids + 1] = ARGV[i] end
return redis.call("rpush", KEYS[1], unpack(ids))
"""

# What hints need of Redis: a script that writes. The key expires by itself.
_CHECK_SCRIPT = 'return redis.call("set", KEYS[2], "1", "px", 1000)'


class HintBroker(RedisBroker):
    """Dramatiq's Redis broker with consumers that outlive a refusal and a foreign message, and a `send` that raises no Redis error."""

    held_off_until = 0.0

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._enqueue_script = self.client.register_script(_ENQUEUE_SCRIPT)
        self._check_script = self.client.register_script(_CHECK_SCRIPT)
        self._spells = RefusalLog("Redis does not serve; hints left to the clock")
        # How often the consumer of each queue has looked for hints. A number that stands still shows that it hangs.
        self.looks: Counter[str] = Counter()

    def consume(self, queue_name: str, prefetch: int = 1, timeout: int = 5000) -> Consumer:
        """Return a consumer that holds one hint for each thread, and is told at once when a hint comes.

        Dramatiq asks for two for each thread. Those that wait in one process could begin in another. Of the hints of deliveries
        it holds fewer, so that however slow the endpoints are, most threads are left to the passes.
        """
        threads = max(1, prefetch // 2)
        if queue_name == Queue.DELIVERIES:
            threads = max(1, threads // DELIVERIES_SHARE)
        queue = HintQueue(self.client, namespace=self.namespace, worker=self.broker_id, name=queue_name)
        return HintConsumer(queue, broker=self, prefetch=threads, idle_seconds=min(timeout / 1000, IDLE_SECONDS))

    def declare_queue(self, queue_name: str) -> None:
        """Declare a queue, and not the one that Dramatiq would read delayed messages from: a row says when it is due."""
        if queue_name not in self.queues:
            self.emit_before("declare_queue", queue_name)
            self.queues.add(queue_name)
            self.emit_after("declare_queue", queue_name)

    def send(self, hints: Sequence[AnyHint]) -> int:
        """Send the hints and return how many were sent.

        Return fewer when Redis refuses some, and 0 when it failed within the last HOLD_OFF_SECONDS: the clock sends the
        others later.
        """
        if not hints or time.monotonic() < self.held_off_until:
            return 0
        sent = 0
        pieces = deque(_pieces([hint.to_message(redis_message_id=str(uuid4())) for hint in hints], PIECE_HINTS))
        while pieces:
            piece = pieces.popleft()
            try:
                self._enqueue_all(piece)
            except redis.RedisError as error:
                if reason_of(error) is Refusal.MEMORY and len(piece) > 1:  # a smaller piece may still fit
                    pieces = deque(_pieces([*piece, *chain.from_iterable(pieces)], max(1, len(piece) // 10)))
                    continue
                self.refused(error)
                return sent
            sent += len(piece)
        self.served()
        return sent

    def _enqueue_all(self, piece: Messages) -> None:
        """Enqueue messages of one queue as Dramatiq's `enqueue` does, but with one command.

        Three hints for one queue then cost one round trip. The hash and the list are Dramatiq's own; a test compares the
        result with that of `enqueue`.
        """
        key = f"{self.namespace}:{piece[0].queue_name}"
        ids_and_bodies = [part for message in piece for part in (message.options["redis_message_id"], message.encode())]
        self._enqueue_script(keys=[key, f"{key}.msgs"], args=ids_and_bodies)

    def depth(self, queue: Queue) -> int:
        """Return how many hints are in a queue. Raises redis.RedisError."""
        return int(self.client.llen(f"{self.namespace}:{queue}"))

    def return_hints(self) -> int:
        """Put back the hints that dead workers had fetched. Return how many there were. Raises redis.RedisError."""
        dead_before = current_millis() - HEARTBEAT_TIMEOUT_MS
        return hint_queue.sweep(self.client, namespace=self.namespace, dead_before=dead_before)

    def dropped(self) -> dict[str, int]:
        """Return how many messages of each queue were none of ours, since Redis started. Raises redis.RedisError."""
        return hint_queue.dropped_counts(self.client, namespace=self.namespace)

    def check(self) -> None:
        """Check that Redis does what hints need: run a script that writes. Raises redis.RedisError; `reason_of` explains it."""
        try:
            # Dramatiq's script names the namespace as its key, so the user needs a right to that too.
            self._check_script(keys=[self.namespace, f"{self.namespace}:__check__"])
        except redis.RedisError:
            self._close_idle_connections()
            raise

    def serves(self) -> bool:
        """Return whether Redis serves now and sending is not held off."""
        if time.monotonic() < self.held_off_until:
            return False
        try:
            self.check()
        except redis.RedisError as error:
            self.refused(error)
            return False
        return True

    def refused(self, error: Exception) -> None:
        """Note that Redis failed or refused a command: log it once, and hold sending off."""
        self.held_off_until = time.monotonic() + HOLD_OFF_SECONDS
        self._spells.refused(error)
        self._close_idle_connections()

    def served(self) -> None:
        """Note that Redis carried out a command."""
        self._spells.served()

    def _close_idle_connections(self) -> None:
        """Let the next command connect anew: after a failover the name in REDIS_URL leads to another server."""
        self.client.connection_pool.disconnect(inuse_connections=False)


class HintConsumer(Consumer):
    """A consumer that waits while Redis does not serve, goes on as soon as it does, and drops what is no hint.

    Dramatiq's own raises an error in both cases. Its worker then logs a critical line and starts a new consumer after three
    seconds, and a worker thread whose acknowledgement fails waits, or reports a bug of Dramatiq.
    """

    def __init__(self, queue: HintQueue, *, broker: HintBroker, prefetch: int, idle_seconds: float) -> None:
        self._queue = queue
        self._broker = broker
        self._prefetch = prefetch
        self._idle_seconds = idle_seconds
        self._is_drained = False
        self._fetched: deque[dramatiq.Message[Any]] = deque()
        # Ids of the messages that worker threads have or are about to get.
        self._handed_out: set[str] = set()
        # Ids in Redis that are to be acknowledged. Worker threads append, the consumer's own thread takes them away.
        self._done: deque[str] = deque()
        self._freed = threading.Event()

    def __next__(self) -> MessageProxy | None:
        """Return the next message, or None when there is none now or Redis does not serve."""
        self._broker.looks[self._queue.name] += 1
        if not self._fetched:
            try:
                self._wait()
                self._fetch()
            except REDIS_ERRORS as error:
                self._broker.refused(error)
                time.sleep(REFUSED_POLL_SECONDS)
                return None
            self._broker.served()
        if not self._fetched:
            return None
        message = self._fetched.popleft()
        self._handed_out.add(message.message_id)
        return MessageProxy(message)

    def _wait(self) -> None:
        """Wait for a free thread, or for a hint where the last look found fewer than there is room for."""
        if not self._room():
            self._freed.wait(self._idle_seconds)
        elif self._is_drained:
            self._queue.wait(self._idle_seconds)
        self._freed.clear()

    def _fetch(self) -> None:
        """Acknowledge what is done and fetch what there is room for, in one trip: it also says that this worker lives."""
        room, done = self._room(), list(islice(self._done, FETCH_LIMIT))
        hints, dropped = self._queue.fetch(room, done=done)
        for _ in done:
            self._done.popleft()
        self._fetched.extend(hints)
        self._is_drained = len(hints) + dropped < min(room, FETCH_LIMIT)

    def _room(self) -> int:
        return max(0, self._prefetch - len(self._handed_out))

    def ack(self, message: MessageProxy) -> None:
        """Note that the message is done. The consumer's thread says so to Redis at its next trip.

        A worker that dies before leaves a hint too many, which does no harm: the row is the job.
        """
        self._handed_out.discard(message.message_id)
        self._done.append(message.options["redis_message_id"])
        self._freed.set()

    def nack(self, message: MessageProxy) -> None:
        """Acknowledge the message: the row is the job, so a rejected hint is of no use to anybody."""
        self.ack(message)

    def requeue(self, messages: Iterable[MessageProxy]) -> None:
        """Give messages back that nobody has begun. If Redis refuses, the clock sends their hints again."""
        unread: list[Any] = [*messages, *self._fetched]
        ids = [message.options["redis_message_id"] for message in unread]
        self._fetched.clear()
        try:
            if ids:
                self._broker.do_requeue(self._queue.name, *ids)
        except REDIS_ERRORS as error:
            self._broker.refused(error)

    def close(self) -> None:
        """Acknowledge what is done. If Redis refuses, it gives these hints to another worker, which finds nothing to do."""
        self._prefetch = 0
        try:
            while self._done:
                self._fetch()
        except REDIS_ERRORS as error:
            self._broker.refused(error)


def _pieces(messages: Messages, size: int) -> Iterator[Messages]:
    """Yield the messages in pieces of at most `size`, each of one queue."""
    by_queue: dict[str, Messages] = {}
    for message in messages:
        by_queue.setdefault(message.queue_name, []).append(message)
    for queue_messages in by_queue.values():
        for start in range(0, len(queue_messages), size):
            yield queue_messages[start : start + size]


def connection_pool(url: str, *, answer_seconds: float) -> redis.ConnectionPool:
    """Return a pool of connections to the Redis at `url`, which has `answer_seconds` to answer. Connects to nothing yet."""
    return redis.ConnectionPool.from_url(
        url, socket_connect_timeout=min(1.0, answer_seconds), socket_timeout=answer_seconds, health_check_interval=30
    )


def make_broker(url: str, *, answer_seconds: float = 5.0) -> HintBroker:
    """Return a broker with every queue declared. Redis has `answer_seconds` to answer.

    None of Dramatiq's own middleware is used. Retries loses the job when Redis is away at that moment, and GroupCallbacks
    fires early and twice: retries are a column, and SQL decides when all three passes are done. TimeLimit and
    ShutdownNotifications throw an exception into a thread, which then never releases a lock that it was about to get.
    """
    client: Any = redis.Redis(connection_pool=connection_pool(url, answer_seconds=answer_seconds))
    # Dramatiq's maintenance uses KEYS, which our users of Redis may not run; `return_hints` does it instead.
    broker = HintBroker(client=client, middleware=[], heartbeat_timeout=HEARTBEAT_TIMEOUT_MS, maintenance_chance=0)
    for queue in Queue:
        broker.declare_queue(queue)
    return broker
