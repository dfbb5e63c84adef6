"""Test a Redis that answers and does not serve: the reason is found, nothing is left behind, and hints go out afterwards."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import dramatiq
import pytest
import redis
from dramatiq.errors import ConnectionClosed
from redis._parsers import BaseParser

from models.broker import PIECE_HINTS, HintBroker, make_broker
from models.jobs import ACTOR, Hint, Queue
from models.redis_refusals import Refusal, RefusalLog, reason_of
from tests.support.own_redis import SPELLS, OwnRedis, own_redis
from tests.support.races import eventually


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


def some_hints(count: int) -> list[Hint]:
    return [Hint(org_id=uuid4(), pass_id=uuid4(), queue=Queue.INTERACTIVE) for _ in range(count)]


@pytest.mark.parametrize("name", SPELLS)
def test_check_finds_the_reason_and_leaves_nothing_behind(name: str, server: OwnRedis, broker: HintBroker) -> None:
    broker.check()
    with SPELLS[name].cast_on(server):
        with pytest.raises(redis.RedisError) as refusal:
            broker.check()
        assert reason_of(refusal.value) is SPELLS[name].reason
        assert not broker.serves()
        assert broker.send(some_hints(3)) == 0
    broker.check()
    assert server.keys_without_expiry() == []


def test_a_redis_without_a_free_connection_is_named(server: OwnRedis) -> None:
    server.admin.config_set("maxclients", "1")
    with pytest.raises(redis.RedisError) as refusal:
        make_broker(server.url).check()
    assert reason_of(refusal.value) is Refusal.CONNECTIONS


def test_a_wrong_password_is_named(server: OwnRedis) -> None:
    with pytest.raises(redis.RedisError) as refusal:
        make_broker(server.url.replace("only-in-tests", "wrong")).check()
    assert reason_of(refusal.value) is Refusal.LOGIN


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("LOADING Redis is loading the dataset in memory", Refusal.LOADING),
        ("READONLY You can't write against a read only replica. script: 1f, on @user_script:1.", Refusal.REPLICA),
        ("OOM command not allowed when used memory > 'maxmemory'. script: 1f, on @user_script:1.", Refusal.MEMORY),
        ("NOPERM User coach has no permissions to run the 'evalsha' command", Refusal.SCRIPTS),
        ("NOPERM User coach has no permissions to run the 'set' command script: 1f, on @user_script:1.", Refusal.RIGHTS),
        ("NOPERM User coach has no permissions to access the 'dramatiq:interactive' key", Refusal.RIGHTS),
        ("MISCONF Errors writing to the AOF file: No space left on device", Refusal.DISK),
        ("MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.", Refusal.PRIMARY_AWAY),
        ("NOAUTH Authentication required.", Refusal.LOGIN),
        ("BUSY Redis is busy running a script.", Refusal.OTHER),
    ],
)  # fmt: skip
def test_reason_of_each_answer_of_newer_servers(answer: str, reason: Refusal) -> None:
    error = BaseParser.parse_error(answer)
    assert reason_of(error) is reason
    assert reason_of(ConnectionClosed(error)) is reason
    assert reason.description
    assert reason.remedy


def test_a_redis_that_is_away_is_named() -> None:
    with pytest.raises(redis.RedisError) as refusal:
        make_broker("redis://127.0.0.1:1/0", answer_seconds=0.5).check()
    assert reason_of(refusal.value) is Refusal.AWAY
    assert reason_of(redis.TimeoutError("Timeout reading from socket")) is Refusal.AWAY


def test_many_hints_are_sent_in_pieces(server: OwnRedis, broker: HintBroker) -> None:
    # More than a script of Lua can unpack at once.
    assert broker.send(some_hints(50 * PIECE_HINTS)) == 50 * PIECE_HINTS
    assert broker.depth(Queue.INTERACTIVE) == 50 * PIECE_HINTS


def test_smaller_pieces_use_the_memory_that_is_left(server: OwnRedis, broker: HintBroker) -> None:
    broker.send(some_hints(1))
    server.admin.config_set("maxmemory", str(server.admin.info("memory")["used_memory"] + 5_000))
    hints = some_hints(20 * PIECE_HINTS)  # a whole piece does not fit

    sent = broker.send(hints)

    assert 0 < sent < len(hints)
    assert broker.depth(Queue.INTERACTIVE) == 1 + sent
    server.admin.config_set("maxmemory", "0")
    broker.held_off_until = 0.0
    assert broker.send(hints[sent:]) == len(hints) - sent


class RecordingWorker:
    """A worker whose actor notes the hints it gets, and holds them until the test lets go."""

    def __init__(self, broker: HintBroker, *, threads: int) -> None:
        self.worker = dramatiq.Worker(broker, worker_threads=threads, worker_timeout=100)
        self.seen: list[str] = []
        self.go = threading.Event()
        self.go.set()

        @dramatiq.actor(broker=broker, actor_name=ACTOR, queue_name=Queue.INTERACTIVE)
        def run_pass(**fields: str) -> None:
            self.seen.append(fields["pass_id"])
            self.go.wait(60)

        self.worker.start()

    def open_acknowledgements(self) -> int:
        consumer: Any = self.worker.consumers[Queue.INTERACTIVE].consumer
        return len(consumer._done)


@pytest.fixture
def work(broker: HintBroker) -> Iterator[RecordingWorker]:
    """A running worker of Dramatiq with two threads."""
    running = RecordingWorker(broker, threads=2)
    yield running
    running.go.set()
    running.worker.stop()


@pytest.mark.slow(reason="starts an own Redis for each refusal")
@pytest.mark.parametrize("name", SPELLS)
def test_a_worker_goes_on_after_the_spell_and_says_so_once(
    name: str, server: OwnRedis, broker: HintBroker, work: RecordingWorker, logged: pytest.LogCaptureFixture
) -> None:
    work.go.clear()
    first, second = some_hints(2)
    broker.send([first])
    eventually(lambda: work.seen == [str(first.pass_id)])
    with SPELLS[name].cast_on(server):
        work.go.set()
        eventually(lambda: work.open_acknowledgements() == 1 and broker.held_off_until > 0)
    broker.held_off_until = 0.0
    eventually(lambda: broker.send([second]) or broker.depth(Queue.INTERACTIVE))
    eventually(lambda: work.seen == [str(first.pass_id), str(second.pass_id)])
    eventually(lambda: server.admin.hlen("dramatiq:interactive.msgs") == 0, what="every acknowledgement")
    assert [record for record in logged.records if record.levelno > logging.WARNING] == []
    warnings = [record.getMessage() for record in logged.records if record.levelno == logging.WARNING]
    assert len(warnings) == 1, warnings
    assert SPELLS[name].reason.description in warnings[0]


def test_a_worker_stops_cleanly_while_redis_refuses(server: OwnRedis, broker: HintBroker) -> None:
    work = RecordingWorker(broker, threads=1)
    work.go.clear()
    broker.send([*some_hints(1), Hint(org_id=uuid4(), pass_id=uuid4(), queue=Queue.BULK)])
    # One runs, one of the other queue waits in the memory of the worker.
    eventually(lambda: work.seen and broker.depth(Queue.INTERACTIVE) + broker.depth(Queue.BULK) == 0)
    with SPELLS["replica"].cast_on(server):
        stopping = threading.Thread(target=work.worker.stop)
        stopping.start()
        work.go.set()
        stopping.join(60)
    assert not stopping.is_alive()


def test_a_spell_is_logged_at_its_begin_at_a_new_reason_and_at_its_end(logged: pytest.LogCaptureFixture) -> None:
    spells = RefusalLog("no Redis", quiet_seconds=0)
    spells.served()
    for error in (redis.ReadOnlyError("x", status_code="READONLY"), redis.ConnectionError("x")):
        for _ in range(3):
            spells.refused(error)
    for _ in range(3):
        spells.served()
    levels = [record.levelname for record in logged.records]
    assert levels == ["WARNING", "WARNING", "INFO"]


def test_a_success_between_refusals_does_not_end_the_spell(logged: pytest.LogCaptureFixture) -> None:
    spells = RefusalLog("no Redis", quiet_seconds=60)
    for _ in range(3):
        spells.refused(redis.OutOfMemoryError("x", status_code="OOM"))
        spells.served()
    assert [record.levelname for record in logged.records] == ["WARNING"]
