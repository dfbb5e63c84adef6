"""The page on which a teacher chooses or makes the assignment that a link of their LMS leads to."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, Response, request, url_for

from ingest.admin import schemas
from ingest.lms import deep_links, tickets
from ingest.lms.launch_claims import Launch
from ingest.pages.launch_forms import read_ticket, send_back, teacher, to_remember
from ingest.pages.rendering import page, page_blueprint
from ingest.web.body import check
from ingest.web.identity import Identity
from ingest.web.marking import _n
from ingest.web.problems import PROBLEM_TYPES, Problem, from_domain
from models import courses
from models.errors import DomainError, Invalid
from models.platforms import Platform

blueprint: Blueprint = page_blueprint("deep_linking_pages")

TICKET = "choice"
MOST = 100


def show_choice(platform: Platform, launch: Launch, *, course: UUID) -> Response:
    """Show the assignments of the course, and a form for a new one."""
    remembered = {**to_remember(platform, launch), "course": str(course)}
    return _choice_page(tickets.sign(TICKET, remembered), course)


@blueprint.post("/lti/choose")
def choose() -> Response:
    """Send the LMS the assignment that was chosen, or a new one."""
    remembered, platform = read_ticket(TICKET, field="choice")
    course = UUID(remembered["course"])
    try:
        assignment = _chosen(teacher(), course)
    except (Problem, Invalid) as refusal:
        return _choice_page(request.form["choice"], course, refusal=refusal)
    launch_url = url_for("lti_pages.launch", _external=True)
    item = deep_links.link_to(assignment["id"], platform, title=assignment["title"], launch_url=launch_url)
    return send_back(platform, item, remembered)


def _chosen(who: Identity, course: UUID) -> dict[str, Any]:
    """Return the assignment of the form, stored if it is new. Raises Problem, Invalid."""
    wanted = request.form.get("assignment_id", "")
    with who.session():
        if wanted:
            try:
                return courses.fetch_assignment(UUID(wanted), org=who.org)
            except ValueError:
                raise Problem("invalid-payload", _n("There is no such assignment.")) from None
        draft = check(
            {"course_id": str(course), "title": request.form.get("title", ""), "prompt": request.form.get("prompt", "")},
            schemas.NewAssignment,
        )  # fmt: skip
        added = courses.add_assignment(draft.title, org=who.org, course=course, prompt=draft.prompt, teacher=who.user)
        return courses.fetch_assignment(added, org=who.org)


def _choice_page(choice: str, course: UUID, *, refusal: Problem | DomainError | None = None) -> Response:
    who = teacher()
    with who.session():
        found = courses.fetch_course(course, org=who.org)
        assignments = courses.list_assignments(org=who.org, limit=MOST, course=course)
    problem = from_domain(refusal) if isinstance(refusal, DomainError) else refusal
    code = 200 if problem is None else PROBLEM_TYPES[problem.slug].status
    return page(
        "deep_link_choice.html", code=code, problem=problem, course=found, assignments=assignments, choice=choice, values=request.form
    )  # fmt: skip
