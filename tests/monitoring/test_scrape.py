"""Test what a scrape reports about rows, and that it contains no identifiers."""

from __future__ import annotations

import re
import threading
import time
from collections import defaultdict

import psycopg2
import psycopg2.errors
import pytest
from redis import Redis

from models import db, upkeep
from models.jobs import PASS_QUEUES, PassName, Queue
from models.leased_rows import ARRIVALS, RETURNS
from models.redis_refusals import Refusal
from monitoring import query
from monitoring.__main__ import probe_groups
from monitoring.collector import EssayCoachCollector, Probe, ProbeGroup
from monitoring.families import MonotonicCounter
from tests.conftest import Become
from tests.support.own_redis import SPELLS, own_redis
from tests.support.races import eventually

UUID_IN_TEXT = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-", re.IGNORECASE)


def test_every_queue_and_pass_has_metrics_in_an_empty_database(scrape, servers):
    with Redis.from_url(servers.redis_url) as client:
        client.flushdb()  # hints that an earlier test has left
    seen = scrape()
    for queue in PASS_QUEUES:
        assert seen.one("essaycoach_queue_oldest_age_seconds", queue=queue) == 0
        assert seen.one("essaycoach_queue_wait_seconds_count", queue=queue) == 0
        assert seen.one("essaycoach_queue_depth", queue=queue, state="queued") == 0
    for queue in Queue:
        assert seen.one("essaycoach_redis_depth", queue=queue) == 0
    for what in ("arrivals", "returns"):
        assert seen.one("essaycoach_lms_oldest_age_seconds", what=what) == 0
    for table in (ARRIVALS, RETURNS):
        for outcome in table.outcomes:
            assert seen.one("essaycoach_lms_ended_total", what=table.name, outcome=outcome) == 0
    assert seen.one("essaycoach_lms_silent_seconds", kind="moodle") == 0
    assert seen.one("essaycoach_delivery_oldest_age_seconds") == 0
    for outcome in ("delivered", "put_off", "gave_up"):
        assert seen.one("essaycoach_delivery_attempts_total", outcome=outcome) == 0
    assert [seen.one("essaycoach_endpoints", state=state) for state in ("failing", "disabled")] == [0, 0]
    for name in PassName:
        assert seen.one("essaycoach_pass_duration_seconds_count", **{"pass": name, "outcome": "done"}) == 0
        assert seen.one("essaycoach_ai_cost_micros_total", **{"pass": name}) == 0
    assert seen.one("essaycoach_leases_expired_total") == seen.one("essaycoach_fenced_writes_total") == 0
    assert {sample.value for sample in seen.all("essaycoach_probe_up")} == {1}


@pytest.mark.parametrize("name", SPELLS)
def test_a_redis_that_refuses_our_work_is_up_and_not_usable(name, become: Become):
    become("ec_monitor", pool_size=2)
    with own_redis() as server:
        collector = EssayCoachCollector(probe_groups(redis_url=server.url_for("ec_monitor"), http_directory=None))
        assert _usable(collector) == (1, set())
        with SPELLS[name].cast_on(server):
            assert _usable(collector) == (1, {SPELLS[name].reason})
        assert _usable(collector) == (1, set())
        assert server.keys_without_expiry() == []


def test_queued_and_given_up_passes_are_counted_from_rows(scrape, rows):
    started = time.monotonic()
    rows.due(seconds_ago=90)
    rows.due(seconds_ago=30)
    rows.due(seconds_ago=4000, queue="bulk")
    rows.passed(state="gave_up", error="worker_lost")
    rows.passed(state="gave_up", error="Dear teacher, my dog ate it")
    seen = scrape()
    passed = time.monotonic() - started + 1  # clocks are set now and then
    assert 90 <= seen.one("essaycoach_queue_oldest_age_seconds", queue="interactive") < 90 + passed
    assert 4000 <= seen.one("essaycoach_queue_oldest_age_seconds", queue="bulk") < 4000 + passed
    assert seen.one("essaycoach_queue_depth", queue="interactive", state="queued") == 2
    assert seen.one("essaycoach_gave_up", **{"pass": "grammar", "reason": "worker_lost"}) == 1
    assert seen.one("essaycoach_gave_up", **{"pass": "grammar", "reason": "other"}) == 1


def test_calls_tokens_and_cost_are_summed(scrape, rows):
    submission = rows.passed()
    rows.called(submission, tokens=100, cost_micros=5000)
    rows.called(submission, tokens=50, cost_micros=2000)
    rows.called(submission, outcome="overloaded", tokens=0, cost_micros=0)
    seen = scrape()
    assert seen.one("essaycoach_ai_requests_total", provider="anthropic", outcome="ok", **{"pass": "grammar"}) == 2
    assert seen.one("essaycoach_ai_requests_total", outcome="overloaded") == 1
    assert seen.one("essaycoach_ai_tokens_total", kind="input", **{"pass": "grammar"}) == 150
    assert seen.one("essaycoach_ai_cost_micros_total", **{"pass": "grammar"}) == 7000


def test_buckets_are_cumulative_and_the_infinite_one_equals_the_count(scrape, rows):
    for waited in (0.001, 0.2, 0.2, 40, 999999):
        rows.passed(waited=waited, took=2)
    seen = scrape()
    histograms = defaultdict(list)
    for sample in seen.samples:
        if sample.name.endswith("_bucket"):
            others = tuple(sorted((k, v) for k, v in sample.labels.items() if k != "le"))
            histograms[sample.name, others].append((float(sample.labels["le"]), sample.value))
    assert {name for name, _ in histograms} >= {
        "essaycoach_queue_wait_seconds_bucket",
        "essaycoach_pass_duration_seconds_bucket",
    }
    for (name, others), buckets in histograms.items():
        counts = [count for _, count in sorted(buckets)]
        assert counts == sorted(counts)
        assert max(buckets)[0] == float("inf")
        assert counts[-1] == seen.one(name.replace("_bucket", "_count"), **dict(others))
    bucket = "essaycoach_queue_wait_seconds_bucket"
    found = [seen.one(bucket, queue="interactive", le=le) for le in ("0.01", "0.25", "60.0", "3600.0", "+Inf")]
    assert found == [1, 3, 4, 4, 5]
    assert seen.one("essaycoach_queue_wait_seconds_sum", queue="interactive") == pytest.approx(1000039.401)


def test_totals_do_not_change_when_rows_are_folded_and_then_deleted(scrape, rows, become: Become):
    for _ in range(3):
        rows.called(rows.passed())
    before = _totals(scrape())
    become("ec_clock")
    with db.session():
        assert upkeep.fold_tallies() > 0
    rows.run("delete from essays")
    become("ec_monitor", pool_size=2)
    assert _totals(scrape()) == before
    rows.called(rows.passed())
    assert scrape().one("essaycoach_ai_cost_micros_total", **{"pass": "grammar"}) == 4 * 5000


def test_totals_do_not_fall_when_rows_are_deleted_before_folding(scrape, rows):
    for _ in range(3):
        rows.called(rows.passed())
    before = _totals(scrape())
    rows.run("delete from essays")
    assert _totals(scrape()) == before
    rows.called(rows.passed())
    seen = scrape()
    assert seen.one("essaycoach_ai_cost_micros_total", **{"pass": "grammar"}) == 4 * 5000
    assert seen.one("essaycoach_queue_wait_seconds_count", queue="interactive") == 4


def test_monotonic_counter_continues_after_its_source_falls():
    counter = MonotonicCounter()
    assert [counter(("k",), value) for value in (0, 5, 3, 4, 0, 2)] == [0, 5, 5, 6, 6, 8]


def test_no_label_has_an_id_and_there_are_fewer_than_2000_series(scrape, rows):
    for state, error in (("done", None), ("gave_up", str(rows.org)), ("cancelled", None)):
        rows.called(rows.passed(state=state, error=error), outcome="timeout")
    rows.due(seconds_ago=1)
    seen = scrape()
    for sample in seen.samples:
        assert not any(UUID_IN_TEXT.search(value) for value in sample.labels.values()), sample
        assert "query" not in sample.labels
    assert len(seen.samples) < 2000


def test_default_partition_rows_and_missing_months_are_reported(scrape, rows, database):
    database.sql("select ensure_partitions(4)")  # a month may have begun since the migration
    assert {s.value for s in scrape().all("essaycoach_partition_rows_in_default")} == {0}
    assert {s.value for s in scrape().all("essaycoach_partitions_ahead_months")} == {4}
    rows.run(
        "insert into analytics (id, org_id, user_id, event) values (uuidv7(interval '20 years'), %s, %s, 'submitted')",
        rows.org,
        rows.user,
    )
    (last,) = database.sql("select to_char(now() at time zone 'utc' + interval '2 months', '\"feedback_\"YYYY_MM')")
    rows.run(f"drop table {last[0]}")
    seen = scrape()
    assert seen.one("essaycoach_partition_rows_in_default", table="analytics") == 1
    assert seen.one("essaycoach_partitions_ahead_months", table="feedback") == 1
    assert seen.one("essaycoach_partitions_ahead_months", table="submissions") == 4


@pytest.mark.parametrize("view", ["monitor_queue", "monitor_gave_up", "monitor_totals"])
def test_a_scrape_reads_no_finished_history(view, become: Become, rows):
    """A table this small would be read as a whole, as a large one is with the statistics of an hour in which all was open."""
    rows.called(rows.passed())
    rows.run("analyze passes")
    become("ec_monitor", pool_size=2)
    with db.session():
        query.set_limits()
        plan = "\n".join(str(*line.values()) for line in db.rows(f"explain select * from {view}"))
    assert "Scan" in plan
    assert not re.search(r"Seq Scan on (passes|submissions|ai_responses)", plan), plan


def test_partition_statistics_are_reported_for_their_parent_table(scrape):
    tables = [sample.labels["relname"] for sample in scrape().all("pg_stat_user_tables_n_live_tup")]
    assert len(tables) == len(set(tables))
    assert {"passes", "submissions", "feedback"} <= set(tables)
    assert not [name for name in tables if re.search(r"_\d{4}_\d\d$|_default$", name)]


def test_monitor_role_cannot_write_even_in_read_write_mode(role_url):
    connection = psycopg2.connect(role_url("ec_monitor"))
    connection.autocommit = True
    insert = "insert into tallies (name, labels) values ('x', '{}')"
    try:
        with connection.cursor() as cursor:
            with pytest.raises(psycopg2.errors.ReadOnlySqlTransaction):
                cursor.execute(insert)
            cursor.execute("set default_transaction_read_only = off")
            with pytest.raises(psycopg2.errors.InsufficientPrivilege):
                cursor.execute(insert)
    finally:
        connection.close()


@pytest.mark.slow(reason="scrapes in a rush")
def test_many_scrapes_hold_two_connections_at_most(scrape, database):
    for _ in range(20):
        scrape()
    (held,) = database.sql(
        "select count(*) from pg_stat_activity where usename = 'ec_monitor' and datname = current_database()"
    )
    assert held[0] <= 2


def test_locked_table_removes_only_its_own_metrics(scrape, admin_url):
    blocker = psycopg2.connect(admin_url)
    try:
        blocker.cursor().execute("lock table passes in access exclusive mode")
        seen = scrape()
    finally:
        blocker.close()
    assert seen.one("essaycoach_probe_up", probe="queues") == 0
    assert not seen.all("essaycoach_queue_depth")
    assert seen.one("pg_up") == 1
    assert seen.one("pg_long_running_transactions_oldest_timestamp_seconds") > 0
    assert seen.one("essaycoach_probe_up", probe="redis") == 1
    assert scrape().one("essaycoach_probe_up", probe="queues") == 1


def test_hanging_probe_uses_one_thread_and_fails_only_itself():
    release, asked = threading.Event(), []

    def hang() -> list:
        asked.append(1)
        release.wait(600)
        return []

    hanging = ProbeGroup(probes=(Probe(name="hangs", read=hang),), up="pg_up")
    fine = ProbeGroup(probes=(Probe(name="fine", read=list),))
    collector = EssayCoachCollector([hanging, fine], scrape_seconds=0.2)
    try:
        for _ in range(3):
            eventually(lambda: _ups(collector) == {"hangs": 0, "fine": 1}, what="the answer of the other probe")
        assert len(asked) == 1
    finally:
        release.set()
    collector._runs[0].thread.join()
    eventually(lambda: _ups(collector) == {"hangs": 1, "fine": 1}, what="the answers of both")


class CountedLock:
    """A lock that notes who has asked for it."""

    def __init__(self) -> None:
        self.asked: list[int] = []
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        self.asked.append(threading.get_ident())
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()


def test_concurrent_scrapes_share_one_answer():
    entered, release, asked = threading.Event(), threading.Event(), []

    def read() -> list:
        asked.append(1)
        entered.set()
        release.wait(60)
        return []

    collector = EssayCoachCollector([ProbeGroup(probes=(Probe(name="counted", read=read),))], scrape_seconds=60)
    collector._scrape_lock = lock = CountedLock()
    scrapes = [threading.Thread(target=_ups, args=(collector,)) for _ in range(4)]
    scrapes[0].start()
    assert entered.wait(60)
    for one in scrapes[1:]:
        one.start()
    eventually(lambda: len(lock.asked) == 4, what="scrapes that wait for the first one")
    release.set()
    for one in scrapes:
        one.join()
    assert len(asked) == 1


def _usable(collector: EssayCoachCollector) -> tuple[float, set[str]]:
    """Return redis_up and the reasons for which Redis is not usable. Every reason has a sample."""
    families = {family.name: family.samples for family in collector.collect()}
    usable = {sample.labels["reason"]: sample.value for sample in families["essaycoach_redis_usable"]}
    assert usable.keys() == set(Refusal) - {Refusal.AWAY}
    return families["redis_up"][0].value, {reason for reason, value in usable.items() if value == 0}


def _ups(collector: EssayCoachCollector) -> dict[str, float]:
    (up,) = [family for family in collector.collect() if family.name == "essaycoach_probe_up"]
    return {sample.labels["probe"]: sample.value for sample in up.samples}


def _totals(seen) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    ours = re.compile(r"essaycoach_(queue_wait|pass_duration|ai_|leases|fenced)")
    return {(s.name, tuple(sorted(s.labels.items()))): s.value for s in seen.samples if ours.match(s.name)}


def test_readers_that_are_not_approved_are_counted_from_zero(scrape, rows):
    name = "essaycoach_unapproved_readers_total"
    assert {sample.value for sample in scrape().all(name)} == {0}
    assert len(scrape().all(name)) == len(PassName) * 2 * 3
    rows.run(
        "insert into tallies (name, labels, count) values ('unapproved_readers', '{grammar,local,left_out}', 4),"
        " ('unapproved_readers', '{content,anthropic,waits}', 2)"
    )
    seen = scrape()
    assert seen.one(name, provider="local", result="left_out", **{"pass": "grammar"}) == 4
    assert sum(sample.value for sample in seen.all(name)) == 6
