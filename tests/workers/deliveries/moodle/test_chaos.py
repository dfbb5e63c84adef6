"""A Moodle site that fails in every way while workers are killed: no version is lost, none doubled, and each gets one comment."""

from __future__ import annotations

import random
import re
from collections import Counter

import pytest

from tests.conftest import Become
from tests.support.failing_server import Fault
from tests.support.lms_work import LMS_TABLES, Connected, make_due, make_lms_runner, read_open_passes
from tests.support.moodle import ANA, BO, MoodleSite, running_moodle
from tests.support.moodle_work import NOON, connect_moodle
from tests.support.races import eventually
from tests.support.schools import School
from tests.support.servers import Database
from tests.support.worker_process import free_rows, kill, start_worker

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


def write(site: MoodleSite, chance: random.Random, *, at: int) -> None:
    """Let a student hand in or edit, with text or with a file."""
    words = f"Essay of second {at}: they was late, and the teacher were not amused about it at all."
    given = {"essay.txt": words.encode()} if chance.random() < 0.3 else {}
    site.hand_in(chance.choice((ANA, BO)), "See my file." if given else f"<p>{words}</p>", at=at, files=given)


def work_until_killed(connected: Connected, site: MoodleSite, database: Database, become: Become) -> None:
    """Run a worker, kill it in the middle of something, and give back what it held as the clock does."""
    asked = len(site.sent)
    worker = start_worker(database, org=connected.school.org, source=connected.source, tables=LMS_TABLES, endless=True)

    def has_asked_enough() -> bool:
        make_due(database)
        return len(site.sent) >= asked + REQUESTS_BEFORE_KILL

    try:
        eventually(has_asked_enough)
    finally:
        kill(worker)
    free_rows(database, become)


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
        runner = make_lms_runner()
        for _ in range(3):
            make_due(database)
            for table in LMS_TABLES:
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
