"""The educator's desk: courses, their assignments, the essays of an assignment, and the release of all that is held."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, request, url_for

from ingest.pages.forms import check_body
from ingest.pages.rendering import page, page_blueprint, see
from ingest.pages.session import reader
from ingest.submissions.essay_query import cursor_of, read_position
from ingest.submissions.event_stream import FINAL_STATUSES
from ingest.web import pagination
from ingest.web.identity import Identity
from ingest.web.problems import PROBLEM_TYPES, Problem, from_domain
from models import courses, desk, essays, people_of_course, releases, weekly_summaries
from models.errors import AuthorLimit, Invalid, ReadingOff
from models.essay_filters import EssayFilter

blueprint: Blueprint = page_blueprint("desk_pages")

PAGE = 30
# What a form shows above itself, with everything that was written into it. Other errors have a page of their own.
REFUSED = (Problem, Invalid, ReadingOff, AuthorLimit)


@blueprint.get("/desk")
def list_courses() -> Response:
    """Show the courses that the reader teaches (admins: all), newest first."""
    who = staff_reader()
    with who.session():
        found, older = cut(courses.list_courses(org=who.org, limit=PAGE + 1, before=pagination.cursor()))
        waiting = desk.count_in_courses([one["id"] for one in found], org=who.org)
        by_mail = weekly_summaries.is_wanted(who.caller, org=who.org)
    return page("desk.html", courses=found, waiting=waiting, older=older, most=desk.MOST, by_mail=by_mail)


@blueprint.post("/desk/weekly-summary")
def choose_summary() -> Response:
    """Note whether the reader wants the weekly summary by mail."""
    who = staff_reader()
    check_body()
    with who.session():
        weekly_summaries.choose(who.caller, org=who.org, wanted=request.form.get("wanted") == "yes")
    return done(url_for("desk_pages.list_courses"))


@blueprint.get("/desk/courses/<uuid:course_id>")
def course(course_id: UUID) -> Response:
    """Show a course with its assignments, newest first."""
    who = staff_reader()
    with who.session():
        found = courses.fetch_course(course_id, org=who.org)
        before = pagination.cursor()
        given, older = cut(courses.list_assignments(org=who.org, limit=PAGE + 1, before=before, course=course_id))
        counts = desk.count_in_assignments([one["id"] for one in given], org=who.org)
    return page("desk_course.html", course=found, assignments=given, counts=counts, older=older, most=desk.MOST)


@blueprint.get("/desk/assignments/<uuid:assignment_id>")
def assignment(assignment_id: UUID) -> Response:
    """Show the essays of an assignment, last handed in first: whose, how far, what waits, and who has not revised since when."""
    who = staff_reader()
    with who.session():
        found = courses.fetch_assignment(assignment_id, org=who.org)
        listed = essays.list_essays(
            org=who.org, limit=PAGE + 1, wanted=EssayFilter(assignment=assignment_id), sort="updated",
            after=read_position("updated"), staff=True,
        )  # fmt: skip
        written, older = cut(listed, cursor_of("updated"))
        values: dict[str, Any] = {
            "course": courses.fetch_course(found["course_id"], org=who.org),
            "essays": _described(written, who),
            "held": desk.count_held(assignment_id, org=who.org),
        }
    return page("desk_assignment.html", assignment=found, older=older, **values)


@blueprint.get("/desk/assignments/<uuid:assignment_id>/release")
def ask_release(assignment_id: UUID) -> Response:
    """Say what the release of everything that is held will do, before it is done."""
    who = staff_reader()
    with who.session():
        found = courses.fetch_assignment(assignment_id, org=who.org)
        held = desk.count_held(assignment_id, org=who.org)
    return page("desk_release.html", assignment=found, held=held)


@blueprint.post("/desk/assignments/<uuid:assignment_id>/release")
def release_all(assignment_id: UUID) -> Response:
    """Release everything that is held and ready."""
    who = staff_reader()
    check_body()
    with who.session():
        releases.release_all(assignment_id, org=who.org)
    return done(url_for("desk_pages.assignment", assignment_id=assignment_id))


def staff_reader() -> Identity:
    """Return who reads this page of the desk. Raises SignInFirst, and NotFound for a student."""
    return reader("educator", "admin").who


def done(address: str) -> Response:
    """Answer a form whose work is done: a script hears only that, everybody else goes on to the address."""
    if "X-Requested-With" in request.headers:
        return Response(status=204)
    return see(address)


def to_problem(error: Exception) -> Problem:
    """Return one of the errors REFUSED as the problem that a page shows above its form."""
    return error if isinstance(error, Problem) else from_domain(error)  # type: ignore[arg-type]  # the others are domain errors


def status_of(problem: Problem | None) -> int:
    """Return the HTTP status of a page that shows this problem, or none."""
    return 200 if problem is None else PROBLEM_TYPES[problem.slug].status


def cut(
    found: Sequence[dict[str, Any]],
    cursor: Callable[[dict[str, Any]], str] = lambda last: pagination.next_cursor(last["id"]),
) -> tuple[Sequence[dict[str, Any]], str | None]:
    """Return the first PAGE of these rows, and the cursor of the next page where there are more."""
    return found[:PAGE], cursor(found[PAGE - 1]) if len(found) > PAGE else None


def _described(written: Sequence[dict[str, Any]], who: Identity) -> list[dict[str, Any]]:
    """Return the essays with their students' names, how many comments wait, and since when there has been feedback."""
    names = people_of_course.fetch_names({one["user_id"] for one in written}, org=who.org)
    waiting = desk.count_in_essays([one["id"] for one in written], org=who.org)
    since = desk.feedback_times([one["newest_submission_id"] for one in written], org=who.org)
    return [
        {
            **one,
            "student": names.get(one["user_id"]),
            "waiting": waiting.get(one["id"], 0),
            "since": since.get(one["newest_submission_id"]),
            "is_final": one["status"] in FINAL_STATUSES,
        }
        for one in written
    ]
