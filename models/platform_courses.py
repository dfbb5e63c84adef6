"""Where a platform lists the people of a course, as its last launch there said."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from models.db import row, rows, run
from models.errors import NotFound


@dataclass(frozen=True, kw_only=True)
class PlatformCourse:
    """A course of a platform. `listed_at` is when its people were last fetched."""

    course: UUID
    name: str
    memberships_url: str
    listed_at: datetime | None


def store(course: UUID, memberships_url: str, *, org: UUID, platform: UUID) -> None:
    """Store where the acting platform lists the people of the course. Call it as ec_lms, the platform as actor."""
    run(
        """
        insert into platform_courses (org_id, source_id, course_id, memberships_url) values (%s, %s, %s, %s)
        on conflict (org_id, source_id, course_id) do update set memberships_url = excluded.memberships_url
            where platform_courses.memberships_url <> excluded.memberships_url
        """,
        (org, platform, course, memberships_url),
    )


def note_listed(course: UUID, *, org: UUID, platform: UUID) -> None:
    """Note that the people of the course were fetched. Call it as ec_lms, the platform as actor."""
    run(
        "update platform_courses set listed_at = now() where org_id = %s and source_id = %s and course_id = %s",
        (org, platform, course),
    )


def list_courses(platform: UUID, *, org: UUID, limit: int) -> list[PlatformCourse]:
    """Return the courses whose people the platform lists, newest first. Call it as ec_admin."""
    found = rows(
        """
        select p.course_id as course, c.name, p.memberships_url, p.listed_at
        from platform_courses as p join courses as c on c.org_id = p.org_id and c.id = p.course_id
        where p.org_id = %s and p.source_id = %s order by p.course_id desc limit %s
        """,
        (org, platform, limit),
    )
    return [PlatformCourse(**record) for record in found]


def fetch_url(course: UUID, *, org: UUID, platform: UUID) -> str:
    """Return where the platform lists the people of the course. Call it as ec_admin. Raises NotFound."""
    found = row(
        "select memberships_url from platform_courses where org_id = %s and source_id = %s and course_id = %s",
        (org, platform, course),
    )
    if found is None:
        raise NotFound("This platform has not said where it lists the people of this course.")
    return str(found["memberships_url"])
