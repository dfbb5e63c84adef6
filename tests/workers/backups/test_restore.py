"""Test that a backup comes back whole into an empty database, without the erased, and on hold."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from models import db, essays, report_views
from tests.conftest import Report
from tests.support.schools import connect_as, session_of
from tests.support.servers import ROOT, Database, Servers, cloned
from tests.workers.backups.conftest import ESSAY, Original, backup_command
from workers.backups.manifest import peek
from workers.backups.stream import BadBackup
from workers.commands.backup_restore import compare

pytestmark = pytest.mark.slow(reason="restores databases")


@pytest.fixture(scope="module")
def erased_since(original: Original) -> Original:
    """Alice is erased after the backup, and the newest keys no longer hold hers."""
    connect_as("ec_ingest", original.database)
    with session_of(original.school, "ada"):
        assert db.row("select request_erasure(%s) as done", (original.school.alice,)) == {"done": True}
    made = backup_command(
        original.database.role_url("ec_backup"), "create", "--to", str(original.folder.parent / "later"), "--apart", str(original.apart),
        ESSAYCOACH_BACKUP_KEYS_URL=original.database.role_url("ec_worker"),
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    return original


def restore(original: Original, target: Database, *arguments: str, **variables: str) -> Any:
    words = ("restore", str(original.backup), "--apart", str(original.apart), *arguments)
    return backup_command(target.admin_url, *words, **variables)


def test_backup_comes_back_whole_and_on_hold(original: Original, empty: Database, report: Report) -> None:
    done = restore(original, empty)
    assert done.returncode == 0, done.stdout + done.stderr
    last = done.stdout.splitlines()[-1]
    words = last.split()
    assert words[0] == "tables" and words[1] == words[3] and int(words[1]) > 40
    assert "audit trail: " in done.stdout and "no fault" in done.stdout
    assert empty.sql("select count(*) from essays") == [(3,)]
    assert empty.sql("select count(*) from user_keys") == [(6,)]
    connect_as("ec_worker", empty)
    [(submission,)] = empty.sql("select s.id from submissions as s where s.user_id = %s", original.school.bob)
    with db.session(org=original.school.org):
        assert essays.fetch_task(submission, org=original.school.org).text == f"bob: {ESSAY}"  # type: ignore[arg-type]
    of_views = "select count(*) from {} as t"
    for name in report_views.VIEWS:
        assert empty.sql(of_views.format(name)) == original.database.sql(of_views.format(name)), name
    assert empty.sql("select count(*) from report_progress") == [(3,)]
    report(f"restored: {last}")


def test_erased_people_do_not_come_back(erased_since: Original, empty: Database, report: Report) -> None:
    done = restore(erased_since, empty)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 people were erased after the backup" in done.stdout
    alice = erased_since.school.alice
    assert empty.sql("select count(*) from essays where user_id = %s", alice) == [(0,)]
    assert empty.sql("select name, email, erase_requested_at is not null from users where id = %s", alice) in (
        [], [(None, None, True)],
    )  # fmt: skip
    assert empty.sql("select count(*) from user_keys where user_id = %s", alice) == [(0,)]
    assert empty.sql("select count(*) from essays") == [(2,)]
    report("erasures: 1 of 1 person erased after the backup stays erased in the restored copy")


def test_file_of_keys_that_would_erase_many_is_refused(erased_since: Original, empty: Database, tmp_path: Path) -> None:
    ids = [f"gen_random_uuid(), '{erased_since.school.org}'" for _ in range(25)]
    values = ", ".join(
        f"({one}, 'student', '', sha256(uuid_send(gen_random_uuid())), now() - interval '1 hour')" for one in ids
    )
    columns = "id, org_id, role, external_id, external_id_digest, created_at"
    original = erased_since.database
    original.sql(f"set session_replication_role = replica; insert into users ({columns}) values {values}")
    try:
        made = backup_command(original.role_url("ec_backup"), "create", "--to", str(tmp_path))
        assert made.returncode == 0, made.stderr
    finally:
        original.sql(
            "set session_replication_role = replica;"
            " delete from users where external_id = '' and name is null and erase_requested_at is null"
        )
    [backup] = tmp_path.glob("essaycoach-*")
    refused = backup_command(empty.admin_url, "restore", str(backup), "--apart", str(erased_since.apart))
    assert refused.returncode == 1
    assert "people have no key in the file" in refused.stderr and "--erase-many" in refused.stderr
    assert empty.sql("select count(*) from users where erase_requested_at is not null") == [(1,)]
    allowed = backup_command(empty.admin_url, "keys", "--apart", str(erased_since.apart), "--erase-many")
    assert allowed.returncode == 0 and "25 people were erased" in allowed.stdout


def test_restore_without_keys_says_so_and_keys_bring_them_back(
    original: Original, empty: Database, tmp_path: Path
) -> None:
    done = backup_command(empty.admin_url, "restore", str(original.backup), "--apart", str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "WARNING: no file of keys was given" in done.stdout
    assert empty.sql("select count(*) from user_keys") == [(0,)]
    done = backup_command(empty.admin_url, "keys", "--apart", str(original.apart))
    assert done.returncode == 0, done.stderr
    assert empty.sql("select count(*) > 0 from user_keys") == [(True,)]


def test_database_with_anything_in_it_is_left_alone(original: Original, empty: Database) -> None:
    empty.sql("create table precious as select 42 as answer")
    refused = restore(original, empty)
    assert refused.returncode == 1 and "not empty" in refused.stderr
    assert empty.sql("select answer from precious") == [(42,)]
    refused = backup_command(original.database.role_url("ec_backup"), "restore", str(original.backup))
    assert refused.returncode == 1 and "superuser" in refused.stderr


def test_held_copy_is_released_by_command(original: Original, empty: Database) -> None:
    assert backup_command(empty.admin_url, "restore", str(original.backup)).returncode == 0
    setting = "select count(*) from pg_db_role_setting as s join pg_database as d on d.oid = s.setdatabase where datname = current_database()"
    assert empty.sql(setting) == [(1,)]
    done = backup_command(empty.admin_url, "release")
    assert done.returncode == 0 and "released" in done.stdout, done.stderr
    assert empty.sql(setting) == [(0,)]
    assert empty.sql("select event from system_logs where program = 'backup'") == [("restored copy released",)]
    assert "not on hold" in backup_command(empty.admin_url, "release").stdout


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("update essays set updated_at = updated_at + interval '1 us' where id = (select min(id::text)::uuid from essays)", "essays has the same number of rows, and others"),
        ("delete from analytics where id = (select min(id::text)::uuid from analytics)", "analytics has 2 rows instead of 3"),
        ("create table planted (id int)", "planted is there and was not"),
    ],
)  # fmt: skip
def test_difference_of_one_row_is_found(original: Original, empty: Database, change: str, said: str) -> None:
    assert backup_command(empty.admin_url, "restore", str(original.backup)).returncode == 0
    compare(empty.admin_url, peek(original.backup), tell=lambda _: None)
    empty.sql(f"set session_replication_role = replica; {change}")
    with pytest.raises(BadBackup, match=said):
        compare(empty.admin_url, peek(original.backup), tell=lambda _: None)


@pytest.mark.parametrize(
    "change",
    [
        "drop policy {policy} on essays",
        "alter table essays disable row level security",
        "grant delete on essays to ec_ingest",
        "drop function request_erasure(uuid)",
    ],
)
def test_schema_that_lost_a_protection_is_found(servers: Servers, change: str) -> None:
    with cloned(servers) as database:
        [(policy,)] = database.sql("select polname from pg_policy where polrelid = 'essays'::regclass limit 1")
        environment = {"DATABASE_URL": database.admin_url, "PATH": "/usr/bin:/bin"}
        words = [sys.executable, "-m", "migrations", "compare"]
        assert subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, check=False).returncode == 0
        database.sql(change.format(policy=policy))
        done = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 1 and "differs" in done.stderr
