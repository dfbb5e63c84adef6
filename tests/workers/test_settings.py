"""Test the worker settings, the choice of provider and the contract of the actor."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import fields
from uuid import uuid4

import pytest
from dramatiq import Worker

from models import db, production
from models.broker import HintBroker, make_broker
from models.errors import SettingsError
from models.heartbeats import Activity
from models.jobs import ACTOR, PASS_QUEUES, AnyHint, Hint, Queue, RowHint, RowTable
from tests.conftest import Become
from tests.support.servers import ROOT, Database, Servers
from workers import boot
from workers.commands import run
from workers.providers.choice import ProviderChooser
from workers.settings import (
    ProviderSettings,
    cores,
    read_limits,
    read_mail,
    read_process,
    read_provider,
    read_worker_store,
)

LIMITS = ("ESSAYCOACH_PROVIDER_TIMEOUT_SECONDS", "ESSAYCOACH_MESSAGE_LIMIT_SECONDS", "ESSAYCOACH_LEASE_SECONDS")
PROVIDER = ("ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL", "ESSAYCOACH_PROVIDER", "ESSAYCOACH_MODEL")
PROCESS = ("ESSAYCOACH_GRAMMAR_MIX", "WORKER_PROCESSES", "WORKER_THREADS", "WORKER_DRAIN_MS", "ESSAYCOACH_POOL_SIZE")


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*LIMITS, *PROVIDER, *PROCESS):
        monkeypatch.delenv(name, raising=False)


def set_all(monkeypatch: pytest.MonkeyPatch, **values: str) -> None:
    for name, value in values.items():
        monkeypatch.setenv(name, value)


def test_default_time_limits_are_in_order() -> None:
    limits = read_limits()
    assert 2 * limits.provider < limits.message < limits.longest_lease


def test_a_killed_worker_is_noticed_within_twenty_seconds_by_default() -> None:
    assert read_limits().lease < 20


@pytest.mark.parametrize(("provider", "message"), [("60", "60"), ("60", "120"), ("75", "149"), ("200", "150")])
def test_a_message_limit_that_leaves_no_room_for_a_repair_is_refused(
    monkeypatch: pytest.MonkeyPatch, provider: str, message: str
) -> None:
    set_all(monkeypatch, ESSAYCOACH_PROVIDER_TIMEOUT_SECONDS=provider, ESSAYCOACH_MESSAGE_LIMIT_SECONDS=message)
    with pytest.raises(SettingsError, match="ESSAYCOACH_MESSAGE_LIMIT_SECONDS must be more than twice"):
        read_limits()


@pytest.mark.parametrize("name", LIMITS)
@pytest.mark.parametrize("value", ["0", "-1", "soon", "nan", "inf", "1e9"])
def test_senseless_time_limit_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=name):
        read_limits()


def test_limits_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    set_all(monkeypatch, **dict(zip(LIMITS, ("10", "20.5", "6"), strict=True)))
    limits = read_limits()
    assert (limits.provider, limits.message, limits.lease, limits.longest_lease) == (10, 20.5, 6, 26.5)


@pytest.mark.parametrize(
    ("environment", "name"),
    [
        ({}, "local"),
        ({"ANTHROPIC_API_KEY": "sk-1"}, "anthropic"),
        ({"ANTHROPIC_API_KEY": "  "}, "local"),
        ({"ANTHROPIC_BASE_URL": "http://127.0.0.1:1"}, "local"),
        ({"ANTHROPIC_API_KEY": "sk-1", "ESSAYCOACH_PROVIDER": "local"}, "local"),
        ({"ANTHROPIC_API_KEY": "sk-1", "ESSAYCOACH_PROVIDER": "anthropic"}, "anthropic"),
    ],
)
def test_environment_chooses_the_provider(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], name: str
) -> None:
    set_all(monkeypatch, **environment)
    assert read_provider().name == name


def test_claude_without_a_key_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ESSAYCOACH_PROVIDER", "anthropic")
    with pytest.raises(SettingsError, match="ANTHROPIC_API_KEY is not set"):
        read_provider()


def test_an_unknown_provider_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ESSAYCOACH_PROVIDER", "oracle")
    with pytest.raises(SettingsError, match="ESSAYCOACH_PROVIDER must be one of anthropic, local"):
        read_provider()


def test_base_url_and_model_reach_claude(monkeypatch: pytest.MonkeyPatch) -> None:
    set_all(
        monkeypatch,
        ANTHROPIC_API_KEY="sk-1",
        ANTHROPIC_BASE_URL="http://127.0.0.1:1",
        ESSAYCOACH_MODEL="claude-haiku-5-5",
    )
    chosen = read_provider()
    assert (chosen.api_key, chosen.base_url, chosen.model) == ("sk-1", "http://127.0.0.1:1", "claude-haiku-5-5")
    assert ProviderChooser(chosen, timeout_seconds=5)("anthropic").model == "claude-haiku-5-5"


@pytest.mark.parametrize(
    ("chosen", "policy", "name"),
    [
        ("anthropic", "anthropic", "anthropic"),
        ("anthropic", "local", "local"),
        ("anthropic", "none", "local"),
        ("local", "anthropic", "local"),
        ("local", "local", "local"),
    ],
)
def test_org_policy_can_forbid_but_not_force_the_vendor(chosen: str, policy: str, name: str) -> None:
    chooser = ProviderChooser(
        ProviderSettings(name=chosen, api_key="sk-1", base_url=None, model=None), timeout_seconds=5
    )
    assert chooser(policy).name == name


def test_a_worker_of_the_local_engine_loads_neither_the_vendors_sdk_nor_what_it_does_not_need() -> None:
    code = (
        "import sys\n"
        "import workers.boot\n"
        "from workers.providers.choice import ProviderChooser\n"
        "from workers.settings import read_provider\n"
        "ProviderChooser(read_provider(), timeout_seconds=5)\n"
        "print({'anthropic', 'rich', 'greenlet', 'snowballstemmer'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_a_schema_that_is_too_old_is_refused_with_what_to_do(database: Database, become: Become) -> None:
    become("ec_worker")
    boot.require_schema()
    database.sql("delete from _yoyo_migration where migration_id = %s", db.SCHEMA)
    with pytest.raises(SettingsError, match=f"needs {db.SCHEMA}. Run: python -m migrations up"):
        boot.require_schema()


@pytest.mark.parametrize(
    ("provider", "mix", "processes"),
    [("anthropic", "off", cores()), ("anthropic", "on", 1), ("local", "off", 1), ("local", "on", 1)],
)
def test_claude_alone_gets_a_process_for_each_core(
    monkeypatch: pytest.MonkeyPatch, provider: str, mix: str, processes: int
) -> None:
    set_all(monkeypatch, ESSAYCOACH_PROVIDER=provider, ESSAYCOACH_GRAMMAR_MIX=mix)
    assert read_process() == (processes, 32, 50000)
    set_all(monkeypatch, WORKER_PROCESSES="3", WORKER_THREADS="4", WORKER_DRAIN_MS="5")
    assert read_process() == (3, 4, 5)


@pytest.mark.parametrize(("processes", "connections"), [("1", 8), ("2", 8), ("3", 5), ("8", 2), ("64", 2)])
def test_processes_share_the_connections_of_the_role(
    monkeypatch: pytest.MonkeyPatch, database: Database, processes: str, connections: int
) -> None:
    set_all(monkeypatch, WORKER_PROCESSES=processes, DATABASE_URL=database.role_url("ec_worker"))
    assert read_worker_store().pool_size == connections
    set_all(monkeypatch, ESSAYCOACH_POOL_SIZE="7")
    assert read_worker_store().pool_size == 7


def test_connections_that_do_not_fit_are_refused_with_a_sentence(database: Database, become: Become) -> None:
    ((before,),) = database.sql("select rolconnlimit from pg_roles where rolname = 'ec_worker'")
    database.sql("alter role ec_worker connection limit 20")
    try:
        become("ec_worker")
        boot.require_connections(2, pool_size=10)
        with pytest.raises(
            SettingsError, match=r"3 processes .*WORKER_PROCESSES.* 10 connections .* need 30.* have 20"
        ):
            boot.require_connections(3, pool_size=10)
        database.sql("alter role ec_worker connection limit -1")
        boot.require_connections(3, pool_size=10)
    finally:
        database.sql(f"alter role ec_worker connection limit {before}")


def test_run_becomes_dramatiq_and_stops_with_the_reason_when_its_settings_are_bad() -> None:
    assert run.command(2, 3, 4)[1:] == [
        "-m", "dramatiq", "workers.boot:boot", "--processes", "2", "--threads", "3",
        "--worker-shutdown-timeout", "4", "--skip-logging",
    ]  # fmt: skip
    env = {**os.environ, "WORKER_THREADS": "many"}
    program = [sys.executable, "-m", "workers", "run"]
    done = subprocess.run(program, cwd=ROOT, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert "workers: WORKER_THREADS must be a whole number" in done.stderr


def test_the_program_stops_with_the_reason_when_its_settings_are_bad(database: Database, servers: Servers) -> None:
    env = {
        **os.environ,
        "DATABASE_URL": database.role_url("ec_worker"),
        "REDIS_URL": servers.redis_url_for("ec_worker"),
    }
    env["ESSAYCOACH_LEASE_SECONDS"] = "soon"
    program = [sys.executable, "-m", "workers", "run"]
    done = subprocess.run(program, cwd=ROOT, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode != 0
    assert "ESSAYCOACH_LEASE_SECONDS must be a number of seconds" in done.stderr


class Seen:
    """A replacement for the pass runner that records the hints of the actor."""

    def __init__(self) -> None:
        self.hints: list[AnyHint] = []
        self.reported = threading.Semaphore(0)

    def run(self, hint: AnyHint) -> bool:
        self.hints.append(hint)
        self.reported.release()
        return True


@pytest.fixture
def seen() -> Seen:
    return Seen()


@pytest.fixture
def broker(servers: Servers, seen: Seen) -> Iterator[HintBroker]:
    broker = make_broker(servers.redis_url)
    broker.client.flushdb()
    boot.declare(broker, seen, seen, activity=Activity())  # type: ignore[arg-type]
    yield broker
    broker.close()
    broker.client.connection_pool.disconnect()


def some_hint(queue: Queue = Queue.INTERACTIVE) -> Hint:
    return Hint(org_id=uuid4(), pass_id=uuid4(), queue=queue)


def test_the_actor_takes_exactly_the_fields_of_a_hint(broker: HintBroker, seen: Seen) -> None:
    actor = broker.get_actor(ACTOR)
    hint = some_hint()
    message = hint.to_message()
    assert (message.actor_name, message.args) == (actor.actor_name, ())
    assert set(message.kwargs) == {one.name for one in fields(Hint)}
    actor(**message.kwargs)
    assert seen.hints == [hint]
    for name in message.kwargs:
        with pytest.raises(KeyError, match=name):
            actor(**{key: value for key, value in message.kwargs.items() if key != name})
    # Old workers ignore a field that a newer sender adds.
    actor(**message.kwargs, sent_by="a newer program")
    assert seen.hints == [hint, hint]


def test_hints_of_every_queue_reach_their_actor_through_redis(broker: HintBroker, seen: Seen) -> None:
    of_rows = RowHint(org_id=uuid4(), lane_id=uuid4(), table=RowTable.DELIVERIES)
    hints: list[AnyHint] = [*(some_hint(queue) for queue in PASS_QUEUES), of_rows]
    assert broker.send(hints) == 3
    worker = Worker(broker, worker_threads=1, worker_timeout=100)
    worker.start()
    try:
        assert all(seen.reported.acquire(timeout=60) for _ in hints)
    finally:
        worker.stop()
    assert sorted(seen.hints, key=str) == sorted(hints, key=str)
    assert broker.client.llen(f"{broker.namespace}:{Queue.BULK}") == 0


def test_a_message_carries_identifiers_and_nothing_else(broker: HintBroker) -> None:
    hint = some_hint()
    values = hint.to_message().kwargs
    assert values == {"org_id": str(hint.org_id), "pass_id": str(hint.pass_id), "queue": "interactive"}


def test_a_worker_of_a_production_system_without_a_mail_server_starts_and_sends_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("ESSAYCOACH_MAIL", raising=False)
    mail = read_mail()
    assert mail is not None
    assert mail.url == "console"
    monkeypatch.setenv(production.VARIABLE, "on")
    assert read_mail() is None
