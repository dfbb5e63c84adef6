"""A Moodle site that fails in every way while workers are killed: no version is lost, none doubled, and each gets one comment."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from models.jobs import RowTable
from tests.conftest import Become
from tests.support.moodle import ANA, BO, Fault, MoodleSite, running_moodle
from tests.support.moodle_work import NOON, Connected, connect_moodle, make_due, make_moodle_runner, read_open_passes
from tests.support.races import eventually
from tests.support.schools import School
from tests.support.servers import Database
from workers.duties import rows as duties

ROOT = Path(__file__).resolve().parents[3]
ROUNDS = 12
REQUESTS_BEFORE_KILL = 9
FUNCTIONS = (
    "mod_assign_get_assignments", "mod_assign_get_submissions", "core_user_get_users_by_field", "core_comment_get_comments",
    "core_comment_add_comments", "file",
)  # fmt: skip
FAULTS = (
    Fault(status=503),
    Fault(status=429, headers={"Retry-After": "60"}),
    Fault(status=500),
    Fault(breaks_off=True),
    Fault(body=b"half a fi"),
    Fault(body=b'{"exception": "x", "errorcode": "dmlreadexception"}'),
    Fault(pause_seconds=1.0),
    Fault(after_the_work=True, breaks_off=True),
    Fault(after_the_work=True, status=502),
)
# A worker that looks again and again, until it is killed.
WORKER = """
import sys
from uuid import UUID
from models import db
from models.jobs import RowHint, RowTable
from models.settings import StoreSettings
from tests.support.moodle_work import make_moodle_runner
from tests.support.schools import load_keys
url, org, source = sys.argv[1:]
load_keys()
db.connect(StoreSettings(database_url=url, program="ec-worker", pool_size=4, pool_wait_seconds=5.0))
runner = make_moodle_runner()
while True:
    for table in (RowTable.MOODLE_SITES, RowTable.ARRIVALS, RowTable.RETURNS):
        runner.run(RowHint(org_id=UUID(org), lane_id=UUID(source), table=table))
"""


def write(site: MoodleSite, chance: random.Random, *, at: int) -> None:
    """Let a student hand in or edit, with text or with a file."""
    words = f"Essay of second {at}: they was late, and the teacher were not amused about it at all."
    given = {"essay.txt": words.encode()} if chance.random() < 0.3 else {}
    site.hand_in(chance.choice((ANA, BO)), "See my file." if given else f"<p>{words}</p>", at=at, files=given)


def work_until_killed(connected: Connected, site: MoodleSite, database: Database, become: Become) -> None:
    """Run a worker, kill it in the middle of something, and give back what it held as the clock does."""
    asked = len(site.sent)
    worker = subprocess.Popen(
        [sys.executable, "-c", WORKER, database.role_url("ec_worker"), str(connected.school.org), str(connected.source)],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.DEVNULL,
    )  # fmt: skip

    def has_asked_enough() -> bool:
        make_due(database)
        return len(site.sent) >= asked + REQUESTS_BEFORE_KILL

    try:
        eventually(has_asked_enough)
    finally:
        worker.send_signal(signal.SIGKILL)
        worker.wait(20)
    for table in ("moodle_sites", "arrivals", "returns"):
        database.sql(
            f"update {table} set lease_until = now() - interval '1 second', attempt = 1 where state = 'running'"
        )
    become("ec_clock")
    eventually(lambda: duties.free_row_leases() >= 0 and not running(database))
    become("ec_worker")


def running(database: Database) -> int:
    [(amount,)] = database.sql(
        "select (select count(*) from moodle_sites where state = 'running') + (select count(*) from arrivals where state = 'running')"
        " + (select count(*) from returns where state = 'running')"
    )
    assert isinstance(amount, int)
    return amount


@pytest.mark.slow(reason="starts and kills a dozen workers")
def test_failing_site_and_killed_workers_lose_nothing_and_double_nothing(
    school: School, become: Become, database: Database
) -> None:
    chance = random.Random(18)
    with running_moodle() as site:
        connected = connect_moodle(school, site)
        become("ec_worker")
        for number in range(ROUNDS):
            write(site, chance, at=NOON + number)
            for function in FUNCTIONS:
                site.fail(function, *chance.choices(FAULTS, k=chance.randrange(3)))
            # Attempts are for days, and this takes seconds.
            database.sql("update arrivals set attempt = 0; update returns set attempt = 0")
            work_until_killed(connected, site, database, become)
            read_open_passes(database, school.org)
        site.faults.clear()
        runner = make_moodle_runner()
        for _ in range(3):
            make_due(database)
            for table in (RowTable.MOODLE_SITES, RowTable.ARRIVALS, RowTable.RETURNS):
                runner.run(connected.hint(table))
            read_open_passes(database, school.org)

        newest = {(one["userid"], one["timemodified"]) for one in site.submissions}
        states = Counter(state for (state,) in database.sql("select state from arrivals"))
        taken = database.sql("select submitted_at, count(*) from submissions group by submitted_at")
        assert set(states) <= {"accepted", "superseded"}
        assert states["accepted"] == len(taken)
        assert [times for _, times in taken if times != 1] == []
        assert {at for _, at in newest} <= {int(at.timestamp()) for at, _ in taken}  # type: ignore[attr-defined]
        marks = re.findall(r"essaycoach-[0-9a-f]{32}", str(site.comments))
        sent = database.sql("select state, count(*) from returns group by state")
        assert sent == [("done", len(marks))]
        assert len(set(marks)) == len(marks) > 0
