"""Test the metrics of service levels: feedback times, retries, provider state, budgets, and the last run of each duty."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from models import db, duty_runs
from models.jobs import PASS_QUEUES, PassName
from tests.conftest import Become

BUCKET = "essaycoach_feedback_seconds_bucket"


def _end(rows, *, seconds: float, attempt: int = 1) -> None:
    """Insert a version whose feedback took so long, and its ended pass."""
    submission = rows.passed()
    rows.run("update passes set attempt = %s where submission_id = %s", attempt, submission)
    rows.run("update submissions set completed_at = now(), status = 'completed' where id = %s", submission)
    rows.run("update submissions set feedback_seconds = %s where id = %s", seconds, submission)


def test_feedback_times_are_a_histogram_from_100_ms_to_10_minutes(scrape, rows):
    assert {scrape().one("essaycoach_feedback_seconds_count", queue=queue) for queue in PASS_QUEUES} == {0}
    for seconds in (0.05, 8, 59, 61, 4000):
        _end(rows, seconds=seconds)
    seen = scrape()
    found = {sample.labels["le"]: sample.value for sample in seen.all(BUCKET, queue="interactive")}
    assert list(found) == [
        *map(str, (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0)),
        "+Inf",
    ]
    assert [found[le] for le in ("0.1", "5.0", "10.0", "60.0", "120.0", "600.0", "+Inf")] == [1, 1, 2, 3, 4, 4, 5]
    assert seen.one("essaycoach_feedback_seconds_sum", queue="interactive") == pytest.approx(4128.05)
    assert seen.one("essaycoach_feedback_seconds_count", queue="bulk") == 0


def test_feedback_times_and_attempts_do_not_fall_when_a_partition_goes(scrape, rows):
    for _ in range(2):
        _end(rows, seconds=7, attempt=3)
    before = scrape()
    rows.run("delete from essays")
    after = scrape()
    for name, labels in (
        ("essaycoach_feedback_seconds_count", {"queue": "interactive"}),
        ("essaycoach_feedback_seconds_sum", {"queue": "interactive"}),
        ("essaycoach_pass_attempts_total", {"pass": "grammar", "kind": "retry"}),
    ):
        assert before.one(name, **labels) == after.one(name, **labels) > 0


def test_retries_are_counted_apart_from_first_attempts(scrape, rows):
    name = "essaycoach_pass_attempts_total"
    assert len(scrape().all(name)) == len(PassName) * 2
    for attempt in (0, 1, 4):
        _end(rows, seconds=1, attempt=attempt)
    seen = scrape()
    assert seen.one(name, kind="first", **{"pass": "grammar"}) == 2
    assert seen.one(name, kind="retry", **{"pass": "grammar"}) == 3
    assert seen.one(name, kind="retry", **{"pass": "content"}) == 0


def test_provider_state_names_the_reason_of_a_pause(scrape, rows):
    name = "essaycoach_provider_state"
    assert {(s.labels["provider"], s.labels["reason"]): s.value for s in scrape().all(name)} == {
        ("local", "ok"): 1,
        ("anthropic", "ok"): 1,
    }
    rows.run(
        "insert into provider_pauses (provider, reason, until) values ('anthropic', 'unauthorised', now() + interval '1 h')"
    )
    seen = scrape()
    assert seen.one(name, provider="anthropic", reason="unauthorised") == 1
    assert seen.one(name, provider="anthropic", reason="ok") == 0
    assert seen.one(name, provider="local", reason="ok") == 1
    rows.run("delete from provider_pauses")
    assert [s.value for s in scrape().all(name, provider="anthropic")] == [1]


def test_budget_shares_are_the_ten_largest_and_name_nobody(scrape, rows):
    rows.run(
        "insert into orgs (slug, name, monthly_budget_micros) select 'org-' || n, 'N', 1000 from generate_series(1, 15) as n"
    )
    rows.run(
        "insert into ledger (org_id, day, provider, model, pass, cost_micros)"
        " select id, day, 'anthropic', 'm', 'grammar', substr(slug, 5)::integer * 50 from orgs,"
        " unnest(array[(now() at time zone 'utc')::date, (now() at time zone 'utc')::date - 40]) as day where slug like 'org-%%'"
    )  # fmt: skip
    # No budget, no share: neither of them can be compared.
    rows.run("update orgs set monthly_budget_micros = null where slug = 'org-15'")
    rows.run("update orgs set monthly_budget_micros = 0 where slug = 'org-14'")
    found = {sample.labels["rank"]: sample.value for sample in scrape().all("essaycoach_org_spend_ratio")}
    assert found == {str(rank): pytest.approx((14 - rank) * 0.05) for rank in range(1, 11)}


def test_each_duty_has_the_age_of_its_last_good_run(scrape, become: Become, rows):
    assert not scrape().all("essaycoach_duty_failed")
    become("ec_clock")
    with db.session():
        duty_runs.record("backup", began=datetime.now(UTC), succeeded=True, found=3)
        duty_runs.record("drill", began=datetime.now(UTC), succeeded=False)
    rows.run("update duty_runs set started_at = now() - interval '3700 s', ended_at = now() - interval '3600 s',"
             " succeeded_at = now() - interval '3600 s' where name = 'backup'")  # fmt: skip
    become("ec_monitor", pool_size=2)
    seen = scrape()
    assert 3600 <= seen.one("essaycoach_duty_age_seconds", duty="backup") < 3660
    assert seen.one("essaycoach_duty_seconds", duty="backup") == pytest.approx(100)
    assert seen.one("essaycoach_duty_found", duty="backup") == 3
    assert seen.one("essaycoach_duty_failed", duty="backup") == 0
    assert seen.one("essaycoach_duty_failed", duty="drill") == 1
    assert not seen.all("essaycoach_duty_age_seconds", duty="drill"), "it never succeeded"


def test_age_of_the_oldest_figures_of_reports(scrape, become: Become, rows):
    assert not scrape().all("essaycoach_reports_age_seconds")
    rows.run(
        "insert into report_refreshes (name, refreshed_at, took_ms)"
        " values ('a', now() - interval '900 s', 1500), ('b', now(), 500)"
    )
    seen = scrape()
    assert 900 <= seen.one("essaycoach_reports_age_seconds") < 960
    assert seen.one("essaycoach_reports_refresh_seconds") == 2
