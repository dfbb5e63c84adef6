"""Test scores: who gets one and when, and that a platform has exactly one whatever happens between sending and recording."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from typing import Any

import pytest

from models import releases, returns
from models.jobs import RowTable
from standalone.lti_course import LINK, Reply
from standalone.lti_platform import LtiPlatform
from tests.ingest.conftest import ApiUnderTest
from tests.lti.conftest import connect
from tests.lti.score_work import Course
from tests.support.races import eventually
from tests.support.schools import connect_as, session_of
from tests.support.worker_process import kill, start_worker
from workers.duties import rows as duties

MIA, NOAH = (LINK["id"], "4"), (LINK["id"], "5")
DONE = ("done", None, 1)


@pytest.fixture
def api(shared_api: ApiUnderTest) -> ApiUnderTest:
    """Give one app to all tests of this file: each connects a platform of its own."""
    return shared_api


@pytest.fixture
def course(api: ApiUnderTest, lms: LtiPlatform) -> Course:
    """Give the course of an LMS that gets scores."""
    return Course(connect(api, lms, scores="handed_in"))


@pytest.fixture
def handed_in(course: Course) -> Course:
    """Give a course in which a student has handed in and feedback was given."""
    course.hand_in()
    course.read()
    return course


def test_score_goes_out_when_the_student_can_see_feedback(course: Course) -> None:
    course.hand_in()
    assert course.returns() == []
    course.read()
    course.send()
    course.send()
    assert course.returns() == [DONE]
    [(at, external_id)] = course.sql(
        "select e.created_at, r.external_id from essays as e join submissions as s on s.essay_id = e.id "
        "join returns as r on r.submission_id = s.id where r.source_id = %s",
        course.platform.id,
    )
    score = course.scores[MIA]
    assert (score["scoreGiven"], score["scoreMaximum"], score["gradingProgress"]) == (1, 1, "FullyGraded")
    assert score["timestamp"] == external_id
    assert timedelta() <= at - datetime.fromisoformat(external_id) < timedelta(milliseconds=1)
    assert course.platform.lms.gradebook.taken == 1


def test_nobody_gets_a_score_where_no_admin_wants_it(api: ApiUnderTest, lms: LtiPlatform) -> None:
    course = Course(connect(api, lms))
    course.hand_in()
    course.read()
    assert course.returns() == []


def test_scores_may_be_wanted_later_and_no_more(course: Course) -> None:
    course.change(scores="none")
    course.hand_in("4")
    course.read()
    course.change(scores="handed_in")
    course.hand_in("5", title="The hill")
    course.read()
    course.change(scores="none")
    course.send()
    assert course.returns() == [("gave_up", "not_wanted", 1)]
    course.change(scores="handed_in")
    with session_of(course.platform.api.school, "ada"):
        assert returns.resend(course.hint.lane_id) == 1
    course.send()
    assert list(course.scores) == [NOAH]


def test_platform_that_is_off_gets_the_score_when_it_is_on_again(handed_in: Course) -> None:
    handed_in.change(state="off")
    handed_in.send()
    assert handed_in.returns() == [("queued", None, 0)]
    assert handed_in.scores == {}
    handed_in.change(state="active")
    handed_in.send()
    assert handed_in.returns() == [DONE]


def test_held_feedback_gives_no_score_before_it_is_released(course: Course) -> None:
    course.platform.open("4")
    course.sql(
        "update assignments set release_policy = 'after_review' where source_id = %s returning 1", course.platform.id
    )
    course.hand_in()
    course.read()
    assert course.returns() == []
    [(submission,)] = course.sql("select id from submissions order by id desc limit 1")
    with session_of(course.platform.api.school, "ada"):
        releases.release(submission, org=course.platform.api.school.org)
    course.send()
    assert list(course.scores) == [MIA]


def test_later_version_changes_nothing(handed_in: Course) -> None:
    handed_in.send()
    first = dict(handed_in.scores)
    handed_in.hand_in_again()
    handed_in.read()
    handed_in.send()
    assert handed_in.returns() == [DONE]
    assert handed_in.scores == first


def test_later_version_is_scored_when_the_first_was_given_up(course: Course) -> None:
    course.hand_in()
    course.read()
    course.platform.lms.gradebook.statuses = [404]
    course.send()
    course.hand_in_again()
    course.read()
    course.send()
    assert course.returns() == [("gave_up", "lms_gone", 1), DONE]
    # With the time of the first: a mark that a teacher gave between the two is newer.
    [(at,)] = course.sql("select created_at from essays order by id desc limit 1")
    assert timedelta() <= at - datetime.fromisoformat(course.scores[MIA]["timestamp"]) < timedelta(milliseconds=1)


def test_version_without_feedback_gets_no_score(course: Course) -> None:
    course.hand_in("4")
    course.read(failing=3)
    course.hand_in("5", title="The hill")
    course.read(failing=2)
    course.send()
    assert list(course.scores) == [NOAH]


def test_student_of_another_way_in_gets_no_score(course: Course) -> None:
    """The assignment takes scores, and this student is not known to the platform."""
    course.platform.open("4")
    [(assignment, there)] = course.sql("select id, course_id from assignments where source_id = %s", course.platform.id)
    api = course.platform.api
    course.sql(
        "insert into enrollments (org_id, course_id, user_id, role) values (%s, %s, %s, 'student') returning 1",
        api.school.org, there, api.school.zoe,
    )  # fmt: skip
    api.hand_in("zoe", assignment_id=str(assignment))
    course.read()
    assert course.returns() == []


def test_mark_that_a_teacher_gave_after_the_hand_in_stays(handed_in: Course) -> None:
    theirs = {"scoreGiven": 0.7, "timestamp": "2999-01-01T00:00:00Z"}
    handed_in.scores[MIA] = theirs
    handed_in.send()
    assert handed_in.returns() == [("done", "superseded", 1)]
    assert handed_in.scores == {MIA: theirs}


def test_platform_that_does_not_know_the_student_is_not_asked_again(handed_in: Course) -> None:
    del handed_in.platform.lms.members["4"]
    handed_in.send()
    assert handed_in.returns() == [("gave_up", "lms_request_refused", 1)]


def test_lost_answer_leaves_one_score(handed_in: Course) -> None:
    lms = handed_in.platform.lms
    lms.reply = lambda path, usual: Reply(502, {}, b"") if "/scores" in path else usual
    handed_in.send()
    assert handed_in.returns() == [("queued", "lms_busy", 1)]
    lms.reply = lambda _, usual: usual
    handed_in.send()
    assert handed_in.returns() == [("done", "superseded", 2)]
    assert (list(handed_in.scores), lms.gradebook.taken, lms.gradebook.harmed) == ([MIA], 1, [])


def test_gradebook_of_the_tests_is_as_dangerous_as_a_real_one(handed_in: Course) -> None:
    """A score without `scoreGiven` erases the mark, as was measured on Moodle: the tests above would see it."""
    handed_in.send()
    book, path = handed_in.platform.lms.gradebook, f"/lineitems/{LINK['id']}/lineitem/scores?type_id=1"
    bare = b'{"userId": "4", "timestamp": "2999-01-01T00:00:00.000Z", "activityProgress": "Completed", "gradingProgress": "FullyGraded"}'
    assert book.take(path, bare, members={"4"}) == 200
    assert (book.scores, book.harmed) == ({}, ["4"])


@pytest.mark.slow(reason="starts a worker and kills it")
def test_kill_9_between_sending_and_recording_leaves_one_score(handed_in: Course) -> None:
    api, lms, is_dead = handed_in.platform.api, handed_in.platform.lms, threading.Event()

    def answer_late(path: str, usual: Reply) -> Reply:
        if "/scores" in path:
            is_dead.wait(20)
        return usual

    lms.reply = answer_late
    handed_in.know_our_keys()
    worker = start_worker(api.database, org=api.school.org, source=handed_in.platform.id, tables=[RowTable.RETURNS])
    eventually(lambda: lms.gradebook.taken == 1)
    kill(worker)
    is_dead.set()
    before: dict[Any, Any] = dict(handed_in.scores)
    assert handed_in.returns() == [("running", None, 1)]
    handed_in.sql(
        "update returns set lease_until = now() - interval '1 second' where source_id = %s returning 1",
        handed_in.platform.id,
    )
    connect_as("ec_clock", api.database)
    eventually(lambda: duties.free_row_leases() == 1)
    connect_as("ec_ingest", api.database)
    handed_in.send()
    assert handed_in.returns() == [("done", "superseded", 2)]
    assert (handed_in.scores, lms.gradebook.taken, lms.gradebook.harmed) == (before, 1, [])
