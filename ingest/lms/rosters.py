"""Fetch the people of a course from the platform, and enrol them before they come."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from ingest.lms import services
from ingest.web import system_log
from ingest.web.identity import Identity
from ingest.web.problems import Problem
from models import lms_people, platform_courses, platforms
from models.db import session
from models.errors import Invalid, NotFound
from models.platforms import Platform
from outgoing.client import Client, NoAnswer


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
        platform = platforms.find_active(platform_id)
    enrolled = left_out = 0
    try:
        for members in services.list_members(platform, url, client=client):
            done = _enrol(members, platform, course)
            enrolled, left_out = enrolled + done, left_out + len(members) - done
    except NoAnswer as error:
        system_log.keep("platform gave no answer", org=who.org, platform_id=platform_id, reason=str(error))
        raise Problem("temporarily-unavailable", f"Your LMS gave no list: {error}.") from None
    with session(org=platform.org, role="ec_lms", actor=platform.id):
        platform_courses.note_listed(course, org=platform.org, platform=platform.id)
    return Fetched(enrolled=enrolled, left_out=left_out)


def _enrol(members: list[services.ListedMember], platform: Platform, course: UUID) -> int:
    """Enrol the people of a page, and return how many."""
    enrolled = 0
    with session(org=platform.org, role="ec_lms", actor=platform.id):
        for member in members:
            if member.role is None:
                continue
            try:
                user = lms_people.find_or_add(member.person, role=member.role, org=platform.org, platform=platform.id)
                lms_people.enrol(user, org=platform.org, course=course, role=member.role)
            except (Invalid, NotFound):
                continue
            enrolled += 1
    return enrolled
