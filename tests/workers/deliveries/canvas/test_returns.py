"""Bring feedback back to a Canvas: one comment for each attempt, whatever happens between sending and recording, and no grade."""

from __future__ import annotations

from typing import Any

import pytest

from models.jobs import RowTable
from tests.conftest import Become
from tests.support.canvas import ANA, BO, GROUP, CanvasSite
from tests.support.canvas_work import ConnectedCanvas, comments, connect_canvas, run, take
from tests.support.failing_server import Fault
from tests.support.lms_work import OUR_URL, make_lms_runner, read_open_passes
from tests.support.races import eventually
from tests.support.schools import School
from tests.support.servers import ROOT, Database
from tests.support.worker_process import free_rows, kill, start_worker
from workers.deliveries.runner import RowRunner


def stored(database: Database) -> list[tuple[Any, ...]]:
    return database.sql("select state, error, attempt from returns order by id")


def test_finished_version_gets_one_comment_with_a_link(
    connected: ConnectedCanvas, site: CanvasSite, runner: RowRunner, database: Database
) -> None:
    take(connected, site, runner, database)
    read_open_passes(database, connected.school.org)
    for _ in range(2):
        run(connected, runner, database, RowTable.RETURNS)
    [comment] = comments(site)
    [(essay,)] = database.sql("select id from essays")
    assert "Your feedback on version 1 is ready." in comment
    assert f"{OUR_URL}/essays/{essay}" in comment
    assert "A clear start" not in comment
    assert database.sql("select channel, state, external_id from returns") == [("canvas_comment", "done", "1")]


def test_summary_and_nothing_go_back_where_the_source_says_so(
    school: School, site: CanvasSite, become: Become, database: Database
) -> None:
    for returns, expected in (("summary", 1), ("none", 0)):
        become("ec_ingest")
        connected = connect_canvas(school, site, returns=returns)
        become("ec_worker")
        site.submissions.clear()
        take(connected, site, make_lms_runner(), database)
        read_open_passes(database, school.org)
        run(connected, make_lms_runner(), database, RowTable.RETURNS)
        assert len(comments(site)) == expected
        assert all("What works well: A clear start." in one for one in comments(site))


def test_group_has_one_essay_and_one_comment_for_all(
    connected: ConnectedCanvas, site: CanvasSite, runner: RowRunner, database: Database
) -> None:
    for member in (ANA, BO):
        connected.hear(site.hand_in(member, group=GROUP))
    run(connected, runner, database)
    read_open_passes(database, connected.school.org)
    run(connected, runner, database, RowTable.RETURNS)
    assert len(database.sql("select from essays")) == 1
    [put] = [one for one in site.sent if one.method == "PUT"]
    assert put.fields["comment[group_comment]"] == "true"


@pytest.mark.parametrize(
    "fault", [Fault(after_the_work=True, breaks_off=True), Fault(after_the_work=True, status=502), Fault(after_the_work=True, body=b"x")]
)  # fmt: skip
def test_lost_answer_leaves_one_comment(
    connected: ConnectedCanvas, site: CanvasSite, runner: RowRunner, database: Database, fault: Fault
) -> None:
    take(connected, site, runner, database)
    read_open_passes(database, connected.school.org)
    site.fail("comment", fault)
    for _ in range(3):
        run(connected, runner, database, RowTable.RETURNS)
    assert len(comments(site)) == 1
    assert stored(database) == [("done", None, 2)]


def test_no_request_touches_a_grade(
    connected: ConnectedCanvas, site: CanvasSite, runner: RowRunner, database: Database
) -> None:
    take(connected, site, runner, database, files={"essay.txt": b"The whole essay, with its words."})
    read_open_passes(database, connected.school.org)
    run(connected, runner, database, RowTable.RETURNS)
    written = [one for one in site.sent if one.method != "GET"]
    assert [sorted(one.fields) for one in written] == [["comment[attempt]", "comment[text_comment]"]]
    grading = ("posted_grade", "submission[", "rubric_assessment", "grade_data", "excuse")
    sources = [path.read_text("utf-8") for path in (ROOT / "workers").rglob("canvas*.py")]
    assert [word for word in grading for source in sources if word in source] == []


@pytest.mark.slow(reason="starts a worker in a process of its own")
def test_kill_9_between_sending_and_recording_leaves_one_comment(
    connected: ConnectedCanvas, site: CanvasSite, runner: RowRunner, become: Become, database: Database
) -> None:
    take(connected, site, runner, database)
    read_open_passes(database, connected.school.org)
    # The site writes the comment, and its answer takes longer than the worker lives.
    site.fail("comment", Fault(after_the_work=True, pause_seconds=60))
    worker = start_worker(database, org=connected.school.org, source=connected.source, tables=[RowTable.RETURNS])
    eventually(lambda: len(comments(site)) == 1)
    kill(worker)
    assert stored(database) == [("running", None, 1)]
    free_rows(database, become)
    run(connected, runner, database, RowTable.RETURNS)
    assert len(comments(site)) == 1
    assert stored(database) == [("done", None, 2)]
