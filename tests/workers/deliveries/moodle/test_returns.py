"""Bring feedback back to a Moodle site: one comment for each version, whatever happens between sending and recording."""

from __future__ import annotations

from typing import Any

import pytest

from models import lms_status, releases, reruns, returns
from models.jobs import Queue, RowTable
from tests.conftest import Become
from tests.support.deliveries import read
from tests.support.failing_server import Fault
from tests.support.lms_work import OUR_URL, Connected, ended, make_due, make_lms_runner, read_open_passes
from tests.support.moodle import ANA, MoodleSite
from tests.support.moodle_work import NOON, connect_moodle, look
from tests.support.races import eventually
from tests.support.schools import School, connect_as, hand_in, session_of
from tests.support.servers import Database
from tests.support.worker_process import free_rows, kill, start_worker
from workers.deliveries.runner import RowRunner

ADD = "core_comment_add_comments"
PAGES = "https://essays.school.example"


@pytest.fixture
def connected(school: School, site: MoodleSite) -> Connected:
    return connect_moodle(school, site, pages_url=PAGES)


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
    runner = make_lms_runner()
    take(connected, site, runner, database)
    read_open_passes(database, school.org)
    send(connected, runner, database)
    assert f"{OUR_URL}/essays/" in comments(site)[0]


def test_version_that_is_read_again_gets_its_comment_afterwards(
    connected: Connected, site: MoodleSite, runner: RowRunner, database: Database
) -> None:
    take(connected, site, runner, database)
    read_open_passes(database, connected.school.org)
    [(submission,)] = database.sql("select id from submissions")
    connect_as("ec_ingest", database)
    with session_of(connected.school, "ada"):
        assert reruns.rerun([submission], org=connected.school.org, queue=Queue.INTERACTIVE)
    connect_as("ec_worker", database)
    send(connected, runner, database)
    assert (comments(site), stored(database)) == ([], [("queued", None, 0, None)])
    read_open_passes(database, connected.school.org)
    send(connected, runner, database)
    assert len(comments(site)) == 1
    assert stored(database) == [("done", None, 1, "1")]


@pytest.mark.parametrize(
    ("function", "table"), [("core_user_get_users_by_field", RowTable.ARRIVALS), (ADD, RowTable.RETURNS)]
)
def test_status_says_why_something_waits_for_another_try(
    connected: Connected, site: MoodleSite, runner: RowRunner, database: Database, function: str, table: RowTable
) -> None:
    site.missing_functions = {function}
    take(connected, site, runner, database)
    read_open_passes(database, connected.school.org)
    send(connected, runner, database)
    assert database.sql(f"select state, error from {table}") == [("queued", "lms_function_missing")]
    connect_as("ec_ingest", database)
    with session_of(connected.school, "ada"):
        status = lms_status.fetch_status(connected.source, org=connected.school.org)
    assert (status.error, status.error_about) == ("lms_function_missing", None)


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
    runner = make_lms_runner()
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
    runner = make_lms_runner()
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
    assert ended(database, RowTable.RETURNS) == ({"gave_up": 1} if state == "gave_up" else {})
    become("ec_ingest")
    with session_of(connected.school, "ada"):
        assert returns.resend(connected.source) == (state == "gave_up")
    become("ec_worker")
    send(connected, runner, database)
    assert len(comments(site)) == 1
    assert stored(database)[0][0] == "done"
    assert ended(database, RowTable.RETURNS)["done"] == 1


def test_comment_that_nobody_wants_any_more_is_not_counted_as_failed(
    connected: Connected, site: MoodleSite, runner: RowRunner, database: Database
) -> None:
    take(connected, site, runner, database)
    read_open_passes(database, connected.school.org)
    database.sql("update submissions set released_at = null")
    send(connected, runner, database)
    assert stored(database) == [("gave_up", "not_wanted", 1, None)]
    assert ended(database, RowTable.RETURNS) == {"not_wanted": 1}


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


def test_kill_9_between_sending_and_recording_leaves_one_comment(
    connected: Connected, site: MoodleSite, runner: RowRunner, become: Become, database: Database
) -> None:
    take(connected, site, runner, database)
    read_open_passes(database, connected.school.org)
    # The site writes the comment, and its answer takes longer than the worker lives.
    site.fail(ADD, Fault(after_the_work=True, pause_seconds=60))
    worker = start_worker(database, org=connected.school.org, source=connected.source, tables=[RowTable.RETURNS])
    eventually(lambda: len(comments(site)) == 1)
    kill(worker)
    assert stored(database) == [("running", None, 1, None)]
    free_rows(database, become)
    send(connected, runner, database)
    assert len(comments(site)) == 1
    assert stored(database) == [("done", None, 2, "1")]
