"""Test the drill, and the backup of a data directory whose programs do not run."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from standalone.backup import run_backup
from standalone.drill import run_drill
from standalone.machine import Machine, StartError
from tests.conftest import Report
from tests.support.servers import ROOT

pytestmark = pytest.mark.slow(reason="starts whole machines")


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give a folder that PostgreSQL's system account may enter, outside the project's own data."""
    folder = Path(tempfile.mkdtemp(prefix="essaycoach-backup-"))
    folder.chmod(0o711)
    monkeypatch.setenv("ESSAYCOACH_BACKUP_DIR", str(folder / "dumps"))
    monkeypatch.setenv("ESSAYCOACH_BACKUP_APART", str(folder / "apart"))
    yield folder
    shutil.rmtree(folder)


def test_drill_brings_everything_back_within_its_limits(report: Report) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "standalone", "drill"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    last = re.fullmatch(r"tables (\d+) of (\d+)", lines[-1])
    assert last and last[1] == last[2] and int(last[1]) > 40
    figures = re.fullmatch(r"RPO ([\d.]+) s .*, RTO ([\d.]+) s by the dump, ([\d.]+) s by the log .*", lines[-2])
    assert figures and float(figures[1]) <= 60 and max(float(figures[2]), float(figures[3])) <= 120
    assert "amcheck: no damage in tables and indexes" in lines
    came_back = re.search(r"point in time: (\d+) hand-ins came back", done.stdout)
    assert came_back and int(came_back[1]) > 10
    report(f"drill: {lines[-2]}; {lines[-1]}")


def test_stopped_machine_is_backed_up_and_restored_with_its_own_keys(
    place: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with Machine(place / "data", port=0, metrics_port=0) as machine:
        machine.start()
    assert run_backup(["create"], data_dir=place / "data") == 0
    assert run_backup(["list"], data_dir=place / "data") == 0
    said = capfd.readouterr()
    assert "verified" in said.out and "1 backup\n" in said.out
    words: list[str] = []
    keys = place / "data" / "keys"
    assert run_drill(backup=place / "dumps", apart=place / "apart", keys=keys, tell=words.append) == 0, words
    assert re.fullmatch(r"tables (\d+) of \1", words[-1])
    assert run_drill(backup=place / "nothing", apart=place / "apart", keys=keys, tell=words.append) == 1
    assert "FAILED: There is no backup" in words[-1]
    with pytest.raises(StartError, match="holds no master key"):
        run_backup(["restore"], data_dir=place / "new")
    shutil.copytree(place / "data" / "keys", place / "new" / "keys")
    assert run_backup(["restore"], data_dir=place / "new") == 0
    assert re.search(r"tables (\d+) of \1\n$", capfd.readouterr().out)
    assert run_backup(["restore"], data_dir=place / "new") == 1
    assert "not empty" in capfd.readouterr().err
    assert run_backup(["release"], data_dir=place / "new") == 0
