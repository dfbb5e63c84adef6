"""Test what each SQLSTATE leads to: the domain error, and what becomes of the connections."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable

import peewee
import psycopg2.errorcodes
import pytest

from models import db
from models.database_errors import BY_CLASS, BY_CODE, Meaning, meaning_of
from models.errors import DatabaseAway, DatabaseBusy, DatabaseReadOnly, KeysMissing, Unauthorised
from standalone.postgres import POSTGRES_BIN_PATH
from tests.conftest import Become
from tests.support.races import eventually, together, warm_up
from tests.support.schools import School, session_of
from tests.support.servers import Database, read_only

AWAY = ("08006", "25006", "25P03", "28000", "3D000", "40003", "53100", "53200", "53300", "55000", "57P01", "57P02", "57P03", "58030", "F0000", "XX001", "XX002")  # fmt: skip
BUSY = ("40001", "40P01", "55006", "55P03", "57014", "72000")
OTHERS: dict[str, type[Exception]] = {
    "EC001": Unauthorised,
    "EC003": KeysMissing,
    "23505": peewee.IntegrityError,
    "22012": peewee.DataError,
    "42501": peewee.ProgrammingError,
    "42P01": peewee.ProgrammingError,
    "54000": peewee.OperationalError,
    "P0001": peewee.InternalError,
    "XX000": peewee.InternalError,
    "EC002": peewee.DatabaseError,
}


def codes_of_the_server() -> set[str]:
    """Return every SQLSTATE in the list that PostgreSQL itself is built from."""
    text = (POSTGRES_BIN_PATH.parent / "share" / "errcodes.txt").read_text()
    return set(re.findall(r"^([0-9A-Z]{5}) +[EWS] ", text, re.MULTILINE))


def codes_of_the_driver() -> set[str]:
    values = (value for name, value in vars(psycopg2.errorcodes).items() if name.isupper())
    return {value for value in values if isinstance(value, str) and len(value) == 5}


def test_every_code_of_the_server_and_the_driver_has_a_meaning() -> None:
    known = codes_of_the_server() | codes_of_the_driver()

    assert len(known) > 250
    assert [code for code in sorted(known) if code not in BY_CODE and code[:2] not in BY_CLASS] == []
    assert {code for code in BY_CODE if not code.startswith("EC")} <= known
    assert {name for name in BY_CLASS if name != "EC"} <= {code[:2] for code in known}


def test_each_meaning_is_used() -> None:
    assert {*BY_CODE.values(), *BY_CLASS.values()} == set(Meaning)


def test_error_without_a_code_is_a_lost_connection_or_a_mistake() -> None:
    assert meaning_of(psycopg2.InterfaceError("connection already closed")) is Meaning.AWAY
    assert meaning_of(peewee.OperationalError("server closed the connection")) is Meaning.AWAY
    assert meaning_of(psycopg2.ProgrammingError("can't adapt type")) is Meaning.MISTAKE


def fail_with(code: str) -> None:
    db.run(f"do $do$ begin raise exception 'on purpose' using errcode = '{code}'; end $do$")


def pids(database: Database) -> set[object]:
    """Return the server processes of this process's pool."""
    found = database.sql(
        "select pid from pg_stat_activity where datname = current_database() and usename = 'ec_ingest'"
    )
    return {pid for (pid,) in found}


def warm_pool(become: Become, database: Database, *, size: int) -> set[object]:
    """Open a pool with all its connections and return their server processes, once those of the pool before have ended."""
    become("ec_ingest", pool_size=size)
    warm_up(size)
    eventually(lambda: len(pids(database)) == size)
    return pids(database)


@pytest.mark.parametrize("code", AWAY)
def test_server_that_cannot_serve_raises_database_away_and_all_connections_are_replaced(
    database: Database, become: Become, code: str
) -> None:
    before = warm_pool(become, database, size=3)

    with pytest.raises(DatabaseAway) as refusal, db.session():
        fail_with(code)

    assert not isinstance(refusal.value, DatabaseBusy)
    with db.session():
        assert db.row("select 1 as one") == {"one": 1}
    assert len(before) == 3
    eventually(lambda: not before & pids(database))


@pytest.mark.parametrize("code", BUSY)
def test_busy_database_raises_database_busy_and_keeps_its_connections(
    database: Database, become: Become, code: str
) -> None:
    before = warm_pool(become, database, size=3)

    with pytest.raises(DatabaseBusy), db.session():
        fail_with(code)

    with db.session():
        assert db.row("select 1 as one") == {"one": 1}
    assert pids(database) == before


@pytest.mark.parametrize("code", OTHERS)
def test_other_errors_are_raised_as_they_are_and_keep_the_connections(
    database: Database, become: Become, code: str
) -> None:
    before = warm_pool(become, database, size=1)

    with pytest.raises(OTHERS[code]), db.session():
        fail_with(code)

    with db.session():
        assert db.row("select 1 as one") == {"one": 1}
    assert pids(database) == before


@pytest.fixture
def failing_commit(database: Database) -> Callable[[str], None]:
    """`failing_commit("53100")` lets the commit of every change to a course fail with this code."""

    def set_code(code: str) -> None:
        database.sql(
            "create function fail_at_commit() returns trigger language plpgsql as "
            f"$f$ begin raise exception 'on purpose' using errcode = '{code}'; end $f$"
        )
        database.sql(
            "create constraint trigger fails_at_commit after update on courses deferrable initially deferred "
            "for each row execute function fail_at_commit()"
        )

    return set_code


@pytest.mark.parametrize(
    ("code", "error"), [("40001", DatabaseBusy), ("53100", DatabaseAway), ("23505", peewee.IntegrityError)]
)
def test_commit_that_fails_raises_and_stores_nothing(
    school: School, database: Database, failing_commit: Callable[[str], None], code: str, error: type[Exception]
) -> None:
    failing_commit(code)
    try:
        with pytest.raises(error), session_of(school, "ada"):
            db.run("update courses set name = 'changed' where id = %s", (school.course,))
    finally:
        database.sql("drop function fail_at_commit() cascade")

    with session_of(school, "ada"):
        assert db.row("select name from courses where id = %s", (school.course,)) == {"name": "English 9"}


def rename(school: School) -> None:
    with session_of(school, "ada"):
        db.run("update courses set name = 'changed' where id = %s", (school.course,))


def test_write_succeeds_after_one_failure_when_every_pooled_connection_was_read_only(
    school: School, database: Database, become: Become
) -> None:
    become("ec_ingest", pool_size=5)
    with read_only(database, "ec_ingest"):
        warm_up(5)
        with pytest.raises(DatabaseReadOnly), db.session():
            db.require_writable()
        warm_up(5)
    with pytest.raises(DatabaseAway):
        rename(school)

    rename(school)


def test_connection_in_use_is_replaced_when_its_session_ends(
    school: School, database: Database, become: Become
) -> None:
    """One thread reads over a read-only connection while another one fails to write. Both connections are replaced."""
    become("ec_ingest", pool_size=2)
    with read_only(database, "ec_ingest"):
        warm_up(2)
    both, failed = threading.Barrier(2, timeout=60), threading.Event()

    def read() -> dict[str, object] | None:
        with session_of(school, "ada"):
            found = db.row("select pg_backend_pid() as pid")
            both.wait()
            assert failed.wait(60)
            return found

    def write() -> None:
        try:
            with session_of(school, "ada"):
                db.row("select 1")
                both.wait()
                db.run("update courses set name = 'changed' where id = %s", (school.course,))
        finally:
            failed.set()

    reader, writer = together(2, lambda number: write() if number else read())

    assert isinstance(reader, dict)
    assert isinstance(writer, DatabaseAway)
    for _ in range(3):
        rename(school)
    eventually(lambda: reader["pid"] not in pids(database))


def test_requests_while_read_only_open_at_most_one_connection_each(
    school: School, database: Database, become: Become
) -> None:
    become("ec_ingest", pool_size=3)
    with read_only(database, "ec_ingest"):
        for _ in range(10):
            with pytest.raises(DatabaseAway):
                rename(school)
            eventually(lambda: len(pids(database)) <= 1)


def test_require_writable_accepts_a_primary(become: Become) -> None:
    with db.session():
        db.require_writable()
