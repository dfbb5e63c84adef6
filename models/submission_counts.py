"""How many versions were handed in on each day, from the versions themselves: `report_submissions` is as old as its last refresh."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

from models.db import rows

# The id begins with the time, so only the months that are asked for are read, over the index (org_id, id).
BY_DAY = """
select (created_at at time zone 'utc')::date as day, count(*) as submissions from submissions
where org_id = %(org)s and id >= uuid7_floor(%(since)s) and id < uuid7_floor(%(until)s)
group by day order by day
"""


def by_day(*, org: UUID, first: date, last: date) -> dict[date, int]:
    """Return the number of versions of each day (UTC) from `first` to `last` that has any. Call it as ec_admin."""
    found = rows(BY_DAY, {"org": org, **span(first, last)})
    return {one["day"]: one["submissions"] for one in found}


def span(first: date, last: date) -> dict[str, datetime]:
    """Return the moments at which these days begin and end."""
    return {
        "since": datetime.combine(first, time(), UTC),
        "until": datetime.combine(last + timedelta(days=1), time(), UTC),
    }
