"""A Canvas that fails in every way while workers are killed: no newest attempt is lost, none doubled, and each gets one comment."""

from __future__ import annotations

import random
import re
from collections import Counter

import pytest

from models.jobs import RowTable
from tests.conftest import Become
from tests.support.canvas import ANA, BO, THROTTLED, CanvasSite, running_canvas
from tests.support.canvas_work import ConnectedCanvas, connect_canvas, run
from tests.support.failing_server import Fault
from tests.support.lms_work import make_due, make_lms_runner, read_open_passes
from tests.support.races import eventually
from tests.support.schools import School
from tests.support.servers import Database
from tests.support.worker_process import free_rows, kill, start_worker

ROUNDS = 12
REQUESTS_BEFORE_KILL = 7
TABLES = (RowTable.ARRIVALS, RowTable.RETURNS)
ABOUT = ("submission", "assignment", "graphql", "file", "store", "comment")
FAULTS = (
    THROTTLED,
    Fault(status=429, headers={"Retry-After": "60"}),
    Fault(status=401, headers={"WWW-Authenticate": "Bearer"}),
    Fault(status=500),
    Fault(breaks_off=True),
    Fault(body=b"half a fi"),
    Fault(pause_seconds=1.0),
    Fault(after_the_work=True, breaks_off=True),
    Fault(after_the_work=True, status=502),
)


def hand_in(connected: ConnectedCanvas, site: CanvasSite, chance: random.Random, number: int) -> None:
    """Let a student hand in, with text or with a file. Canvas tells it up to three times, and not always the course."""
    words = f"Essay {number}: they was late, and the teacher were not amused about it at all."
    given = {"essay.txt": words.encode()} if chance.random() < 0.3 else {}
    event = site.hand_in(chance.choice((ANA, BO)), None if given else f"<p>{words}</p>", files=given)
    for _ in range(chance.randrange(1, 4)):
        connected.hear(event, course=chance.random() < 0.7)


def work_until_killed(connected: ConnectedCanvas, site: CanvasSite, database: Database, become: Become) -> None:
    """Run a worker, kill it in the middle of something, and give back what it held as the clock does."""
    asked = len(site.sent)
    worker = start_worker(database, org=connected.school.org, source=connected.source, tables=TABLES, endless=True)

    def has_asked_enough_or_is_done() -> bool:
        make_due(database)
        waiting = sum(
            one
            for table in TABLES
            for (one,) in database.sql(f"select count(*) from {table} where finished_at is null")
        )
        return len(site.sent) >= asked + REQUESTS_BEFORE_KILL or not waiting

    try:
        eventually(has_asked_enough_or_is_done)
    finally:
        kill(worker)
    free_rows(database, become)


@pytest.mark.slow(reason="starts and kills a dozen workers")
def test_failing_canvas_and_killed_workers_lose_nothing_and_double_nothing(
    school: School, become: Become, database: Database
) -> None:
    chance = random.Random(18)
    with running_canvas() as site:
        connected = connect_canvas(school, site)
        become("ec_worker")
        for number in range(ROUNDS):
            hand_in(connected, site, chance, number)
            for about in ABOUT:
                site.fail(about, *chance.choices(FAULTS, k=chance.randrange(3)))
            # Attempts are for days, and this takes seconds.
            database.sql("update arrivals set attempt = 0; update returns set attempt = 0")
            work_until_killed(connected, site, database, become)
            read_open_passes(database, school.org)
        site.faults.clear()
        for _ in range(3):
            for table in TABLES:
                run(connected, make_lms_runner(), database, table)
            read_open_passes(database, school.org)

        states = Counter(state for (state,) in database.sql("select state from arrivals"))
        taken = database.sql("select submitted_at, count(*) from submissions group by submitted_at")
        assert set(states) <= {"accepted", "superseded"}
        assert states["accepted"] == len(taken)
        assert [times for _, times in taken if times != 1] == []
        assert {one.at for one in site.submissions.values()} <= {at for at, _ in taken}
        marks = re.findall(r"essaycoach-[0-9a-f]{32}", str([one.comments for one in site.submissions.values()]))
        assert database.sql("select state, count(*) from returns group by state") == [("done", len(marks))]
        assert len(set(marks)) == len(marks) > 0
        assert [one for one in site.sent if "posted_grade" in str(one.fields)] == []
