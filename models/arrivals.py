"""Hand-ins that an LMS says are there: each version is fetched once, as a leased row, and stored as a webhook's would be."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from models import essays, files, leased_rows, lms_people
from models.db import row, rows, run_many
from models.errors import NotFound
from models.essays import Draft, Receipt
from models.files import NewFile
from models.leased_rows import HeldRow
from models.lms_assignments import LmsAssignment, place_assignment
from models.lms_people import LmsPerson

State = Literal["queued", "running", "accepted", "refused", "superseded", "gave_up"]
STATES: tuple[State, ...] = ("queued", "running", "accepted", "refused", "superseded", "gave_up")
# So many arrivals are fetched again by one request.
MOST_REPLAYED = 5_000


@dataclass(frozen=True, kw_only=True)
class NewArrival:
    """A version of a hand-in that an LMS has named. `place`: the ids by which it is fetched, its assignment and its course."""

    version_key: str
    place: dict[str, Any]
    changed_at: datetime


@dataclass(frozen=True, kw_only=True)
class Task:
    """An arrival for a worker to fetch."""

    version_key: str
    place: dict[str, Any]
    changed_at: datetime


@dataclass(frozen=True, kw_only=True)
class Arrival:
    """An arrival as an admin sees it. `error` says in a word why it was refused, or why the last attempt failed."""

    id: UUID
    state: State
    created_at: datetime
    changed_at: datetime
    attempts: int
    next_attempt_at: datetime | None
    error: str | None
    submission: UUID | None
    place: dict[str, Any]


def add(source: UUID, found: Sequence[NewArrival], *, org: UUID) -> None:
    """Store these versions, but those that are known. Needs a session of the org as a worker."""
    run_many(
        """
        insert into arrivals (org_id, source_id, version_key, place, changed_at) values %s
        on conflict (org_id, source_id, version_key) do nothing
        """,
        [(org, source, one.version_key, json.dumps(one.place), one.changed_at) for one in found],
    )


def load(held: HeldRow) -> Task:
    """Return what is to be fetched. Needs a session of the org as a worker."""
    found = row(
        "select version_key, place, changed_at from arrivals where org_id = %s and id = %s", (held.org, held.id)
    )
    if found is None:
        raise NotFound("There is no such arrival.")
    return Task(**found)


def accept(
    held: HeldRow, person: LmsPerson, draft: Draft, *, assignment: LmsAssignment, file: NewFile | None
) -> Receipt:
    """Store the version and close the arrival with it. Call it as ec_lms, the source as actor. Raises FenceLost and Invalid.

    Send the hints of the receipt after the transaction is committed.
    """
    author = lms_people.find_or_add(person, role="student", org=held.org, platform=held.lane)
    placed = place_assignment(assignment)
    essays.enrol(author, assignment=placed, org=held.org)
    kept = files.store(file, org=held.org, user=author, waits=False)[0] if file else None
    receipt = essays.receive(author, _placed(draft, placed), org=held.org)
    if kept is not None:
        files.attach(kept, receipt.submission, org=held.org)
    leased_rows.end(held, state="accepted", facts={"submission_id": receipt.submission})
    return receipt


def list_arrivals(
    source: UUID, *, org: UUID, limit: int, before: UUID | None = None, state: State | None = None
) -> list[Arrival]:
    """Return the source's arrivals, newest first; `before` is the last id of the previous page. Call it as ec_admin."""
    found = rows(
        """
        select d.* from unnest(%(states)s::text[]) as s (state)
        cross join lateral (
            select a.id, a.state, a.created_at, a.changed_at, a.attempt, a.next_at, a.error, a.submission_id, a.place from arrivals as a
            where a.org_id = %(org)s and a.source_id = %(source)s and a.state = s.state
                and a.id < coalesce(%(before)s::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
            order by a.id desc limit %(limit)s
        ) as d
        order by d.id desc limit %(limit)s
        """,
        {"org": org, "source": source, "states": [state] if state else list(STATES), "before": before, "limit": limit},
    )
    return [
        Arrival(
            id=one["id"], state=one["state"], created_at=one["created_at"], changed_at=one["changed_at"], attempts=one["attempt"],
            next_attempt_at=one["next_at"] if one["state"] == "queued" else None, error=one["error"],
            submission=one["submission_id"], place=one["place"],
        )
        for one in found
    ]  # fmt: skip


def replay(source: UUID, *, arrival: UUID | None = None) -> int:
    """Let one arrival, or the oldest that were refused or given up, be fetched again; return how many. Call it as ec_admin.

    At most MOST_REPLAYED. Recorded in the audit trail.
    """
    found = row("select replay_arrivals(%s, %s, %s) as queued", (source, arrival, MOST_REPLAYED))
    return int(found["queued"]) if found else 0


def _placed(draft: Draft, assignment: UUID) -> Draft:
    return Draft(**{**vars(draft), "assignment": assignment})
