"""Test that the ledger matches the vendor's accounting and that budgets are enforced."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator

import pytest

from models import db, essays, ledger
from models.essays import Draft
from models.jobs import Hint
from tests.conftest import Become
from tests.support.local_engine import shared_provider
from tests.support.scale import short_and_full
from tests.support.schools import School, session_of
from tests.support.servers import Database
from tests.support.vendor import FakeVendor, Step
from workers.job import call as call_module
from workers.job import retry_policy
from workers.job.leases import Leases
from workers.job.run_pass import PassRunner
from workers.providers.choice import ProviderChooser
from workers.providers.prices import Tokens, prices_of
from workers.settings import ProviderSettings

MODEL = "claude-sonnet-5-5"
THREADS = 8
KINDS = {
    "input": "input_tokens",
    "output": "output_tokens",
    "cache_read": "cache_read_tokens",
    "cache_write": "cache_write_tokens",
}


@pytest.fixture
def vendor() -> Iterator[FakeVendor]:
    with FakeVendor() as vendor:
        yield vendor


@pytest.fixture
def runner(vendor: FakeVendor) -> Iterator[PassRunner]:
    chooser = ProviderChooser(
        ProviderSettings(name="anthropic", api_key="sk-test", base_url=vendor.base_url, model=None),
        timeout_seconds=60,
        local=shared_provider(),
    )
    leases = Leases(lease_seconds=60, longest_seconds=120)
    yield PassRunner(choose_provider=chooser, leases=leases, lease_seconds=60, use_ensemble=False)
    chooser("anthropic").close()  # type: ignore[attr-defined]  # Claude's provider has connections to close


def hand_in(school: School, count: int) -> list[Hint]:
    hints: list[Hint] = []
    for number in range(count):
        text = f"Essay {number} is about phones. " + "They ring in class and nobody listens any more. " * 8
        with session_of(school, "alice"):
            hints += essays.receive(school.alice, Draft(title="Phones", text=text, source="app"), org=school.org).hints
    return hints


def work(runner: PassRunner, hints: list[Hint]) -> None:
    """Run each hint once, in eight threads."""
    waiting = iter(hints)
    lock = threading.Lock()

    def go() -> None:
        while True:
            with lock:
                hint = next(waiting, None)
            if hint is None:
                return
            runner.run(hint)

    threads = [threading.Thread(target=go) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
        assert not thread.is_alive()


def vendor_sums(vendor: FakeVendor) -> dict[str, int]:
    """Return the token counts of the vendor and their cost in micro-dollars, priced call by call."""
    prices = prices_of(MODEL)
    sums = dict.fromkeys((*KINDS, "cost"), 0)
    for call in vendor.billed:
        tokens = {kind: int(call[kind]) for kind in KINDS}
        sums["cost"] += prices.cost_micros(Tokens(**tokens), batch=bool(call["batch"]))
        for kind, count in tokens.items():
            sums[kind] += count
    return sums


def ledger_sums(database: Database) -> dict[str, int]:
    database.sql("select fold_ledger(10000)")
    columns = ", ".join(f"sum({column})::bigint" for column in (*KINDS.values(), "cost_micros"))
    return dict(zip((*KINDS, "cost"), map(int, database.sql(f"select {columns} from ledger")[0]), strict=True))  # type: ignore[call-overload]


@pytest.mark.parametrize("essays", short_and_full(8, 140, reason="500 calls with errors and retries"))
def test_ledger_equals_the_vendors_count_after_errors_and_retries(
    runner: PassRunner,
    vendor: FakeVendor,
    database: Database,
    school: School,
    become: Become,
    report: object,
    essays: int,
) -> None:
    chance = random.Random(7)
    faults = (
        "server_error",
        "invalid_json",
        "wrong_schema",
        "truncated",
        "refusal",
        "reset",
        "cut_stream",
        "bad_request",
    )
    vendor.script(*(Step(chance.choice(faults)) if chance.random() < 0.3 else Step() for _ in range(600)))
    hints = hand_in(school, essays)
    become("ec_worker")
    for _ in range(12):
        due = {row["id"] for row in _open_passes(school)}
        if not due:
            break
        # Make retried passes due and end the pauses that the scripted errors caused.
        database.sql("update passes set next_at = now() where state = 'queued'")
        database.sql("delete from provider_pauses")
        work(runner, [hint for hint in hints if hint.pass_id in due])

    counted, kept = vendor_sums(vendor), ledger_sums(database)
    calls, failed = database.sql("select sum(calls)::bigint, sum(failed)::bigint from ledger")[0]

    assert vendor.counters()["calls"] == calls >= 3.5 * essays  # type: ignore[operator]
    assert kept == counted
    rows = database.sql("select sum(cost_micros)::bigint, count(*) from ai_responses where outcome <> 'open'")[0]
    assert rows == (counted["cost"], calls)
    report(
        f"ledger: {calls} calls, {failed} of them failed, {kept['cost']} micro-dollars, the vendor's {counted['cost']}"
    )  # type: ignore[operator]


def _open_passes(school: School) -> list[dict[str, object]]:
    with db.session(org=school.org):
        return db.rows("select id from passes where state in ('queued', 'running')")


@pytest.mark.slow(reason="waits for retries")
def test_spent_budget_stops_calls_until_it_is_raised(
    runner: PassRunner,
    vendor: FakeVendor,
    database: Database,
    school: School,
    become: Become,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(retry_policy, "BUDGET_LOOK_SECONDS", 0.01)
    vendor.set_latency(0.05)
    hints = hand_in(school, 20)
    become("ec_worker")
    work(runner, hints[:6])
    one = ledger_sums(database)["cost"] // 6
    budget = one * 20
    database.sql("update orgs set monthly_budget_micros = %s", budget)

    # Reservations for running calls exceed their final cost, so a few more calls fit when they end.
    calls = -1
    while vendor.counters()["calls"] > calls:
        calls = vendor.counters()["calls"]
        work(runner, hints[6:])

    spent = ledger_sums(database)["cost"]
    assert calls < 60 - 6, "most of the essays had to wait"
    assert 6 * one < spent <= budget, "what is under way is counted before it is spent"
    # What is refused comes back at once here, so the essays with a later turn are looked at seldom.
    while database.sql("select from passes where state = 'queued' and error is null limit 1"):
        work(runner, hints[6:])
    assert vendor.counters()["calls"] == calls
    waiting = database.sql("select distinct error, attempt from passes where state = 'queued'")
    assert waiting == [("org_budget_spent", 0)]
    database.sql(
        "update passes set queued_at = now() - interval '1 day', next_at = now() + interval '1 minute' where state = 'queued'"
    )
    ages = "select oldest_age_seconds from monitor_queue where state = 'queued'"
    assert database.sql(ages) == [(0.0,)], "a school without money pages nobody"
    become("ec_ingest")
    with db.session(org=school.org, user=school.ada, role="ec_admin"):
        assert ledger.spent_this_month() == spent
    database.sql("update orgs set monthly_budget_micros = null")
    become("ec_worker")
    database.sql("update passes set next_at = now() where state = 'queued'")
    work(runner, hints)
    assert database.sql("select distinct state from passes") == [("done",)]


def test_local_fallback_is_used_when_the_budget_is_spent(
    runner: PassRunner, vendor: FakeVendor, database: Database, school: School, become: Become
) -> None:
    database.sql("update orgs set monthly_budget_micros = 1, ai_fallback = 'local'")
    hints = hand_in(school, 1)
    become("ec_worker")

    for _ in range(3):  # a hint does nothing when another one holds the same row
        work(runner, hints)

    assert vendor.counters()["calls"] == 0
    assert database.sql("select distinct state, provider from passes") == [("done", "local")]


def test_bulk_passes_go_into_a_batch_at_half_price(
    runner: PassRunner,
    vendor: FakeVendor,
    database: Database,
    school: School,
    become: Become,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(call_module, "BATCH_LOOK_SECONDS", 0.0)
    vendor.set_batch_looks(1)
    hints = hand_in(school, 1)
    database.sql("update passes set queue = 'bulk'")
    become("ec_worker")

    for hint in hints:
        runner.run(hint)
    assert database.sql("select distinct state, error, attempt from passes") == [("queued", "in_batch", 0)]
    assert database.sql("select distinct outcome, batch from ai_responses") == [("open", True)]
    # An unreachable vendor does not change the batch.
    vendor.script("overloaded", "overloaded", "overloaded", pass_name="batches")
    for hint in hints:
        runner.run(hint)
    assert database.sql("select distinct outcome from ai_responses") == [("open",)]
    for _ in range(3):
        database.sql("update passes set next_at = now() where state = 'queued'")
        database.sql("delete from provider_pauses")
        work(runner, hints)

    assert database.sql("select distinct state, batch from passes") == [("done", None)]
    assert [call["batch"] for call in vendor.billed] == [True] * 3
    assert ledger_sums(database) == vendor_sums(vendor)
    assert database.sql("select count(*) from ai_responses where outcome = 'ok'") == [(3,)]


def test_vendor_without_batches_is_called_directly(
    runner: PassRunner, vendor: FakeVendor, database: Database, school: School, become: Become
) -> None:
    vendor.always("bad_request", pass_name="batches")
    hints = hand_in(school, 1)
    database.sql("update passes set queue = 'bulk'")
    become("ec_worker")

    for _ in range(3):
        work(runner, hints)

    assert database.sql("select distinct state from passes") == [("done",)]
    assert [call["batch"] for call in vendor.billed] == [False] * 3


def test_org_that_became_local_is_read_locally_despite_a_batch(
    runner: PassRunner,
    vendor: FakeVendor,
    database: Database,
    school: School,
    become: Become,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(call_module, "BATCH_LOOK_SECONDS", 0.0)
    vendor.set_batch_looks(9)
    hints = hand_in(school, 1)
    database.sql("update passes set queue = 'bulk'")
    become("ec_worker")
    for hint in hints:
        runner.run(hint)
    database.sql("update orgs set ai_policy = 'local'")

    for hint in hints:
        runner.run(hint)

    assert database.sql("select distinct state, provider, batch from passes") == [("done", "local", None)]
