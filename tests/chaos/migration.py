"""A migration of a next version, applied to a database in use: the checked-in files and one more, copied to a new folder."""

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
    """Add a column to the busiest table and remove it again, as a release and its rollback would."""
    with tempfile.TemporaryDirectory() as folder:
        migrations = Path(folder) / "migrations"
        shutil.copytree(ROOT / "migrations", migrations, ignore=shutil.ignore_patterns("__pycache__"))
        number = 1 + max(int(path.name[:4]) for path in migrations.glob("[0-9]*.sql"))
        (migrations / f"{number:04d}_chaos.sql").write_text(NEXT)
        (migrations / f"{number:04d}_chaos.rollback.sql").write_text(BACK)
        for arguments in (("seal",), ("up",), ("down", "--steps", "1")):
            done = subprocess.run(
                [sys.executable, "-m", "migrations", *arguments],
                cwd=folder, env={**os.environ, "DATABASE_URL": database_url, "PYTHONPATH": f"{folder}{os.pathsep}{ROOT}"},
                capture_output=True, text=True, check=False,
            )  # fmt: skip
            assert done.returncode == 0, done.stderr
