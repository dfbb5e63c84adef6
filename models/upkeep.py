"""Regular maintenance by the clock: create partitions ahead of time, add to the running totals, delete old rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from models.db import row, rows, run
from models.holds import ORGS_ON_HOLD, PEOPLE_ON_HOLD

MONTHS_AHEAD = 4
KEEP_ANSWERS_DAYS = 7
KEEP_LOGS_DAYS = 90
KEEP_TOKENS_DAYS = 7
KEEP_REPORTS_DAYS = 90
KEEP_SUMMARIES_DAYS = 90
# Deliveries in which no student was recognised. The master key encrypts them, so the erasure of a person may leave them readable.
KEEP_UNOWNED_DELIVERIES_DAYS = 30

# One statement has one snapshot, so it marks exactly the rows that the view counted, even when others finish meanwhile.
_FOLD = """
with counted as (select name, labels, count, total, buckets from untallied where name <> 'feedback'),
marked_passes as (update passes set tallied = true where not tallied and finished_at is not null returning 1),
marked_calls as (update ai_responses set tallied = true where not tallied and completed_at is not null returning 1),
taken_entries as (delete from tally_entries returning 1)
insert into tallies (name, labels, count, total, buckets)
select name, labels, count, total, buckets from counted
on conflict (name, labels) do update set count = tallies.count + excluded.count, total = tallies.total + excluded.total,
    buckets = add_buckets(tallies.buckets, excluded.buckets)
"""
# Everybody locks versions before passes. A version that somebody has locked is counted next time, so this waits for nobody.
_FOLD_FEEDBACK = """
with ended as materialized (
    select id, queue, feedback_seconds from submissions where not tallied and feedback_seconds is not null
    for update skip locked
),
marked as (update submissions as s set tallied = true from ended as e where s.id = e.id returning 1)
insert into tallies (name, labels, count, total, buckets)
select 'feedback', array[queue], count(*), sum(feedback_seconds), histogram(array_agg(feedback_seconds), feedback_bounds())
from ended group by queue
on conflict (name, labels) do update set count = tallies.count + excluded.count, total = tallies.total + excluded.total,
    buckets = add_buckets(tallies.buckets, excluded.buckets)
"""

_MISPLACED = """
select parent.relname as "table", part.relname as name, bound.begins_at, bound.ends_at
from pg_partitioned_table as p
join pg_class as parent on parent.oid = p.partrelid and parent.relnamespace = 'public'::regnamespace
join pg_inherits as i on i.inhparent = p.partrelid
join pg_class as part on part.oid = i.inhrelid
cross join lateral (
    select uuid_extract_timestamp(m.ends[1]::uuid) as begins_at, uuid_extract_timestamp(m.ends[2]::uuid) as ends_at
    from regexp_match(pg_get_expr(part.relpartbound, part.oid), $$'(.{36})'.*'(.{36})'$$) as m (ends)
) as bound
where bound.begins_at at time zone 'UTC' <> date_trunc('month', bound.begins_at at time zone 'UTC')
    or bound.ends_at at time zone 'UTC' <> date_trunc('month', bound.begins_at at time zone 'UTC') + interval '1 month'
order by part.relname
"""


@dataclass(frozen=True, kw_only=True)
class MisplacedPartition:
    """A partition that is not one month from 00:00 UTC on the first. Earlier releases made such in a local time zone."""

    table: str
    name: str
    begins_at: datetime
    ends_at: datetime


def list_misplaced_partitions() -> list[MisplacedPartition]:
    """Return the partitions whose bounds are wrong; docs/operations.md says how to mend them. Any role may ask."""
    return [MisplacedPartition(**found) for found in rows(_MISPLACED)]


def ensure_partitions(*, since: datetime | None = None) -> int:
    """Create the partitions of a month (default: this one) and the next MONTHS_AHEAD for every partitioned table.

    Return how many are new.
    """
    found = row("select ensure_partitions(%s, coalesce(%s::timestamptz, now())) as made", (MONTHS_AHEAD, since))
    return int(found["made"]) if found else 0


def fold_tallies() -> int:
    """Add everything that finished since the last call to the running totals; return how many totals changed."""
    run("select pg_advisory_xact_lock(hashtext('essaycoach.tallies'))")
    # The partial indexes hold what is not counted yet. With old statistics the planner would read whole tables instead, and a
    # bitmap scan would visit again what was counted since the last vacuum.
    run(
        "select set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true), set_config('jit', 'off', true)"
    )
    return run(_FOLD_FEEDBACK) + run(_FOLD)


def purge() -> int:
    """Delete answers, logs, notes of reports, tokens and sessions that are past their published lifetime; return how many rows."""
    deleted = run(
        "delete from idempotency_keys where created_at < now() - make_interval(days => %s)", (KEEP_ANSWERS_DAYS,)
    )
    deleted += run(
        f"""
        delete from system_logs where id < uuid7_floor(now() - make_interval(days => %s))
            and (org_id is null or org_id not in {ORGS_ON_HOLD})
        """,  # noqa: S608 - a constant
        (KEEP_LOGS_DAYS,),
    )
    deleted += run(
        "delete from one_time_tokens where expires_at < now() - make_interval(days => %s)", (KEEP_TOKENS_DAYS,)
    )
    deleted += run("delete from reports where created_at < now() - make_interval(days => %s)", (KEEP_REPORTS_DAYS,))
    deleted += run(
        f"""
        delete from weekly_summaries where week < current_date - %s
            and org_id not in {ORGS_ON_HOLD} and user_id not in {PEOPLE_ON_HOLD}
        """,  # noqa: S608 - a constant
        (KEEP_SUMMARIES_DAYS,),
    )
    return deleted + run("delete from sessions where expires_at < now() - interval '30 days'")


def purge_deliveries(*, limit: int) -> int:
    """Delete up to `limit` deliveries without a person that are past their published lifetime; return how many.

    An org on hold keeps them.
    """
    return run(
        f"""
        delete from inbound_events where user_id is null and id in (
            select e.id from inbound_events as e
            where e.user_id is null and e.id < uuid7_floor(now() - make_interval(days => %s))
                and e.org_id not in {ORGS_ON_HOLD}
            limit %s)
        """,  # noqa: S608 - a constant
        (KEEP_UNOWNED_DELIVERIES_DAYS, limit),
    )
