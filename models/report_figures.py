"""The figures of reports, read from the views that the acting role may read. `Reader` says whose they are.

Every statement names the school and, for a course, the course, so that an index finds its rows whatever the school's size.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any, Literal
from uuid import UUID

from models.db import Role, row, rows
from models.errors import NotFound

Whose = Literal["of_org", "of_courses", "of_student"]
_WHOSE: dict[Role, Whose] = {"ec_admin": "of_org", "ec_educator": "of_courses", "ec_student": "of_student"}
# Versions of one student, and names in one list, that a report shows at most.
MOST_VERSIONS = 500
MOST_NAMES = 200


@dataclass(frozen=True, kw_only=True)
class Reader:
    """Whose rows the acting role reads, in which school."""

    org: UUID
    role: Role

    def rows(self, sql: str, **values: Any) -> list[dict[str, Any]]:
        """Return the rows of a statement, in which `whose` stands for the part of a view's name that depends on the reader."""
        return rows(sql.format(whose=_WHOSE[self.role]), {"org": self.org, **values})


def fetch_course(course: UUID, *, reader: Reader) -> dict[str, Any]:
    """Return `id` and `name` of a course that the reader teaches or administers, and how many `students` are in it. Raises NotFound."""
    taught = "and c.id = any ((select app_courses())::uuid[])" if reader.role == "ec_educator" else ""
    found = row(
        f"""
        select c.id, c.name, (
            select count(*) from enrollments as n where n.org_id = c.org_id and n.course_id = c.id and n.role = 'student') as students
        from courses as c where c.org_id = %s and c.id = %s {taught}
        """,  # noqa: S608 - a constant
        (reader.org, course),
    )
    if found is None:
        raise NotFound("There is no such course.")
    return found


def struggles(course: UUID, *, reader: Reader) -> list[dict[str, Any]]:
    """Return what newest versions of a course are asked to change: comments and students by type, most students first."""
    return reader.rows(
        """
        select t.pass, t.type, n.name, t.comments, t.students
        from report_types_{whose} as t join feedback_types as n on n.slug = t.type and n.pass = t.pass
        where t.org_id = %(org)s and t.course_id = %(course)s order by t.students desc, t.comments desc, t.type
        """,
        course=course,
    )


def follow_through(course: UUID, *, reader: Reader) -> list[dict[str, Any]]:
    """Return what became of the comments on earlier drafts of a course, by type."""
    return reader.rows(
        """
        select c.pass, c.type, n.name, sum(c.comments) filter (where c.resolution = 'addressed')::integer as addressed,
            sum(c.comments) filter (where c.resolution = 'persisting')::integer as persisting,
            sum(c.comments) filter (where c.resolution = 'moot')::integer as moot
        from report_comments_{whose} as c join feedback_types as n on n.slug = c.type and n.pass = c.pass
        where c.org_id = %(org)s and c.course_id = %(course)s and c.kind <> 'praise' and c.resolution <> 'open'
        group by c.pass, c.type, n.name order by sum(c.comments) desc, c.type
        """,
        course=course,
    )


def not_revised(course: UUID, *, reader: Reader) -> list[dict[str, Any]]:
    """Return who has not revised: released first versions with comments, longest released first, one more than MOST_NAMES at most."""
    return reader.rows(
        """
        select p.user_id, p.essay_id, p.assignment_id, a.title as assignment, p.released_at, p.comments
        from report_progress_{whose} as p join assignments as a on a.org_id = p.org_id and a.id = p.assignment_id
        where p.org_id = %(org)s and p.course_id = %(course)s and p.is_newest and p.version = 1 and p.comments > 0
            and p.released_at is not null
        order by p.released_at, p.essay_id limit %(most)s
        """,
        course=course,
        most=MOST_NAMES + 1,
    )


def handed_in(course: UUID, *, reader: Reader) -> int:
    """Return how many students have handed in for a course."""
    [found] = reader.rows(
        "select count(distinct user_id) as students from report_progress_{whose}"
        " where org_id = %(org)s and course_id = %(course)s and is_newest",
        course=course,
    )
    return int(found["students"])


def criteria(course: UUID, *, reader: Reader) -> list[dict[str, Any]]:
    """Return how many newest versions of a course are on each level of each criterion, in the order of the rubric."""
    return reader.rows(
        """
        select r.criterion_id, c.name as criterion, r.level, r.points, r.max_points, r.essays
        from report_criteria_{whose} as r join rubric_criteria as c on c.org_id = r.org_id and c.id = r.criterion_id
        where r.org_id = %(org)s and r.course_id = %(course)s order by c.rubric_id, c.position, r.points, r.level
        """,
        course=course,
    )


def days(course: UUID, *, reader: Reader) -> list[dict[str, Any]]:
    """Return the days of a course: versions handed in, and how long those that were read waited."""
    return reader.rows(
        """
        select s.day, s.status, s.submissions, s.waits, s.wait_seconds, s.wait_buckets from report_submissions_{whose} as s
        where s.org_id = %(org)s and s.course_id = %(course)s order by s.day, s.status
        """,
        course=course,
    )


def wait_bounds() -> list[float]:
    """Return the upper bounds in seconds of the buckets that `days` counts in."""
    found = row("select wait_bounds() as bounds")
    assert found is not None
    return [float(bound) for bound in found["bounds"]]


def versions(student: UUID, *, reader: Reader) -> list[dict[str, Any]]:
    """Return the newest versions of a student that the reader may see, by essay, oldest version first."""
    found = reader.rows(
        """
        select p.essay_id, p.course_id, p.assignment_id, a.title as assignment, p.submission_id, p.version, p.status,
            p.created_at, p.released_at, p.words, p.praise, p.comments, p.addressed, p.persisting, p.moot, p.levels
        from report_progress_{whose} as p left join assignments as a on a.org_id = p.org_id and a.id = p.assignment_id
        where p.org_id = %(org)s and p.user_id = %(student)s order by p.submission_id desc limit %(most)s
        """,
        student=student,
        most=MOST_VERSIONS,
    )
    return sorted(found, key=lambda one: (one["essay_id"], one["version"]))


def criterion_names(wanted: set[UUID], *, org: UUID) -> dict[UUID, str]:
    """Return the names of these criteria."""
    found = rows("select id, name from rubric_criteria where org_id = %s and id = any (%s)", (org, list(wanted)))
    return {one["id"]: one["name"] for one in found}


def costs(first: date, last: date, *, reader: Reader) -> list[dict[str, Any]]:
    """Return calls, tokens and cost by day, provider, model and pass, of these days."""
    return reader.rows(
        """
        select day, provider, model, pass, calls, failed, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, cost_micros
        from report_costs_{whose} where org_id = %(org)s and day between %(first)s and %(last)s order by day, provider, model, pass
        """,
        first=first,
        last=last,
    )


def anchoring(*, reader: Reader) -> list[dict[str, Any]]:
    """Return by pass how many comments there are, and how many have no place in the text."""
    return reader.rows(
        "select pass, sum(comments)::bigint as comments, sum(unanchored)::bigint as unanchored from report_comments_{whose}"
        " where org_id = %(org)s group by pass order by pass"
    )


def ended_passes(*, reader: Reader) -> list[dict[str, Any]]:
    """Return by pass how many were done, and how many were given up."""
    return reader.rows(
        """
        select pass, coalesce(sum(passes) filter (where state = 'done'), 0)::bigint as done,
            coalesce(sum(passes) filter (where state = 'gave_up'), 0)::bigint as gave_up
        from report_passes_{whose} where org_id = %(org)s group by pass order by pass
        """
    )


def decisions(*, reader: Reader) -> list[dict[str, Any]]:
    """Return by type what educators decided about comments, and what students said of them."""
    return reader.rows(
        """
        select d.pass, d.type, n.name, sum(d.comments)::bigint as comments, sum(d.accepted)::bigint as accepted,
            sum(d.edited)::bigint as edited, sum(d.rejected)::bigint as rejected, sum(d.helpful)::bigint as helpful,
            sum(d.not_helpful)::bigint as not_helpful, sum(d.disagreed)::bigint as disagreed
        from report_decisions_{whose} as d join feedback_types as n on n.slug = d.type and n.pass = d.pass
        where d.org_id = %(org)s group by d.pass, d.type, n.name order by d.pass, sum(d.comments) desc, d.type
        """
    )


def data_audit() -> dict[str, Any]:
    """Return when the audit of the data last succeeded and whether it found nothing. Both are None before the first one."""
    return row("select checked_at, is_clean from last_data_audit()") or {"checked_at": None, "is_clean": None}
