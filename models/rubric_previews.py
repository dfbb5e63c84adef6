"""Rubric previews: a rubric tried on a teacher's own samples. They are essays that lists leave out, deleted after a day."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from models import essays, orgs
from models.db import row, rows, run
from models.errors import NotFound
from models.essays import Draft, Receipt
from models.upkeep import fold_tallies

DAYS = 1


def start(
    drafts: Sequence[Draft], *, org: UUID, teacher: UUID, rubric: UUID, prompt: str | None
) -> tuple[list[Receipt], datetime]:
    """Store the drafts as essays of the teacher, to be read with this rubric and released at once.

    Return their receipts and the time when they end. Raises NotFound for a rubric that is not the org's, and ReadingOff.
    """
    rubric_row = row(
        "select now() + make_interval(days => %s) as ends from rubrics where org_id = %s and id = %s",
        (DAYS, org, rubric),
    )
    if rubric_row is None:
        raise NotFound("There is no such rubric.")
    orgs.require_reading(org)
    receipts = [essays.receive(teacher, draft, org=org) for draft in drafts]
    run(
        "update essays set trial_rubric_id = %s, trial_prompt = %s, trial_until = %s where org_id = %s and id = any (%s)",
        (rubric, prompt, rubric_row["ends"], org, [receipt.essay for receipt in receipts]),
    )
    run(
        "update submissions set released_at = now() where org_id = %s and id = any (%s) and released_at is null",
        (org, [receipt.submission for receipt in receipts]),
    )
    return receipts, rubric_row["ends"]


def orgs_with_ended() -> list[UUID]:
    """Return the orgs that have previews whose time is over. Call it as the clock."""
    return [found["org_id"] for found in rows("select distinct org_id from essays where trial_until < now()")]


def delete_ended(*, org: UUID) -> int:
    """Delete the org's previews whose time is over, with their feedback; return how many. Call it as the clock.

    Those of a teacher on hold stay. Their passes and calls are counted into the totals first.
    """
    fold_tallies()
    return run("delete from essays where org_id = %s and trial_until < now() and not on_hold(user_id)", (org,))
