"""The schema goes up, down and up again alike, by one runner at a time, and refuses files that were tampered with."""

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

from migrations import runner
from migrations.__main__ import main
from migrations.runner import MigrationError, checksum, files, problems, seal
from models import db
from standalone.postgres import POSTGRES_BIN_PATH
from tests.support.servers import ROOT, Database, Servers, execute, migrate

FILES = sorted(path for path in (ROOT / "migrations").glob("[0-9]*.sql") if ".rollback" not in path.name)
NAMES = [path.stem for path in FILES]
_numbers = count(1)


@pytest.fixture
def empty(servers: Servers) -> Iterator[str]:
    """The superuser's address of a database nobody has migrated."""
    name = f"empty_{os.getpid()}_{next(_numbers)}"
    execute(servers.admin_url, f"create database {name}")
    yield servers.url(name)
    execute(servers.admin_url, f"drop database {name} with (force)")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the migrations' folder that the runner takes for its own."""
    copy = tmp_path / "migrations"
    shutil.copytree(ROOT / "migrations", copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(runner, "HERE", copy)
    monkeypatch.setattr(runner, "CHECKSUMS", copy / "checksums.sha256")
    return copy


Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """`command(url, "up")` is what the door does; its exit code, standard output and standard error."""

    def run(url: str | None, *arguments: str) -> tuple[int, str, str]:
        monkeypatch.delenv("DATABASE_URL", raising=False)
        if url:
            monkeypatch.setenv("DATABASE_URL", url)
        code = main(list(arguments))
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def schema(url: str) -> str:
    """The whole schema as SQL, yoyo's own tables left out. Rights are a set: a revoke and a grant may list them in another order."""
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
def test_every_file_goes_up_down_and_up_and_leaves_the_same_schema(empty: str, folder: Path, command: Command) -> None:
    """Given the files one by one, after each the way down leads to exactly the schema before it, and the way up back."""
    for path in FILES:
        for part in (path.name, f"{path.stem}.rollback.sql"):
            (folder / part).unlink()
    with runner.runner(empty) as first:
        first.prepare_roles({})
    before = schema(empty)

    for path in FILES:
        for part in (path.name, f"{path.stem}.rollback.sql"):
            shutil.copy(ROOT / "migrations" / part, folder / part)
        code, said, trouble = command(empty, "up")
        assert (code, trouble) == (0, "")
        assert said.count("applied ") == 1
        assert f"applied {path.stem} in " in said
        after = schema(empty)
        assert after != before
        assert command(empty, "down")[0] == 0
        assert schema(empty) == before, f"{path.stem}.rollback.sql leaves something behind or takes too much"
        assert command(empty, "up")[0] == 0
        assert schema(empty) == after, f"{path.name} is not the same the second time"
        before = after


@pytest.mark.slow(reason="migrates many times")
def test_all_the_way_down_leaves_nothing_and_up_works_again(database: Database, command: Command) -> None:
    """Given a whole schema with a row in it, down --all empties it and up builds the same one again."""
    url = database.admin_url
    database.sql("insert into orgs (slug, name) values ('a', 'A')")
    before = schema(url)

    code, said, trouble = command(url, "down", "--all")
    assert (code, trouble) == (0, "")
    assert f"{len(FILES)} migrations rolled back" in said
    assert [line.split()[2] for line in said.splitlines()[:-1]] == NAMES[::-1]
    left = database.sql(
        "select relname::text from pg_class where relnamespace = 'public'::regnamespace and relkind <> 'i' and relname !~ 'yoyo' "
        "union all select proname::text from pg_proc where pronamespace = 'public'::regnamespace"
    )
    assert left == []
    assert command(url, "down", "--all")[1] == "nothing to do\n"

    assert command(url, "up")[0] == 0
    assert schema(url) == before
    assert command(url, "up")[1] == "nothing to do\n"


def test_steps_back_are_counted_from_the_newest(database: Database, command: Command) -> None:
    assert command(database.admin_url, "down", "--steps", "2")[0] == 0

    said = command(database.admin_url, "status")[1]
    assert said.splitlines() == [f"applied  {name}" for name in NAMES[:-2]] + [
        f"missing  {name}" for name in NAMES[-2:]
    ]


def test_status_of_an_untouched_database_lists_everything_as_missing_and_touches_nothing(
    empty: str, command: Command
) -> None:
    before = schema(empty)

    code, said, _ = command(empty, "status")

    assert (code, said.splitlines()) == (0, [f"missing  {name}" for name in NAMES])
    assert schema(empty) == before
    assert execute(empty, "select count(*) from pg_class where relname like '%yoyo%'") == [(0,)]


def test_every_program_may_ask_which_schema_it_meets(database: Database) -> None:
    for role in runner.PROGRAMS:
        assert execute(database.role_url(role), "select max(migration_id) from _yoyo_migration") == [(NAMES[-1],)]


def test_the_code_was_written_for_the_newest_file() -> None:
    assert NAMES[-1] == db.SCHEMA


def test_the_files_as_checked_in_are_numbered_reversible_and_sealed(command: Command) -> None:
    assert problems() == []
    assert [path.name for path in files()] == [path.name for path in FILES]
    assert command(None, "check") == (0, "every migration is numbered, reversible and sealed\n", "")
    listed = [line.split()[1] for line in (ROOT / "migrations" / "checksums.sha256").read_text().splitlines()]
    assert sorted(listed) == sorted(path.name for path in (ROOT / "migrations").glob("[0-9]*.sql"))


def test_sha256sum_itself_agrees_with_the_list() -> None:
    done = subprocess.run(
        ["sha256sum", "--check", "--strict", "--quiet", "checksums.sha256"],
        cwd=ROOT / "migrations",
        capture_output=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout


def test_an_edited_file_stops_the_runner_before_it_touches_anything(folder: Path, empty: str, command: Command) -> None:
    for name in (FILES[1].name, f"{FILES[2].stem}.rollback.sql"):
        (folder / name).write_text((folder / name).read_text() + "\n-- a little change\n")

    found = problems()
    assert [line.split(":")[0] for line in found] == [FILES[1].name, f"{FILES[2].stem}.rollback.sql"]
    assert all("changed after it was sealed" in line for line in found)
    code, said, trouble = command(empty, "up")
    assert (code, said) == (1, "")
    assert FILES[1].name in trouble
    assert execute(empty, "select count(*) from pg_class where relnamespace = 'public'::regnamespace") == [(0,)]
    assert command(None, "check")[0] == 1


def test_a_missing_rollback_a_gap_and_an_unsealed_file_are_each_named(folder: Path) -> None:
    (folder / f"{FILES[0].stem}.rollback.sql").unlink()
    (folder / FILES[-1].name).rename(folder / "0099_late.sql")

    found = problems()

    assert f"{FILES[0].name}: {FILES[0].stem}.rollback.sql is missing" in found
    assert f"0099_late.sql: expected number {len(FILES):04d}" in found
    assert "0099_late.sql: 0099_late.rollback.sql is missing" in found
    assert any(line.startswith("0099_late.sql: not sealed yet") for line in found)


def test_without_a_list_of_checksums_every_file_is_unsealed(folder: Path) -> None:
    (folder / "checksums.sha256").unlink()

    assert len(problems()) == 2 * len(FILES)


def new_file(folder: Path, sql: str, rollback: str = "select 1;") -> str:
    name = f"{len(FILES) + 1:04d}_next"
    (folder / f"{name}.sql").write_text(sql)
    (folder / f"{name}.rollback.sql").write_text(rollback)
    return name


def test_sealing_adds_new_files_and_never_forgives_an_edit(folder: Path, command: Command) -> None:
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


def test_a_file_that_fails_is_rolled_back_as_a_whole_and_named(
    folder: Path, database: Database, command: Command
) -> None:
    name = new_file(folder, "create table half_made (id int); select 1 / 0;")
    seal()
    before = schema(database.admin_url)

    code, _, trouble = command(database.admin_url, "up")

    assert code == 1
    assert f"{name}: division by zero" in trouble
    assert schema(database.admin_url) == before
    assert command(database.admin_url, "status")[1].splitlines()[-1] == f"missing  {name}"


@pytest.mark.slow(reason="migrates many times")
def test_a_table_somebody_keeps_locked_is_waited_for_and_then_named_as_the_reason(
    database: Database, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a transaction that holds a table, the runner gives up in words, and goes on another time."""
    monkeypatch.setattr(runner, "LOCK_ATTEMPTS", 1)
    holder = psycopg2.connect(database.admin_url)
    try:
        with holder.cursor() as cursor:
            cursor.execute("lock table sources in access share mode")
        code, _, trouble = command(database.admin_url, "down", "--all")
    finally:
        holder.close()

    assert code == 1
    assert "another transaction kept a table locked through 1 attempts" in trouble
    assert command(database.admin_url, "up")[0] == 0


@pytest.mark.slow(reason="migrates many times")
def test_three_runners_at_once_apply_each_file_once(empty: str) -> None:
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "migrations", "up"], cwd=ROOT, env={**os.environ, "DATABASE_URL": empty}, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
        for _ in range(3)
    ]  # fmt: skip
    ended = [(*one.communicate(timeout=60), one.returncode) for one in started]

    assert [code for *_, code in ended] == [0, 0, 0], ended
    applied = [line.split()[1] for said, *_ in ended for line in said.splitlines() if line.startswith("applied ")]
    assert applied == NAMES
    assert sum(said == "nothing to do\n" for said, *_ in ended) == 2


HOLDER = """
import sys, time
from migrations.runner import runner
with runner(sys.argv[1]):
    print("held", flush=True)
    time.sleep(600)
"""


def test_the_lock_keeps_others_out_and_dies_with_a_killed_holder(database: Database) -> None:
    """Given a runner that holds the lock, another gives up in words; once the first is killed, another gets it."""
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

    with runner.runner(url, wait_seconds=20) as got:
        assert [applied for _, applied in got.status()] == [True] * len(FILES)


def test_a_row_that_yoyos_own_lock_left_behind_means_nothing(database: Database, command: Command) -> None:
    database.sql("insert into yoyo_lock (locked, ctime, pid) values (1, now(), 424242)")

    assert command(database.admin_url, "down")[0] == 0
    assert command(database.admin_url, "up")[0] == 0


def test_a_database_that_cannot_be_reached_is_said_in_words_without_the_password(command: Command) -> None:
    code, said, trouble = command("postgresql://postgres:hunter2@127.0.0.1:1/essaycoach", "up")

    assert (code, said) == (1, "")
    assert trouble.startswith("migrations: Cannot reach the database:")
    assert "hunter2" not in trouble
    assert "Traceback" not in trouble


def test_without_an_address_the_door_says_what_is_missing(command: Command) -> None:
    for action in ("up", "down", "status"):
        code, _, trouble = command(None, action)
        assert (code, trouble) == (1, "migrations: DATABASE_URL is not set. Point it at the database to change.\n")


def test_somebody_who_may_not_make_roles_is_told_to_come_as_a_superuser(database: Database, command: Command) -> None:
    code, _, trouble = command(database.role_url("ec_worker"), "up")

    assert code == 1
    assert "Run 'python -m migrations up' once as a superuser" in trouble


def test_the_door_itself_sets_the_programs_passwords(database: Database) -> None:
    """The helper of these tests calls it as a program of its own, with passwords in the environment."""
    done = migrate(database.admin_url, "up")

    assert done.stdout == "nothing to do\n"
    for role in runner.PROGRAMS:
        assert execute(database.role_url(role), "select current_user::text") == [(role,)]
        with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
            execute(database.role_url(role).replace("only-in-tests", "guessed"), "select 1")
