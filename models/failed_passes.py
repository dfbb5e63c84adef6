"""Passes that ended without a result, which people can list, replay and discard."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from models.audit import write_entry
from models.db import rows
from models.jobs import Hint, Queue


@dataclass(frozen=True, kw_only=True)
class FailedPass:
    """A pass that ended without a result and needs a decision by a person."""

    id: UUID
    org_id: UUID
    submission_id: UUID
    essay_id: UUID
    name: str
    reason: str
    finished_at: datetime


def list_all(
    *, org: UUID, limit: int, before: UUID | None = None, submission: UUID | None = None, discarded: bool = False
) -> list[FailedPass]:
    """Return the given-up passes that the acting role may see, newest first; with `discarded`, the discarded ones too.

    `before` is the last id of the previous page.
    """
    found = rows(
        """
        select id, org_id, submission_id, essay_id, name, error as reason, finished_at from passes
        where org_id = %(org)s and state = 'gave_up' and (%(discarded)s or discarded_at is null)
            and (%(before)s::uuid is null or id < %(before)s) and (%(submission)s::uuid is null or submission_id = %(submission)s)
        order by id desc limit %(limit)s
        """,
        {"org": org, "before": before, "submission": submission, "limit": limit, "discarded": discarded},
    )
    return [FailedPass(**record) for record in found]


def replay(wanted: list[FailedPass], *, org: UUID, queue: Queue) -> list[Hint]:
    """Queue these given-up passes again from their first attempt, record who asked, and return the hints to send.

    Idempotent: a pass that is no longer given up, or whose essay has a newer version, stays unchanged.
    """
    replayed = rows("select * from replay_passes(%s, %s)", ([record.id for record in wanted], queue))
    for record in replayed:
        write_entry("pass_replayed", entity="pass", entity_id=record["pass_id"], **_audit_detail(record))
    return [Hint(org_id=org, pass_id=record["pass_id"], queue=queue) for record in replayed]


def discard(wanted: list[FailedPass]) -> int:
    """Discard these given-up passes, so that they are no longer reported; record who did it and return how many."""
    discarded = rows("select * from discard_passes(%s)", ([record.id for record in wanted],))
    for record in discarded:
        write_entry("pass_discarded", entity="pass", entity_id=record["pass_id"], **_audit_detail(record))
    return len(discarded)


def _audit_detail(record: dict[str, Any]) -> dict[str, str]:
    return {"submission_id": str(record["submission_id"]), "pass": record["pass"], "reason": record["reason"]}
