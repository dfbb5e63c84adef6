"""Test that a month is taken away only when nobody needs it, exported before, and dropped without holding up writers."""

from __future__ import annotations

import gzip
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from benchmarks.retire import BAR_SECONDS, measure, quantile
from models import db, partitions
from models.errors import SettingsError
from tests.conftest import Become
from tests.support.races import eventually, together
from tests.support.schools import School, connect_as
from tests.support.servers import Database, Servers, cloned
from workers.duties import retire
from workers.duties.maintenance import make_partitions
from workers.duties.record import Counted, RecordedDuty
from workers.duties.retire import RetireSettings, export, retire_partitions

MONTHS = 8
AGO = f"now() - interval '{MONTHS} months'"
# Another one each time, also within a millisecond.
ID_OF_THEN = f"uuidv7({AGO} - now())"


def add_month(database: Database, table: str, months: int = MONTHS) -> str:
    """Create the partition of a month long ago, as the clock of that time did, and return its name."""
    moment = f"(date_trunc('month', now(), 'UTC') - interval '{months} months')"
    database.sql(f"set role ec_owner; select create_partition('{table}', {moment}); reset role; select 1")
    return str(database.sql(f"select '{table}' || to_char({moment} at time zone 'UTC', '_YYYY_MM')")[0][0])


def is_attached(database: Database, name: str) -> bool:
    return database.sql("select 1 from pg_inherits join pg_class on oid = inhrelid where relname = %s", name) != []


def exists(database: Database, name: str) -> bool:
    return database.sql("select to_regclass(%s) is not null", name) == [(True,)]


@pytest.fixture
def old_months(database: Database) -> Iterator[dict[str, str]]:
    """A month of long ago for each table, by table; what is left of them goes after the test."""
    names = {table: add_month(database, table) for table in partitions.RETIRABLE}
    yield names
    for name in names.values():
        database.sql(f"drop table if exists {name}")


def add_log(database: Database, org: object = None) -> None:
    database.sql(
        f"insert into system_logs (id, org_id, program, level, event) values ({ID_OF_THEN}, %s, 'clock', 'error', 'x') returning 1",
        org,
    )


def add_delivery(database: Database, school: School, user: object) -> None:
    database.sql(
        "insert into inbound_events (id, org_id, source_id, event_id, user_id, outcome, body, body_sha256) "
        f"values ({ID_OF_THEN}, %s, %s, 'e', %s, 'accepted', 'sealed', '') returning 1", school.org, school.source, user,
    )  # fmt: skip


def add_answer(database: Database, school: School, *, tallied: bool = True) -> None:
    database.sql(
        "set session_replication_role = replica; "
        "insert into ai_responses (id, org_id, submission_id, user_id, pass, attempt, provider, model, prompt_version, request_sha256, "
        f"outcome, raw, completed_at, tallied) values (uuid7_floor({AGO}), '{school.org}', uuid7_floor({AGO}), '{school.alice}', 'grammar', 1, "
        f"'local', 'm', '1', '', 'ok', 'sealed', {AGO}, {tallied}); set session_replication_role = origin; select 1"
    )


def keep_days(database: Database, school: School, **days: int) -> None:
    """Set retentions of the school whose first 7 days are over."""
    for name, number in days.items():
        database.sql(f"update orgs set retention_{name} = %s where id = %s returning 1", number, school.org)
    database.sql(
        "update retention_runs set begins_at = now() - interval '1 s' where org_id = %s returning 1", school.org
    )


def as_clock(become: Become, **chosen: Any) -> Counted:
    become("ec_clock")
    done = retire_partitions(RetireSettings(**chosen))
    assert isinstance(done, Counted)
    return done


def test_months_that_nobody_needs_are_dropped(
    become: Become, database: Database, old_months: dict[str, str], school: School
) -> None:
    keep_days(database, school, raw_answers=30, deliveries=30)
    add_log(database, school.org)
    add_delivery(database, school, school.alice)
    add_delivery(database, school, None)
    add_answer(database, school)

    done = as_clock(become)

    assert (int(done), done.detail) == (4, {"rows": 4, "needed": 0, "busy": 0})
    assert [name for name in old_months.values() if exists(database, name)] == []
    noted = database.sql(
        "select detail->>'class', (detail->>'deleted')::integer from audit_log where org_id = %s and action = 'retention_run' order by 1",
        school.org,
    )
    assert noted == [("deliveries", 2), ("raw_answers", 1)]
    assert int(as_clock(become)) == 0


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        ("inbound_events", "no retention"), ("ai_responses", "no retention"), ("ai_responses", "not counted"),
        ("inbound_events", "person on hold"), ("ai_responses", "person on hold"), ("inbound_events", "org on hold"),
        ("ai_responses", "org on hold"), ("system_logs", "org on hold"), ("inbound_events", "longer retention"),
        ("ai_responses", "longer retention"), ("inbound_events", "first days"), ("ai_responses", "first days"),
        ("analytics", "any row"),
    ],
)  # fmt: skip
def test_month_stays_while_somebody_needs_a_row(
    become: Become, database: Database, old_months: dict[str, str], school: School, table: str, reason: str
) -> None:
    if reason != "no retention":
        days = 3650 if reason == "longer retention" else 30
        keep_days(database, school, raw_answers=days, deliveries=days)
    if reason == "first days":
        database.sql(
            "update retention_runs set begins_at = now() + interval '1 day' where org_id = %s returning 1", school.org
        )
    if reason == "person on hold":
        database.sql("update users set legal_hold = 'CASE-1' where id = %s returning 1", school.alice)
    if reason == "org on hold":
        database.sql("update orgs set legal_hold = 'CASE-1' where id = %s returning 1", school.org)
    match table:
        case "system_logs":
            add_log(database, school.org)
        case "inbound_events":
            add_delivery(database, school, school.alice)
        case "ai_responses":
            add_answer(database, school, tallied=reason != "not counted")
        case _:
            database.sql(
                f"insert into analytics (id, org_id, user_id, event) values (uuid7_floor({AGO}), %s, %s, 'submitted') returning 1",
                school.org, school.alice,
            )  # fmt: skip

    done = as_clock(become)

    assert done.detail["needed"] == 1
    assert is_attached(database, old_months[table])
    assert [name for of, name in old_months.items() if of != table and exists(database, name)] == []


def test_month_stays_for_as_many_months_as_the_settings_say(
    become: Become, database: Database, old_months: dict[str, str]
) -> None:
    months = dict.fromkeys(partitions.RETIRABLE, MONTHS) | {"analytics": MONTHS - 2}
    assert int(as_clock(become, months=months)) == 1
    assert not exists(database, old_months["analytics"])
    assert is_attached(database, old_months["system_logs"])


def test_months_of_other_tables_and_young_months_are_refused(become: Become, database: Database) -> None:
    this_month = database.sql("select to_char(now() at time zone 'utc', 'YYYY_MM')")[0][0]
    become("ec_clock")
    for name in (f"submissions_{this_month}", f"audit_log_{this_month}", "users", "system_logs_default"):
        with pytest.raises(Exception, match="can be retired"), db.session():
            partitions.detach(name)
    with db.session():
        assert partitions.detach(f"system_logs_{this_month}") == "needed"
    with pytest.raises(Exception, match="still a part"), db.session():
        partitions.drop(f"system_logs_{this_month}")
    with pytest.raises(Exception, match="still a part"), db.session():
        partitions.read_page(f"system_logs_{this_month}", after=partitions.FIRST, limit=1)


def test_month_with_wrong_bounds_stays_until_it_is_mended(become: Become, database: Database) -> None:
    name = add_month(database, "system_logs")
    bounds = f"from (uuid7_floor({AGO} - interval '1 hour')) to (uuid7_floor({AGO}))"
    database.sql(
        f"alter table system_logs detach partition {name}; alter table system_logs attach partition {name} for values {bounds}"
    )
    try:
        assert as_clock(become).detail["needed"] == 1
        assert is_attached(database, name)
    finally:
        database.sql(f"drop table {name}")


def test_export_holds_every_row_and_can_be_read_again(
    become: Become,
    database: Database,
    old_months: dict[str, str],
    school: School,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(retire, "PAGE", 2)
    keep_days(database, school, deliveries=30)
    for _ in range(5):
        database.sql(
            "insert into inbound_events (id, org_id, source_id, event_id, user_id, outcome, body, body_sha256) select "
            f"overlay(uuidv7(- interval '{MONTHS} months')::text placing '7' from 15)::uuid, %s, %s, 'e', %s, 'accepted', '\\x00ff01', '' returning 1",
            school.org, school.source, school.alice,
        )  # fmt: skip
    name = old_months["inbound_events"]
    before = database.sql(f"select id, body, created_at, org_id from {name} order by id")
    assert len(before) == 5

    as_clock(become, archive=tmp_path)

    manifest = json.loads((tmp_path / f"{name}.manifest.json").read_text())
    packed = (tmp_path / f"{name}.jsonl.gz").read_bytes()
    assert (manifest["partition"], manifest["rows"], manifest["sha256"]) == (
        name,
        5,
        hashlib.sha256(packed).hexdigest(),
    )
    assert len(list(tmp_path.iterdir())) == 2 * len(partitions.RETIRABLE)
    database.sql("create table read_again (like inbound_events)")
    try:
        for line in gzip.decompress(packed).decode().splitlines():
            database.sql(
                "insert into read_again select * from jsonb_populate_record(null::inbound_events, %s::jsonb)", line
            )
        assert database.sql("select id, body, created_at, org_id from read_again order by id") == before
    finally:
        database.sql("drop table read_again")


def test_failed_export_drops_nothing_and_the_next_run_goes_on(
    become: Become, database: Database, old_months: dict[str, str], tmp_path: Path
) -> None:
    add_log(database)
    gone = tmp_path / "gone"
    with pytest.raises(FileNotFoundError):
        as_clock(become, archive=gone)
    assert [exists(database, name) for name in old_months.values()] == [True] * 4

    gone.mkdir()
    assert int(as_clock(become, archive=gone)) == 4
    assert json.loads((gone / f"{old_months['system_logs']}.manifest.json").read_text())["rows"] == 1


def test_hold_that_comes_during_the_export_brings_the_month_back(
    become: Become,
    database: Database,
    old_months: dict[str, str],
    school: School,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    keep_days(database, school, raw_answers=30)
    add_answer(database, school)
    name = old_months["ai_responses"]

    def hold_after(exported: str, archive: Path) -> Path:
        manifest = export(exported, archive)
        if exported == name:
            database.sql("update users set legal_hold = 'CASE-1' where id = %s returning 1", school.alice)
        return manifest

    monkeypatch.setattr(retire, "export", hold_after)
    done = as_clock(become, archive=tmp_path)

    assert (int(done), done.detail["needed"]) == (3, 1)
    assert is_attached(database, name)
    assert database.sql("select count(*) from ai_responses where org_id = %s", school.org) == [(1,)]
    assert not (tmp_path / f"{name}.jsonl.gz").exists()
    assert database.sql("select 1 from pg_constraint where conname = 'whole_month'") == []


@contextmanager
def reader_of(database: Database, table: str) -> Iterator[Any]:
    """Hold a transaction open that has read the table."""
    with closing(psycopg2.connect(database.admin_url)) as connection, connection.cursor() as cursor:
        cursor.execute(f"select count(*) from {table}")
        yield connection


@pytest.mark.slow(reason="the database asks for its locks for some seconds")
def test_long_transaction_of_another_puts_the_month_off_without_a_queue(
    become: Become, database: Database, old_months: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retire, "TRIES", 1)
    with reader_of(database, "system_logs"):
        done = as_clock(become)
        assert (int(done), done.detail["busy"]) == (3, 1)
        add_log(database)
    assert int(as_clock(become)) == 1


def test_the_month_goes_as_soon_as_the_other_transaction_ends(
    become: Become, database: Database, old_months: dict[str, str]
) -> None:
    become("ec_clock")
    waits = "select 1 from pg_locks where not granted and relation = 'system_logs'::regclass"
    with reader_of(database, "system_logs") as other:
        done: list[int] = []
        thread = threading.Thread(target=lambda: done.append(retire_partitions(RetireSettings())))
        thread.start()
        eventually(lambda: database.sql(waits), what="the clock asks for the lock")
        other.rollback()
        thread.join(60)
    assert done == [4]


def test_of_two_clocks_one_retires(
    become: Become, database: Database, old_months: dict[str, str], tmp_path: Path
) -> None:
    become("ec_clock")
    other_ended = threading.Event()

    def retire_until_the_other_has_asked() -> int:
        found = retire_partitions(RetireSettings(archive=tmp_path))
        assert other_ended.wait(60)
        return found

    clocks = [RecordedDuty("retire_partitions", retire_until_the_other_has_asked, alone=True) for _ in range(2)]

    def run(number: int) -> int:
        found = clocks[number]()
        other_ended.set()
        return found

    done = together(2, run)

    assert sorted(done, key=str) == [0, 4]
    assert [name for name in old_months.values() if exists(database, name)] == []
    assert database.sql("select outcome, found from duty_runs where name = 'retire_partitions'") == [("ok", 4)]
    assert database.sql("select * from duty_leases") == []


def test_settings_are_read_and_wrong_ones_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ESSAYCOACH_RETIRE_AFTER_MONTHS", "ai_responses=24, inbound_events=1")
    monkeypatch.setenv("ESSAYCOACH_ARCHIVE_DIR", str(tmp_path))
    assert retire.read_settings() == RetireSettings(archive=tmp_path, months={"ai_responses": 24, "inbound_events": 1})
    for wrong in ("users=3", "ai_responses", "ai_responses=0", "ai_responses=x"):
        monkeypatch.setenv("ESSAYCOACH_RETIRE_AFTER_MONTHS", wrong)
        with pytest.raises(SettingsError, match="ESSAYCOACH_RETIRE_AFTER_MONTHS must be table=months"):
            retire.read_settings()
    monkeypatch.delenv("ESSAYCOACH_RETIRE_AFTER_MONTHS")
    monkeypatch.setenv("ESSAYCOACH_ARCHIVE_DIR", str(tmp_path / "missing"))
    with pytest.raises(SettingsError, match="ESSAYCOACH_ARCHIVE_DIR must be a directory"):
        retire.read_settings()


@pytest.mark.slow(reason="runs the duty for 18 months, twice at a time")
def test_eighteen_months_ahead_every_month_is_made_once_and_the_default_stays_empty(servers: Servers) -> None:
    """Two clocks run every five days for 18 months; each day's row goes to the partition of its month."""
    partitions_of = "select relname from pg_class where relispartition and relkind = 'r'"
    with cloned(servers) as database:
        connect_as("ec_clock", database)
        tables = [str(name) for (name,) in database.sql("select partrelid::regclass::text from pg_partitioned_table")]
        known = {str(name) for (name,) in database.sql(partitions_of)}
        start = datetime.now(UTC)
        made: list[int | Exception] = []
        for day in range(0, 18 * 30 + 10, 5):
            made += together(2, partial(_make_partitions_of, start + timedelta(days=day)))
            database.sql(
                "insert into system_logs (id, program, level, event) values (uuid7_floor(%s), 'clock', 'error', 'day') returning 1",
                start + timedelta(days=day),
            )
        new = {str(name) for (name,) in database.sql(partitions_of)} - known

        assert [one for one in made if isinstance(one, Exception)] == []
        assert sum(one for one in made if isinstance(one, int)) == len(new)
        first = start.year * 12 + start.month - 1
        months = [f"_{number // 12}_{number % 12 + 1:02}" for number in range(first + 5, first + 18 + 4)]
        assert {table + month for table in tables for month in months} <= new
        for table in tables:
            assert database.sql(f"select count(*) from {table}_default") == [(0,)]


def _make_partitions_of(moment: datetime, _: int) -> int:
    return make_partitions(moment)


def test_clock_makes_no_months_of_the_past_or_far_away(become: Become) -> None:
    become("ec_clock")
    for days in (-40, 1200):
        with pytest.raises(Exception, match="partitions begin between"):
            make_partitions(datetime.now(UTC) + timedelta(days=days))


@pytest.mark.slow(reason="fills a month and writes beside its retirement")
def test_no_writer_waits_for_long_while_a_month_is_retired(servers: Servers, tmp_path: Path) -> None:
    """`python -m benchmarks retire` measures the same with a million rows."""
    with cloned(servers) as database:
        found = measure(
            admin_url=database.admin_url, clock_url=database.role_url("ec_clock"), rows=20_000, quiet_seconds=0.5, archive=tmp_path,
        )  # fmt: skip
    assert found.rows == 20_000
    assert len(found.during) > 100
    assert quantile(found.during, 0.99) < BAR_SECONDS
    assert found.lock_wait < BAR_SECONDS
