"""Test that a rollback loses no row unless that is wanted and a fresh backup exists, and that `fill` changes rows in steps."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import psycopg2
import pytest

from migrations.__main__ import main
from migrations.runner import seal
from tests.migrations.test_runner import folder, new_file, schema  # noqa: F401 - fixtures
from tests.support.servers import Database

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(database: Database, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """A function: `run("down")` runs a command and returns exit code, standard output and standard error."""
    monkeypatch.setenv("DATABASE_URL", database.admin_url)

    def command(*arguments: str) -> tuple[int, str, str]:
        code = main(list(arguments))
        output = capsys.readouterr()
        return code, output.out, output.err

    return command


@pytest.fixture
def extended(folder: Path, run: Run) -> str:  # noqa: F811
    """The newest migration: it adds a table, and a column with a default."""
    name = new_file(
        folder,
        "create table mottos (words text); alter table orgs add column colour text not null default 'blue';",
        "drop table mottos; alter table orgs drop column colour;",
    )
    seal()
    assert run("up")[0] == 0
    return name


def test_rollback_without_rows_needs_no_permission(database: Database, extended: str, run: Run):
    database.sql("insert into orgs (slug, name) values ('a', 'A')")

    code, output, errors = run("down")

    assert (code, errors) == (0, "")
    assert f"rolled back {extended}" in output


def test_rows_of_a_table_and_values_of_a_column_are_named_and_kept(database: Database, extended: str, run: Run):
    database.sql("insert into mottos values ('read'), ('write')")
    database.sql("insert into orgs (slug, name, colour) values ('a', 'A', 'red'), ('b', 'B', 'blue')")
    before = schema(database.admin_url)

    code, output, errors = run("down")

    assert (code, output) == (1, "")
    assert "  table mottos: 2 rows\n  column orgs.colour: its values in 1 row\nTo lose it, add --drop-data." in errors
    assert schema(database.admin_url) == before
    assert database.sql("select count(*) from mottos") == [(2,)]


def test_rows_that_the_rollback_deletes_or_changes_are_named(folder: Path, database: Database, run: Run):  # noqa: F811
    database.sql("insert into orgs (slug, name) values ('a', 'A'), ('b', 'B')")
    new_file(folder, "select 1;", "delete from provider_pauses; update provider_pauses set reason = 'x';")
    seal()
    assert run("up")[0] == 0
    assert run("down")[0] == 0
    assert run("up")[0] == 0
    database.sql("insert into provider_pauses (provider, reason, until) values ('local', 'overloaded', now())")

    code, _, errors = run("down")

    assert code == 1
    assert "  table provider_pauses: deletes 1 row\n" in errors


def test_losing_rows_needs_a_fresh_backup(database: Database, extended: str, run: Run):
    database.sql("insert into mottos values ('read')")

    code, _, errors = run("down", "--drop-data")
    assert (code, "none is on record" in errors) == (1, True)

    database.sql(
        "insert into duty_runs (name, started_at, ended_at, succeeded_at, outcome)"
        " select 'backup', t, t, t, 'ok' from (select now() - interval '25 hours' as t)"
    )
    code, _, errors = run("down", "--drop-data")
    assert (code, "the last one on record is of 2" in errors) == (1, True)

    database.sql("update duty_runs set succeeded_at = now() - interval '23 hours'")
    code, output, errors = run("down", "--drop-data")
    assert (code, errors) == (0, "")
    assert output.startswith("loses:\n  table mottos: 1 row\nrolled back ")


def test_backup_of_another_tool_is_taken_on_trust(database: Database, extended: str, run: Run):
    database.sql("insert into mottos values ('read')")

    assert run("down", "--drop-data", "--without-backup")[0] == 0
    assert database.sql("select to_regclass('mottos')") == [(None,)]


def test_without_backup_alone_is_refused(run: Run):
    assert run("down", "--without-backup")[0] == 1


def test_rollback_that_fails_is_found_before_anything_happens(folder: Path, database: Database, run: Run):  # noqa: F811
    new_file(folder, "select 1;", "drop table no_such_table;")
    seal()
    assert run("up")[0] == 0

    code, output, errors = run("down")

    assert (code, output) == (1, "")
    assert "The rollback was tried and fails; nothing has changed" in errors


FILL = """
with chosen as (select name from tallies where count = 0 limit %(batch)s for update skip locked)
update tallies as t set count = 1 from chosen where t.name = chosen.name
"""


def test_fill_changes_every_row_in_steps_and_can_be_repeated(database: Database, tmp_path: Path, run: Run):
    database.sql("insert into tallies (name, labels) select 'n' || n, '{}' from generate_series(1, 25) as n")
    file = tmp_path / "count.sql"
    file.write_text(FILL)

    code, output, errors = run("fill", str(file), "--batch", "10")

    assert (code, errors) == (0, "")
    assert output.startswith("25 rows changed in ")
    assert database.sql("select count(*), sum(count)::int from tallies where name like 'n%'") == [(25, 25)]
    # One transaction for each step of ten rows.
    assert database.sql("select count(distinct xmin::text) from tallies where name like 'n%'") == [(3,)]
    assert run("fill", str(file))[1] == "nothing to do\n"


def test_fill_leaves_rows_that_somebody_holds_and_holds_up_nobody(database: Database, tmp_path: Path, run: Run):
    database.sql("insert into tallies (name, labels) select 'n' || n, '{}' from generate_series(1, 5) as n")
    file = tmp_path / "count.sql"
    file.write_text(FILL)
    holder = psycopg2.connect(database.admin_url)
    try:
        with holder.cursor() as cursor:
            cursor.execute("update tallies set total = 1 where name = 'n3'")
        assert run("fill", str(file))[1].startswith("4 rows changed")
    finally:
        holder.close()
    assert run("fill", str(file))[1].startswith("1 rows changed")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("update tallies set count = 1", "names no %(batch)s, so one step would change every row"),
        ("update nothing set a = 1 where b = %(batch)s", "After 0 rows: relation"),
    ],
)
def test_fill_refuses_a_statement_without_limit_and_says_what_failed(tmp_path: Path, run: Run, text: str, problem: str):
    file = tmp_path / "f.sql"
    file.write_text(text)

    code, _, errors = run("fill", str(file))

    assert code == 1
    assert problem in errors


def test_fill_of_a_missing_file_is_a_sentence(run: Run):
    assert run("fill", "nowhere.sql") == (1, "", "migrations: nowhere.sql cannot be read: No such file or directory.\n")


def test_role_that_row_security_binds_is_refused(database: Database, tmp_path: Path, run: Run, monkeypatch):
    file = tmp_path / "f.sql"
    file.write_text("delete from system_logs where id in (select id from system_logs limit %(batch)s)")
    monkeypatch.setenv("DATABASE_URL", database.role_url("ec_ingest"))

    code, _, errors = run("fill", str(file))

    assert code == 1
    assert "After 0 rows:" in errors
