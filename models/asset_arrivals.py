"""Arrivals from the notices of an LTI platform (Asset Processor): ingest stores them, workers and launches read them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from models.arrivals import NewArrival, State
from models.db import row, run
from models.errors import FenceLost, NotFound
from models.leased_rows import HeldRow


@dataclass(frozen=True, kw_only=True)
class HandIn:
    """What became of a hand-in. `essay` and `version` are None until it is accepted, and after its data was erased."""

    state: State
    error: str | None
    essay: UUID | None
    version: int | None


def take_notices(found: Sequence[NewArrival]) -> int:
    """Store what notices say was handed in, and return how many are new. Call it as ec_lms, the platform as actor.

    A hand-in that is known changes nothing, unless it or its report was refused or given up, and this is another notice. No two
    of `found` may have the same key.
    """
    sent = [
        {"version_key": one.version_key, "place": one.place, "changed_at": one.changed_at.isoformat()} for one in found
    ]
    taken = row("select take_notices(%s) as taken", (json.dumps(sent),))
    return int(taken["taken"]) if taken else 0


def note_asset(held: HeldRow, asset: str) -> None:
    """Note which document was taken as the essay. Needs a session of the org as a worker. Raises FenceLost."""
    noted = run(
        """
        update arrivals set place = place || jsonb_build_object('asset', %s::text)
        where org_id = %s and id = %s and fence = %s and state = 'running'
        """,
        (asset, held.org, held.id, held.fence),
    )
    if not noted:
        raise FenceLost(f"attempt {held.attempt} of row {held.id} was overtaken")


def find_hand_in(key: str, *, org: UUID, platform: UUID) -> HandIn:
    """Return what became of the hand-in with this key. Call it as ec_lms, the platform as actor. Raises NotFound."""
    found = row(
        """
        select a.state, a.error, s.essay_id as essay, s.version from arrivals as a
        left join submissions as s on s.org_id = a.org_id and s.id = a.submission_id
        where a.org_id = %s and a.source_id = %s and a.version_key = %s
        """,
        (org, platform, key),
    )
    if found is None:
        raise NotFound("This hand-in has not come here.")
    return HandIn(**found)


def report_time(held: HeldRow) -> datetime:
    """Return the time of the report that a return sends: the same for every attempt. Needs a session of the org as a worker."""
    found = row("select created_at from returns where org_id = %s and id = %s", (held.org, held.id))
    if found is None:
        raise NotFound("There is no such return.")
    when: datetime = found["created_at"]
    return when
