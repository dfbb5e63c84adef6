"""Months of partitioned tables that nobody needs any longer: cut off, exported and dropped without holding up a writer.

The database decides what may go (migration 0036): no school keeps the rows, no hold is on them, and they are counted.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Literal
from uuid import UUID

from models.db import row, rows
from models.upkeep import KEEP_LOGS_DAYS, KEEP_UNOWNED_DELIVERIES_DAYS

# The tables of which whole months go. Essays and comments end with their essay, and the audit trail stays.
RETIRABLE = ("ai_responses", "analytics", "inbound_events", "system_logs")
# A month stays a part of its table for so many months after its end, whatever the retention.
LEAST_MONTHS = 3
FIRST = UUID(int=0)

Step = Literal["done", "needed", "busy", "gone"]

_MONTHS = r"""
select c.relname as name, substring(c.relname from '^(.+)_\d{4}_\d{2}$') as "table", i.inhrelid is not null as attached,
    make_timestamptz(substring(c.relname from '(\d{4})_\d{2}$')::integer, right(c.relname, 2)::integer, 1, 0, 0, 0)
        + interval '1 month' as ends_at
from pg_class as c left join pg_inherits as i on i.inhrelid = c.oid
where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' and c.relname ~ '^.+_\d{4}_\d{2}$'
"""


def list_ended(months: Mapping[str, int]) -> list[str]:
    """Return the months that ended at least so many months ago by table (default LEAST_MONTHS), oldest first.

    Months that an earlier run cut off and did not drop come first.
    """
    found = rows(
        f"""
        select m.name from ({_MONTHS}) as m
        where m."table" = any (%(tables)s)
            and m.ends_at + make_interval(months => coalesce((%(months)s::jsonb ->> m."table")::integer, %(least)s)) <= now()
        order by m.attached, m.ends_at, m.name
        """,  # noqa: S608 - a constant
        {"tables": list(RETIRABLE), "months": json.dumps(dict(months)), "least": LEAST_MONTHS},
    )
    return [str(one["name"]) for one in found]


def detach(name: str) -> Step:
    """Cut the month off its table, or say why not. Nobody waits longer than some 30 ms for it. Call it as the clock."""
    found = row("select detach_partition(%s, %s, %s) as step", (name, KEEP_LOGS_DAYS, KEEP_UNOWNED_DELIVERIES_DAYS))
    step: Step = found["step"] if found else "gone"
    return step


def read_page(name: str, *, after: UUID, limit: int) -> list[tuple[UUID, str]]:
    """Return the next rows of a month that is cut off: id and JSON. What is encrypted stays encrypted. Call it as the clock."""
    return [(one["id"], one["line"]) for one in rows("select * from read_detached(%s, %s, %s)", (name, after, limit))]


def drop(name: str) -> tuple[Step, int]:
    """Drop a month that is cut off, with an audit entry for each school; return the step and how many rows went.

    "needed": a hold or a longer retention came meanwhile, and the month is a part of its table again. Call it as the clock.
    """
    found = row(
        "select result, amount from drop_detached(%s, %s, %s)", (name, KEEP_LOGS_DAYS, KEEP_UNOWNED_DELIVERIES_DAYS)
    )
    return (found["result"], int(found["amount"] or 0)) if found else ("gone", 0)
