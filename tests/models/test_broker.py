"""Test how hints are sent to and read from Redis."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from uuid import uuid4

import pytest
from dramatiq.broker import MessageProxy

from models.broker import HintBroker, make_broker
from models.jobs import ACTOR, Hint, Queue
from tests.support.races import eventually
from tests.support.servers import Servers


@pytest.fixture
def broker(servers: Servers) -> Iterator[HintBroker]:
    """A broker with a namespace of its own, emptied after the test."""
    broker = make_broker(servers.redis_url)
    broker.namespace = f"test-{uuid4().hex}"
    yield broker
    for key in broker.client.scan_iter(f"{broker.namespace}*"):
        broker.client.delete(key)
    broker.close()
    broker.client.close()


def a_hint(queue: Queue = Queue.INTERACTIVE) -> Hint:
    return Hint(org_id=uuid4(), pass_id=uuid4(), queue=queue)


def stored(broker: HintBroker, queue: Queue) -> list[dict[str, object]]:
    """Return the messages of a queue in order, without their random parts."""
    name = f"{broker.namespace}:{queue}"
    messages = []
    for message_id in broker.client.lrange(name, 0, -1):
        message = json.loads(broker.client.hget(f"{name}.msgs", message_id))
        assert message["options"]["redis_message_id"].encode() == message_id
        messages.append({part: message[part] for part in ("queue_name", "actor_name", "args", "kwargs")})
    return messages


def test_send_writes_the_same_as_dramatiq_enqueue(broker: HintBroker) -> None:
    hints = [a_hint() for _ in range(3)]
    assert broker.send(hints) == 3
    sent = stored(broker, Queue.INTERACTIVE)
    kinds = {key: broker.client.type(key) for key in broker.client.scan_iter(f"{broker.namespace}:interactive*")}
    broker.flush_all()

    for hint in hints:
        broker.enqueue(hint.to_message())

    assert stored(broker, Queue.INTERACTIVE) == sent
    assert {
        key: broker.client.type(key) for key in broker.client.scan_iter(f"{broker.namespace}:interactive*")
    } == kinds


def test_a_consumer_receives_what_was_sent(broker: HintBroker) -> None:
    hint = a_hint()
    broker.send([hint])
    consumer = broker.consume(Queue.INTERACTIVE, prefetch=1)
    message = next(iter(consumer))
    assert (message.actor_name, Hint.from_fields(message.kwargs)) == (ACTOR, hint)
    consumer.ack(message)
    consumer.close()
    assert broker.depth(Queue.INTERACTIVE) == 0
    assert not broker.client.keys(f"{broker.namespace}:*interactive*")


def calls(broker: HintBroker) -> dict[str, int]:
    """Return how often each command that a client sends was carried out."""
    counts = broker.client.info("commandstats")
    return {name: counts.get(f"cmdstat_{name}", {"calls": 0})["calls"] for name in ("evalsha", "blmove")}


def test_hints_of_an_essay_cost_one_trip_to_fetch_and_none_to_acknowledge(broker: HintBroker) -> None:
    consumer = broker.consume(Queue.INTERACTIVE, prefetch=64, timeout=5_000)
    assert next(iter(consumer)) is None
    broker.send([a_hint() for _ in range(3)])
    before = calls(broker)
    for _ in range(3):
        message = next(iter(consumer))
        assert message is not None
        consumer.ack(message)
    after = calls(broker)
    assert {name: after[name] - before[name] for name in after} == {"evalsha": 1, "blmove": 1}
    consumer.close()
    assert not broker.client.keys(f"{broker.namespace}:*interactive*")


def test_idle_consumer_is_told_of_a_hint_at_once(broker: HintBroker) -> None:
    """It waits at Redis, so many seconds of waiting are two commands, and no other worker's hint is moved."""
    consumer = broker.consume(Queue.INTERACTIVE, prefetch=2, timeout=5_000)
    assert next(iter(consumer)) is None
    hints = [a_hint(), a_hint()]
    threading.Timer(0.05, broker.send, [hints]).start()
    # On a busy machine the hints may come after the end of a wait, which is half a second.
    found: list[MessageProxy | None] = [None]
    eventually(lambda: found.append(next(iter(consumer))) or found[-1], what="the hint")
    message = found[-1]
    assert message is not None
    assert Hint.from_fields(message.kwargs) == hints[0]
    assert broker.depth(Queue.INTERACTIVE) == 1


def test_consumer_takes_no_more_hints_than_it_has_threads(broker: HintBroker) -> None:
    """Dramatiq asks for two hints for each thread. Those that wait here could begin in another process."""
    broker.send([a_hint() for _ in range(5)])
    consumer = broker.consume(Queue.INTERACTIVE, prefetch=6, timeout=100)
    taken = [next(iter(consumer)) for _ in range(3)]
    assert next(iter(consumer)) is None
    assert broker.depth(Queue.INTERACTIVE) == 2
    assert taken[0] is not None
    consumer.ack(taken[0])
    assert next(iter(consumer)) is not None
    assert broker.client.hlen(f"{broker.namespace}:interactive.msgs") == 4, "the first is acknowledged"


def test_hints_go_to_their_own_queue(broker: HintBroker) -> None:
    broker.send([a_hint(), a_hint(Queue.BULK), a_hint(Queue.BULK)])
    assert (broker.depth(Queue.INTERACTIVE), broker.depth(Queue.BULK)) == (1, 2)


def test_send_works_after_redis_script_flush(broker: HintBroker) -> None:
    broker.client.script_flush()
    assert broker.send([a_hint()]) == 1
    assert broker.depth(Queue.INTERACTIVE) == 1


def test_send_with_redis_down_raises_nothing_and_holds_off_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.broker.HOLD_OFF_SECONDS", 600.0)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    unreachable = make_broker(f"redis://127.0.0.1:{port}/0", answer_seconds=0.2)
    assert unreachable.send([a_hint()]) == 0
    assert unreachable.held_off_until > 0
    held_off_until = unreachable.held_off_until
    assert unreachable.send([a_hint()]) == 0
    assert unreachable.held_off_until == held_off_until, "it asked again although Redis had just been unreachable"


def test_broker_uses_no_middleware_of_dramatiq(broker: HintBroker) -> None:
    """Some of it loses jobs, and some throws exceptions into threads, which leaves locks locked for ever."""
    assert list(broker.middleware) == []
