"""Test that the schema may be migrated first, while the programs of the release before go on.

The other way round is refused: a worker with a schema that is too old does not start (`tests/workers/test_settings.py`) and
`/readyz` of web answers 503.
"""

from __future__ import annotations

import os
import re
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

# How pytest ends when tests failed, and nothing else is wrong.
FAILED = 1


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

    done = run_tests(release_before, *present)
    assert passed(done) > 100, done.stdout[-4000:]
    # That release's tests are as they were: a busy machine upsets one now and then. What the schema breaks fails every time.
    for _ in range(3):
        if done.returncode == FAILED:
            done = run_tests(release_before, "--last-failed", *present)
    assert done.returncode == 0, done.stdout[-4000:]


def run_tests(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run tests of the release before with its own code."""
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *arguments],
        cwd=folder, env={**os.environ, "PYTHONPATH": str(folder)}, capture_output=True, text=True, check=False,
    )  # fmt: skip


def passed(done: subprocess.CompletedProcess[str]) -> int:
    """Return how many tests passed."""
    found = re.search(r"(\d+) passed", done.stdout)
    return int(found[1]) if found else 0
