"""The weekly summary by mail: who wants it, and what it says about the courses of an educator."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import UUID

from models.crypto import AssociatedData
from models.db import row, run
from models.users import unwrap_key


@dataclass(frozen=True, kw_only=True)
class Summary:
    """A summary to send: figures for each course, as `course_in_week` returns them, with the `id` and `name` of the course."""

    address: str = field(repr=False)
    week: date
    courses: list[dict[str, Any]]


def is_wanted(user: UUID, *, org: UUID) -> bool:
    """Return whether the acting person wants the summary. Call it as ec_educator or ec_admin."""
    return row("select from weekly_summary_readers where org_id = %s and user_id = %s", (org, user)) is not None


def choose(user: UUID, *, org: UUID, wanted: bool) -> None:
    """Note whether the acting person wants the summary. Call it as ec_educator or ec_admin."""
    if wanted:
        run(
            "insert into weekly_summary_readers (org_id, user_id) values (%s, %s) on conflict do nothing",
            (org, user),
        )
    else:
        run("delete from weekly_summary_readers where org_id = %s and user_id = %s", (org, user))


def plan(week: date, *, limit: int) -> int:
    """Write down the summaries of a week for at most `limit` readers who have none, and return how many. Call it as the clock.

    `week` is a Monday. None are written while the figures of reports are older than the end of the week.
    """
    found = row("select plan_weekly_summaries(%s, %s) as planned", (week, limit))
    return int(found["planned"]) if found else 0


def load(summary: UUID, *, org: UUID) -> Summary | None:
    """Return a summary of the courses that its reader still teaches. Call it as a worker.

    None when there are none, and when the reader no longer wants it or may not sign in.
    """
    found = row(
        """
        select s.week, t.courses, u.id, u.email, k.wrapped, k.master_key_id
        from weekly_summaries as s
        join weekly_summary_readers as r on r.org_id = s.org_id and r.user_id = s.user_id
        join users as u on u.org_id = s.org_id and u.id = s.user_id
        join user_keys as k on k.org_id = u.org_id and k.user_id = u.id
        cross join lateral (
            select jsonb_agg(c.course order by c.place) as courses
            from jsonb_array_elements(s.courses) with ordinality as c (course, place)
            join enrollments as e on e.org_id = s.org_id and e.user_id = s.user_id and e.role = 'educator'
                and e.course_id = (c.course ->> 'id')::uuid
        ) as t
        where s.org_id = %s and s.id = %s and u.role <> 'student' and u.email is not null and u.disabled_at is null
            and u.address_confirmed_at is not null
        """,
        (org, summary),
    )
    if found is None or found["courses"] is None:
        return None
    place = AssociatedData("users", "email", org, found["id"])
    address = unwrap_key(found, org=org, user=found["id"]).open(found["email"], place=place)
    return Summary(address=address, week=found["week"], courses=found["courses"])
