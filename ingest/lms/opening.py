"""Carry out a launch: who it is, in which course, for which assignment, and a session for them."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from ingest.lms.launch_claims import Launch
from ingest.web import security_log
from ingest.web.marking import _n
from ingest.web.problems import Problem
from models import courses, lms_people, platform_assignments, platform_courses, platform_use, sessions
from models.db import session
from models.errors import Invalid, NotFound
from models.lms_assignments import LmsAssignment, place_assignment, place_course
from models.platforms import Platform, spend_launch
from models.sessions import Family
from models.users import check_key_restored
from outgoing.client import url_objection
from outgoing.lti import is_own_site

UNKNOWN_ASSIGNMENT = _n(
    "This assignment is not known here, and your LMS may not add assignments. Ask an admin of your school."
)


@dataclass(frozen=True, kw_only=True)
class Opened:
    """What a launch has opened: a session of its person, in a course, for an assignment when it is a link's."""

    family: Family
    course: UUID
    assignment: UUID | None


def carry_out(launch: Launch, platform: Platform, *, nonce: str, allow_local: bool) -> Opened:
    """Use the launch up, store who and what is new, and open a session. Raises Problem, Unauthorised, Invalid, NotFound."""
    if launch.role is None:
        raise Problem("forbidden", _n("Your LMS says neither that you learn in this course nor that you teach it."))
    if launch.is_for_teachers and launch.role != "educator":
        raise Problem("forbidden", _n("Only teachers choose what a link leads to."))
    with session(org=platform.org, role="ec_lms", actor=platform.id):
        spend_launch(nonce, org=platform.org, platform=platform.id)
        user = lms_people.find_or_add(launch.person, role=launch.role, org=platform.org, source=platform.id)
        course, assignment = _place(launch, platform)
        lms_people.enrol(user, org=platform.org, course=course, role=launch.role)
        if (
            launch.memberships_url is not None
            and url_objection(launch.memberships_url, allow_local=allow_local) is None
        ):
            platform_courses.store(course, launch.memberships_url, org=platform.org, platform=platform.id)
        line_item_url = _line_item_url(launch, platform, allow_local=allow_local)
        if assignment is not None and line_item_url is not None:
            platform_assignments.store(assignment, line_item_url, org=platform.org, platform=platform.id)
    with session(org=platform.org, role="ec_auth", actor=user):
        check_key_restored(user)
        account = sessions.fetch_account(user, org=platform.org)
        if account.disabled:
            raise Problem("forbidden", _n("Your account here is disabled. Ask an admin of your school."))
        family = sessions.open_family(account, org=platform.org, is_proof=False)
        platform_use.note_launch(platform.id, org=platform.org)
    security_log.acts(platform.org, actor=user, role=account.role)
    security_log.concerns("session", family.id)
    security_log.note("sign_in_succeeded")
    return Opened(family=family, course=course, assignment=assignment)


def _line_item_url(launch: Launch, platform: Platform, *, allow_local: bool) -> str | None:
    """Return where the platform takes scores of the link, or None. Ids of its students go to no other site."""
    url = launch.line_item_url
    if url is None or url_objection(url, allow_local=allow_local) is not None:
        return None
    return url if is_own_site(platform, url) else None


def _place(launch: Launch, platform: Platform) -> tuple[UUID, UUID | None]:
    """Return the course and the assignment of the launch; add what is new where the platform may. Needs an open session.

    Some LMSs let teachers write what a link says. So an assignment of ours counts in a launch from its own course only; anywhere
    else, also in a copied course, the link is an assignment like any other.
    """
    course = place_course(launch.course.id, launch.course.title)
    if launch.assignment is not None:
        try:
            found = courses.fetch_assignment(launch.assignment, org=platform.org)
        except NotFound:
            raise NotFound(_n("The assignment of this link is not here any more. Ask your teacher.")) from None
        if found["course_id"] == course:
            return course, launch.assignment
    if launch.link is None:
        return course, None
    wanted = LmsAssignment(external_id=launch.link.id, title=launch.link.title, course=launch.course.id)
    try:
        assignment = place_assignment(wanted)
    except Invalid:
        raise NotFound(UNKNOWN_ASSIGNMENT) from None
    return courses.fetch_assignment(assignment, org=platform.org)["course_id"], assignment
