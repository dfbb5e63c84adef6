"""Test that each planted fault of an index is found and mended, that tables are vacuumed, and that each duty leaves its row."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import psycopg2
import pytest

from models import db, duty_runs, index_report, vacuum
from models.errors import DatabaseAway, DatabaseBusy
from models.index_report import IndexFinding
from tests.conftest import Become
from tests.support.races import eventually
from tests.support.servers import Database
from workers.duties import tables
from workers.duties.guard import Outage, guarded, isolated
from workers.duties.record import Counted, DutyTaken, RecordedDuty


def as_owner(database: Database, *statements: str) -> None:
    """Run statements as ec_owner, each in a transaction of its own."""
    with closing(psycopg2.connect(database.admin_url)) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        cursor.execute("set role ec_owner")
        for statement in statements:
            cursor.execute(statement)


@pytest.fixture
def clock(become: Become) -> None:
    become("ec_clock")


def findings(**limits: Any) -> list[IndexFinding]:
    with db.session():
        return index_report.list_findings(**limits)


def found(kind: str, **limits: Any) -> list[tuple[str, str]]:
    return [(one.table, one.name) for one in findings(**limits) if one.kind == kind]


def test_migrated_database_has_no_finding(database: Database, clock: None) -> None:
    assert findings() == []


def test_duplicate_index_is_found(database: Database, clock: None) -> None:
    as_owner(
        database,
        "create index a_twin on courses (org_id, source_id) where source_id is not null",
        "create index z_twin on orgs (id)",
    )
    try:
        assert found("duplicate") == [("courses", "idx_courses_source"), ("orgs", "z_twin")]
    finally:
        as_owner(database, "drop index a_twin", "drop index z_twin")


def test_foreign_key_without_index_is_found_with_its_statement(database: Database, clock: None) -> None:
    as_owner(
        database,
        "alter table courses add column twin uuid",
        "alter table courses add constraint twin foreign key (org_id, twin) references users (org_id, id)",
    )
    try:
        [one] = [one for one in findings() if one.kind == "missing"]
        assert (one.table, one.name, one.statement) == (
            "courses",
            "twin",
            "create index concurrently on public.courses (org_id, twin)",
        )
        as_owner(database, one.statement)
        assert found("missing") == []
    finally:
        as_owner(database, "alter table courses drop column twin")


@pytest.fixture
def full_table(database: Database) -> Iterator[str]:
    """A table of 20,000 rows, of which half were deleted after their index had been built."""
    as_owner(
        database, "create table crowd (id uuid primary key default uuidv7(), number integer, word text)",
        "insert into crowd (number, word) select n, 'w' || n from generate_series(1, 60000) as n",
        "create index idx_crowd_word on crowd (word)", "delete from crowd where number > 6000", "vacuum analyze crowd",
    )  # fmt: skip
    yield "crowd"
    as_owner(database, "drop table crowd")


def test_bloated_index_is_found_and_mended(database: Database, clock: None, full_table: str) -> None:
    assert found("bloated", big_bytes=1 << 20) == [("crowd", "crowd_pkey"), ("crowd", "idx_crowd_word")]
    before = database.sql("select pg_relation_size('idx_crowd_word')")[0][0]

    results = tables.mend(findings(big_bytes=1 << 20))

    assert [(one.name, result) for one, result in results] == [("crowd_pkey", "done"), ("idx_crowd_word", "done")]
    assert int(str(database.sql("select pg_relation_size('idx_crowd_word')")[0][0])) * 4 < int(str(before))
    assert found("bloated", big_bytes=1 << 20) == []


def test_invalid_index_is_found_and_mended(database: Database, clock: None, full_table: str) -> None:
    as_owner(database, "insert into crowd (number) values (1)")
    with pytest.raises(psycopg2.errors.UniqueViolation):
        as_owner(database, "create unique index concurrently idx_crowd_number on crowd (number)")
    assert found("invalid") == [("crowd", "idx_crowd_number")]

    as_owner(database, "delete from crowd where ctid in (select max(ctid) from crowd where number = 1)")
    assert [result for _, result in tables.mend(findings())] == ["done"]
    assert found("invalid") == []


def test_reindex_that_cannot_be_done_now_says_why(database: Database, clock: None, full_table: str) -> None:
    broken = [one for one in findings(big_bytes=1 << 20) if one.name == "idx_crowd_word"]
    with closing(psycopg2.connect(database.admin_url)) as other, other.cursor() as cursor:
        cursor.execute("lock table crowd in access exclusive mode")
        database.sql(f"alter role ec_clock in database {database.name} set lock_timeout = '100ms'")
        [(_, result)] = tables.mend(broken)
        database.sql(f"alter role ec_clock in database {database.name} reset lock_timeout")
    assert "busy" in result


def test_unused_index_is_found_only_when_big_and_unused_for_long(
    database: Database, clock: None, full_table: str
) -> None:
    database.sql("select pg_stat_reset()")
    assert ("crowd", "idx_crowd_word") in found("unused", unused_days=0, big_rows=1000)
    assert found("unused", unused_days=0, big_rows=1_000_000) == []
    assert found("unused", unused_days=30, big_rows=1000) == []
    database.sql(
        "set enable_seqscan = off; select count(*) from crowd where word = 'w7'; select pg_stat_force_next_flush()"
    )
    eventually(lambda: ("crowd", "idx_crowd_word") not in found("unused", unused_days=0, big_rows=1000))


def test_big_scans_are_found(database: Database, clock: None, full_table: str) -> None:
    database.sql(
        "do $$ declare c bigint; begin for n in 1..1001 loop select count(*) into c from crowd where number < 0; end loop; end $$;"
        "select pg_stat_force_next_flush()"
    )
    eventually(lambda: found("scanned", big_rows=1000) == [("crowd", "")])


def test_dead_rows_are_vacuumed_and_partitioned_tables_analysed(database: Database, clock: None) -> None:
    as_owner(
        database,
        "create table crowd (id integer primary key)",
        "alter table crowd set (autovacuum_enabled = off)",
        "insert into crowd select generate_series(1, 5000)",
    )
    try:
        as_owner(database, "delete from crowd where id > 3000", "select pg_stat_force_next_flush()")
        eventually(lambda: "crowd" in [one.name for one in _due()])
        parents = {
            str(name)
            for (name,) in database.sql(
                "select relname from pg_class where relkind = 'p' and relnamespace = 'public'::regnamespace"
            )
        }
        assert {one.name for one in _due() if one.is_parent} == parents

        done = tables.vacuum_tables()

        assert isinstance(done, Counted)
        assert done.detail["analysed"] == len(parents) == 8
        assert done.detail["vacuumed"] == 1
        assert done.detail["dead_rows"] == 2000
        eventually(lambda: _due() == [])
        assert database.sql(
            "select n_dead_tup, last_vacuum is not null from pg_stat_user_tables where relname = 'crowd'"
        ) == [(0, True)]
        assert tables.vacuum_tables() == 0
    finally:
        as_owner(database, "drop table crowd")


def _due() -> list[vacuum.DueTable]:
    with db.session():
        return vacuum.list_due()


def last_run(name: str) -> duty_runs.DutyRun | None:
    with db.session():
        return next((one for one in duty_runs.list_runs() if one.name == name), None)


class Ticking:
    """A clock that the test moves."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_each_run_of_a_slow_duty_leaves_its_row(database: Database, clock: None) -> None:
    duty = RecordedDuty("purge", lambda: Counted(7, rows=6, tokens=1))
    assert duty() == 7

    run = last_run("purge")
    assert run is not None
    assert (run.outcome, run.found, run.detail) == ("ok", 7, {"rows": 6, "tokens": 1})
    assert run.succeeded_at == run.ended_at >= run.started_at


def test_frequent_duty_leaves_a_row_once_a_minute_with_the_sum(database: Database, clock: None) -> None:
    ticking = Ticking()
    duty = RecordedDuty("free_leases", lambda: 2, clock=ticking)
    for _ in range(4):
        duty()
        ticking.now += 15
    assert _found("free_leases") == 2
    duty()
    assert _found("free_leases") == 8


def _found(name: str) -> int:
    run = last_run(name)
    assert run is not None
    return run.found


def test_failure_is_recorded_at_once_and_so_is_its_end(database: Database, clock: None) -> None:
    answers: list[int | Exception] = [1, ValueError("broken"), 1]

    def work() -> int:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    carry_out = guarded("erase", RecordedDuty("erase", work, clock=Ticking()), outage=Outage())
    outcomes = []
    for _ in range(3):
        carry_out()
        run = last_run("erase")
        assert run is not None
        outcomes.append((run.outcome, run.succeeded_at is not None))
    assert outcomes == [("ok", True), ("failed", True), ("ok", True)]


def test_duty_of_which_a_part_failed_has_failed(database: Database, clock: None) -> None:
    def broken() -> int:
        raise ValueError("this school")

    RecordedDuty("delete_expired", lambda: sum(isolated("delete_expired", one)() for one in (lambda: 3, broken)))()
    run = last_run("delete_expired")
    assert run is not None
    assert (run.outcome, run.found, run.succeeded_at) == ("failed", 3, None)


@pytest.mark.parametrize("error", [DatabaseAway("gone"), DatabaseBusy("busy")])
def test_duty_that_is_put_off_leaves_no_row(database: Database, clock: None, error: Exception) -> None:
    def put_off() -> int:
        raise error

    with pytest.raises(DatabaseAway if isinstance(error, DatabaseAway) else DatabaseBusy):
        RecordedDuty("sign_heads", put_off)()
    assert last_run("sign_heads") is None


def test_second_clock_leaves_a_long_duty_out_until_the_lease_ends(database: Database, clock: None) -> None:
    second = RecordedDuty("audit_data", lambda: 5, alone=True)
    seen: list[int] = []

    def first() -> int:
        seen.append(second())
        with pytest.raises(DutyTaken):
            second.carry_out()
        return 1

    assert RecordedDuty("audit_data", first, alone=True)() == 1
    assert seen == [0]
    assert _found("audit_data") == 1
    assert second() == 5

    database.sql("insert into duty_leases values ('audit_data', uuidv7(), now() - interval '1 s') returning 1")
    assert second() == 5, "the lease of a clock that died ends by itself"
