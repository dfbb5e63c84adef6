"""A worker that runs the rows of one source in a process of its own, so that a test can kill it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from uuid import UUID

from models.jobs import RowTable
from tests.conftest import Become
from tests.support.lms_work import LMS_TABLES
from tests.support.races import eventually
from tests.support.servers import ROOT, Database
from workers.duties import rows as duties

_PROGRAM = """
import sys
from uuid import UUID
from models import db
from models.jobs import RowHint, RowTable
from models.settings import StoreSettings
from tests.support.lms_work import make_lms_runner
from tests.support.schools import load_keys
url, org, source, is_endless, *tables = sys.argv[1:]
load_keys()
db.connect(StoreSettings(database_url=url, program="ec-worker", pool_size=4, pool_wait_seconds=5.0))
runner = make_lms_runner()
while True:
    for table in tables:
        runner.run(RowHint(org_id=UUID(org), lane_id=UUID(source), table=RowTable(table)))
    if not is_endless:
        break
"""


def start_worker(
    database: Database, *, org: UUID, source: UUID | str, tables: Sequence[RowTable], endless: bool = False
) -> subprocess.Popen[bytes]:
    """Start a worker that runs what waits in these tables once, or again and again until it is killed."""
    arguments = (database.role_url("ec_worker"), str(org), str(source), "endless" if endless else "", *tables)
    return subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, *arguments],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.DEVNULL,
    )  # fmt: skip


def kill(worker: subprocess.Popen[bytes]) -> None:
    """Kill the worker in the middle of what it does, and wait until it is gone."""
    worker.send_signal(signal.SIGKILL)
    worker.wait(60)


def free_rows(database: Database, become: Become) -> None:
    """Give back what a killed worker held, as the clock does when its leases are over, and be a worker again."""
    for table in LMS_TABLES:
        database.sql(
            f"update {table} set lease_until = now() - interval '1 second', attempt = 1 where state = 'running'"
        )
    become("ec_clock")
    eventually(lambda: duties.free_row_leases() >= 0 and not _is_running(database))
    become("ec_worker")


def _is_running(database: Database) -> bool:
    return any(database.sql(f"select from {table} where state = 'running' limit 1") for table in LMS_TABLES)
