"""Test that an identity ends with its transaction, so that the next user of the pooled connection does not inherit it."""

from __future__ import annotations

import ast
import re
import threading
from collections import Counter
from pathlib import Path
from uuid import UUID

import peewee
import pytest
import structlog

from models import db
from models.db import Role
from models.errors import DatabaseAway, DatabaseBusy
from tests.conftest import Become, Report
from tests.support.scale import short_and_full
from tests.support.servers import ROOT, Database
from tests.support.two_schools import TwoSchools

THREADS = 8
CONNECTIONS = 5  # fewer than threads, so that the threads share every connection
READ_ALL = "select org_id, user_id from essays union all select org_id, user_id from feedback union all select org_id, id from users"


class BrokenOff(Exception):
    """Raised to break a transaction off."""


def end_somehow(number: int, database: Database) -> str:
    """Break this transaction off in a way that depends on the number, or return "committed"."""
    if number % 7 == 0:
        raise BrokenOff
    if number % 11 == 0:
        db.run("select 1 / 0")
    if number % 13 == 0:
        db.run("set local statement_timeout = '1ms'")
        db.run("select pg_sleep(60)")
    if number % 17 == 0:
        db.run("insert into orgs (slug, name) values ('mine', 'Mine')")
    if number % 499 == 0:
        # Only the superuser may: the program has taken the role of a person.
        database.sql("select pg_terminate_backend(%s)", (db.row("select pg_backend_pid() as pid") or {})["pid"])
        db.run("select 1")
    return "committed"


@pytest.mark.parametrize(
    "transactions", short_and_full(500, 10_000, reason="10,000 transactions, a quarter broken off")
)
def test_transaction_never_sees_rows_of_the_previous_connection_user(
    two_schools: TwoSchools, database: Database, become: Become, report: Report, transactions: int
) -> None:
    """Eight threads act for people of two schools over five connections. A quarter of the transactions are broken off."""
    become("ec_ingest", pool_size=CONNECTIONS)
    people: list[tuple[UUID, Role, UUID | None]] = []
    for school in (two_schools.here, two_schools.there):
        people += [
            (school.org, "ec_student", school.alice), (school.org, "ec_student", school.bob), (school.org, "ec_educator", school.ed),
            (school.org, "ec_educator", school.nell), (school.org, "ec_admin", school.ada), (school.org, "ec_lms", None),
        ]  # fmt: skip
    ends: Counter[str] = Counter()
    foreign: list[str] = []
    seen = [0]
    lock = threading.Lock()
    start = threading.Barrier(THREADS)

    def act(thread: int) -> None:
        start.wait()
        for number in range(thread, transactions, THREADS):
            org, role, user = people[(number * 5 + thread) % len(people)]
            mine: list[dict[str, object]] = []
            try:
                with db.session(org=org, user=user, role=role):
                    mine = db.rows(READ_ALL)
                    end = end_somehow(number, database)
            except (BrokenOff, peewee.DatabaseError, DatabaseAway, DatabaseBusy) as error:
                end = type(error).__name__
            wrong = [row for row in mine if row["org_id"] != org or (role == "ec_student" and row["user_id"] != user)]
            with lock:
                ends[end] += 1
                seen[0] += len(mine)
                foreign.extend(f"{role} of {org} saw {row}" for row in wrong)

    threads = [threading.Thread(target=act, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    report(
        f"identities through the pool: {sum(ends.values()):,} transactions of {THREADS} threads for 2 orgs, "
        f"{sum(ends.values()) - ends['committed']:,} of them broken off, {seen[0]:,} rows seen, {len(foreign)} foreign"
    )
    assert foreign == []
    assert sum(ends.values()) == transactions
    assert set(ends) == {"committed", "BrokenOff", "DataError", "DatabaseBusy", "ProgrammingError", "DatabaseAway"}
    assert seen[0] > transactions


def test_connection_keeps_no_identity_after_a_transaction(
    two_schools: TwoSchools, database: Database, become: Become
) -> None:
    become("ec_ingest", pool_size=1)
    structlog.contextvars.clear_contextvars()  # no request is being served in this thread
    for number in (1, 7, 11, 13, 17, 499):
        try:
            with db.session(
                org=two_schools.here.org, user=two_schools.here.ada, role="ec_admin", actor=two_schools.here.ada
            ):
                db.run("select 1")
                end_somehow(number, database)
        except (BrokenOff, peewee.DatabaseError, DatabaseAway, DatabaseBusy):
            pass
        with db.session():
            left = db.row(
                "select current_user::text as who, concat(current_setting('app.org', true), current_setting('app.user', true), "
                "current_setting('app.actor', true), current_setting('app.request', true)) as left_over"
            )
            assert left == {"who": "ec_ingest", "left_over": ""}


def sql_texts(path: Path) -> list[str]:
    """Return every string literal of a Python file, or the text of an SQL file."""
    if path.suffix == ".sql":
        return [path.read_text()]
    return [
        node.value
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]


# A SET that lasts longer than its transaction would stay on the connection for the next user of it.
SESSION_WIDE = re.compile(
    r"(?i)(?:^|;)\s*set\s+(?!local\b)(?:session\s+)?(?:role|authorization|app\.|[a-z_.]+\s*(?:=|\bto\b))|set_config\([^()]*,\s*false\s*\)"
)


def test_source_has_no_session_level_set() -> None:
    files = [
        path for package in ("ingest", "workers", "models", "monitoring", "migrations", "outgoing")
        for path in sorted((ROOT / package).rglob("*")) if path.suffix in (".py", ".sql")
    ]  # fmt: skip
    found = [
        f"{path.relative_to(ROOT)}: {text[:80]}"
        for path in files
        for text in sql_texts(path)
        if SESSION_WIDE.search(text)
    ]

    assert len(files) > 80
    assert found == []


@pytest.mark.parametrize(
    "text", ["set role ec_admin", "begin; set app.org = 'x'", "SET SESSION AUTHORIZATION x", "select set_config('app.org', %s, false)",
        "set statement_timeout to 0"],
)  # fmt: skip
def test_check_recognises_a_session_level_set(text: str) -> None:
    assert SESSION_WIDE.search(text)


@pytest.mark.parametrize(
    "text", ["set local role ec_admin", "update users set role = %s", "select set_config('role', %s, true)"]
)
def test_check_accepts_set_local(text: str) -> None:
    assert not SESSION_WIDE.search(text)
