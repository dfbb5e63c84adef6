"""A rubric tried on a teacher's own samples: essays of the teacher's that take part in nothing, and go after a day."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from models import essays
from models.db import row, rows, run
from models.errors import NotFound
from models.essays import Draft, Receipt
from models.upkeep import fold_tallies

DAYS = 1


def start(
    drafts: Sequence[Draft], *, org: UUID, teacher: UUID, rubric: UUID, prompt: str | None
) -> tuple[list[Receipt], datetime]:
    """The drafts are essays of the teacher's, to be read by this rubric and shown at once. Returns when they end, too.

    Raises NotFound for a rubric that is not the org's.
    """
    known = row(
        "select now() + make_interval(days => %s) as ends from rubrics where org_id = %s and id = %s",
        (DAYS, org, rubric),
    )
    if known is None:
        raise NotFound("There is no such rubric.")
    receipts = [essays.receive(teacher, one, org=org) for one in drafts]
    run(
        "update essays set trial_rubric_id = %s, trial_prompt = %s, trial_until = %s where org_id = %s and id = any (%s)",
        (rubric, prompt, known["ends"], org, [one.essay for one in receipts]),
    )
    run(
        "update submissions set released_at = now() where org_id = %s and id = any (%s) and released_at is null",
        (org, [one.submission for one in receipts]),
    )
    return receipts, known["ends"]


def orgs_with_ended() -> list[UUID]:
    """Return the orgs that have trials whose time is over. Call it as the clock."""
    return [found["org_id"] for found in rows("select distinct org_id from essays where trial_until < now()")]


def delete_ended(*, org: UUID) -> int:
    """The org's trials whose time is over are gone with all that was said of them, and counted; returns how many. Call it as the clock."""
    fold_tallies()
    return run("delete from essays where org_id = %s and trial_until < now()", (org,))
