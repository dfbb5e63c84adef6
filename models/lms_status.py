"""How the exchange with an LMS goes, as its admin sees it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from models.db import row

# No more is counted: an admin needs to know that much waits, not how much.
MOST_COUNTED = 1_000


@dataclass(frozen=True, kw_only=True)
class SourceStatus:
    """The last exchange with a source, why the last one failed (`error`, a word), and what waits or needs an admin.

    `closed`: assignments of a Moodle site that its token may not look into.
    """

    last_exchange_at: datetime | None
    error: str | None
    error_about: str | None
    closed: list[int]
    arrivals_waiting: int
    arrivals_refused: int
    arrivals_given_up: int
    returns_waiting: int
    returns_given_up: int


def _count(table: str, *states: str) -> str:
    listed = ", ".join(f"'{state}'" for state in states)
    return (
        f"(select count(*) from (select from {table} as t where t.org_id = %(org)s and t.source_id = %(source)s"  # noqa: S608
        f" and t.state in ({listed}) limit {MOST_COUNTED}) as counted)"
    )


_STATUS = f"""
select coalesce(m.succeeded_at, (
        select e.created_at from inbound_events as e where e.org_id = %(org)s and e.source_id = %(source)s order by e.id desc limit 1
    )) as last_exchange_at, m.error, m.error_about, coalesce(m.closed, '{{}}') as closed,
    {_count("arrivals", "queued", "running")} as arrivals_waiting, {_count("arrivals", "refused")} as arrivals_refused,
    {_count("arrivals", "gave_up")} as arrivals_given_up, {_count("returns", "queued", "running")} as returns_waiting,
    {_count("returns", "gave_up")} as returns_given_up
from (select) as one left join moodle_sites as m on m.org_id = %(org)s and m.id = %(source)s
"""  # noqa: S608 - names of tables


def fetch_status(source: UUID, *, org: UUID) -> SourceStatus:
    """Return how the exchange with a source goes. Call it as ec_admin."""
    found = row(_STATUS, {"org": org, "source": source})
    assert found is not None
    return SourceStatus(**found)
