"""Delete what orgs keep no longer, in small steps."""

from __future__ import annotations

from functools import partial
from uuid import UUID

from models import retention
from models.db import session
from models.retention import RetentionClass
from workers.duties.guard import isolated
from workers.duties.limits import LONG_ANSWER_SECONDS


def delete_expired() -> int:
    """Carry out one step of every run that is due; a run goes on with the next call. Return how many rows were deleted."""
    with session():
        due = retention.list_due_runs()
    # One transaction for each step, so that an org that something holds up does not delay the others.
    return sum(isolated("delete_expired", partial(_delete_step, org, name))() for org, name in due)


def _delete_step(org: UUID, name: RetentionClass) -> int:
    with session(org=org, answer_seconds=LONG_ANSWER_SECONDS):
        return retention.delete_step(name)
