"""Test that the schema may be migrated first, while the programs of the release before go on.

The other way round is refused: a worker with a schema that is too old does not start (`tests/workers/test_settings.py`) and
`/readyz` of web answers 503.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from models import db
from tests.support.servers import ROOT

# What a release must still do on the schema of the next one: hand in, claim, finish, poll, review, sign in, keep the queue going.
CORE = (
    "tests/models/test_passes.py", "tests/models/test_essays.py", "tests/workers/job", "tests/ingest/submissions/test_essays.py",
    "tests/ingest/submissions/test_status.py", "tests/ingest/submissions/test_webhooks.py", "tests/ingest/feedback/test_view.py",
    "tests/ingest/accounts/test_sign_in.py",
)  # fmt: skip


def git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip("the code before the newest migration is in the history of the repository only")
    return done.stdout.strip()


@pytest.fixture
def release_before(tmp_path: Path) -> Path:
    """The code as it was before the newest migration, with today's migrations."""
    newest = git(
        "log",
        "-1",
        "-m",
        "--first-parent",
        "--no-renames",
        "--format=%H",
        "--diff-filter=A",
        "--",
        f"migrations/{db.SCHEMA}.sql",
    )
    if not newest:
        pytest.skip("the newest migration is not committed yet")
    folder = tmp_path / "before"
    folder.mkdir()
    archive = subprocess.run(["git", "archive", f"{newest}^"], cwd=ROOT, capture_output=True, check=True).stdout
    subprocess.run(["tar", "-x", "-C", folder], input=archive, check=True)
    shutil.rmtree(folder / "migrations")
    shutil.copytree(ROOT / "migrations", folder / "migrations")
    return folder


@pytest.mark.slow(reason="runs the core of another release's tests")
def test_release_before_works_on_the_new_schema(release_before: Path) -> None:
    present = [path for path in CORE if (release_before / path).exists()]
    assert len(present) >= 6

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *present],
        cwd=release_before, env={**os.environ, "PYTHONPATH": str(release_before)}, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout[-4000:]
    assert int(done.stdout.rpartition(" passed")[0].rpartition(" ")[2].rpartition("\n")[2]) > 100
