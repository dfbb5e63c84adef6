"""Test vendor failures: one pauses all workers, no attempt is used up, and an org can fall back to the local engine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import pytest

from models import orgs, passes
from models.broker import HintBroker
from models.essays import Receipt
from tests.chaos.proxy import Proxy
from tests.conftest import Become
from tests.support import schools
from tests.support.local_engine import shared_provider
from tests.support.races import eventually
from tests.support.schools import School, session_of
from tests.support.servers import ROOT, Database
from tests.support.vendor import FakeVendor, Step
from workers.job.context import FALLBACK_AFTER_ATTEMPTS
from workers.job.leases import Leases
from workers.job.run_pass import PassRunner
from workers.providers.choice import ProviderChooser
from workers.settings import ProviderSettings

TEXT = "Schools should ban phones. They distracts us, and my friend and me are no exception."


@pytest.fixture
def vendor() -> Iterator[FakeVendor]:
    with FakeVendor() as vendor:
        yield vendor


@pytest.fixture
def wire(vendor: FakeVendor) -> Iterator[Proxy]:
    with Proxy(("127.0.0.1", int(vendor.base_url.rpartition(":")[2]))) as wire:
        yield wire


@contextmanager
def worker(address: str) -> Iterator[PassRunner]:
    """Give one of several workers; they share state only through the database."""
    settings = ProviderSettings(name="anthropic", api_key="sk-test", base_url=address, model=None)
    leases = Leases(lease_seconds=12, longest_seconds=60)
    chooser = ProviderChooser(settings, timeout_seconds=60, local=shared_provider())
    yield PassRunner(choose_provider=chooser, leases=leases, lease_seconds=12, max_concurrent=None, use_ensemble=False)
    chooser("anthropic").close()  # type: ignore[attr-defined]  # Claude's provider has connections to close


@pytest.fixture
def one(wire: Proxy) -> Iterator[PassRunner]:
    with worker(f"http://127.0.0.1:{wire.port}") as runner:
        yield runner


@pytest.fixture
def other(wire: Proxy) -> Iterator[PassRunner]:
    with worker(f"http://127.0.0.1:{wire.port}") as runner:
        yield runner


hand_in = partial(schools.hand_in, text=TEXT)


@pytest.fixture
def receipt(school: School, become: Become) -> Receipt:
    received = hand_in(school)
    become("ec_worker")
    return received


def falls_back(school: School, become: Become) -> None:
    become("ec_ingest")
    with session_of(school, "ada"):
        orgs.set_ai(school.org, fallback="local")
    become("ec_worker")


def rows(database: Database, receipt: Receipt) -> list[tuple[object, ...]]:
    """Return state, attempt, error, provider and remaining wait in seconds of each pass, in the order of the hints."""
    found = {
        row[0]: row[1:]
        for row in database.sql(
            "select id, state, attempt, error, provider, extract(epoch from next_at - now())::float8 from passes"
            " where submission_id = %s",
            receipt.submission,
        )
    }
    return [found[hint.pass_id] for hint in receipt.hints]


def due(database: Database) -> None:
    """Make all queued passes due and end every pause."""
    database.sql("update passes set next_at = now() where state = 'queued'")
    database.sql(
        "update provider_pauses set until = now() - interval '1 ms', probe_until = least(probe_until, now() - interval '1 ms')"
    )


def test_rate_limit_of_one_worker_pauses_all_workers(
    one: PassRunner, other: PassRunner, vendor: FakeVendor, database: Database, receipt: Receipt
) -> None:
    vendor.script(Step("rate_limited", retry_after="3000"))
    one.run(receipt.hints[0])
    other.run(receipt.hints[1])

    assert vendor.counters()["calls"] == 1
    first, second, third = rows(database, receipt)
    assert first[:3] == second[:3] == ("queued", 0, "rate_limited")
    assert all(2900 < row[4] <= 3001 for row in (first, second))  # type: ignore[operator]
    assert third[0] == "queued"
    due(database)
    for hint in receipt.hints:
        other.run(hint)
    assert database.sql("select status from submissions") == [("completed",)]


@pytest.mark.parametrize(
    ("named", "longest"),
    [("0", 1), ("0.5", 2), ("1790000000", 3601), ("1e300", 3601), ("Fri, 31 Dec 2083 23:59:59 GMT", 3601)],
)
def test_retry_after_is_capped_at_an_hour(
    one: PassRunner, vendor: FakeVendor, database: Database, receipt: Receipt, named: str, longest: float
) -> None:
    vendor.script(Step("rate_limited", retry_after=named))
    [(before,)] = database.sql("select clock_timestamp()")
    one.run(receipt.hints[0])
    state, attempt, reason, _, waits = rows(database, receipt)[0]
    assert (state, attempt, reason) == ("queued", 0, "rate_limited")
    assert float(str(waits)) <= longest
    assert database.sql("select next_at >= %s from passes where id = %s", before, receipt.hints[0].pass_id) == [(True,)]
    assert database.sql("select until <= now() + make_interval(secs => %s) from provider_pauses", longest) == [(True,)]


@pytest.mark.parametrize("behaviour", ["budget_spent", "unauthorised", "forbidden"])
def test_refused_key_or_spent_vendor_budget_costs_no_attempt(
    one: PassRunner, other: PassRunner, vendor: FakeVendor, database: Database, receipt: Receipt, behaviour: str
) -> None:
    vendor.always(behaviour)
    for _ in range(3):
        for runner, hint in zip((one, other, one), receipt.hints, strict=True):
            runner.run(hint)
        due(database)

    # Each minute one worker makes one probe call; the circuit breaker blocks all others.
    assert vendor.counters()["calls"] == 3
    assert {row[:2] for row in rows(database, receipt)} == {("queued", 0)}
    vendor.always("ok")
    for hint in receipt.hints:
        other.run(hint)
    assert database.sql("select status from submissions") == [("completed",)]
    assert database.sql("select 1 from provider_pauses") == []


def test_single_essay_survives_a_hanging_vendor(
    one: PassRunner, vendor: FakeVendor, database: Database, receipt: Receipt
) -> None:
    """Fail every call of a single pass, minutes apart; it stays queued after more calls than it has attempts."""
    hint = receipt.hints[0]
    database.sql("update passes set state = 'cancelled', finished_at = now() where id <> %s", hint.pass_id)
    vendor.always("server_error")
    for _ in range(20):
        one.run(hint)
        due(database)
        database.sql("update ai_responses set completed_at = completed_at - interval '3 minutes'")
    assert rows(database, receipt)[0][0] == "queued"
    assert vendor.counters()["calls"] > passes.MAX_ATTEMPTS


def test_outage_of_hours_gives_up_no_essay(
    one: PassRunner, vendor: FakeVendor, database: Database, receipt: Receipt
) -> None:
    vendor.always("overloaded")
    for _ in range(40):
        for hint in receipt.hints:
            one.run(hint)
        due(database)

    assert {row[0] for row in rows(database, receipt)} == {"queued"}
    assert max(row[1] for row in rows(database, receipt)) < passes.MAX_ATTEMPTS  # type: ignore[type-var]
    vendor.always("ok")
    for _ in range(2):
        due(database)
        for hint in receipt.hints:
            one.run(hint)
    assert database.sql("select status from submissions") == [("completed",)]


def test_vendor_that_refuses_connections_is_paused_then_resumed(
    one: PassRunner, wire: Proxy, vendor: FakeVendor, database: Database, receipt: Receipt
) -> None:
    wire.refuse()
    for _ in range(2):
        for hint in receipt.hints:
            one.run(hint)
        database.sql("update passes set next_at = now() where state = 'queued'")
        # It lasts for two seconds, which may be over before a busy machine is through with the next round.
        database.sql("update provider_pauses set until = until + interval '1 hour'")
    assert database.sql("select reason, trips from provider_pauses") == [("connection", 1)]
    wire.pass_on()
    due(database)
    for hint in receipt.hints:
        one.run(hint)
    assert database.sql("select status from submissions") == [("completed",)]


@pytest.mark.parametrize(
    "behaviour", ["truncated", "refusal", "context_exceeded", "invalid_json", "wrong_schema", "html"]
)
def test_answered_probe_closes_the_circuit_breaker(
    one: PassRunner, vendor: FakeVendor, database: Database, receipt: Receipt, behaviour: str
) -> None:
    database.sql("insert into provider_pauses (provider, reason, until) values ('anthropic', 'overloaded', now())")
    vendor.script(behaviour)
    one.run(receipt.hints[0])
    assert database.sql("select 1 from provider_pauses") == []


def test_local_fallback_reads_while_claude_is_paused_and_is_named(
    one: PassRunner, vendor: FakeVendor, database: Database, school: School, become: Become, receipt: Receipt
) -> None:
    falls_back(school, become)
    vendor.always("unauthorised")
    for _ in range(2):
        for hint in receipt.hints:
            one.run(hint)

    assert vendor.counters()["calls"] == 1
    assert [row[0] for row in rows(database, receipt)] == ["done"] * 3
    assert {row[3] for row in rows(database, receipt)} == {"local"}
    assert {provider for (provider,) in database.sql("select distinct provider from feedback")} == {"local"}
    assert database.sql("select status from submissions") == [("completed",)]


def test_local_fallback_reads_after_three_failed_attempts(
    one: PassRunner, vendor: FakeVendor, database: Database, school: School, become: Become, receipt: Receipt
) -> None:
    falls_back(school, become)
    hint = receipt.hints[0]
    database.sql("update passes set state = 'cancelled', finished_at = now() where id <> %s", hint.pass_id)
    vendor.always("server_error")
    for _ in range(FALLBACK_AFTER_ATTEMPTS + 1):
        one.run(hint)
        database.sql("update passes set next_at = now() where state = 'queued'")
    assert vendor.counters()["calls"] == FALLBACK_AFTER_ATTEMPTS
    assert rows(database, receipt)[0][:4] == ("done", FALLBACK_AFTER_ATTEMPTS + 1, None, "local")


def test_org_without_fallback_is_never_read_locally(
    one: PassRunner, vendor: FakeVendor, database: Database, receipt: Receipt
) -> None:
    vendor.script("unauthorised")
    for hint in receipt.hints:
        one.run(hint)
    assert {row[3] for row in rows(database, receipt)} == {None}


@pytest.fixture
def program(
    wire: Proxy, vendor: FakeVendor, database: Database, broker: HintBroker, program_env: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Callable[[int], subprocess.Popen[bytes]]]:  # fmt: skip
    """Give a function that starts the real worker program with a drain time in ms; it calls the vendor through the proxy."""
    program_env("ec_worker")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-test")
    monkeypatch.setenv("ANTHROPIC_BASE_URL", f"http://127.0.0.1:{wire.port}")
    started: list[subprocess.Popen[bytes]] = []

    def start(drain_ms: int) -> subprocess.Popen[bytes]:
        command = ["-m", "dramatiq", "workers.boot:boot", "--processes", "1", "--threads", "4"]
        started.append(
            subprocess.Popen(
                [sys.executable, *command, "--worker-shutdown-timeout", str(drain_ms)],
                cwd=ROOT, env=dict(os.environ), stderr=subprocess.DEVNULL, start_new_session=True,
            )
        )  # fmt: skip
        return started[-1]

    yield start
    for one in started:
        if one.poll() is None:
            os.killpg(one.pid, signal.SIGKILL)
        one.wait()


@pytest.mark.slow(reason="starts worker programs")
def test_stopping_worker_finishes_running_calls_and_starts_none(
    program: Callable[[int], subprocess.Popen[bytes]], vendor: FakeVendor, database: Database, broker: HintBroker,
    school: School, become: Become,
) -> None:  # fmt: skip
    """Send SIGTERM during four calls: those four finish, and the others stay queued and unchanged."""
    vendor.always(Step("ok", latency_seconds=1.0))
    receipts = [hand_in(school) for _ in range(4)]
    worker_program = program(20_000)
    broker.send([hint for receipt in receipts for hint in receipt.hints])
    eventually(lambda: vendor.counters()["calls"] == 4)
    worker_program.terminate()
    assert worker_program.wait(60) == 0

    assert vendor.counters()["calls"] == 4
    assert sorted(database.sql("select state, attempt, fence, count(*) from passes group by 1, 2, 3")) == [
        ("done", 1, 1, 4),
        ("queued", 0, 0, 8),
    ]


@pytest.mark.slow(reason="starts worker programs")
def test_unfinished_passes_are_handed_back_on_shutdown(
    program: Callable[[int], subprocess.Popen[bytes]], vendor: FakeVendor, database: Database, broker: HintBroker,
    school: School, become: Become,
) -> None:  # fmt: skip
    vendor.always("hang")
    receipt = hand_in(school)
    worker_program = program(500)
    broker.send(receipt.hints)
    eventually(lambda: vendor.counters()["calls"] == 3)
    worker_program.terminate()
    assert worker_program.wait(60) == 0

    # The passes are due at once, without a used attempt: they do not wait for the lease to expire.
    assert database.sql("select distinct state, attempt, fence, lost, next_at <= now() from passes") == [
        ("queued", 0, 1, 0, True)
    ]
