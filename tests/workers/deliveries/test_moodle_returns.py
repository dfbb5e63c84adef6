"""Bring feedback back to a Moodle site: one comment for each version, whatever happens between sending and recording."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from models import releases, returns
from models.jobs import RowTable
from tests.conftest import Become
from tests.support.deliveries import read
from tests.support.moodle import ANA, Fault, MoodleSite, running_moodle
from tests.support.moodle_work import (
    NOON,
    OUR_URL,
    Connected,
    connect_moodle,
    look,
    make_due,
    make_moodle_runner,
    read_open_passes,
)
from tests.support.races import eventually
from tests.support.schools import School, hand_in, session_of
from tests.support.servers import Database
from workers.deliveries.runner import RowRunner
from workers.duties import rows as duties

ROOT = Path(__file__).resolve().parents[3]
ADD = "core_comment_add_comments"
PAGES = "https://essays.school.example"


@pytest.fixture
def site() -> Iterator[MoodleSite]:
    with running_moodle() as running:
        yield running


@pytest.fixture
def connected(school: School, site: MoodleSite) -> Connected:
    return connect_moodle(school, site, pages_url=PAGES)


@pytest.fixture
def runner(connected: Connected, become: Become) -> RowRunner:
    become("ec_worker")
    return make_moodle_runner()


def take(connected: Connected, site: MoodleSite, runner: RowRunner, database: Database, *, at: int = NOON) -> None:
    """Let Ana hand in, and take it."""
    site.hand_in(ANA, f"They was late at {at}.", at=at)
    look(connected, runner, database)


def comments(site: MoodleSite) -> list[str]:
    return [one["content"] for of_one in site.comments.values() for one in of_one]


def stored(database: Database) -> list[tuple[Any, ...]]:
    return database.sql("select state, error, attempt, external_id from returns order by id")


def send(connected: Connected, runner: RowRunner, database: Database) -> None:
    make_due(database)
    runner.run(connected.hint(RowTable.RETURNS))


def test_finished_version_gets_one_comment_with_a_link(
    connected: Connected, site: MoodleSite, runner: RowRunner, database: Database
) -> None:
    take(connected, site, runner, database)
    assert stored(database) == []
    read_open_passes(database, connected.school.org)
    send(connected, runner, database)
    send(connected, runner, database)
    [comment] = comments(site)
    [(essay,)] = database.sql("select id from essays")
    assert "Your feedback on version 1 is ready." in comment
    assert f"{PAGES}/essays/{essay}" in comment
    assert "A clear start" not in comment
    assert stored(database) == [("done", None, 1, "1")]
    assert not [one for one in site.sent if "grade" in one.function]


def test_site_that_names_no_address_links_to_that_of_the_service(
    school: School, site: MoodleSite, become: Become, database: Database
) -> None:
    connected = connect_moodle(school, site)
    become("ec_worker")
    runner = make_moodle_runner()
    take(connected, site, runner, database)
    read_open_passes(database, school.org)
    send(connected, runner, database)
    assert f"{OUR_URL}/essays/" in comments(site)[0]


def test_each_version_gets_its_comment(
    connected: Connected, site: MoodleSite, runner: RowRunner, database: Database
) -> None:
    for round_number in range(2):
        take(connected, site, runner, database, at=NOON + round_number)
        read_open_passes(database, connected.school.org)
        send(connected, runner, database)
    assert ["version 1" in comments(site)[0], "version 2" in comments(site)[1]] == [True, True]


def test_summary_goes_to_the_lms_only_where_the_source_says_so(
    school: School, site: MoodleSite, become: Become, database: Database
) -> None:
    connected = connect_moodle(school, site, returns="summary")
    become("ec_worker")
    runner = make_moodle_runner()
    take(connected, site, runner, database)
    read_open_passes(database, school.org)
    send(connected, runner, database)
    [comment] = comments(site)
    assert "What works well: A clear start." in comment
    assert "- Fix ‹b›grammar‹/b›." in comment


def test_nothing_goes_back_where_the_source_says_so(
    school: School, site: MoodleSite, become: Become, database: Database
) -> None:
    connected = connect_moodle(school, site, returns="none")
    become("ec_worker")
    runner = make_moodle_runner()
    take(connected, site, runner, database)
    read_open_passes(database, school.org)
    assert stored(database) == []


def test_held_feedback_goes_back_when_it_is_released(
    connected: Connected, site: MoodleSite, runner: RowRunner, become: Become, database: Database
) -> None:
    take(connected, site, runner, database)
    database.sql("update submissions set released_at = null")
    read_open_passes(database, connected.school.org)
    assert stored(database) == []
    [(submission,)] = database.sql("select id from submissions")
    become("ec_ingest")
    with session_of(connected.school, "ada"):
        releases.release(submission, org=connected.school.org)
    become("ec_worker")
    send(connected, runner, database)
    assert len(comments(site)) == 1


def test_partial_feedback_goes_back_and_failed_does_not(
    connected: Connected, site: MoodleSite, runner: RowRunner, database: Database
) -> None:
    take(connected, site, runner, database)
    read_open_passes(database, connected.school.org, failing=1)
    take(connected, site, runner, database, at=NOON + 1)
    read_open_passes(database, connected.school.org, failing=3)
    assert len(stored(database)) == 1


def test_version_that_did_not_come_from_moodle_brings_nothing_back(
    connected: Connected, runner: RowRunner, become: Become, database: Database
) -> None:
    become("ec_ingest")
    receipt = hand_in(connected.school, assignment=connected.school.assignment)
    become("ec_worker")
    read(receipt)
    assert stored(database) == []


@pytest.mark.parametrize(
    ("fault", "state", "error"),
    [
        (Fault(status=503), "queued", "lms_busy"),
        (Fault(status=429, headers={"Retry-After": "600"}), "queued", "lms_busy"),
        (Fault(breaks_off=True), "queued", "lms_unreachable"),
        (Fault(body=b'{"exception": "x", "errorcode": "accessexception"}'), "queued", "lms_function_missing"),
        (Fault(body=b'{"exception": "x", "errorcode": "invalidcommentitemid"}'), "gave_up", "lms_gone"),
    ],
)
def test_failed_comment_is_tried_again_or_given_up(
    connected: Connected, site: MoodleSite, runner: RowRunner, become: Become, database: Database,
    fault: Fault, state: str, error: str,
) -> None:  # fmt: skip
    take(connected, site, runner, database)
    read_open_passes(database, connected.school.org)
    site.fail(ADD, fault)
    send(connected, runner, database)
    assert stored(database) == [(state, error, 1, None)]
    become("ec_ingest")
    with session_of(connected.school, "ada"):
        assert returns.resend(connected.source) == (state == "gave_up")
    become("ec_worker")
    send(connected, runner, database)
    assert len(comments(site)) == 1
    assert stored(database)[0][0] == "done"


def test_lost_answer_leaves_one_comment(
    connected: Connected, site: MoodleSite, runner: RowRunner, database: Database
) -> None:
    take(connected, site, runner, database)
    read_open_passes(database, connected.school.org)
    site.fail(ADD, Fault(after_the_work=True, breaks_off=True), Fault(after_the_work=True, status=502))
    for _ in range(3):
        send(connected, runner, database)
    assert len(comments(site)) == 1
    assert stored(database) == [("done", None, 2, "1")]


# What a worker does with the returns of a site, in a process of its own.
KILLED = """
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
make_moodle_runner().run(RowHint(org_id=UUID(org), lane_id=UUID(source), table=RowTable.RETURNS))
"""


def test_kill_9_between_sending_and_recording_leaves_one_comment(
    connected: Connected, site: MoodleSite, runner: RowRunner, become: Become, database: Database
) -> None:
    take(connected, site, runner, database)
    read_open_passes(database, connected.school.org)
    # The site writes the comment, and its answer takes longer than the worker lives.
    site.fail(ADD, Fault(after_the_work=True, pause_seconds=5))
    worker = subprocess.Popen(
        [sys.executable, "-c", KILLED, database.role_url("ec_worker"), str(connected.school.org), str(connected.source)],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    eventually(lambda: len(comments(site)) == 1)
    worker.send_signal(signal.SIGKILL)
    worker.wait(20)
    assert stored(database) == [("running", None, 1, None)]
    database.sql("update returns set lease_until = now() - interval '1 second'")
    become("ec_clock")
    eventually(lambda: duties.free_row_leases() == 1)
    become("ec_worker")
    send(connected, runner, database)
    assert len(comments(site)) == 1
    assert stored(database) == [("done", None, 2, "1")]
