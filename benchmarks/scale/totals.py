"""What follows from the filled rows and is written by statements: the ledger, the authors' shares, and the running totals."""

from __future__ import annotations

LEDGER = """
insert into ledger (org_id, day, provider, model, pass, calls, input_tokens, output_tokens, cost_micros)
select org_id, (completed_at at time zone 'utc')::date, provider, model, pass, count(*), sum(input_tokens), sum(output_tokens),
    sum(cost_micros)
from ai_responses group by 1, 2, 3, 4, 5
"""
AUTHOR_USE = """
insert into author_use (org_id, user_id, day, handed_in, month, cost_micros)
select h.org_id, h.user_id, h.day, h.handed_in, case when c.cost is not null then date_trunc('month', now() at time zone 'utc') end,
    coalesce(c.cost, 0)
from (
    select distinct on (org_id, user_id) org_id, user_id, (created_at at time zone 'utc')::date as day, count(*) as handed_in
    from submissions group by 1, 2, 3 order by org_id, user_id, day desc
) as h
left join (
    select org_id, user_id, sum(cost_micros) as cost from ai_responses
    where id >= uuid7_floor(date_trunc('month', now())) group by 1, 2
) as c on c.org_id = h.org_id and c.user_id = h.user_id
"""
# What `fold_tallies` would have added.
_ADD = """
on conflict (name, labels) do update set count = tallies.count + excluded.count, total = tallies.total + excluded.total,
    buckets = add_buckets(tallies.buckets, excluded.buckets)
"""
TALLIES_OF_PASSES = f"""
with p as (
    select name, state, count(*) as passes, sum(attempt) as attempts,
        sum(extract(epoch from finished_at - started_at))::float8 as took,
        histogram(array_agg(extract(epoch from finished_at - started_at)::float8), wait_bounds()) as times
    from passes where finished_at is not null and started_at is not null group by 1, 2
)
insert into tallies (name, labels, count, total, buckets)
select 'pass_duration', array[name, state], passes, took, times from p
union all select 'pass_attempts', array[name, 'first'], attempts, 0, '{{}}' from p
{_ADD}
"""
TALLIES_OF_CALLS = f"""
with a as (
    select pass, provider, outcome, count(*) as calls, sum(latency_ms) / 1000.0 as took, sum(cost_micros) as cost,
        sum(input_tokens) as input, sum(output_tokens) as output
    from ai_responses where completed_at is not null group by 1, 2, 3
)
insert into tallies (name, labels, count, total)
select 'ai_requests', array[pass, provider, outcome], calls, took from a
union all select 'ai_cost_micros', array[pass], calls, cost from a
union all select 'ai_tokens', array[pass, 'input'], calls, input from a
union all select 'ai_tokens', array[pass, 'output'], calls, output from a
{_ADD}
"""
TALLIES_OF_WAITING = f"""
insert into tallies (name, labels, count, total, buckets)
select 'queue_wait', array[queue], count(*), sum(extract(epoch from first_claimed_at - queued_at)),
    histogram(array_agg(extract(epoch from first_claimed_at - queued_at)::float8), wait_bounds())
from passes where first_claimed_at is not null group by queue
{_ADD}
"""
TALLIES_OF_FEEDBACK = f"""
insert into tallies (name, labels, count, total, buckets)
select 'feedback', array[queue], count(*), sum(feedback_seconds), histogram(array_agg(feedback_seconds), feedback_bounds())
from submissions where feedback_seconds is not null group by queue
{_ADD}
"""
STATEMENTS = (LEDGER, AUTHOR_USE, TALLIES_OF_PASSES, TALLIES_OF_CALLS, TALLIES_OF_WAITING, TALLIES_OF_FEEDBACK)
