"""How the exchange with an LMS goes, as its admin sees it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from models.db import row

# Counting stops here: an admin needs to know that much waits, not exactly how much.
MOST_COUNTED = 1_000


@dataclass(frozen=True, kw_only=True)
class SourceStatus:
    """The last exchange with a source, why one failed (`error`, a word), and what waits or needs an admin.

    `closed`: assignments of a Moodle site that its token may not look into. `refused`: why a launch of a platform was refused since
    its last good one. `refused_delivery`: the name of the problem for which the newest delivery was refused, or None.
    `error` is about the last look at a Moodle site, else about a hand-in, or feedback to send back, that waits for another try.
    """

    last_exchange_at: datetime | None
    error: str | None
    error_about: str | None
    closed: list[int]
    refused: str | None
    refused_delivery: str | None
    arrivals_waiting: int
    arrivals_refused: int
    arrivals_given_up: int
    returns_waiting: int
    returns_given_up: int


def _count(table: str, *states: str, but: str | None = None) -> str:
    listed = ", ".join(f"'{state}'" for state in states)
    left_out = f" and t.error is distinct from '{but}'" if but else ""
    return (
        f"(select count(*) from (select from {table} as t where t.org_id = %(org)s and t.source_id = %(source)s"  # noqa: S608
        f" and t.state in ({listed}){left_out} limit {MOST_COUNTED}) as counted)"
    )


def _put_off(table: str) -> str:
    return (
        f"select t.error from (select error from {table} where org_id = %(org)s and source_id = %(source)s and state = 'queued'"  # noqa: S608
        f" order by next_at limit {MOST_COUNTED}) as t where t.error is not null limit 1"
    )


_STATUS = f"""
select coalesce(m.succeeded_at, p.launched_at, c.heard_at, d.created_at) as last_exchange_at,
    coalesce(m.error, w.error, b.error) as error, m.error_about, coalesce(m.closed, '{{}}') as closed,
    case when p.refused_at > coalesce(p.launched_at, '-infinity') then p.refused_reason end as refused,
    case when d.outcome = 'refused' then d.reason end as refused_delivery,
    {_count("arrivals", "queued", "running")} as arrivals_waiting, {_count("arrivals", "refused")} as arrivals_refused,
    {_count("arrivals", "gave_up")} as arrivals_given_up, {_count("returns", "queued", "running")} as returns_waiting,
    {_count("returns", "gave_up", but="not_wanted")} as returns_given_up
from (select) as one left join moodle_sites as m on m.org_id = %(org)s and m.id = %(source)s
    left join platforms as p on p.org_id = %(org)s and p.id = %(source)s
    left join canvas_sites as c on c.org_id = %(org)s and c.id = %(source)s
    left join lateral ({_put_off("arrivals")}) as w on true left join lateral ({_put_off("returns")}) as b on true
    -- One look-up in the index for each outcome.
    left join lateral (
        select n.created_at, n.outcome, n.reason from unnest(array['accepted', 'ignored', 'refused']) as o (outcome)
        cross join lateral (
            select e.id, e.created_at, e.outcome, e.reason from inbound_events as e
            where e.org_id = %(org)s and e.source_id = %(source)s and e.outcome = o.outcome order by e.id desc limit 1
        ) as n
        order by n.id desc limit 1
    ) as d on true
"""  # noqa: S608 - names of tables


def fetch_status(source: UUID, *, org: UUID) -> SourceStatus:
    """Return how the exchange with a source goes. Call it as ec_admin."""
    found = row(_STATUS, {"org": org, "source": source})
    assert found is not None
    return SourceStatus(**found)
