"""Test that a backup comes back whole into an empty database, without the erased, and on hold."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from models import db, essays
from tests.conftest import Report
from tests.support.schools import connect_as, session_of
from tests.support.servers import Database, Servers
from tests.workers.backups.conftest import ESSAY, Original, backup_command, empty_database

pytestmark = pytest.mark.slow(reason="restores databases")


@pytest.fixture(scope="module")
def erased_since(original: Original) -> Original:
    """Alice is erased after the backup, and the newest keys no longer hold hers."""
    connect_as("ec_ingest", original.database)
    with session_of(original.school, "ada"):
        assert db.row("select request_erasure(%s) as done", (original.school.alice,)) == {"done": True}
    # The backup was made within the last minute, in which a person without a key may just have been added.
    original.database.sql("update users set created_at = created_at - interval '1 hour'")
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
    report(f"restored: {last}")
