"""Test the migration runner: up, down and up again, one runner at a time, and changed files are refused."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import count, groupby
from pathlib import Path

import psycopg2
import pytest

from migrations import prepare, runner
from migrations.__main__ import main
from migrations.errors import MigrationError
from migrations.runner import checksum, files, problems, seal
from models import db, settings
from standalone.postgres import POSTGRES_BIN_PATH
from tests.support.servers import LOSE_ROWS, ROOT, Database, Servers, execute, migrate

FILES = sorted(path for path in (ROOT / "migrations").glob("[0-9]*.sql") if ".rollback" not in path.name)
NAMES = [path.stem for path in FILES]
_numbers = count(1)


@pytest.fixture
def empty(servers: Servers) -> Iterator[str]:
    """The superuser's URL of a database without any migration."""
    name = f"empty_{os.getpid()}_{next(_numbers)}"
    execute(servers.admin_url, f"create database {name}")
    yield servers.url(name)
    execute(servers.admin_url, f"drop database {name} with (force)")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the migrations folder, which the runner uses instead of the original."""
    copy = tmp_path / "migrations"
    shutil.copytree(ROOT / "migrations", copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(runner, "HERE", copy)
    monkeypatch.setattr(runner, "CHECKSUMS", copy / "checksums.sha256")
    return copy


Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """A function: `command(url, "up")` runs the command and returns exit code, standard output and standard error."""

    def run(url: str | None, *arguments: str) -> tuple[int, str, str]:
        monkeypatch.delenv("DATABASE_URL", raising=False)
        if url:
            monkeypatch.setenv("DATABASE_URL", url)
        code = main(list(arguments))
        output = capsys.readouterr()
        return code, output.out, output.err

    return run


def schema(url: str) -> str:
    """Return the schema as SQL without yoyo's tables. GRANT lines are sorted, because a revoke and a grant may change their order."""
    dump = subprocess.run(
        [
            str(POSTGRES_BIN_PATH / "pg_dump"), "--schema-only", "--restrict-key=same", "--exclude-table=*yoyo*", "--schema=public",
            "--dbname", url,
        ],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    runs = groupby(dump.splitlines(), key=lambda line: line.startswith("GRANT "))
    return "\n".join(line for are_grants, run in runs for line in (sorted(run) if are_grants else run))


@pytest.mark.slow(reason="migrates many times")
def test_every_migration_can_be_applied_rolled_back_and_applied_again(
    empty: str, folder: Path, command: Command
) -> None:
    """For each file, down leads to exactly the schema before it, and up leads back to the schema after it."""
    for path in FILES:
        for part in (path.name, f"{path.stem}.rollback.sql"):
            (folder / part).unlink()
    with runner.runner(empty) as first:
        prepare.prepare_roles(first.connection, {})
    before = schema(empty)

    for path in FILES:
        for part in (path.name, f"{path.stem}.rollback.sql"):
            shutil.copy(ROOT / "migrations" / part, folder / part)
        code, output, errors = command(empty, "up")
        assert (code, errors) == (0, "")
        assert output.count("applied ") == 1
        assert f"applied {path.stem} in " in output
        after = schema(empty)
        assert after != before
        assert command(empty, "down")[0] == 0
        assert schema(empty) == before, f"{path.stem}.rollback.sql leaves something behind or removes too much"
        assert command(empty, "up")[0] == 0
        assert schema(empty) == after, f"{path.name} gives another schema the second time"
        before = after


@pytest.mark.slow(reason="migrates many times")
def test_down_all_leaves_nothing_and_up_rebuilds_the_schema(database: Database, command: Command) -> None:
    """With a full schema and a row in it, down --all removes everything and up builds the same schema again."""
    url = database.admin_url
    database.sql("insert into orgs (slug, name) values ('a', 'A')")
    before = schema(url)

    code, output, errors = command(url, "down", "--all", *LOSE_ROWS)
    assert (code, errors) == (0, "")
    assert f"{len(FILES)} migrations rolled back" in output
    assert [line.split()[2] for line in output.splitlines() if line.startswith("rolled back ")] == NAMES[::-1]
    left = database.sql(
        "select relname::text from pg_class where relnamespace = 'public'::regnamespace and relkind <> 'i' and relname !~ 'yoyo' "
        "union all select proname::text from pg_proc where pronamespace = 'public'::regnamespace"
    )
    assert left == []
    assert command(url, "down", "--all")[1] == "nothing to do\n"

    assert command(url, "up")[0] == 0
    assert schema(url) == before
    assert command(url, "up")[1] == "nothing to do\n"


def test_down_steps_count_from_the_newest_migration(database: Database, command: Command) -> None:
    assert command(database.admin_url, "down", "--steps", "2")[0] == 0

    output = command(database.admin_url, "status")[1]
    assert output.splitlines() == [f"applied  {name}" for name in NAMES[:-2]] + [
        f"missing  {name}" for name in NAMES[-2:]
    ]


def test_status_of_empty_database_lists_all_missing_and_changes_nothing(empty: str, command: Command) -> None:
    before = schema(empty)

    code, output, _ = command(empty, "status")

    assert (code, output.splitlines()) == (0, [f"missing  {name}" for name in NAMES])
    assert schema(empty) == before
    assert execute(empty, "select count(*) from pg_class where relname like '%yoyo%'") == [(0,)]


def test_every_program_role_can_read_the_schema_version(database: Database) -> None:
    for role in prepare.PROGRAMS:
        assert execute(database.role_url(role), "select max(migration_id) from _yoyo_migration") == [(NAMES[-1],)]


def test_code_expects_the_newest_migration() -> None:
    assert NAMES[-1] == db.SCHEMA


def test_migration_files_are_numbered_reversible_and_sealed(command: Command) -> None:
    assert problems() == []
    assert [path.name for path in files()] == [path.name for path in FILES]
    assert command(None, "check") == (0, "every migration is numbered, reversible and sealed\n", "")
    listed = [line.split()[1] for line in (ROOT / "migrations" / "checksums.sha256").read_text().splitlines()]
    assert sorted(listed) == sorted(path.name for path in (ROOT / "migrations").glob("[0-9]*.sql"))


def test_sha256sum_confirms_the_checksums() -> None:
    done = subprocess.run(
        ["sha256sum", "--check", "--strict", "--quiet", "checksums.sha256"],
        cwd=ROOT / "migrations",
        capture_output=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout


def test_edited_migration_stops_the_runner_before_any_change(folder: Path, empty: str, command: Command) -> None:
    for name in (FILES[1].name, f"{FILES[2].stem}.rollback.sql"):
        (folder / name).write_text((folder / name).read_text() + "\n-- a little change\n")

    found = problems()
    assert [line.split(":")[0] for line in found] == [FILES[1].name, f"{FILES[2].stem}.rollback.sql"]
    assert all("changed after it was sealed" in line for line in found)
    code, output, errors = command(empty, "up")
    assert (code, output) == (1, "")
    assert FILES[1].name in errors
    assert execute(empty, "select count(*) from pg_class where relnamespace = 'public'::regnamespace") == [(0,)]
    assert command(None, "check")[0] == 1


def test_missing_rollback_number_gap_and_unsealed_file_are_each_named(folder: Path) -> None:
    (folder / f"{FILES[0].stem}.rollback.sql").unlink()
    (folder / FILES[-1].name).rename(folder / "0099_late.sql")

    found = problems()

    assert f"{FILES[0].name}: {FILES[0].stem}.rollback.sql is missing" in found
    assert f"0099_late.sql: expected number {len(FILES):04d}" in found
    assert "0099_late.sql: 0099_late.rollback.sql is missing" in found
    assert any(line.startswith("0099_late.sql: not sealed yet") for line in found)


def test_without_the_checksum_list_every_file_is_unsealed(folder: Path) -> None:
    (folder / "checksums.sha256").unlink()

    assert len(problems()) == 2 * len(FILES)


def new_file(folder: Path, sql: str, rollback: str = "select 1;") -> str:
    """Write the next migration and its rollback file, and return its name."""
    name = f"{len(FILES) + 1:04d}_next"
    (folder / f"{name}.sql").write_text(sql)
    (folder / f"{name}.rollback.sql").write_text(rollback)
    return name


def test_seal_adds_new_files_and_refuses_edited_files(folder: Path, command: Command) -> None:
    sealed = (folder / "checksums.sha256").read_text()
    name = new_file(folder, "select 1;")

    assert command(None, "seal") == (0, f"sealed {name}.sql\nsealed {name}.rollback.sql\n", "")
    assert (folder / "checksums.sha256").read_text().startswith(sealed)
    assert problems() == []
    assert checksum(folder / f"{name}.sql") in (folder / "checksums.sha256").read_text()
    assert command(None, "seal")[1] == "nothing new to seal\n"
    (folder / f"{name}.sql").write_text("select 2;")
    with pytest.raises(MigrationError, match=f"{name}.sql: changed after sealing"):
        seal()
    assert command(None, "seal")[0] == 1


def test_failing_migration_is_rolled_back_and_named(folder: Path, database: Database, command: Command) -> None:
    name = new_file(folder, "create table half_made (id int); select 1 / 0;")
    seal()
    before = schema(database.admin_url)

    code, _, errors = command(database.admin_url, "up")

    assert code == 1
    assert f"{name}: division by zero" in errors
    assert schema(database.admin_url) == before
    assert command(database.admin_url, "status")[1].splitlines()[-1] == f"missing  {name}"


@pytest.mark.slow(reason="migrates many times")
def test_locked_table_stops_the_runner_and_is_named_as_the_reason(
    database: Database, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a transaction holds a table lock, the runner stops and names the reason. Later it works again."""
    monkeypatch.setattr(runner, "LOCK_ATTEMPTS", 1)
    holder = psycopg2.connect(database.admin_url)
    try:
        with holder.cursor() as cursor:
            cursor.execute("lock table sources in access share mode")
        code, _, errors = command(database.admin_url, "down", "--all")
    finally:
        holder.close()

    assert code == 1
    assert "another transaction kept a table locked through 1 attempts" in errors
    assert command(database.admin_url, "up")[0] == 0


@pytest.mark.slow(reason="migrates many times")
def test_three_concurrent_runners_apply_each_migration_once(empty: str) -> None:
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "migrations", "up"], cwd=ROOT, env={**os.environ, "DATABASE_URL": empty}, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
        for _ in range(3)
    ]  # fmt: skip
    ended = [(*one.communicate(timeout=60), one.returncode) for one in started]

    assert [code for *_, code in ended] == [0, 0, 0], ended
    applied = [line.split()[1] for output, *_ in ended for line in output.splitlines() if line.startswith("applied ")]
    assert applied == NAMES
    assert sum(output == "nothing to do\n" for output, *_ in ended) == 2


HOLDER = """
import sys, time
from migrations.runner import runner
with runner(sys.argv[1]):
    print("held", flush=True)
    time.sleep(600)
"""


def test_migration_lock_excludes_others_and_ends_with_its_killed_holder(database: Database) -> None:
    """While one runner holds the lock, another stops with an error. After the first is killed, another gets the lock."""
    url = database.admin_url
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, url], cwd=ROOT, text=True, stdout=subprocess.PIPE)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with (
            pytest.raises(MigrationError, match="Another runner has held the migration lock"),
            runner.runner(url, wait_seconds=0.1),
        ):
            raise AssertionError("unreachable")
        holder.send_signal(signal.SIGKILL)
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close()  # type: ignore[union-attr]

    with runner.runner(url, wait_seconds=60) as next_runner:
        assert [applied for _, applied in next_runner.status()] == [True] * len(FILES)


def test_url_with_several_hosts_leads_to_the_one_that_takes_writes(database: Database, command: Command) -> None:
    user, _, rest = database.admin_url.rpartition("@")
    place, _, name = rest.partition("/")
    url = f"{user}@{place},{place}/{name}?target_session_attrs=read-write"

    assert command(url, "down")[0] == 0
    assert "1 migrations would be applied" in command(url, "up", "--plan")[1]
    assert command(url, "up")[0] == 0


def test_leftover_yoyo_lock_row_is_ignored(database: Database, command: Command) -> None:
    database.sql("insert into yoyo_lock (locked, ctime, pid) values (1, now(), 424242)")

    assert command(database.admin_url, "down")[0] == 0
    assert command(database.admin_url, "up")[0] == 0


def test_unreachable_database_is_reported_without_the_password(command: Command) -> None:
    code, output, errors = command("postgresql://postgres:hunter2@127.0.0.1:1/essaycoach", "up")

    assert (code, output) == (1, "")
    assert errors.startswith("migrations: Cannot reach the database:")
    assert "hunter2" not in errors
    assert "Traceback" not in errors


def test_missing_database_url_is_reported(command: Command) -> None:
    for action in ("up", "down", "status"):
        code, _, errors = command(None, action)
        assert (code, errors) == (1, f"migrations: DATABASE_URL is not set; it must be {settings.DATABASE_URLS}.\n")


def test_role_that_cannot_create_roles_is_told_to_run_as_superuser(database: Database, command: Command) -> None:
    code, _, errors = command(database.role_url("ec_worker"), "up")

    assert code == 1
    assert "Run 'python -m migrations up' once as a superuser" in errors


def test_up_command_sets_the_program_passwords(database: Database) -> None:
    """The helper `migrate` runs the command in its own process with the passwords in the environment."""
    done = migrate(database.admin_url, "up")

    assert done.stdout == "nothing to do\n"
    for role in prepare.PROGRAMS:
        assert execute(database.role_url(role), "select current_user::text") == [(role,)]
        with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
            execute(database.role_url(role).replace("only-in-tests", "guessed"), "select 1")
