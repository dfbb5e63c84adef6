"""Test monthly partitions, running totals (tallies) and the purge of expired rows."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from uuid import UUID

import psycopg2.errors
import pytest

from models import ai_responses, db, essays, passes, upkeep
from models.ai_responses import CallEnd
from models.crypto import Ciphertext, Key
from models.essays import Draft
from tests.conftest import Become
from tests.support.races import together
from tests.support.schools import School, session_of
from tests.support.servers import Database

PARENTS = (
    "ai_responses",
    "analytics",
    "audit_log",
    "deliveries",
    "feedback",
    "inbound_events",
    "submissions",
    "system_logs",
)


def months(database: Database) -> dict[str, list[str]]:
    """Return the partitions of each partitioned table, in order of their names."""
    found = database.sql(
        "select inhparent::regclass::text, array_agg(inhrelid::regclass::text order by inhrelid::regclass::text) "
        "from pg_inherits join pg_class on oid = inhparent where relkind = 'p' group by 1"
    )
    return {str(parent): list(children) for parent, children in found}  # type: ignore[call-overload]


@pytest.fixture
def last_month_missing(database: Database) -> Iterator[list[str]]:
    """The names of the newest partition of every table, which the fixture has dropped."""
    names = [children[-2] for children in months(database).values()]
    assert not [name for name in names if name.endswith("_default")]
    for parent, children in months(database).items():
        database.sql(f"alter table {parent} detach partition {children[-2]}")
        database.sql(f"drop table {children[-2]}")
    yield names
    database.sql("select ensure_partitions(4)")


def ensure() -> int:
    with db.session():
        return upkeep.ensure_partitions()


def test_partitions_of_this_month_and_four_more_exist_after_migration(database: Database, become: Become) -> None:
    assert {parent: len(children) for parent, children in months(database).items()} == dict.fromkeys(PARENTS, 6)
    # The month of the migration, which may be over by now.
    expected = database.sql("select to_char(max(applied_at_utc), 'YYYY_MM') from _yoyo_migration")[0][0]
    assert months(database)["submissions"][0] == f"submissions_{expected}"


def test_ensure_partitions_is_idempotent(become: Become, database: Database) -> None:
    become("ec_clock")
    ensure()  # a month may have begun since the migration
    before = months(database)

    assert ensure() == 0
    assert months(database) == before


def test_concurrent_clocks_create_each_partition_once(
    become: Become, database: Database, last_month_missing: list[str]
) -> None:
    become("ec_clock")

    made = together(4, lambda _: ensure())

    assert [one for one in made if isinstance(one, Exception)] == []
    assert sorted(made) == [0, 0, 0, len(PARENTS)]  # type: ignore[type-var]
    assert {children[-2] for children in months(database).values()} == set(last_month_missing)


def test_new_partition_has_row_security_and_no_extra_grants(
    become: Become, database: Database, last_month_missing: list[str]
) -> None:
    become("ec_clock")
    ensure()

    secured = database.sql(
        "select relname::text from pg_class where relname = any (%s) and relrowsecurity and relforcerowsecurity",
        last_month_missing,
    )
    granted = database.sql(
        "select distinct pg_get_userbyid(g.grantee)::text, g.privilege_type from pg_class as c, aclexplode(c.relacl) as g "
        "where c.relname = any (%s) and g.grantee <> c.relowner", last_month_missing,
    )  # fmt: skip
    owners = database.sql(
        "select distinct tableowner::text from pg_tables where tablename = any (%s)", last_month_missing
    )
    assert {name for (name,) in secured} == set(last_month_missing)
    assert set(granted) == {("ec_backup", "SELECT"), ("ec_stats", "SELECT"), ("ec_clock", "MAINTAIN")}
    assert owners == [("ec_owner",)]


def test_row_is_stored_in_the_partition_of_its_id_time(database: Database, become: Become) -> None:
    """The first and the last millisecond of a month go to its partition, and created_at is the same time."""
    ends = database.sql(
        """
        select edge, 'system_logs_' || to_char(edge at time zone 'UTC', 'YYYY_MM')
        from generate_series(date_trunc('month', now(), 'UTC'), date_trunc('month', now(), 'UTC') + interval '4 months', '1 month') as m,
            lateral (values (m), (m + interval '1 month' - interval '1 ms')) as v (edge)
        """
    )
    for edge, partition in ends:
        found = database.sql(
            "insert into system_logs (id, program, level, event) values (uuid7_floor(%s), 't', 'error', 'edge') "
            "returning tableoid::regclass::text, created_at", edge,
        )  # fmt: skip
        assert found == [(partition, edge)]


def test_default_partitions_stay_empty(school: School, database: Database) -> None:
    with session_of(school, "alice"):
        essays.receive(school.alice, Draft(title="T", text="x", source="app"), org=school.org)

    for parent in PARENTS:
        assert database.sql(f"select count(*) from {parent}_default") == [(0,)]
    assert database.sql("select count(*) from submissions where org_id = %s", school.org) == [(1,)]


def test_number_of_months_out_of_range_is_refused(database: Database) -> None:
    for months_ahead in (-1, 37):
        with pytest.raises(psycopg2.errors.RaiseException, match="between 0 and 36"):
            database.sql("select ensure_partitions(%s)", months_ahead)


def totals(database: Database) -> dict[tuple[str, ...], tuple[int, float, list[int] | None]]:
    found = database.sql("select name, labels, count, total, buckets from monitor_totals")
    return {(name, *labels): (count, total, buckets) for name, labels, count, total, buckets in found}  # type: ignore[misc]


def carry_out(school: School, pass_id: UUID, *, cost: int = 11) -> None:
    """Claim and finish one pass with one provider call, in two transactions."""
    with db.session(org=school.org):
        held = passes.claim(pass_id, org=school.org, lease_seconds=60)
        assert held is not None
        call = ai_responses.open_call(
            held, user=school.alice, provider="anthropic", model="m", prompt_version="1", request_sha256=b"x" * 32
        )
    with db.session(org=school.org):
        end = CallEnd(
            outcome="ok", raw="{}", model="m", stop_reason="end_turn", input_tokens=100, output_tokens=10, cache_read_tokens=1,
            cache_write_tokens=2, cost_micros=cost, latency_ms=500,
        )  # fmt: skip
        ai_responses.complete_call(call, end=end, key=Key(b"k" * 32))
        passes.finish(held, provider="anthropic", model="m", comments=0, summary=Ciphertext(b"s"))


def fold(database: Database) -> int:
    """Fold once, as the clock does. It uses its own connection, because the pool of this process is the worker's."""
    connection = psycopg2.connect(database.role_url("ec_clock"))
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute("select pg_advisory_xact_lock(hashtext('essaycoach.tallies'))")
            cursor.execute(upkeep._FOLD_FEEDBACK)
            folded: int = cursor.rowcount
            cursor.execute(upkeep._FOLD)
            return folded + cursor.rowcount
    finally:
        connection.close()


def test_totals_stay_exact_while_workers_finish_and_the_clock_folds(
    school: School, become: Become, database: Database
) -> None:
    """Three workers read twelve submissions while the clock folds all the time. No total is lost or counted twice."""
    with session_of(school, "alice"):
        hints = [
            hint.pass_id
            for _ in range(12)
            for hint in essays.receive(school.alice, Draft(title="T", text="x", source="app"), org=school.org).hints
        ]
    before = totals(database)
    become("ec_worker")
    working = threading.Event()
    seen: list[int] = []
    folds: list[int] = []

    def clock() -> None:
        while not working.is_set():
            folds.append(fold(database))

    def monitor() -> None:
        while not working.is_set():
            seen.append(sum(one[0] for name, one in totals(database).items() if name[0] == "ai_requests"))

    watchers = [threading.Thread(target=clock), threading.Thread(target=monitor)]
    for watcher in watchers:
        watcher.start()
    answers = together(3, lambda number: [carry_out(school, one) for one in hints[number::3]])
    working.set()
    for watcher in watchers:
        watcher.join()

    assert [one for one in answers if isinstance(one, Exception)] == []
    assert seen == sorted(seen)
    assert sum(1 for one in folds if one) > 0
    for _ in range(2):
        after = totals(database)
        for name in ("grammar", "structure", "content"):
            none: tuple[int, float, list[int] | None] = (0, 0.0, None)
            calls, tokens, cost, durations = (
                (after[key][0] - before.get(key, none)[0], after[key][1] - before.get(key, none)[1])
                for key in (
                    ("ai_requests", name, "anthropic", "ok"), ("ai_tokens", name, "input"), ("ai_cost_micros", name),
                    ("pass_duration", name, "done"),
                )
            )  # fmt: skip
            assert calls == (12, pytest.approx(6.0))
            assert tokens == (12, 1200)
            assert cost == (12, 132)
            assert durations[0] == 12
        versions = after["feedback", "interactive"]
        assert versions[0] - before.get(("feedback", "interactive"), none)[0] == 12
        assert versions[2] is not None
        assert len(versions[2]) == 13
        waits = after["queue_wait", "interactive"]
        assert waits[0] - before.get(("queue_wait", "interactive"), none)[0] == 36
        assert waits[2] is not None
        assert len(waits[2]) == 16
        assert waits[2] == sorted(waits[2])
        assert waits[2][-1] == waits[0]
        fold(database)
    assert database.sql("select 1 from untallied") == []


def test_totals_stay_when_their_rows_are_deleted(school: School, become: Become, database: Database) -> None:
    with session_of(school, "alice"):
        receipt = essays.receive(school.alice, Draft(title="T", text="x", source="app"), org=school.org)
    become("ec_worker")
    carry_out(school, receipt.hints[0].pass_id)
    become("ec_clock")
    with db.session():
        assert upkeep.fold_tallies() > 0
    before = totals(database)
    database.sql("delete from essays where id = %s", receipt.essay)

    assert totals(database) == before
    with db.session():
        assert upkeep.fold_tallies() == 0


def test_purge_deletes_only_expired_answers_sessions_and_notes_of_reports(
    school: School, become: Become, database: Database
) -> None:
    for key, days in (("old", 7.1), ("young", 6.9)):
        database.sql(
            "insert into idempotency_keys (org_id, caller_id, key, request_sha256, created_at) "
            "values (%s, %s, %s, '', now() - %s * interval '1 day')", school.org, school.alice, key, days,
        )  # fmt: skip
    for days in (31, 29):
        database.sql(
            "insert into sessions (org_id, user_id, expires_at) values (%s, %s, now() - %s * interval '1 day')",
            school.org, school.alice, days,
        )  # fmt: skip
    for days in (91, 89):
        database.sql(
            "insert into reports (org_id, user_id, kind, parameters, data_as_of, created_at)"
            " values (%s, %s, 'usage', '{}', now(), now() - %s * interval '1 day')", school.org, school.ada, days,
        )  # fmt: skip
    become("ec_clock")

    with db.session():
        assert upkeep.purge() == 3
    with db.session():
        assert upkeep.purge() == 0

    assert database.sql("select key from idempotency_keys where org_id = %s", school.org) == [("young",)]
    assert database.sql("select count(*) from sessions where org_id = %s", school.org) == [(1,)]


def test_deliveries_without_a_person_are_deleted_when_they_are_old(
    school: School, become: Become, database: Database
) -> None:
    for name, days, user in (
        ("old", 31, None),
        ("older", 300, None),
        ("young", 29, None),
        ("of alice", 301, school.alice),
    ):
        database.sql(
            "insert into inbound_events (id, org_id, source_id, event_id, user_id, outcome, reason, body, body_sha256) "
            "values (uuid7_floor(now() - make_interval(days => %s)), %s, %s, %s, %s, 'refused', 'x', '', '')",
            days, school.org, school.source, name, user,
        )  # fmt: skip
    become("ec_clock")

    with db.session():
        assert upkeep.purge_deliveries(limit=1) == 1
    with db.session():
        assert upkeep.purge_deliveries(limit=9) == 1
    with db.session():
        assert upkeep.purge_deliveries(limit=9) == 0

    left = database.sql("select event_id from inbound_events where org_id = %s order by event_id", school.org)
    assert left == [("of alice",), ("young",)]


def test_old_summaries_of_an_org_on_hold_are_kept(school: School, become: Become, database: Database) -> None:
    database.sql(
        "insert into weekly_summaries (org_id, user_id, week, courses) values (%s, %s, '2020-01-06', '[]')",
        school.org, school.ed,
    )  # fmt: skip
    database.sql("update orgs set legal_hold = 'CASE-1' where id = %s returning 1", school.org)
    become("ec_clock")
    with db.session():
        assert upkeep.purge() == 0
    database.sql("update orgs set legal_hold = null where id = %s returning 1", school.org)
    with db.session():
        assert upkeep.purge() == 1
