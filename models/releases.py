"""Release of held feedback: of one version, or of a whole assignment at once.

A trigger records that a version was released; the audit entry written here records which action released it.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from models import events
from models.audit import write_entry
from models.courses import fetch_assignment
from models.db import row, run
from models.errors import NotFound


def release(submission: UUID, *, org: UUID) -> datetime:
    """Release the feedback of this version, record who did it, and return the time of the release.

    Idempotent: a version that is released already keeps its time. Raises NotFound.
    """
    released = row(
        """
        update submissions set released_at = now() where org_id = %s and id = %s and released_at is null
        returning user_id, released_at
        """,
        (org, submission),
    )
    if released is not None:
        detail = {"user_id": str(released["user_id"])}
        write_entry("feedback_released", entity="submission", entity_id=submission, **detail)
        events.note("released")
    found = row("select released_at from submissions where org_id = %s and id = %s", (org, submission))
    if found is None:
        raise NotFound("There is no such submission.")
    released_at: datetime = found["released_at"]
    return released_at


def release_all(assignment: UUID, *, org: UUID) -> int:
    """Release the feedback of the newest version of every essay for this assignment, and return how many were held.

    A version that is still being read, or that no pass could read, stays held. Raises NotFound.
    """
    fetch_assignment(assignment, org=org)
    released = run(
        """
        update submissions as s set released_at = now()
        from essays as e
        where e.org_id = %s and e.assignment_id = %s and s.org_id = e.org_id and s.id = e.newest_submission_id
            and s.released_at is null and s.status in ('completed', 'partial')
        """,
        (org, assignment),
    )
    if released:
        write_entry("feedback_released", entity="assignment", entity_id=assignment, submissions=released)
        events.note("released")
    return released
