"""What an educator's desk counts: how much waits for a decision or a release. Row security decides of whom."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from models.db import row, rows

# Counts of what may be many end here.
MOST = 100


def count_in_courses(courses: Sequence[UUID], *, org: UUID) -> dict[UUID, int]:
    """Return how many comments wait for a decision in each of these courses, at most MOST."""
    found = rows(
        """
        select w.id, (
            select count(*) from (
                select from review_items as q where q.org_id = %(org)s and q.is_open and q.audience_id = w.id limit %(most)s
            ) as found
        ) as waiting
        from unnest(%(courses)s::uuid[]) as w (id)
        """,
        {"org": org, "courses": list(courses), "most": MOST},
    )
    return {record["id"]: record["waiting"] for record in found}


def count_in_assignments(assignments: Sequence[UUID], *, org: UUID) -> dict[UUID, dict[str, int]]:
    """Return how many `essays` each of these assignments has, and how many comments are `waiting` for a decision, at most MOST."""
    found = rows(
        """
        select w.id, (
            select count(*) from (
                select from essays as e where e.org_id = %(org)s and e.assignment_id = w.id limit %(most)s
            ) as found
        ) as essays, (
            select count(*) from (
                select from review_items as q where q.org_id = %(org)s and q.is_open and q.assignment_id = w.id limit %(most)s
            ) as found
        ) as waiting
        from unnest(%(assignments)s::uuid[]) as w (id)
        """,
        {"org": org, "assignments": list(assignments), "most": MOST},
    )
    return {record["id"]: {"essays": record["essays"], "waiting": record["waiting"]} for record in found}


def count_in_essays(essays: Sequence[UUID], *, org: UUID) -> dict[UUID, int]:
    """Return how many comments wait for a decision in each of these essays; one where none waits is left out."""
    found = rows(
        """
        select q.essay_id, count(*) as waiting from review_items as q
        where q.org_id = %s and q.essay_id = any (%s) and q.is_open group by q.essay_id
        """,
        (org, list(essays)),
    )
    return {record["essay_id"]: record["waiting"] for record in found}


def feedback_times(submissions: Sequence[UUID], *, org: UUID) -> dict[UUID, datetime]:
    """Return since when students have been able to read all comments on these versions; leave out those who cannot yet."""
    found = rows(
        """
        select s.id, greatest(s.released_at, s.completed_at) as since from submissions as s
        where s.org_id = %s and s.id = any (%s) and s.released_at is not null and s.completed_at is not null
        """,
        (org, list(submissions)),
    )
    return {record["id"]: record["since"] for record in found}


def count_held(assignment: UUID, *, org: UUID) -> dict[str, int]:
    """Return of how many essays the newest version is held: `ready` to release, still `reading`, and `failed`."""
    found: dict[str, Any] | None = row(
        """
        select count(*) filter (where s.status in ('completed', 'partial')) as ready,
            count(*) filter (where s.status in ('queued', 'processing')) as reading,
            count(*) filter (where s.status = 'failed') as failed
        from essays as e join submissions as s on s.org_id = e.org_id and s.id = e.newest_submission_id
        where e.org_id = %s and e.assignment_id = %s and s.released_at is null
        """,
        (org, assignment),
    )
    assert found is not None
    return found
