"""Passes that ended without a result: found, replayed and discarded by people."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from models.audit import Actor, note
from models.db import rows
from models.jobs import Hint, Queue


@dataclass(frozen=True, kw_only=True)
class FailedPass:
    """A pass that ended without a result and waits for a person."""

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
    """Return the given-up passes that the acting role may see, newest submission first; also discarded ones if wished.

    `before` is the last id of a page.
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
    return [FailedPass(**one) for one in found]


def replay(wanted: list[FailedPass], *, org: UUID, queue: Queue, actor: Actor) -> list[Hint]:
    """What gave up goes round again from its first attempt, and it is on record who asked; returns the hints to send.

    A pass that gave up no longer, or whose essay has a newer version, stays as it is: replaying twice is as once.
    """
    replayed = rows("select * from replay_passes(%s, %s)", ([one.id for one in wanted], queue))
    for one in replayed:
        note("pass_replayed", org=org, actor=actor, entity="pass", entity_id=one["pass_id"], **_facts(one))
    return [Hint(org_id=org, pass_id=one["pass_id"], queue=queue) for one in replayed]


def discard(wanted: list[FailedPass], *, org: UUID, actor: Actor) -> int:
    """Nobody is told of these given-up passes any more, and it is on record who said so; returns how many."""
    discarded = rows("select * from discard_passes(%s)", ([one.id for one in wanted],))
    for one in discarded:
        note("pass_discarded", org=org, actor=actor, entity="pass", entity_id=one["pass_id"], **_facts(one))
    return len(discarded)


def _facts(one: dict[str, Any]) -> dict[str, str]:
    return {"submission_id": str(one["submission_id"]), "pass": one["pass"], "reason": one["reason"]}
