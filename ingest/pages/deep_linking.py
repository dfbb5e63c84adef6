"""The page on which a teacher chooses or makes the assignment that a link of their LMS leads to."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, Response, request, url_for

from ingest.admin import schemas
from ingest.lms import deep_links, tickets
from ingest.lms.launch_claims import Launch
from ingest.lms.login import origin_of
from ingest.pages.forms import check_body
from ingest.pages.rendering import page, page_blueprint
from ingest.pages.session import Reader, known_reader, reader
from ingest.web import outgoing
from ingest.web.body import check
from ingest.web.identity import Identity
from ingest.web.problems import PROBLEM_TYPES, Problem, from_domain
from models import courses, db, platforms
from models.errors import DomainError, Invalid
from models.platforms import Platform
from outgoing.client import url_objection

blueprint: Blueprint = page_blueprint("deep_linking_pages")

SECONDS = 3600
MOST = 100


def show_choice(platform: Platform, launch: Launch, *, course: UUID) -> Response:
    """Show the assignments of the course, and a form for a new one."""
    asked = launch.deep_linking
    assert asked is not None
    if url_objection(asked.return_url, allow_local=outgoing.client().allows_local) is not None:
        raise Problem("invalid-payload", "Your LMS names no web address to send the choice to.")
    known = {
        "platform": str(platform.id), "deployment": launch.deployment, "return_url": asked.return_url, "data": asked.data,
        "course": str(course), "user": str(_known_reader().who.user),
    }  # fmt: skip
    return _choice_page(tickets.sign("choice", known), course)


@blueprint.post("/lti/choose")
def choose() -> Response:
    """Send the LMS the assignment that was chosen, or a new one."""
    who = reader("educator").who
    check_body()
    sent = request.form.get("choice", "")
    known = tickets.read("choice", sent, seconds=SECONDS)
    if known is None or known["user"] != str(who.user):
        raise Problem("forbidden", "This page is too old. Begin again in your LMS.")
    course = UUID(known["course"])
    with db.session(role="ec_auth"):
        platform = platforms.find_active(UUID(known["platform"]))
    try:
        assignment = _chosen(who, course)
    except (Problem, Invalid) as refusal:
        return _choice_page(sent, course, refusal=refusal)
    token = deep_links.answer(
        platform, deployment=known["deployment"], data=known["data"], assignment=assignment["id"], title=assignment["title"],
        launch_url=url_for("lti_pages.launch", _external=True),
    )  # fmt: skip
    return_url = known["return_url"]
    response = page("deep_link.html", return_url=return_url, token=token, title=assignment["title"])
    policy = response.headers["Content-Security-Policy"]
    response.headers["Content-Security-Policy"] = policy.replace(
        "form-action 'self'", f"form-action {origin_of(return_url)}"
    )
    return response


def _chosen(who: Identity, course: UUID) -> dict[str, Any]:
    """Return the assignment of the form, stored if it is new. Raises Problem, Invalid."""
    wanted = request.form.get("assignment_id", "")
    with who.session():
        if wanted:
            try:
                return courses.fetch_assignment(UUID(wanted), org=who.org)
            except ValueError:
                raise Problem("invalid-payload", "There is no such assignment.") from None
        draft = check(
            {"course_id": str(course), "title": request.form.get("title", ""), "prompt": request.form.get("prompt", "")},
            schemas.NewAssignment,
        )  # fmt: skip
        added = courses.add_assignment(draft.title, org=who.org, course=course, prompt=draft.prompt, teacher=who.user)
        return courses.fetch_assignment(added, org=who.org)


def _choice_page(choice: str, course: UUID, *, refusal: Problem | DomainError | None = None) -> Response:
    who = _known_reader().who
    with who.session():
        found = courses.fetch_course(course, org=who.org)
        assignments = courses.list_assignments(org=who.org, limit=MOST, course=course)
    problem = from_domain(refusal) if isinstance(refusal, DomainError) else refusal
    code = 200 if problem is None else PROBLEM_TYPES[problem.slug].status
    return page(
        "deep_link_choice.html", code=code, problem=problem, course=found, assignments=assignments, choice=choice, values=request.form
    )  # fmt: skip


def _known_reader() -> Reader:
    known = known_reader()
    assert known is not None
    return known
