"""What the clock keeps in order: partitions ahead of time, totals folded, old answers purged."""

from __future__ import annotations

from models.db import row, run

MONTHS_AHEAD = 4
KEEP_ANSWERS_DAYS = 7
KEEP_LOGS_DAYS = 90
KEEP_TOKENS_DAYS = 7

# One statement, one snapshot: exactly the rows the view counted are marked, whatever finishes meanwhile.
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
    """Every partitioned table has its months, this one and MONTHS_AHEAD more; returns how many were made."""
    found = row("select ensure_partitions(%s) as made", (MONTHS_AHEAD,))
    return int(found["made"]) if found else 0


def fold_tallies() -> int:
    """What finished since the last time is part of the totals; returns how many totals changed."""
    run("select pg_advisory_xact_lock(hashtext('essaycoach.tallies'))")
    return run(_FOLD)


def purge() -> int:
    """Answers, logs, single-use tokens and sessions that have outlived their published life are gone; returns how many rows."""
    old = run("delete from idempotency_keys where created_at < now() - make_interval(days => %s)", (KEEP_ANSWERS_DAYS,))
    old += run("delete from system_logs where id < uuid7_floor(now() - make_interval(days => %s))", (KEEP_LOGS_DAYS,))
    old += run("delete from one_time_tokens where expires_at < now() - make_interval(days => %s)", (KEEP_TOKENS_DAYS,))
    return old + run("delete from sessions where expires_at < now() - interval '30 days'")
