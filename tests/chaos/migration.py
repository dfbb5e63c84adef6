"""The next version's migration, applied to a database in use: the checked-in files and one more, from a folder of their own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from standalone.machine import ROOT

NEXT = "alter table submissions add column chaos_note text;\n"
BACK = "alter table submissions drop column chaos_note;\n"


def migrate_to_the_next_version(database_url: str) -> None:
    """A column was added to the busiest table and taken away again, as a release and its rollback would."""
    with tempfile.TemporaryDirectory() as folder:
        room = Path(folder) / "migrations"
        shutil.copytree(ROOT / "migrations", room, ignore=shutil.ignore_patterns("__pycache__"))
        number = 1 + max(int(path.name[:4]) for path in room.glob("[0-9]*.sql"))
        (room / f"{number:04d}_chaos.sql").write_text(NEXT)
        (room / f"{number:04d}_chaos.rollback.sql").write_text(BACK)
        for arguments in (("seal",), ("up",), ("down", "--steps", "1")):
            done = subprocess.run(
                [sys.executable, "-m", "migrations", *arguments],
                cwd=folder, env={**os.environ, "DATABASE_URL": database_url, "PYTHONPATH": folder},
                capture_output=True, text=True, check=False,
            )  # fmt: skip
            assert done.returncode == 0, done.stderr
