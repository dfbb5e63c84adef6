"""Test that a process says it lives, by the database's clock and for its own program only, and what counts as progress."""

from __future__ import annotations

import os
import threading
from itertools import product
from uuid import UUID, uuid4

import pytest
from peewee import ProgrammingError

from models import db
from models.db import session
from models.heartbeats import Activity, Heartbeat, Process
from models.version import version
from tests.conftest import Become
from tests.support.servers import Database, Servers, away

PROGRAM_OF = {"ec_ingest": "web", "ec_worker": "worker", "ec_clock": "clock"}
COLUMNS = "program, pid, version, threads_alive, threads_busy, has_work"


@pytest.fixture(autouse=True)
def _no_rows(database: Database) -> None:
    """The tests of this file share a database."""
    database.sql("delete from heartbeats")


def process(still_seconds: float = 0.0) -> Process:
    return Process(threads_alive=16, threads_busy=3, has_work=True, still_seconds=still_seconds)


def record(program: str, beat: UUID | None = None, *, still_seconds: float = 0.0) -> UUID:
    """Call the function as a program that may lie, and return the id of the row."""
    beat = beat or uuid4()
    values = (beat, program, "h", 1, "1.0", 60.0, still_seconds, 4, 1, True)
    with session():
        db.run("select record_heartbeat(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)", values)
    return beat


@pytest.mark.parametrize(("role", "program"), PROGRAM_OF.items())
def test_a_process_has_one_row_that_every_heartbeat_renews(
    role: str, program: str, become: Become, database: Database
) -> None:
    become(role)
    heartbeat = Heartbeat(program, process)  # type: ignore[arg-type]
    assert heartbeat.beat()
    [(first, *rest)] = database.sql(f"select seen_at, {COLUMNS} from heartbeats")
    assert rest == [program, os.getpid(), version(), 16, 3, True]
    assert heartbeat.beat()
    [(second, started_at)] = database.sql("select seen_at, started_at from heartbeats")
    assert started_at <= first < second
    # Another process with the same pid, as in containers that share the host's name.
    assert Heartbeat(program, process).beat()  # type: ignore[arg-type]
    assert database.sql("select count(*) from heartbeats") == [(2,)]


def test_only_the_databases_clock_counts(become: Become, database: Database) -> None:
    become("ec_worker")
    [(before,)] = database.sql("select clock_timestamp()")
    assert Heartbeat("worker", lambda: process(still_seconds=90)).beat()
    [(age, is_now)] = database.sql(
        "select extract(epoch from seen_at - progress_at)::float, seen_at between %s and now() from heartbeats", before
    )
    assert age == pytest.approx(90, abs=0.001)
    assert is_now


@pytest.mark.parametrize(
    ("role", "program"), [(role, other) for role in PROGRAM_OF for other in PROGRAM_OF.values() if PROGRAM_OF[role] != other]
)  # fmt: skip
def test_no_program_writes_a_row_of_another_one(role: str, program: str, become: Become, database: Database) -> None:
    become(role)
    with pytest.raises(ProgrammingError, match=f"{role} writes no heartbeat of {program}"):
        record(program)
    assert database.sql("select count(*) from heartbeats") == [(0,)]


def test_a_program_that_knows_the_id_of_another_ones_row_does_not_change_it(become: Become, database: Database) -> None:
    become("ec_ingest")
    beat = record("web")
    before = database.sql("select * from heartbeats")
    become("ec_worker")
    record("worker", beat)
    assert database.sql("select * from heartbeats") == before


@pytest.mark.parametrize("role", ["ec_monitor", "ec_backup"])
def test_programs_without_heartbeats_may_write_none(role: str, become: Become) -> None:
    become(role)
    with pytest.raises(ProgrammingError, match="permission denied"):
        record("web")


@pytest.mark.parametrize(
    ("role", "statement"),
    [
        *product(PROGRAM_OF, ["select from heartbeats", "delete from heartbeats", "update heartbeats set pid = 2"]),
        ("ec_monitor", "select from heartbeats"),  # all that its transactions may do
    ],
)
def test_programs_reach_the_table_through_the_functions_only(role: str, statement: str, become: Become) -> None:
    become(role)
    with pytest.raises(ProgrammingError, match="permission denied"), session():
        db.run(statement)


@pytest.mark.parametrize("role", PROGRAM_OF)
def test_only_the_monitor_reads_who_lives(role: str, become: Become) -> None:
    become(role)
    with pytest.raises(ProgrammingError, match="permission denied"), session():
        db.rows("select * from monitor_programs()")


def test_rows_of_ended_processes_go_and_the_newest_of_a_silent_program_stays(
    become: Become, database: Database
) -> None:
    for role, program in PROGRAM_OF.items():
        become(role)
        record(program)
    database.sql(
        "update heartbeats set started_at = t, seen_at = t, progress_at = t from (select now() - interval '61 minutes' as t)"
    )
    become("ec_worker")
    new = record("worker")
    assert database.sql("select program from heartbeats where id <> %s order by program", str(new)) == [
        ("clock",),
        ("web",),
    ]


def test_an_outage_is_logged_once_and_the_next_heartbeat_ends_it(
    become: Become, database: Database, servers: Servers, logged: pytest.LogCaptureFixture
) -> None:
    become("ec_worker")
    heartbeat = Heartbeat("worker", process)
    for _ in range(2):
        with away(servers, database):
            assert [heartbeat.beat() for _ in range(3)] == [False] * 3
        assert heartbeat.beat()
    assert sum("heartbeat not written" in str(record.msg) for record in logged.records) == 2


def test_a_heartbeat_leaves_no_transaction_open(become: Become, database: Database) -> None:
    become("ec_clock")
    assert Heartbeat("clock", process).beat()
    open_ones = "select count(*) from pg_stat_activity where usename = 'ec_clock' and datname = current_database() and state <> 'idle'"
    assert database.sql(open_ones) == [(0,)]


def test_a_thread_beats_at_once_and_stops_when_told(become: Become, database: Database) -> None:
    become("ec_ingest")
    looked, beating = threading.Event(), list[threading.Thread]()

    def look() -> Process:
        beating.append(threading.current_thread())
        looked.set()
        return process()

    heartbeat = Heartbeat("web", look)
    heartbeat.start()
    assert looked.wait(60)
    heartbeat.stop()
    # It may have ended already, so it is no use to look for it among the running ones.
    (thread,) = beating
    assert thread.name == "heartbeat"
    thread.join(60)
    assert not thread.is_alive()
    assert database.sql("select count(*) from heartbeats") == [(1,)]


def in_thread(call: object) -> None:
    thread = threading.Thread(target=call)  # type: ignore[arg-type]
    thread.start()
    thread.join()


def test_work_that_begins_after_idleness_counts_as_progress_and_work_beside_it_does_not() -> None:
    activity = Activity()
    activity._moved_at -= 3600
    assert activity.still_seconds >= 3600
    activity.begin()
    assert activity.still_seconds < 60
    activity._moved_at -= 100
    in_thread(activity.begin)
    assert activity.still_seconds >= 100
    assert activity.busy == 2
    activity.move()
    assert activity.still_seconds < 60


def test_a_thread_that_failed_is_not_busy_for_ever() -> None:
    activity = Activity()

    def fail() -> None:
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError):
        activity.counted(fail)()
    assert activity.busy == 0
    activity.begin()
    activity.begin()  # an exception between two pieces of work took the end away
    assert activity.busy == 1
    activity.end()
    assert activity.busy == 0
