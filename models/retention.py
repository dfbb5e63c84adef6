"""How long an org keeps what: what would be deleted next, and the deletion by the clock in small steps.

The database decides what is past its time, what a legal hold keeps, and that nothing goes in the first 7 days (migration 0033).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args
from uuid import UUID

from models.db import row, rows
from models.upkeep import fold_tallies

RetentionClass = Literal["texts", "raw_answers", "deliveries", "accounts", "logs"]
CLASSES: tuple[RetentionClass, ...] = get_args(RetentionClass)
# A report counts so many rows of a class at most, so that it takes no longer than a request may.
MOST_COUNTED = 20_000
# How many rows one step deletes. An essay takes about a hundred other rows along, an account all that a person has.
STEP: dict[RetentionClass, int] = {"texts": 50, "raw_answers": 500, "deliveries": 200, "accounts": 20, "logs": 500}


@dataclass(frozen=True, kw_only=True)
class ClassReport:
    """What the next run deletes of one class. `days` is None where nothing is deleted, then the rest is empty."""

    name: RetentionClass
    days: int | None
    begins_at: datetime | None = None
    next_run_at: datetime | None = None
    due: int = 0
    oldest: datetime | None = None
    newest: datetime | None = None
    held: int = 0
    last_run_at: datetime | None = None
    last_deleted: int | None = None


# What is due by the time of the run, not what is due now: in the first days nobody would see it coming otherwise.
_REPORT = """
select r.class as name, r.begins_at, m.next_run_at, case r.class
        when 'texts' then o.retention_texts when 'raw_answers' then o.retention_raw_answers
        when 'deliveries' then o.retention_deliveries when 'accounts' then o.retention_accounts when 'logs' then o.retention_logs
    end as days,
    d.due, d.oldest, d.newest, h.held, r.last_run_at, r.last_deleted
from retention_runs as r join orgs as o on o.id = r.org_id
cross join lateral (select greatest(r.begins_at, r.next_at, now()) as next_run_at) as m
cross join lateral (
    select count(*) as due, min(t.since) as oldest, max(t.since) as newest
    from retention_due(r.class, m.next_run_at, %(most)s, false) as t
) as d
cross join lateral (select count(*) as held from retention_due(r.class, m.next_run_at, %(most)s, true)) as h
where r.org_id = %(org)s
"""
_DUE_RUNS = """
select org_id, class from retention_runs where begins_at <= now() and next_at <= now() order by next_at, org_id, class
"""


def report(org: UUID, *, most: int | None = MOST_COUNTED) -> list[ClassReport]:
    """Return for each class what the next run deletes, counting at most `most` rows. Call it as ec_admin or as the clock."""
    found = {record["name"]: ClassReport(**record) for record in rows(_REPORT, {"org": org, "most": most})}
    return [found.get(name, ClassReport(name=name, days=None)) for name in CLASSES]


def list_due_runs() -> list[tuple[UUID, RetentionClass]]:
    """Return the runs that should delete something now, each with its org. Call it as the clock."""
    return [(record["org_id"], record["class"]) for record in rows(_DUE_RUNS)]


def delete_step(name: RetentionClass) -> int:
    """Delete at most one step of what the acting org keeps no longer of this class; return how many rows. Call it as the clock.

    The totals are counted first. The step that finds no more ends the run and writes one audit entry. Two clocks never do the
    same step: the second finds it taken and returns 0.
    """
    most = STEP[name]
    found = row("select take_expired(%s, %s) as taken", (name, most))
    if found is None or found["taken"] is None:
        return 0
    if found["taken"] and name in ("texts", "raw_answers"):
        fold_tallies()
    deleted = row("select delete_expired(%s, %s, %s) as deleted", (name, found["taken"], len(found["taken"]) < most))
    return int(deleted["deleted"]) if deleted else 0
