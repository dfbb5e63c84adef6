"""What an admin sees first: how many people, courses and open essays there are, what waits, and how each LMS source fares."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from models.connections import SourceKind
from models.db import row, rows

# Nobody reads a larger number here as anything but "many", and counting on would take time.
MOST_COUNTED = 1000
RECENT_DAYS = 7
MOST_SOURCES = 50
# Of the kept lines of the last days, so many are searched for refusals, newest first.
MOST_LINES = 1000


@dataclass(frozen=True, kw_only=True)
class Overview:
    """The counts of an org. Those of essays and of what waits end at MOST_COUNTED + 1."""

    students: int
    educators: int
    admins: int
    courses: int
    open_essays: int
    failed_passes: int
    refused_deliveries: int
    approvals: int


@dataclass(frozen=True, kw_only=True)
class SourceHealth:
    """How a source fares: when it last delivered something that was accepted, answered or launched; when and why it was last refused."""

    id: UUID
    kind: SourceKind
    name: str
    disabled_at: datetime | None
    accepted_at: datetime | None
    refused_at: datetime | None
    reason: str | None

    @property
    def state(self) -> str:
        """Return `off`, `silent` (nothing came yet), `refused` (the newest one was), or `fine`."""
        if self.disabled_at is not None:
            return "off"
        if self.refused_at is not None and (self.accepted_at is None or self.refused_at > self.accepted_at):
            return "refused"
        return "fine" if self.accepted_at is not None else "silent"


_COUNTS = """
select
    count(*) filter (where u.role = 'student') as students,
    count(*) filter (where u.role = 'educator') as educators,
    count(*) filter (where u.role = 'admin') as admins,
    (select count(*) from courses where org_id = %(org)s and archived_at is null) as courses,
    (select count(*) from (
        select distinct essay_id from passes where org_id = %(org)s and state in ('queued', 'running') limit %(most)s
    ) as o) as open_essays,
    (select count(*) from (
        select from passes where org_id = %(org)s and state = 'gave_up' and discarded_at is null limit %(most)s
    ) as f) as failed_passes,
    (select count(*) from (
        select from sources as s join inbound_events as e on e.org_id = s.org_id and e.source_id = s.id
        where s.org_id = %(org)s and e.outcome = 'refused' and e.id >= uuid7_floor(now() - make_interval(days => %(days)s))
        limit %(most)s
    ) as d) as refused_deliveries,
    (select count(*) from (
        select from approvals as a where a.org_id = %(org)s and approval_state(a) = 'waiting' limit %(most)s
    ) as w) as approvals
from users as u where u.org_id = %(org)s and u.disabled_at is null and u.erase_requested_at is null
"""
# A delivery with a wrong signature is not stored, only its refusal is.
_HEALTH = """
with lines as (
    select context ->> 'source_id' as source, created_at as at, context ->> 'reason' as reason from system_logs
    where org_id = %(org)s and id >= uuid7_floor(now() - make_interval(days => %(days)s)) and event = 'webhook delivery refused'
    order by id desc limit %(lines)s
), logged as (
    select distinct on (source) source, at, reason from lines order by source, at desc
)
select s.id, s.kind, s.name, s.disabled_at, greatest(a.at, m.succeeded_at, c.heard_at, p.launched_at) as accepted_at, r.at as refused_at,
    r.reason
from sources as s
left join moodle_sites as m on m.org_id = s.org_id and m.id = s.id
left join canvas_sites as c on c.org_id = s.org_id and c.id = s.id
left join platforms as p on p.org_id = s.org_id and p.id = s.id
left join lateral (
    select e.created_at as at from inbound_events as e
    where e.org_id = s.org_id and e.source_id = s.id and e.outcome = 'accepted' order by e.id desc limit 1
) as a on true
left join lateral (
    select b.at, b.reason from (
        (select e.created_at as at, e.reason from inbound_events as e
        where e.org_id = s.org_id and e.source_id = s.id and e.outcome = 'refused' order by e.id desc limit 1)
        union all select l.at, l.reason from logged as l where l.source = s.id::text
    ) as b order by b.at desc limit 1
) as r on true
where s.org_id = %(org)s order by s.id desc limit %(sources)s
"""


def fetch_overview(org: UUID) -> Overview:
    """Return the counts of the org. Call it as ec_admin."""
    found = row(_COUNTS, {"org": org, "most": MOST_COUNTED + 1, "days": RECENT_DAYS})
    assert found is not None
    return Overview(**found)


def list_health(org: UUID) -> list[SourceHealth]:
    """Return how each source fares, newest source first. Call it as ec_admin."""
    found = rows(_HEALTH, {"org": org, "days": RECENT_DAYS, "lines": MOST_LINES, "sources": MOST_SOURCES})
    return [SourceHealth(**record) for record in found]
