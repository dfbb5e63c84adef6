"""Passes that used another rubric than the current one, and done passes that people run again."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from models.audit import write_entry
from models.db import row, rows
from models.jobs import Hint, Queue

# A pass from before passes stored their rubric has no prompt_version, and is not known to be stale.
_STALE = """
    p.state = 'done' and p.prompt_version is not null and p.rubric_id is distinct from coalesce(e.trial_rubric_id, a.rubric_id)
"""


def is_stale(submission: UUID, *, org: UUID) -> bool:
    """Return whether a pass of this version used another rubric than the one that applies now."""
    found = row(
        f"""
        select 1 as stale from passes as p
        join essays as e on e.org_id = p.org_id and e.id = p.essay_id
        left join assignments as a on a.org_id = e.org_id and a.id = e.assignment_id
        where p.org_id = %s and p.submission_id = %s and {_STALE} limit 1
        """,  # noqa: S608 - a constant
        (org, submission),
    )
    return found is not None


def stale_submissions(assignment: UUID, *, org: UUID) -> list[UUID]:
    """Return the newest versions with a stale pass among an assignment's essays, as far as the acting role may see them."""
    found = rows(
        f"""
        select distinct p.submission_id from essays as e
        join assignments as a on a.org_id = e.org_id and a.id = e.assignment_id
        join passes as p on p.org_id = e.org_id and p.submission_id = e.newest_submission_id
        where e.org_id = %s and e.assignment_id = %s and {_STALE} order by p.submission_id
        """,  # noqa: S608 - a constant
        (org, assignment),
    )
    return [record["submission_id"] for record in found]


def rerun(submissions: Sequence[UUID], *, org: UUID, queue: Queue) -> list[Hint]:
    """Queue the done passes of these versions again, record who asked, and return the hints to send.

    Versions that are not their essay's newest, and passes that are not done, stay unchanged. The old comments stay valid
    until the new ones are stored.
    """
    requeued = rows("select * from rerun_passes(%s::uuid[], %s)", (list(submissions), queue))
    for record in requeued:
        detail = {"submission_id": str(record["submission_id"]), "pass": record["pass"]}
        write_entry("pass_rerun", entity="pass", entity_id=record["pass_id"], **detail)
    return [Hint(org_id=org, pass_id=record["pass_id"], queue=queue) for record in requeued]
