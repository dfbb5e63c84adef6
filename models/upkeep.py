"""Regular maintenance by the clock: create partitions ahead of time, add to the running totals, delete old rows."""

from __future__ import annotations

from models.db import row, run

MONTHS_AHEAD = 4
KEEP_ANSWERS_DAYS = 7
KEEP_LOGS_DAYS = 90
KEEP_TOKENS_DAYS = 7

# One statement has one snapshot, so it marks exactly the rows that the view counted, even when others finish meanwhile.
_FOLD = """
with counted as (select name, labels, count, total, buckets from untallied),
marked_passes as (update passes set tallied = true where not tallied and finished_at is not null returning 1),
marked_calls as (update ai_responses set tallied = true where not tallied and completed_at is not null returning 1)
insert into tallies (name, labels, count, total, buckets)
select name, labels, count, total, buckets from counted
on conflict (name, labels) do update set count = tallies.count + excluded.count, total = tallies.total + excluded.total,
    buckets = add_buckets(tallies.buckets, excluded.buckets)
"""


def ensure_partitions() -> int:
    """Create the partitions of this month and the next MONTHS_AHEAD for every partitioned table; return how many are new."""
    found = row("select ensure_partitions(%s) as made", (MONTHS_AHEAD,))
    return int(found["made"]) if found else 0


def fold_tallies() -> int:
    """Add everything that finished since the last call to the running totals; return how many totals changed."""
    run("select pg_advisory_xact_lock(hashtext('essaycoach.tallies'))")
    return run(_FOLD)


def purge() -> int:
    """Delete answers, logs, single-use tokens and sessions that are past their published lifetime; return how many rows."""
    deleted = run(
        "delete from idempotency_keys where created_at < now() - make_interval(days => %s)", (KEEP_ANSWERS_DAYS,)
    )
    deleted += run(
        "delete from system_logs where id < uuid7_floor(now() - make_interval(days => %s))", (KEEP_LOGS_DAYS,)
    )
    deleted += run(
        "delete from one_time_tokens where expires_at < now() - make_interval(days => %s)", (KEEP_TOKENS_DAYS,)
    )
    return deleted + run("delete from sessions where expires_at < now() - interval '30 days'")
