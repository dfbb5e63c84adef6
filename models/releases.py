"""Held feedback is let go: one version's, or that of a whole assignment at once.

That a version was released is on record by a trigger; the note here says by which act.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from models.audit import Actor, note
from models.courses import fetch_assignment
from models.db import row, run
from models.errors import NotFound


def release(submission: UUID, *, org: UUID, actor: Actor) -> datetime:
    """The student may see the feedback of this version, and it is on record who let it go; returns since when. Twice is as once.

    Raises NotFound.
    """
    let_go = row(
        """
        update submissions set released_at = now() where org_id = %s and id = %s and released_at is null
        returning user_id, released_at
        """,
        (org, submission),
    )
    if let_go is not None:
        facts = {"user_id": str(let_go["user_id"])}
        note("feedback_released", org=org, actor=actor, entity="submission", entity_id=submission, **facts)
    found = row("select released_at from submissions where org_id = %s and id = %s", (org, submission))
    if found is None:
        raise NotFound("There is no such submission.")
    moment: datetime = found["released_at"]
    return moment


def release_all(assignment: UUID, *, org: UUID, actor: Actor) -> int:
    """The feedback of every essay for this assignment is released whose newest version has some; returns how many were held.

    A version that is still being read, or that no pass could read, stays held. Raises NotFound.
    """
    fetch_assignment(assignment, org=org)
    let_go = run(
        """
        update submissions as s set released_at = now()
        from essays as e
        where e.org_id = %s and e.assignment_id = %s and s.org_id = e.org_id and s.id = e.newest_submission_id
            and s.released_at is null and s.status in ('completed', 'partial')
        """,
        (org, assignment),
    )
    if let_go:
        note("feedback_released", org=org, actor=actor, entity="assignment", entity_id=assignment, submissions=let_go)
    return let_go
