"""A second PostgreSQL that follows the first one, and can take its place."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

from standalone.postgres import POSTGRES_BIN_PATH, EmbeddedPostgres
from standalone.procfile import Command
from tests.support.servers import execute

SLOT = "standby"


class Standby(EmbeddedPostgres):
    """A streaming standby of a running embedded server, made by pg_basebackup at its first start."""

    def __init__(self, data_dir: Path, *, primary: EmbeddedPostgres) -> None:
        super().__init__(data_dir, durable=False)
        self._primary = primary
        self._password = primary._password

    def command(self) -> Command:
        """Return what a supervisor needs to keep it running."""
        return replace(super().command(), name="standby")

    def _create_cluster(self) -> None:
        draft = self.data_dir / "postgres.new"
        shutil.rmtree(draft, ignore_errors=True)
        subprocess.run(
            [
                *(POSTGRES_BIN_PATH / "pg_basebackup", "--pgdata", draft, "--dbname", self._primary.url("postgres")),
                *("--write-recovery-conf", "--create-slot", "--slot", SLOT, "--checkpoint", "fast"),
            ],
            check=True, capture_output=True,
        )  # fmt: skip
        if self._owner:
            for path in (draft, *draft.rglob("*")):
                shutil.chown(path, self._owner.pw_uid, self._owner.pw_gid)
        draft.rename(self.cluster)

    def promote(self) -> None:
        """Make it the primary."""
        execute(self.url("postgres"), "select pg_promote(true, 30)")


def wait_for_each_commit(primary: EmbeddedPostgres) -> None:
    """Let the primary answer a commit only when the standby has it on disk, too."""
    for setting in ("synchronous_standby_names = '*'", "synchronous_commit = on"):
        execute(primary.url("postgres"), f"alter system set {setting}")
    execute(primary.url("postgres"), "select pg_reload_conf()")
