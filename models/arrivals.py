"""Hand-ins that an LMS has named: each version is a leased row, is fetched once, and is stored as one from a webhook is."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from models import essays, files, leased_rows, lms_people
from models.connections import SourceKind
from models.db import row, rows, run, run_many
from models.errors import NotFound
from models.essays import Draft, Receipt
from models.files import NewFile
from models.leased_rows import HeldRow
from models.lms_assignments import LmsAssignment, place_assignment
from models.lms_people import LmsPerson

State = Literal["queued", "running", "accepted", "refused", "superseded", "gave_up"]
STATES: tuple[State, ...] = ("queued", "running", "accepted", "refused", "superseded", "gave_up")
FAILED_STATES: tuple[State, ...] = ("refused", "gave_up")
# The most arrivals that one request lets be fetched again.
MOST_REPLAYED = 5_000


@dataclass(frozen=True, kw_only=True)
class NewArrival:
    """A version of a hand-in that an LMS has named. `place`: the ids by which it is fetched, its assignment and its course."""

    version_key: str
    place: dict[str, Any]
    changed_at: datetime


@dataclass(frozen=True, kw_only=True)
class DueArrival:
    """An arrival for a worker to fetch, from a source of this kind."""

    kind: SourceKind
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
    """Store those of these versions that are not known yet. Needs a session of the org as a worker."""
    run_many(
        """
        insert into arrivals (org_id, source_id, version_key, place, changed_at) values %s
        on conflict (org_id, source_id, version_key) do nothing
        """,
        [(org, source, one.version_key, json.dumps(one.place), one.changed_at) for one in found],
    )


def note(source: UUID, found: NewArrival, *, org: UUID) -> tuple[UUID, bool]:
    """Store a version unless it is known; return its arrival and whether it is new. Call it as ec_lms, the source as actor."""
    added = row(
        """
        insert into arrivals (org_id, source_id, version_key, place, changed_at) values (%s, %s, %s, %s, %s)
        on conflict (org_id, source_id, version_key) do nothing returning id
        """,
        (org, source, found.version_key, json.dumps(found.place), found.changed_at),
    )
    if added is not None:
        return added["id"], True
    known = row(
        "select id from arrivals where org_id = %s and source_id = %s and version_key = %s",
        (org, source, found.version_key),
    )
    assert known is not None
    return known["id"], False


def find_place(source: UUID, version_key: str, *, org: UUID) -> dict[str, Any] | None:
    """Return where the LMS keeps a version, if it is known. Call it as ec_lms, the source as actor, or as a worker."""
    found = row(
        "select place from arrivals where org_id = %s and source_id = %s and version_key = %s",
        (org, source, version_key),
    )
    return found["place"] if found else None


def fetch_again(arrival: UUID, *, org: UUID) -> None:
    """Let an arrival that was refused or given up be fetched again, because its LMS asks for that. Call it as ec_lms."""
    run(
        """
        update arrivals set state = 'queued', attempt = 0, next_at = now(), finished_at = null, error = null
        where org_id = %s and id = %s and state in ('refused', 'gave_up')
        """,
        (org, arrival),
    )


def load(held: HeldRow) -> DueArrival:
    """Return what is to be fetched. Needs a session of the org as a worker."""
    found = row(
        """
        select s.kind, a.version_key, a.place, a.changed_at
        from arrivals as a join sources as s on s.org_id = a.org_id and s.id = a.source_id where a.org_id = %s and a.id = %s
        """,
        (held.org, held.id),
    )
    if found is None:
        raise NotFound("There is no such arrival.")
    return DueArrival(**found)


def accept(
    held: HeldRow, person: LmsPerson, draft: Draft, *, assignment: LmsAssignment, file: NewFile | None
) -> Receipt:
    """Store the version and close the arrival with it. Call it as ec_lms, the source as actor. Raises FenceLost and Invalid.

    Send the hints of the receipt after the transaction is committed, and count the end: a source may not write totals.
    """
    author = lms_people.find_or_add(person, role="student", org=held.org, source=held.lane)
    placed = place_assignment(assignment)
    essays.enrol(author, assignment=placed, org=held.org)
    kept = files.store(file, org=held.org, user=author, waits=False)[0] if file else None
    receipt = essays.receive(author, _placed(draft, placed), org=held.org)
    if kept is not None:
        files.attach(kept, receipt.submission, org=held.org)
    leased_rows.end(held, state="accepted", facts={"submission_id": receipt.submission}, counts=False)
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


def replay(source: UUID) -> int:
    """Let the oldest arrivals that were refused or given up be fetched again; return how many. Call it as ec_admin.

    At most MOST_REPLAYED. Recorded in the audit trail.
    """
    found = row("select replay_arrivals(%s, null, %s) as queued", (source, MOST_REPLAYED))
    return int(found["queued"]) if found else 0


def _placed(draft: Draft, assignment: UUID) -> Draft:
    return Draft(**{**vars(draft), "assignment": assignment})
