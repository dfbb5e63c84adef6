r"""Leased rows: work for somebody else's address that is written down in a transaction and carried out later, as passes are.

    queued --claim--> running --end--> a final state, such as done
      ^ ^                |  \--put_off--> queued (later), or gave_up after the last attempt
      | +--lease expired, wait-+     end --> gave_up
      +--------redelivered (a person)

The row is the truth. Hints in Redis may be lost, repeated or late. `attempt` and `fence` increase with each claim, and whatever a
claim writes later requires that its fence is still valid.

A table of leased rows is partitioned or not, and has these columns: id, org_id, state (`queued`, `running`, `gave_up` and its own
final states), attempt, fence, next_at, hinted_at, lease_until, started_at, finished_at, error. Its `lane` column says which rows go
the same way: to one endpoint, or from and to one source. Lanes do not wait for each other, and of one lane at most `at_once` rows run.
It needs partial indexes on (lane, next_at) where queued, and on (lane) and (lease_until) where running.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from models.db import row, rows, run
from models.errors import FenceLost
from models.jobs import RowHint, RowTable
from models.passes import RESTART_GRACE_SECONDS, add_to_tally

# A hint that has led to no claim within this time is sent again, when Redis holds none.
STALE_HINT_SECONDS = 5.0
# And one that is older is sent again whatever Redis holds: the hints of other lanes must not let a lost one be forgotten.
LOST_HINT_SECONDS = 300.0
# Why a return is given up that nobody wants any more: nothing has failed.
NOT_WANTED = "not_wanted"


@dataclass(frozen=True, kw_only=True)
class LeasedTable:
    """A table of leased rows: its lane, how many rows of a lane run at the same time, and after how many attempts one is given up.

    `outcomes`: the words under which the ends of its rows are counted, in the total `lms_ended`; none when they are not.
    """

    name: RowTable
    lane: str
    at_once: int
    attempts: int
    outcomes: tuple[str, ...] = ()


DELIVERIES = LeasedTable(name=RowTable.DELIVERIES, lane="endpoint_id", at_once=2, attempts=8)
# A site is asked again and again: its attempts begin anew after each answer that was stored.
MOODLE_SITES = LeasedTable(name=RowTable.MOODLE_SITES, lane="id", at_once=1, attempts=20)
ARRIVALS = LeasedTable(
    name=RowTable.ARRIVALS,
    lane="source_id",
    at_once=2,
    attempts=10,
    outcomes=("accepted", "superseded", "refused", "gave_up"),
)
RETURNS = LeasedTable(
    name=RowTable.RETURNS, lane="source_id", at_once=1, attempts=8, outcomes=("done", NOT_WANTED, "gave_up")
)
WEEKLY_SUMMARIES = LeasedTable(name=RowTable.WEEKLY_SUMMARIES, lane="org_id", at_once=1, attempts=6)
TABLES = {table.name: table for table in (DELIVERIES, MOODLE_SITES, ARRIVALS, RETURNS, WEEKLY_SUMMARIES)}


@dataclass(frozen=True, kw_only=True)
class HeldRow:
    """The right to carry out one row, as long as the fence is valid and the lease has not expired."""

    table: RowTable
    org: UUID
    lane: UUID
    id: UUID
    attempt: int
    fence: int

    @property
    def log_facts(self) -> dict[str, str | None]:
        """Return what every log line about this row says."""
        return {"table": str(self.table), "row_id": str(self.id), "lane_id": str(self.lane)}


def claim_next(table: LeasedTable, *, org: UUID, lane: UUID, lease_seconds: float) -> HeldRow | None:
    """Claim the row of the lane that has been due for longest. Return None when none is due, or enough of the lane run already."""
    # The lock lets the claims of one lane follow each other, so that each counts the ones before it.
    claimed = row(
        f"""
        select pg_advisory_xact_lock(hashtextextended(%(lock)s, 0));
        update {table.name} as kept set state = 'running', attempt = attempt + 1, fence = fence + 1, started_at = now(),
            lease_until = now() + make_interval(secs => %(lease)s)
        where id = (
            select id from {table.name} where org_id = %(org)s and {table.lane} = %(lane)s and state = 'queued' and next_at <= now()
            order by next_at limit 1 for update skip locked
        ) and (select count(*) from {table.name} where org_id = %(org)s and {table.lane} = %(lane)s and state = 'running') < %(at_once)s
        returning id, attempt, fence
        """,  # noqa: S608 - names of tables and columns
        {
            "lock": f"{table.name} {lane}", "org": org, "lane": lane, "lease": lease_seconds, "at_once": table.at_once,
        },
    )  # fmt: skip
    return HeldRow(table=table.name, org=org, lane=lane, **claimed) if claimed else None


def renew(held: Sequence[HeldRow], *, lease_seconds: float) -> set[UUID]:
    """Extend the leases of rows of one table and org to `lease_seconds` from now, and return the ids of those that were held."""
    kept = rows(
        f"""
        update {held[0].table} as kept set lease_until = now() + make_interval(secs => %s) where id in (
            select r.id from {held[0].table} as r join unnest(%s::uuid[], %s::integer[]) as held (id, fence) using (id, fence)
            where r.org_id = %s and r.state = 'running' for no key update of r skip locked
        ) returning id
        """,  # noqa: S608 - a name of a table
        (lease_seconds, [one.id for one in held], [one.fence for one in held], held[0].org),
    )
    return {found["id"] for found in kept}


def end(
    held: HeldRow, *, state: str, error: str | None = None, facts: dict[str, Any] | None = None, counts: bool = True
) -> None:
    """Move the row to a final state. `facts` sets columns of its own. Raises FenceLost.

    The end is counted with it, unless `counts` is False: then call `count_end` once it is committed.
    """
    _update_held(held, "state = %(state)s, lease_until = null, finished_at = now(), error = %(error)s", {
        "state": state, "error": error,
    }, facts)  # fmt: skip
    if counts:
        count_end(held.table, state=state, error=error)


def count_end(table: RowTable, *, state: str, error: str | None = None, amount: int = 1) -> None:
    """Add ends of rows to the total of their table and outcome, if it has one. Call it as a worker or the clock."""
    outcome = NOT_WANTED if error == NOT_WANTED else state
    if outcome in TABLES[table].outcomes:
        add_to_tally("lms_ended", amount, labels=(table, outcome))


def put_off(held: HeldRow, *, error: str, retry_in_seconds: float, facts: dict[str, Any] | None = None) -> bool:
    """Queue the row for its next attempt and return True; give it up and return False after the last. Raises FenceLost."""
    if held.attempt >= TABLES[held.table].attempts:
        end(held, state="gave_up", error=error, facts=facts)
        return False
    _update_held(
        held,
        "state = 'queued', lease_until = null, next_at = now() + make_interval(secs => %(wait)s), error = %(error)s",
        {"wait": retry_in_seconds, "error": error},
        facts,
    )
    return True


def wait(held: HeldRow, *, error: str, in_seconds: float) -> None:
    """Queue the row for later without using up the attempt, because this installation cannot carry it out now. Raises FenceLost."""
    _update_held(
        held,
        "state = 'queued', attempt = attempt - 1, lease_until = null, next_at = now() + make_interval(secs => %(wait)s), error = %(error)s",
        {"wait": in_seconds, "error": error},
        None,
    )


def come_back(
    held: HeldRow, *, in_seconds: float, error: str | None = None, facts: dict[str, Any] | None = None
) -> None:
    """Queue a row that is carried out regularly for its next time, with all its attempts. Raises FenceLost."""
    _update_held(
        held,
        "state = 'queued', attempt = 0, lease_until = null, next_at = now() + make_interval(secs => %(wait)s), error = %(error)s",
        {"wait": in_seconds, "error": error},
        facts,
    )


def hand_back(held: HeldRow) -> None:
    """Queue the row again without using up the attempt, because this worker is stopping. Ignore a lost fence."""
    run(
        f"update {held.table} as kept set state = 'queued', lease_until = null, next_at = now(), attempt = attempt - 1 where {_HELD}",  # noqa: S608
        _held_values(held),
    )


def take_due(table: LeasedTable, *, limit: int, again: bool) -> list[RowHint]:
    """Mark the first due rows of each lane as hinted, as many as may run, and return a hint for each. Commit before sending them.

    Also rows whose hint led to nothing within STALE_HINT_SECONDS (with `again`) or LOST_HINT_SECONDS. Call it as the clock.
    """
    found = rows(
        f"""
        with recursive lanes as (
            (select org_id, {table.lane} as lane from {table.name} where state = 'queued' order by {table.lane} limit 1)
            union all
            select n.org_id, n.lane from lanes as l cross join lateral (
                select r.org_id, r.{table.lane} as lane from {table.name} as r
                where r.state = 'queued' and r.{table.lane} > l.lane order by r.{table.lane} limit 1
            ) as n
        ),
        due as (
            select d.id from lanes as l cross join lateral (
                select r.id, r.next_at, r.hinted_at from {table.name} as r
                where r.state = 'queued' and r.{table.lane} = l.lane and r.next_at <= now() order by r.next_at
                limit greatest(0, %(at_once)s - (
                    select count(*) from {table.name} as b where b.state = 'running' and b.{table.lane} = l.lane))
            ) as d
            where d.hinted_at is null or d.hinted_at < d.next_at or d.hinted_at < now() - make_interval(secs => %(stale)s)
            order by d.next_at limit %(limit)s
        )
        update {table.name} as r set hinted_at = now() from due where r.id = due.id and r.state = 'queued'
        returning r.org_id, r.{table.lane} as lane_id
        """,  # noqa: S608 - names of tables and columns
        {"at_once": table.at_once, "stale": STALE_HINT_SECONDS if again else LOST_HINT_SECONDS, "limit": limit},
    )
    return [RowHint(org_id=one["org_id"], lane_id=one["lane_id"], table=table.name) for one in found]


def free_expired(table: LeasedTable, *, limit: int) -> int:
    """Queue rows with an expired lease again, or give them up after the last attempt; return how many. Call it as the clock."""
    freed = rows(
        f"""
        update {table.name} as kept set lease_until = null, error = 'worker_lost',
            state = case when attempt < %(attempts)s then 'queued' else 'gave_up' end,
            next_at = case when attempt < %(attempts)s then now() else next_at end,
            finished_at = case when attempt < %(attempts)s then null else now() end
        where id = any(array(
            select id from {table.name} where state = 'running' and lease_until < now() and (
                started_at > pg_postmaster_start_time()
                or pg_postmaster_start_time() < now() - make_interval(secs => %(grace)s)
            ) order by lease_until limit %(limit)s for update skip locked
        ))
        returning state
        """,  # noqa: S608 - a name of a table
        {"attempts": table.attempts, "grace": RESTART_GRACE_SECONDS, "limit": limit},
    )
    if freed:
        add_to_tally("leases_expired", len(freed))
    ended = sum(one["state"] == "gave_up" for one in freed)
    if ended:
        count_end(table.name, state="gave_up", amount=ended)
    return len(freed)


_HELD = "org_id = %(org)s and id = %(id)s and fence = %(fence)s and state = 'running'"


def _held_values(held: HeldRow) -> dict[str, Any]:
    return {"org": held.org, "id": held.id, "fence": held.fence}


def _update_held(held: HeldRow, change: str, values: dict[str, Any], facts: dict[str, Any] | None) -> None:
    """Update the row if this claim still holds it. Raises FenceLost."""
    columns = "".join(f", {name} = %({name})s" for name in facts or {})
    updated = run(
        f"update {held.table} as kept set {change}{columns} where {_HELD}",  # noqa: S608 - names of tables and columns
        {**values, **(facts or {}), **_held_values(held)},
    )
    if not updated:
        raise FenceLost(f"attempt {held.attempt} of row {held.id} was overtaken")
