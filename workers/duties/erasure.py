"""Delete what must not stay: the rows of erased people, and rubric previews past their day."""

from __future__ import annotations

from functools import partial
from uuid import UUID

from models import rights, rubric_previews
from models.db import session
from workers.duties.guard import isolated
from workers.duties.limits import BATCH, LONG_ANSWER_SECONDS


def erase() -> int:
    """Delete the rows of everybody whose erasure was requested; the totals stay. Return how many people were erased."""
    with session():
        people = rights.list_erasures(limit=BATCH)
    # One transaction for each person, so that one whom a worker holds up does not delay the others.
    return sum(isolated("erase", partial(_erase_one, person, org))() for person, org in people)


def _erase_one(person: UUID, org: UUID) -> int:
    with session(org=org, answer_seconds=LONG_ANSWER_SECONDS):
        return int(rights.erase(person, org=org))


def delete_rubric_previews() -> int:
    """Delete rubric previews that are more than a day old. Return how many essays were deleted."""
    with session():
        concerned = rubric_previews.orgs_with_ended()
    return sum(isolated("delete_rubric_previews", partial(_delete_previews_of, org))() for org in concerned)


def _delete_previews_of(org: UUID) -> int:
    with session(org=org, answer_seconds=LONG_ANSWER_SECONDS):
        return rubric_previews.delete_ended(org=org)
