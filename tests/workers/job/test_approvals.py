"""Test that an org which asks for approval is read only by what it approved, with the fake vendor and the real database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from models import db, essays, feedback, review_counts
from models.essays import Draft, Receipt
from models.jobs import PassName
from monitoring.ai import UNAPPROVED_RESULTS, read_ai
from monitoring.families import MonotonicCounter
from tests.conftest import Become
from tests.support.local_engine import shared_provider
from tests.support.schools import School, session_of
from tests.support.servers import Database
from tests.support.vendor import FakeVendor
from workers.job import call as call_module
from workers.job.approvals import LEFT_OUT_NOTE, REPLACED_NOTE, Result
from workers.job.leases import Leases
from workers.job.run_pass import PassRunner
from workers.passes import prompt
from workers.providers.choice import ProviderChooser
from workers.providers.claude import DEFAULT_MODEL
from workers.providers.contract import Provider
from workers.providers.local import provider as local_provider
from workers.settings import ProviderSettings

TEXT = "Schools should ban mobile phones during lessons. They distracts us from learning.\n\nFirst, everyone look up. My friend have a bike. He go home. She do not know."
EARLIER_MODEL = "claude-sonnet-5"
NAMES = sorted(PassName)


@pytest.fixture
def vendor() -> Iterator[FakeVendor]:
    with FakeVendor() as vendor:
        yield vendor


@pytest.fixture
def choose(vendor: FakeVendor) -> Iterator[ProviderChooser]:
    settings = ProviderSettings(name="anthropic", api_key="sk-test", base_url=vendor.base_url, model=None)
    chooser = ProviderChooser(settings, timeout_seconds=60, local=shared_provider())
    yield chooser
    chooser("anthropic").close()  # type: ignore[attr-defined]  # Claude's provider has connections to close


@pytest.fixture
def deploy_prompt(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], None]]:
    """Deploy another prompt when called: it has another content hash, and the files of the one before are gone."""

    def deploy() -> None:
        monkeypatch.setattr(prompt, "SCHEMA_VERSION", "deployed today")
        prompt.prompt_version.cache_clear()

    yield deploy
    monkeypatch.undo()
    prompt.prompt_version.cache_clear()


@pytest.fixture
def upgrade_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], None]]:
    """Install another version of a grammar engine when called, as far as Python's package data go."""

    def upgrade() -> None:
        data = tmp_path / "harper_py-99.0.dist-info"
        data.mkdir()
        (data / "METADATA").write_text("Metadata-Version: 2.1\nName: harper-py\nVersion: 99.0\n")
        monkeypatch.syspath_prepend(tmp_path)
        local_provider._content_hash.cache_clear()

    yield upgrade
    monkeypatch.undo()
    local_provider._content_hash.cache_clear()


@pytest.fixture
def gated(database: Database, school: School) -> School:
    database.sql("update orgs set require_approval = true where id = %s", school.org)
    return school


def running(choose: Callable[[str], Provider], *, use_ensemble: bool = False) -> PassRunner:
    leases = Leases(lease_seconds=12.0, longest_seconds=60)
    return PassRunner(choose_provider=choose, leases=leases, lease_seconds=12.0, use_ensemble=use_ensemble)


def hand_in(school: School) -> Receipt:
    with session_of(school, "zoe"):
        return essays.receive(school.zoe, Draft(title="Phones", text=TEXT, source="app"), org=school.org)


def run_all(runner: PassRunner, receipt: Receipt) -> None:
    for hint in receipt.hints:
        runner.run(hint)


def approve(school: School, provider: Provider, *, model: str | None = None, version: str | None = None) -> None:
    """Store an approval for each pass, as `compare --bless` does."""
    for name in PassName:
        with db.session(org=school.org):
            review_counts.approve_model(
                org=school.org, pass_name=name, provider=provider.name, model=model or provider.model,
                prompt_version=version or provider.prompt_version(name), report={},
            )  # fmt: skip


def states(database: Database) -> list[tuple[object, ...]]:
    return database.sql("select distinct state, error, provider, model, attempt from passes order by 1, 2, 3")


def counted(database: Database) -> dict[tuple[str, ...], int]:
    found = database.sql("select labels, count from monitor_totals where name = 'unapproved_readers'")
    return {tuple(labels): count for labels, count in found}  # type: ignore[attr-defined]


def not_checked(school: School, receipt: Receipt, become: Become) -> list[str]:
    become("ec_ingest")
    with session_of(school, "zoe"):
        found = feedback.fetch(receipt.submission, org=school.org, released_only=True)
    return list(found["summary"]["not_checked"])


WAITING = [("queued", "not_approved", None, None, 0)]


def test_results_are_those_that_the_monitor_counts_from_zero() -> None:
    assert tuple(Result) == UNAPPROVED_RESULTS


def test_reader_that_is_not_approved_makes_no_call_and_the_pass_waits(
    database: Database, gated: School, become: Become, choose: ProviderChooser, vendor: FakeVendor
) -> None:
    receipt = hand_in(gated)
    become("ec_worker")
    run_all(running(choose), receipt)
    assert vendor.counters()["calls"] == 0
    assert states(database) == WAITING
    assert database.sql("select 1 from ai_responses") == []
    assert counted(database) == {(name, "anthropic", "waits"): 1 for name in NAMES}
    with db.session(org=gated.org):
        status = essays.fetch_status(receipt.submission, org=gated.org)
    assert {(one["state"], one["error"]) for one in status} == {("queued", "not_approved")}
    become("ec_monitor", pool_size=2)
    [metric] = [one for one in read_ai(MonotonicCounter()) if one.name == "essaycoach_unapproved_readers"]
    assert [one.value for one in metric.samples if one.labels["result"] == "waits" and one.value] == [1, 1, 1]
    wait = "select min(next_at - now()) > '80 s', max(next_at - now()) < '3 min' from passes"
    assert database.sql(wait) == [(True, True)]
    database.sql("update passes set queued_at = now() - interval '1 day'")
    ages = "select oldest_age_seconds from monitor_queue where state = 'queued'"
    assert database.sql(ages) == [(0.0,)], "what waits for an approval pages nobody as work without a worker"


def test_waiting_pass_is_read_once_its_reader_is_approved(
    database: Database, gated: School, become: Become, choose: ProviderChooser, vendor: FakeVendor
) -> None:
    receipt = hand_in(gated)
    become("ec_worker")
    run_all(running(choose), receipt)
    approve(gated, choose("anthropic"))
    database.sql("update passes set next_at = now()")
    run_all(running(choose), receipt)
    assert vendor.counters()["calls"] == 3
    assert states(database) == [("done", None, "anthropic", DEFAULT_MODEL, 1)]
    assert set(counted(database).values()) == {1}
    assert REPLACED_NOTE not in not_checked(gated, receipt, become)


def test_setting_decides_at_each_claim(
    database: Database, school: School, become: Become, choose: ProviderChooser, vendor: FakeVendor
) -> None:
    before = hand_in(school)
    become("ec_worker")
    run_all(running(choose), before)
    assert (vendor.counters()["calls"], counted(database)) == (3, {})
    become("ec_ingest")
    database.sql("update orgs set require_approval = true")
    waiting = hand_in(school)
    become("ec_worker")
    run_all(running(choose), waiting)
    assert vendor.counters()["calls"] == 3
    database.sql("update orgs set require_approval = false")
    database.sql("update passes set next_at = now() where state = 'queued'")
    run_all(running(choose), waiting)
    assert vendor.counters()["calls"] == 6
    assert database.sql("select distinct state from passes") == [("done",)]


def test_org_that_does_not_ask_for_approval_looks_for_none(
    database: Database, school: School, become: Become, choose: ProviderChooser
) -> None:
    receipt = hand_in(school)
    become("ec_worker")
    database.sql("revoke select on blessings from ec_worker")
    try:
        run_all(running(choose, use_ensemble=True), receipt)
    finally:
        database.sql("grant select on blessings to ec_worker")
    assert states(database) == [("done", None, "anthropic", DEFAULT_MODEL, 1)]
    assert counted(database) == {}


def test_approval_of_another_org_or_pass_does_not_count(
    database: Database, gated: School, other_school: School, become: Become, choose: ProviderChooser, vendor: FakeVendor
) -> None:
    receipt = hand_in(gated)
    become("ec_worker")
    approve(other_school, choose("anthropic"))
    with db.session(org=gated.org):
        review_counts.approve_model(
            org=gated.org, pass_name="content", provider="anthropic", model=DEFAULT_MODEL,
            prompt_version=choose("anthropic").prompt_version(PassName.CONTENT), report={},
        )  # fmt: skip
    run_all(running(choose), receipt)
    assert vendor.counters()["passes"] == {"content": 1}
    read = database.sql("select name, state from passes order by name")
    assert read == [("content", "done"), ("grammar", "queued"), ("structure", "queued")]


def test_last_approved_model_with_the_same_prompt_reads_instead(
    database: Database, gated: School, become: Become, choose: ProviderChooser, vendor: FakeVendor
) -> None:
    receipt = hand_in(gated)
    become("ec_worker")
    approve(gated, choose("anthropic"), model="claude-opus-5")
    approve(gated, choose("anthropic"), model=EARLIER_MODEL)
    approve(gated, choose("anthropic"), model="claude-without-a-price")
    approve(gated, choose("anthropic"), version="0" * 16)
    approve(gated, choose("local"))
    run_all(running(choose), receipt)
    assert {one["model"] for one in vendor.requests} == {EARLIER_MODEL}
    assert vendor.counters()["calls"] == 3
    assert states(database) == [("done", None, "anthropic", EARLIER_MODEL, 1)]
    database.sql("select fold_ledger(100)")
    assert database.sql("select distinct model, cost_micros > 0 from ledger") == [(EARLIER_MODEL, True)]
    assert counted(database) == {(name, "anthropic", "replaced"): 1 for name in NAMES}
    assert REPLACED_NOTE in not_checked(gated, receipt, become)


@pytest.mark.parametrize("fallback", ["wait", "local"])
def test_new_prompt_waits_or_is_replaced_by_approved_local_rules(
    database: Database,
    gated: School,
    become: Become,
    choose: ProviderChooser,
    vendor: FakeVendor,
    deploy_prompt: Callable[[], None],
    fallback: str,
) -> None:
    database.sql("update orgs set ai_fallback = %s", fallback)
    receipt = hand_in(gated)
    become("ec_worker")
    approve(gated, choose("local"))
    approve(gated, choose("anthropic"))
    deploy_prompt()
    run_all(running(choose), receipt)
    assert vendor.counters()["calls"] == 0
    if fallback == "wait":
        assert states(database) == WAITING
    else:
        assert database.sql("select distinct state, provider from passes") == [("done", "local")]
        assert REPLACED_NOTE in not_checked(gated, receipt, become)
    result = "waits" if fallback == "wait" else "replaced"
    assert counted(database) == {(name, "anthropic", result): 1 for name in NAMES}


@pytest.mark.parametrize("policy", ["anthropic", "local"])
def test_local_rules_that_are_not_approved_do_not_read(
    database: Database, gated: School, become: Become, choose: ProviderChooser, vendor: FakeVendor, policy: str
) -> None:
    """No fallback and no policy leads around the approval, and a policy `local` is not left because Claude is approved."""
    database.sql("update orgs set ai_policy = %s, ai_fallback = 'local', monthly_budget_micros = 0", policy)
    receipt = hand_in(gated)
    become("ec_worker")
    approve(gated, choose("anthropic"))
    approve(gated, choose("local"), version="f" * 16)
    run_all(running(choose), receipt)
    assert vendor.counters()["calls"] == 0
    reason = "not_approved" if policy == "local" else "org_budget_spent"
    assert states(database) == [("queued", reason, None, None, 0)]
    assert counted(database) == ({(name, "local", "waits"): 1 for name in NAMES} if policy == "local" else {})


def test_another_version_of_an_engine_needs_an_approval_of_its_own(
    database: Database,
    gated: School,
    become: Become,
    choose: ProviderChooser,
    upgrade_engine: Callable[[], None],
) -> None:
    database.sql("update orgs set ai_policy = 'local'")
    receipt = hand_in(gated)
    become("ec_worker")
    approve(gated, choose("local"))
    upgrade_engine()
    run_all(running(choose), receipt)
    read = database.sql("select name, state, error from passes order by name")
    assert read == [("content", "done", None), ("grammar", "queued", "not_approved"), ("structure", "done", None)]


def test_paused_claude_falls_back_to_local_rules_only_where_they_are_approved(
    database: Database, gated: School, become: Become, choose: ProviderChooser, vendor: FakeVendor
) -> None:
    database.sql("update orgs set ai_fallback = 'local'")
    database.sql(
        "insert into provider_pauses (provider, reason, until) values ('anthropic', 'overloaded', now() + interval '1 hour')"
    )
    receipt = hand_in(gated)
    become("ec_worker")
    approve(gated, choose("anthropic"))
    run_all(running(choose), receipt)
    assert database.sql("select distinct state, error from passes") == [("queued", "overloaded")]
    approve(gated, choose("local"))
    database.sql("update passes set next_at = now()")
    run_all(running(choose), receipt)
    assert database.sql("select distinct state, provider from passes") == [("done", "local")]
    assert vendor.counters()["calls"] == 0


@pytest.mark.parametrize("approved", [True, False])
def test_local_rules_beside_claude_need_their_own_approval(
    database: Database, gated: School, become: Become, choose: ProviderChooser, vendor: FakeVendor, approved: bool
) -> None:
    receipt = hand_in(gated)
    become("ec_worker")
    approve(gated, choose("anthropic"))
    if approved:
        approve(gated, choose("local"))
    run_all(running(choose, use_ensemble=True), receipt)
    assert states(database) == [("done", None, "anthropic", DEFAULT_MODEL, 1)]
    readers = {provider for (provider,) in database.sql("select distinct provider from feedback")}
    assert readers == ({"anthropic", "local"} if approved else {"anthropic"})
    assert counted(database) == ({} if approved else {("grammar", "local", "left_out"): 1})
    assert (LEFT_OUT_NOTE in not_checked(gated, receipt, become)) is not approved


@pytest.mark.parametrize("fallback", ["wait", "local"])
def test_approved_model_that_the_vendor_no_longer_has_pauses_nobody_else(
    database: Database, gated: School, become: Become, choose: ProviderChooser, vendor: FakeVendor, fallback: str
) -> None:
    database.sql("update orgs set ai_fallback = %s", fallback)
    vendor.always("not_found")
    receipt = hand_in(gated)
    become("ec_worker")
    approve(gated, choose("local"))
    approve(gated, choose("anthropic"), model=EARLIER_MODEL)
    run_all(running(choose), receipt)
    assert vendor.counters()["calls"] == 3
    assert database.sql("select 1 from provider_pauses") == []
    if fallback == "wait":
        assert states(database) == WAITING
        assert {name[2] for name in counted(database)} == {"replaced", "waits"}
    else:
        assert database.sql("select distinct state, provider from passes") == [("done", "local")]


def test_batch_of_a_reader_that_is_not_approved_is_not_read(
    database: Database,
    school: School,
    become: Become,
    choose: ProviderChooser,
    vendor: FakeVendor,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(call_module, "BATCH_LOOK_SECONDS", 0.0)
    receipts = [hand_in(school), hand_in(school)]
    database.sql("update passes set queue = 'bulk'")
    become("ec_worker")
    run_all(running(choose), receipts[0])
    assert database.sql("select count(batch) from passes") == [(3,)]
    database.sql("update orgs set require_approval = true")
    approve(school, choose("anthropic"), model=EARLIER_MODEL)
    run_all(running(choose), receipts[0])
    # The passes went into new batches, with the approved model.
    models = "select distinct a.model from passes as p join ai_responses as a on a.id = p.batch_call"
    assert database.sql(models) == [(EARLIER_MODEL,)]
    approve(school, choose("anthropic"))
    # Now the model of today is approved, so the batch of the earlier one is not read either.
    run_all(running(choose), receipts[0])
    assert database.sql(models) == [(DEFAULT_MODEL,)]
    run_all(running(choose), receipts[0])
    assert database.sql("select distinct state, model from passes where batch is null and state <> 'queued'") == [
        ("done", DEFAULT_MODEL)
    ]
