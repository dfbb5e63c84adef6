"""Test that `up --plan` says what would happen, with the real locks, and changes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from migrations.__main__ import main
from migrations.runner import seal
from tests.migrations.test_runner import empty, folder, new_file, schema  # noqa: F401 - fixtures
from tests.support.servers import Database, execute


@pytest.fixture
def plan(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """A function: `plan(url)` returns exit code, standard output and standard error of `up --plan`."""

    def run(url: str) -> tuple[int, str, str]:
        monkeypatch.setenv("DATABASE_URL", url)
        code = main(["up", "--plan"])
        output = capsys.readouterr()
        return code, output.out, output.err

    return run


@pytest.mark.slow(reason="carries out every migration in a copy")
def test_names_sql_and_locks_of_what_is_missing_and_changes_nothing(folder: Path, database: Database, plan):  # noqa: F811
    name = new_file(
        folder,
        "alter table orgs add column motto text; create index idx_motto on users (role); lock table submissions in share mode;",
    )
    seal()
    before = schema(database.admin_url)

    code, output, errors = plan(database.admin_url)

    assert (code, errors) == (0, "")
    lines = output.splitlines()
    assert lines[0] == name
    assert [line.split(" (")[0].strip() for line in lines if line.startswith("  locks")] == [
        "locks orgs", "locks submissions", "locks users",
    ]  # fmt: skip
    assert "AccessExclusiveLock, blocks reads and writes" in next(line for line in lines if "locks orgs" in line)
    assert "ShareLock, blocks writes" in next(line for line in lines if "locks users" in line)
    assert "alter table orgs add column motto text" in output
    assert lines[-1] == "1 migrations would be applied; nothing has changed"
    assert schema(database.admin_url) == before
    assert execute(database.admin_url, "select count(*) from pg_database where datname like '%plan%'") == [(0,)]


@pytest.mark.slow(reason="carries out every migration in a copy")
def test_rows_of_a_locked_table_are_estimated_over_its_partitions(folder: Path, database: Database, plan):  # noqa: F811
    new_file(folder, "lock table system_logs in access exclusive mode; lock table orgs in access exclusive mode;")
    seal()
    database.sql("insert into orgs (slug, name) select 'a' || n, 'A' from generate_series(1, 40) as n")
    database.sql(
        "insert into system_logs (program, level, event) select 'clock', 'error', 'x' from generate_series(1, 300)"
    )
    database.sql("analyze")

    output = plan(database.admin_url)[1]

    assert "locks system_logs (about 300 rows)" in output
    assert "locks orgs (about 40 rows)" in output


@pytest.mark.slow(reason="carries out every migration in a copy")
def test_file_outside_a_transaction_and_the_ones_after_it_are_planned(folder: Path, database: Database, plan):  # noqa: F811
    first = new_file(folder, "-- transactional: false\ncreate index concurrently idx_a on orgs (name);")
    later = f"{int(first[:4]) + 1:04d}_later"
    (folder / f"{later}.sql").write_text("drop index idx_a;")
    (folder / f"{later}.rollback.sql").write_text("select 1;")
    seal()

    output = plan(database.admin_url)[1]

    assert "runs outside a transaction" in output.split(later)[0]
    assert "locks orgs" in output.split(later)[1]


@pytest.mark.slow(reason="carries out every migration in a copy")
def test_migration_that_cannot_be_applied_is_found_by_the_plan(folder: Path, database: Database, plan):  # noqa: F811
    name = new_file(folder, "select 1 / 0;")
    seal()

    code, _, errors = plan(database.admin_url)

    assert (code, errors) == (1, f"migrations: {name}: division by zero\n")


def test_nothing_is_missing(database: Database, plan):
    assert plan(database.admin_url) == (0, "nothing to do\n", "")


@pytest.mark.slow(reason="carries out every migration in a copy")
def test_empty_database_gets_every_migration_planned(empty: str, plan):  # noqa: F811
    code, output, errors = plan(empty)

    assert (code, errors) == (0, "")
    assert "0001_tenancy\n  holds up nobody\n" in output
    assert execute(empty, "select count(*) from pg_class where relnamespace = 'public'::regnamespace") == [(0,)]


def test_role_of_a_program_is_refused(database: Database, plan):
    code, _, errors = plan(database.role_url("ec_worker"))

    assert code == 1
    assert "Cannot act as the owner of the schema" in errors
