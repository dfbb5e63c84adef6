"""Push rubbish into every queue: the next hint is carried out, nothing is repeated in a log, and each piece is counted."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import dramatiq
import pytest

from models import hint_queue
from models.broker import HEARTBEAT_TIMEOUT_MS, HintBroker, make_broker
from models.jobs import ACTOR, ROW_ACTOR, AnyHint, Hint, Queue, RowHint, RowTable
from tests.support.own_redis import OwnRedis, own_redis
from tests.support.races import eventually

WORD = "SECRET"
QUEUES = [str(queue) for queue in Queue]


@pytest.fixture
def server() -> Iterator[OwnRedis]:
    with own_redis() as started:
        yield started


@pytest.fixture
def broker(server: OwnRedis) -> Iterator[HintBroker]:
    broker = make_broker(server.url)
    yield broker
    broker.close()
    broker.client.connection_pool.disconnect()


class Worker:
    """A running worker of Dramatiq that notes the hints it gets."""

    def __init__(self, broker: HintBroker) -> None:
        self.seen: list[AnyHint] = []
        self.worker = dramatiq.Worker(broker, worker_threads=2, worker_timeout=100)

        @dramatiq.actor(broker=broker, actor_name=ACTOR, queue_name=Queue.INTERACTIVE)
        def run_pass(**fields: str) -> None:
            self.seen.append(Hint.from_fields(fields))

        @dramatiq.actor(broker=broker, actor_name=ROW_ACTOR, queue_name=Queue.DELIVERIES)
        def carry_out_rows(**fields: str) -> None:
            self.seen.append(RowHint.from_fields(fields))

        self.worker.start()


@pytest.fixture
def work(broker: HintBroker) -> Iterator[Worker]:
    running = Worker(broker)
    yield running
    running.worker.stop()


def a_hint(queue: str = "interactive") -> AnyHint:
    if queue == Queue.DELIVERIES:
        return RowHint(org_id=uuid4(), lane_id=uuid4(), table=RowTable.DELIVERIES)
    return Hint(org_id=uuid4(), pass_id=uuid4(), queue=Queue(queue))


def message(queue: str, **changes: Any) -> bytes:
    """Return the bytes of a real hint, changed."""
    return json.dumps({**a_hint().to_message(redis_message_id="x").asdict(), "queue_name": queue, **changes}).encode()


def rubbish(queue: str) -> list[bytes]:
    of_rows = {"org_id": str(uuid4()), "lane_id": str(uuid4()), "table": "deliveries"}
    ids = {"org_id": str(uuid4()), "pass_id": str(uuid4())}
    return [
        b"", b"\xff\xfe\x00", b"null", b"[]", b"{}", b"7", b"\x80\x04pickle", WORD.encode(), b"[" * 4000, b'{"a":' * 800,
        b'{"args": 1e999}', WORD.encode() * 400_000,
        message(queue, actor_name="os.system", args=[WORD]),
        message(queue, args=[WORD * 300_000]),
        message(queue, args=[WORD]),
        message(queue, args=None), message(queue, kwargs=None), message(queue, kwargs=[]), message(queue, kwargs={}),
        message(queue, kwargs={**ids, "queue": WORD}), message(queue, kwargs={**ids, "queue": ["bulk"]}),
        message(queue, kwargs={**ids, "org_id": 7, "queue": queue}),
        message(queue, kwargs={**ids, "org_id": WORD, "queue": queue}),
        message(queue, kwargs={**ids, "queue": "bulk" if queue == "interactive" else "interactive"}),
        message(queue, kwargs={**of_rows, "table": WORD}, actor_name=ROW_ACTOR),
        message(queue, kwargs={**of_rows, "lane_id": WORD}, actor_name=ROW_ACTOR),
        message(queue, kwargs=of_rows), message(queue, more=WORD),
    ]  # fmt: skip


def push(server: OwnRedis, queue: str, body: bytes, *, message_id: str | bytes | None = None) -> None:
    name = f"dramatiq:{queue}"
    message_id = message_id or str(uuid4())
    server.admin.hset(f"{name}.msgs", message_id, body)
    server.admin.rpush(name, message_id)


@pytest.mark.parametrize("queue", QUEUES)
def test_rubbish_does_not_stop_the_next_hint(
    queue: str, server: OwnRedis, broker: HintBroker, work: Worker, caplog: pytest.LogCaptureFixture
) -> None:
    consumers = {name: thread.consumer for name, thread in work.worker.consumers.items()}
    pieces = rubbish(queue)
    for piece in pieces:
        push(server, queue, piece)
    push(server, queue, b"x", message_id=b"\xff" * 300_000)
    server.admin.rpush(f"dramatiq:{queue}", "an id without a message")
    hint = a_hint(queue)
    assert broker.send([hint]) == 1
    eventually(lambda: work.seen == [hint], what="the hint behind the rubbish")

    expected = len(pieces) + 2
    monitor = make_broker(server.url_for("ec_monitor"))
    eventually(lambda: monitor.dropped()[queue] == expected, what="the count of every piece")
    eventually(lambda: not server.admin.exists(f"dramatiq:{queue}.msgs"), what="no message left behind")
    monitor.close()
    assert not server.admin.keys("dramatiq:*__acks__*")
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert all(WORD not in record.getMessage() and len(record.getMessage()) < 1000 for record in caplog.records)
    assert {name: thread.consumer for name, thread in work.worker.consumers.items()} == consumers, (
        "a consumer restarted"
    )


def test_only_the_hint_of_a_message_is_kept(server: OwnRedis, broker: HintBroker, work: Worker) -> None:
    """Options steer Dramatiq (delays, other queues, calls after it), so none of a message's own is obeyed."""
    victim = a_hint()
    options = {
        "eta": 9e15,
        "time_limit": WORD,
        "pipe_target": {"actor_name": "x"},
        "redis_message_id": "another",
        "throws": 1,
    }
    fields = {"org_id": str(victim.org_id), "pass_id": str(victim.pass_id), "queue": "interactive"}
    push(server, "interactive", message("interactive", kwargs=fields, options=options, message_timestamp=WORD))
    eventually(lambda: work.seen == [victim])
    eventually(lambda: not server.admin.exists("dramatiq:interactive.msgs"))


@pytest.mark.parametrize("key", ["interactive", "interactive.msgs", "__heartbeats__", "__dropped__", "acks"])
def test_a_key_of_the_wrong_type_is_deleted(key: str, server: OwnRedis, broker: HintBroker, work: Worker) -> None:
    # A worker has a heartbeat before anything can be wrong.
    eventually(lambda: server.admin.zcard("dramatiq:__heartbeats__"))
    name = f"__acks__.{broker.broker_id}.interactive" if key == "acks" else key
    server.admin.set(f"dramatiq:{name}", WORD)
    push(server, "bulk", b"rubbish")
    clock = make_broker(server.url_for("ec_clock"))
    hint = a_hint()

    def arrived() -> bool:
        clock.return_hints()
        broker.held_off_until = 0.0
        broker.send([hint])
        return hint in work.seen

    eventually(arrived, what="a hint after the mending")
    clock.close()


def test_hints_of_a_dead_worker_come_back(
    server: OwnRedis, broker: HintBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    hint, done = a_hint(), a_hint()
    broker.send([done, hint])
    consumer = broker.consume(Queue.INTERACTIVE, prefetch=4, timeout=100)
    first = next(iter(consumer))
    assert first is not None
    consumer.ack(first)
    assert next(iter(consumer)) is not None
    assert next(iter(consumer)) is None, "this look acknowledges the first"
    clock = make_broker(server.url_for("ec_clock"))
    assert clock.return_hints() == 0, "the worker is alive"
    heartbeats = "dramatiq:__heartbeats__"
    server.admin.zincrby(heartbeats, -2 * HEARTBEAT_TIMEOUT_MS, broker.broker_id)
    assert clock.return_hints() == 1
    assert (server.admin.zcard(heartbeats), server.admin.keys("*__acks__*")) == (0, [])
    again = next(iter(make_broker(server.url).consume(Queue.INTERACTIVE, prefetch=1)))
    assert again is not None
    assert UUID(again.kwargs["pass_id"]) == hint.pass_id
    clock.close()


def test_dead_letters_and_delayed_messages_that_nobody_reads_are_deleted(server: OwnRedis) -> None:
    server.admin.zadd("dramatiq:bulk.XQ", {"x": 1})
    server.admin.hset("dramatiq:bulk.XQ.msgs", "x", WORD)
    push(server, "bulk.DQ", message("bulk"))
    clock = make_broker(server.url_for("ec_clock"))
    clock.return_hints()
    assert not server.admin.keys("dramatiq:bulk*")
    clock.close()


def test_a_hint_is_much_shorter_than_the_longest_one() -> None:
    assert len(a_hint().to_message(redis_message_id=str(uuid4())).encode()) < hint_queue.LONGEST_HINT_BYTES / 4
