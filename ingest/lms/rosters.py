"""Fetch the people of a course from the platform, and enrol them before they come."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from ingest.lms.names_and_roles import ListedMember, list_members
from ingest.web import system_log
from ingest.web.identity import Identity
from ingest.web.problems import Problem
from models import lms_people, platform_courses, platforms
from models.db import session
from models.errors import Invalid, NotFound
from models.lti_keys import signing_key
from models.platforms import Platform
from outgoing.client import Client, NoAnswer

# People who are enrolled in one transaction.
PORTION = 20


@dataclass(frozen=True, kw_only=True)
class Fetched:
    """How many people of the list are in the course now, and how many were left out: another role here, or erased."""

    enrolled: int
    left_out: int


def fetch_as(who: Identity, platform_id: UUID, course: UUID, *, client: Client) -> Fetched:
    """Enrol whom the platform lists in the course. Nobody is removed from it. Idempotent. Raises Problem, NotFound."""
    with who.session():
        platforms.fetch_platform(platform_id, org=who.org)
        url = platform_courses.fetch_url(course, org=who.org, platform=platform_id)
    with session(role="ec_auth"):
        platform, key = platforms.find_active(platform_id), signing_key(platform_id)
    enrolled = left_out = 0
    try:
        for members in list_members(platform, url, key, client=client):
            done = _enrol(members, platform, course)
            enrolled, left_out = enrolled + done, left_out + len(members) - done
    except NoAnswer as error:
        system_log.keep("platform gave no answer", org=who.org, platform_id=platform_id, reason=str(error))
        raise Problem("temporarily-unavailable", f"Your LMS gave no list: {error}.") from None
    with session(org=platform.org, role="ec_lms", actor=platform.id):
        platform_courses.note_listed(course, org=platform.org, platform=platform.id)
    return Fetched(enrolled=enrolled, left_out=left_out)


def _enrol(members: list[ListedMember], platform: Platform, course: UUID) -> int:
    """Enrol the people of a page, and return how many.

    In portions: a platform may send thousands on one page, and until a transaction ends, who is in it cannot launch.
    """
    return sum(_enrol_portion(members[at : at + PORTION], platform, course) for at in range(0, len(members), PORTION))


def _enrol_portion(members: list[ListedMember], platform: Platform, course: UUID) -> int:
    enrolled = 0
    with session(org=platform.org, role="ec_lms", actor=platform.id):
        for member in members:
            if member.role is None:
                continue
            try:
                user = lms_people.find_or_add(member.person, role=member.role, org=platform.org, source=platform.id)
                lms_people.enrol(user, org=platform.org, course=course, role=member.role)
            except (Invalid, NotFound):
                continue
            enrolled += 1
    return enrolled
