"""An identity ends with its transaction, whatever becomes of that: the next borrower of the connection inherits nothing."""

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
from models.errors import DatabaseAway
from tests.conftest import Become, Report
from tests.support.scale import short_and_full
from tests.support.servers import ROOT
from tests.support.two_schools import TwoSchools

THREADS = 8
CONNECTIONS = 5  # fewer than threads: every connection goes from hand to hand
LOOK = "select org_id, user_id from essays union all select org_id, user_id from feedback union all select org_id, id from users"


class Mishap(Exception):
    """Something went wrong in the middle of a transaction."""


def spoil(number: int) -> str:
    """Let this transaction end in one of the ways transactions end; returns its name. Most end well."""
    if number % 7 == 0:
        raise Mishap
    if number % 11 == 0:
        db.run("select 1 / 0")
    if number % 13 == 0:
        db.run("select pg_cancel_backend(pg_backend_pid())")
    if number % 17 == 0:
        db.run("insert into orgs (slug, name) values ('mine', 'Mine')")
    if number % 499 == 0:
        db.run("select pg_terminate_backend(pg_backend_pid())")
    return "committed"


@pytest.mark.parametrize(
    "transactions", short_and_full(3_000, 10_000, reason="10,000 transactions, a quarter broken off")
)
def test_no_transaction_sees_a_row_of_whoever_had_the_connection_before(
    two_schools: TwoSchools, become: Become, report: Report, transactions: int
) -> None:
    """Eight threads act for people of two schools through five connections, and a quarter of their transactions break off."""
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
                    mine = db.rows(LOOK)
                    end = spoil(number)
            except (Mishap, peewee.DatabaseError, DatabaseAway) as error:
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
    assert set(ends) >= {"committed", "Mishap", "DataError", "ProgrammingError"}
    assert "DatabaseAway" in ends or transactions < 10_000
    assert seen[0] > transactions


def test_what_is_left_on_a_connection_after_a_transaction_is_nobody(two_schools: TwoSchools, become: Become) -> None:
    become("ec_ingest", pool_size=1)
    structlog.contextvars.clear_contextvars()  # no request is being served in this thread
    for number in (1, 7, 11, 17):
        try:
            with db.session(
                org=two_schools.here.org, user=two_schools.here.ada, role="ec_admin", actor=two_schools.here.ada
            ):
                db.run("select 1")
                spoil(number)
        except (Mishap, peewee.DatabaseError):
            pass
        with db.session():
            left = db.row(
                "select current_user::text as who, concat(current_setting('app.org', true), current_setting('app.user', true), "
                "current_setting('app.actor', true), current_setting('app.request', true)) as left_over"
            )
            assert left == {"who": "ec_ingest", "left_over": ""}


def sql_texts(path: Path) -> list[str]:
    """Every text in a Python file that could be sent to PostgreSQL, or a whole SQL file."""
    if path.suffix == ".sql":
        return [path.read_text()]
    return [
        node.value
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]


# A SET that outlives its transaction: it would stay on the connection for whoever borrows it next.
SESSION_WIDE = re.compile(
    r"(?i)(?:^|;)\s*set\s+(?!local\b)(?:session\s+)?(?:role|authorization|app\.|[a-z_.]+\s*(?:=|\bto\b))|set_config\([^()]*,\s*false\s*\)"
)


def test_nothing_in_the_source_sets_anything_for_a_whole_session() -> None:
    files = [
        path for room in ("ingest", "workers", "models", "monitoring", "migrations")
        for path in sorted((ROOT / room).rglob("*")) if path.suffix in (".py", ".sql")
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
def test_the_check_knows_a_session_wide_set_when_it_sees_one(text: str) -> None:
    assert SESSION_WIDE.search(text)


@pytest.mark.parametrize(
    "text", ["set local role ec_admin", "update users set role = %s", "select set_config('role', %s, true)"]
)
def test_the_check_lets_a_transactions_own_settings_be(text: str) -> None:
    assert not SESSION_WIDE.search(text)
