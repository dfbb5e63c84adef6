"""`make db-shell`: psql on the database of a running machine."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from standalone.postgres import EmbeddedPostgres
from standalone.supervisor import Supervisor
from tests.support.servers import ROOT


def shell(data_dir: Path, sql: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "standalone", "psql", "--data", str(data_dir)],
        cwd=ROOT, input=sql, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_psql_without_a_running_database_is_refused_in_a_sentence(tmp_path: Path) -> None:
    done = shell(tmp_path, "")
    assert (done.returncode, done.stdout) == (1, "")
    assert "start it with 'make up'" in done.stderr


@pytest.mark.slow(reason="starts a machine")
def test_psql_reaches_the_running_database_as_superuser(tmp_path_factory, monkeypatch) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    data_dir = tmp_path_factory.mktemp("data")
    with Supervisor(data_dir) as supervisor:
        EmbeddedPostgres(data_dir, durable=False).start(supervisor)
        done = shell(data_dir, "select current_user, current_database();")
    assert done.returncode == 0, done.stderr
    assert "essaycoach" in done.stdout
