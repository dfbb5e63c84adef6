"""Test that partitions are months in UTC, whatever time zone the server, the database, the role or the environment has."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count

import psycopg2
import pytest

from models import db, upkeep
from tests.conftest import Become
from tests.support.commands import run_command
from tests.support.schools import connect_as, hand_in, load_keys, make_school
from tests.support.servers import ROOT, Database, Servers, cloned, execute, migrate
from workers.__main__ import main
from workers.duties import maintenance

ZONES = ("America/New_York", "Europe/Berlin", "Australia/Sydney", "Asia/Kolkata", "UTC")
WAYS = ("database", "role", "environment", "session")
# The clock as it stood on these days: each month of a year, in which every zone changes its clocks twice.
MOMENTS = [datetime(2027 + month // 12, month % 12 + 1, 23, 20, tzinfo=UTC) for month in range(12)]
_numbers = count(1)

# What depends on the time zone of the session: calendar arithmetic, and a time or a row that becomes text.
CALENDAR = re.compile(
    r"date_trunc|date_part|to_char|to_date|to_timestamp|to_jsonb?\s*\((old|new)\)|row_to_json|current_date|localtime|at time zone"
    r"|::\s*(date|timestamp(?! with))\b|\bas\s+(date|timestamp)\b|interval\s*'[^']*(day|week|mon|year)|\b(days|weeks|months|years)\s*=>"
    r"|extract\s*\((?!epoch)",
    re.IGNORECASE,
)


def bounds(url: str) -> dict[str, tuple[datetime, datetime]]:
    """Return the first moment of each monthly partition and the first one after it."""
    found = execute(
        url,
        """
        select c.relname, uuid_extract_timestamp(m.ends[1]::uuid) at time zone 'UTC', uuid_extract_timestamp(m.ends[2]::uuid) at time zone 'UTC'
        from pg_inherits as i join pg_class as c on c.oid = i.inhrelid
        cross join lateral regexp_match(pg_get_expr(c.relpartbound, c.oid), $$'(.{36})'.*'(.{36})'$$) as m (ends)
        where c.relkind = 'r' and m.ends is not null
        """,
    )
    return {str(name): (begins, ends) for name, begins, ends in found}  # type: ignore[misc]


def misplaced(url: str) -> list[str]:
    """Return the partitions that are not the month that their name says."""
    wrong = []
    for name, (begins, ends) in bounds(url).items():
        first = datetime(int(name[-7:-3]), int(name[-2:]), 1)
        following = datetime(first.year + first.month // 12, first.month % 12 + 1, 1)
        if (begins, ends) != (first, following):
            wrong.append(f"{name}: {begins} to {ends}")
    return wrong


def set_time(url: str, moment: datetime) -> None:
    """Let ensure_partitions take this moment for now, by a constant in the place of now()."""
    [(definition,)] = execute(url, "select pg_get_functiondef('ensure_partitions(integer)'::regprocedure)")
    times = r"now\(\)|timestamptz '[^']*'|'[^']*'::timestamp with time zone"
    fixed = re.sub(times, f"timestamptz '{moment.isoformat()}'", str(definition))
    assert moment.isoformat() in fixed
    execute(url, fixed)


def walk(url: str, *, role: str = "", zone: str = "") -> None:
    """Run the clock's statement as it would be run in each month of a year."""
    for moment in MOMENTS:
        set_time(url, moment)
        connection = psycopg2.connect(role or url)
        try:
            with connection, connection.cursor() as cursor:
                if zone:
                    cursor.execute("select set_config('timezone', %s, false)", (zone,))
                cursor.execute("select ensure_partitions(4)")
        finally:
            connection.close()


@pytest.fixture
def empty(servers: Servers) -> Iterator[Database]:
    """A database of the test's own without any migration."""
    name = f"zone_{os.getpid()}_{next(_numbers)}"
    execute(servers.admin_url, f"create database {name}")
    yield Database(servers.url(name))
    execute(servers.admin_url, f"drop database {name} with (force)")


@pytest.mark.slow(reason="applies every migration in twenty databases")
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("zone", ZONES)
def test_months_begin_at_midnight_utc_after_migrations_and_over_a_year(
    empty: Database, monkeypatch: pytest.MonkeyPatch, zone: str, way: str
) -> None:
    if way == "database":
        execute(empty.admin_url, f"alter database {empty.name} set timezone = '{zone}'")
    if way == "environment":
        monkeypatch.setenv("PGTZ", zone)
    migrate(empty.admin_url, "up")
    if way == "role":
        execute(empty.admin_url, f"alter role ec_clock in database {empty.name} set timezone = '{zone}'")
    assert misplaced(empty.admin_url) == []

    walk(empty.admin_url, role=empty.role_url("ec_clock"), zone=zone if way == "session" else "")

    assert misplaced(empty.admin_url) == []
    assert len([name for name in bounds(empty.admin_url) if name.startswith("submissions_2027")]) == 12


@pytest.mark.slow(reason="starts the clock program")
@pytest.mark.parametrize("zone", ZONES[:3])
def test_clock_in_a_local_time_zone_makes_months_in_utc(servers: Servers, zone: str) -> None:
    with cloned(servers) as database:
        database.sql(f"alter database {database.name} set timezone = '{zone}'")
        walk(database.admin_url, role=database.role_url("ec_clock"))
        assert misplaced(database.admin_url) == []
        assert len(bounds(database.admin_url)) > 7 * 16


@pytest.mark.parametrize("zone", ["America/New_York", "Australia/Sydney"])
def test_session_uses_utc_whatever_the_database_and_the_environment_say(
    database: Database, become: Become, monkeypatch: pytest.MonkeyPatch, zone: str
) -> None:
    database.sql(f"alter database {database.name} set timezone = '{zone}'")
    monkeypatch.setenv("PGTZ", zone)
    become("ec_ingest")
    for _ in range(2):
        with db.session():
            found = db.row("select current_setting('timezone') as zone, timestamptz '2027-01-01 00:00Z' as moment")
        assert found is not None
        assert (found["zone"], str(found["moment"])) == ("UTC", "2027-01-01 00:00:00+00:00")


def test_every_function_with_calendar_arithmetic_fixes_its_time_zone(database: Database) -> None:
    functions = database.sql(
        "select proname, pg_get_functiondef(oid), coalesce('TimeZone=UTC' = any (proconfig), false) from pg_proc "
        "where pronamespace = 'public'::regnamespace and prokind in ('f', 'p')"
    )
    concerned = {str(name): fixed for name, text, fixed in functions if CALENDAR.search(str(text))}
    assert {"create_partition", "ensure_partitions", "audit_change", "spent_this_month"} <= set(concerned)
    assert [name for name, fixed in concerned.items() if not fixed] == []


# The state that earlier releases left behind, and how an operator mends it.


@pytest.fixture
def broken(servers: Servers) -> Iterator[Database]:
    """A database whose partitions an earlier release made in New York's time, with a row on every tenth day."""
    with cloned(servers) as database:
        kept = database.sql("select pg_get_functiondef('ensure_partitions(integer)'::regprocedure)")[0][0]
        for name in bounds(database.admin_url):
            database.sql(f"alter table {name[:-8]} detach partition {name}")
            database.sql(f"drop table {name}")
        old = (ROOT / "migrations" / "0006_partitions.sql").read_text().split("grant execute")[0]
        database.sql(
            f"set timezone = 'America/New_York'; {old.replace('create function', 'create or replace function')}"
        )
        database.sql(f"alter database {database.name} set timezone = 'America/New_York'")
        set_time(database.admin_url, datetime(2026, 11, 23, 20, tzinfo=UTC))
        execute(database.admin_url, "select ensure_partitions(4)")  # on a new connection, which has the database's zone
        database.sql(str(kept))
        database.sql(
            "insert into system_logs (id, program, level, event) select uuid7_floor(m), 't', 'error', to_char(m, 'YYYY-MM-DD') "
            "from generate_series(timestamptz '2026-11-01 12:00Z', timestamptz '2027-04-05 12:00Z', interval '10 days') as m"
        )
        yield database


def recipe() -> str:
    """Return the statement that docs/operations.md gives for partitions with wrong bounds."""
    [found] = re.findall(
        r"## Mend partitions.*?```sql\n(.*?)```", (ROOT / "docs" / "operations.md").read_text(), re.DOTALL
    )
    return str(found)


def test_wrong_partitions_are_listed_by_the_command_and_logged_by_the_clock(
    broken: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("DATABASE_URL", broken.role_url("ec_clock"))
    connect_as("ec_clock", broken)
    said = run_command(main, "partitions")
    assert said.returncode == 1
    assert "submissions_2026_12: 2026-12-01 01:00 to 2026-12-31 01:00 UTC" in said.stdout
    assert "Mend partitions" in said.stderr
    with db.session():
        names = [one.name for one in upkeep.list_misplaced_partitions()]
    assert {name[:-8] for name in names} == {parent for (parent,) in broken.sql("select relname from pg_class where relkind = 'p' and relnamespace = 'public'::regnamespace")}  # fmt: skip
    with pytest.raises(Exception, match="overlap"):
        maintenance.make_partitions()
    logged = [one.msg for one in caplog.records if isinstance(one.msg, dict)]
    assert [line["event"] for line in logged] == ["partitions with wrong bounds"]
    assert set(logged[0]["partitions"]) == set(names)


@pytest.mark.slow(reason="migrates a database of its own")
def test_recipe_of_the_documents_mends_wrong_partitions_and_keeps_every_row(broken: Database) -> None:
    load_keys()
    connect_as("ec_ingest", broken)
    school = make_school("northside")
    submission = hand_in(school).submission
    broken.sql(
        "insert into seen_events (org_id, source_id, event_id, body_sha256, submission_id) values (%s, %s, 'e', sha256(''), %s)",
        school.org, school.source, submission,
    )  # fmt: skip
    counts = (
        "select (select count(*) from submissions), (select count(*) from analytics), (select count(*) from audit_log)"
    )
    counted = broken.sql(counts)
    before = broken.sql("select id, event from system_logs order by id")
    assert broken.sql("select count(*) > 0 from system_logs_default") == [(True,)]
    assert misplaced(broken.admin_url) != []

    broken.sql(recipe())

    assert misplaced(broken.admin_url) == []
    assert broken.sql("select id, event from system_logs order by id") == before
    assert broken.sql("select count(*) from system_logs_default") == [(0,)]
    wrong = "select count(*) from system_logs where tableoid::regclass::text <> 'system_logs_' || to_char(created_at at time zone 'UTC', 'YYYY_MM')"
    assert broken.sql(wrong) == [(0,)]
    owners = broken.sql(
        "select distinct tableowner::text from pg_tables where schemaname = 'public' and tablename ~ '_20'"
    )
    assert owners == [("ec_owner",)]
    assert broken.sql(counts) == counted
    # The foreign keys look at the new partitions as at the old ones.
    broken.sql("delete from users where id = %s", school.alice)
    assert broken.sql("select count(*) from submissions") == [(0,)]
    assert broken.sql("select submission_id from seen_events") == [(None,)]
    broken.sql("select ensure_partitions(4)")


def test_command_finds_nothing_wrong_in_a_new_database(
    database: Database, become: Become, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", database.role_url("ec_clock"))
    said = run_command(main, "partitions")
    assert (said.returncode, said.stderr) == (0, "")
    assert "Every partition is one month in UTC." in said.stdout
