"""Test recovery to a second between two hand-ins, from a base backup and the archived write-ahead log."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path

import pytest

from models import db
from standalone.postgres import DATABASE, EmbeddedPostgres
from standalone.supervisor import Supervisor
from tests.conftest import Report
from tests.support.races import eventually
from tests.support.schools import connect_as, hand_in, load_keys, make_school
from tests.support.servers import ROOT, Database, execute, migrate
from tests.workers.backups.conftest import BACKUP_KEY, backup_command

pytestmark = pytest.mark.slow(reason="starts PostgreSQL, archives its log and recovers from it")


@pytest.fixture
def place() -> Iterator[Path]:
    """Give a folder that PostgreSQL's system account may enter."""
    folder = Path(tempfile.mkdtemp(prefix="essaycoach-pitr-"))
    folder.chmod(0o711)
    yield folder
    db.database.close_idle()
    shutil.rmtree(folder)


def kept_key(place: Path) -> str:
    """Write the backup key into a file and return its path."""
    path = place / "backup_key"
    path.write_text(BACKUP_KEY)
    path.chmod(0o600)
    return str(path)


@contextmanager
def collecting(spool: Path, archive: Path) -> Iterator[None]:
    """Move the spool into the archive in a process of its own while the block runs."""
    archive.mkdir()
    words = ["-m", "workers.backups.wal", "collect", "--from", str(spool), "--to", str(archive)]
    with subprocess.Popen([sys.executable, *words], cwd=ROOT) as process:
        yield
        process.terminate()
        assert process.wait(10) == 0


def test_recovery_to_a_second_between_two_hand_ins(
    place: Path, monkeypatch: pytest.MonkeyPatch, report: Report
) -> None:
    monkeypatch.setenv("ESSAYCOACH_BACKUP_KEY_FILE", kept_key(place))
    archive, bases, spool = place / "wal", place / "bases", place / "spool"
    variables = {"ESSAYCOACH_BACKUP_KEY": "", "ESSAYCOACH_BACKUP_KEY_FILE": str(place / "backup_key")}
    with Supervisor(place / "source") as supervisor, ExitStack() as running:
        source = EmbeddedPostgres(place / "source", durable=False, archive=spool, archive_seconds=1)
        source.start(supervisor)
        running.enter_context(collecting(spool, archive))
        migrate(source.admin_url, "up")
        load_keys()
        connect_as("ec_ingest", Database(source.admin_url))
        school = make_school("northside")
        made = backup_command(source.admin_url, "base", "--to", str(bases), "--wal", str(archive), **variables)
        assert made.returncode == 0, made.stderr
        first = hand_in(school, "alice", text="The first.")
        [(between,)] = execute(source.admin_url, "select clock_timestamp()")
        second = hand_in(school, "bob", text="The second.")
        [(needed,)] = execute(source.admin_url, "select pg_walfile_name(pg_current_wal_lsn())")
        eventually((archive / f"{needed}.gz").exists, within_seconds=30, what="the archived log")
        db.database.close_idle()
        os.killpg(supervisor.pids()["postgres"], signal.SIGKILL)
    assert isinstance(between, datetime)
    assert all(path.read_bytes().startswith(b"EssayCoach backup 1\n") for path in archive.iterdir())

    began = time.monotonic()
    copy = place / "copy"
    copy.mkdir()
    shutil.copytree(place / "source" / "keys", copy / "keys")
    [base] = bases.iterdir()
    done = backup_command(
        source.admin_url, "recover", str(base), "--wal", str(archive), "--into", str(copy / "unpacked"), "--at", between.isoformat(), **variables
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    with Supervisor(copy) as supervisor:
        recovered = EmbeddedPostgres(copy, durable=False)
        recovered.adopt(copy / "unpacked")
        recovered.start(supervisor)
        in_recovery = "select pg_is_in_recovery()"
        eventually(lambda: execute(recovered.admin_url, in_recovery) == [(False,)], within_seconds=30, what="recovery")
        found = {one for (one,) in execute(recovered.admin_url, "select id from submissions")}
        seconds = time.monotonic() - began
        assert first.submission in found and second.submission not in found
        held = backup_command(recovered.admin_url, "hold")
        assert held.returncode == 0, held.stderr
        execute(recovered.admin_url, f"create table writable as select 1 from pg_database where datname = '{DATABASE}'")
    report(f"point in time: the first of two hand-ins is there, the second is not; recovered in {seconds:.1f} s")
