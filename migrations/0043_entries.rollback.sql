-- What is not folded yet goes where the release before keeps it.
select fold_ledger(2147483647);
insert into tallies (name, labels, count) select name, labels, sum(count)::bigint from tally_entries group by name, labels
on conflict (name, labels) do update set count = tallies.count + excluded.count;
create or replace view untallied with (security_barrier) as
select 'queue_wait' as name, array[p.queue] as labels, count(*) as count,
    sum(extract(epoch from p.first_claimed_at - p.queued_at))::double precision as total,
    histogram(array_agg(extract(epoch from p.first_claimed_at - p.queued_at)::double precision), wait_bounds()) as buckets
from passes as p
where not p.tallied and p.finished_at is not null and p.first_claimed_at is not null
group by p.queue
union all
select 'pass_duration', array[p.name, p.state], count(*),
    sum(extract(epoch from p.finished_at - p.started_at))::double precision,
    histogram(array_agg(extract(epoch from p.finished_at - p.started_at)::double precision), wait_bounds())
from passes as p
where not p.tallied and p.finished_at is not null and p.started_at is not null
group by p.name, p.state
union all
select 'ai_requests', array[a.pass, a.provider, a.outcome], count(*), coalesce(sum(a.latency_ms), 0) / 1000.0, '{}'
from ai_responses as a
where not a.tallied and a.completed_at is not null
group by a.pass, a.provider, a.outcome
union all
select 'ai_tokens', array[a.pass, kind.name], count(*), sum(kind.tokens), '{}'
from ai_responses as a
cross join lateral (
    values ('input', a.input_tokens), ('output', a.output_tokens), ('cache_read', a.cache_read_tokens),
        ('cache_write', a.cache_write_tokens)
) as kind (name, tokens)
where not a.tallied and a.completed_at is not null
group by a.pass, kind.name
union all
select 'ai_cost_micros', array[a.pass], count(*), sum(a.cost_micros), '{}'
from ai_responses as a
where not a.tallied and a.completed_at is not null
group by a.pass
union all
select 'feedback', array[s.queue], count(*), sum(s.feedback_seconds),
    histogram(array_agg(s.feedback_seconds), feedback_bounds())
from submissions as s
where not s.tallied and s.feedback_seconds is not null
group by s.queue
union all
select 'pass_attempts', array[p.name, kind.name], sum(kind.attempts)::bigint, 0, '{}'
from passes as p
cross join lateral (values ('first', least(p.attempt, 1)), ('retry', greatest(p.attempt - 1, 0))) as kind (name, attempts)
where not p.tallied and p.finished_at is not null
group by p.name, kind.name
having sum(kind.attempts) > 0;
create or replace function author_may_spend(author uuid, expected_micros bigint) returns boolean
language sql stable security definer
set search_path = pg_catalog, public, pg_temp
set timezone = 'UTC'
begin atomic
    select coalesce(
        expected_micros + (
            select coalesce(sum(a.cost_micros), 0) from author_use as a
            where a.org_id = app_org() and a.user_id = author and a.month = date_trunc('month', now() at time zone 'utc')::date
        ) + (
            select coalesce(sum(a.reserved_micros), 0) from ai_responses as a
            where a.org_id = app_org() and a.outcome = 'open' and a.user_id = author
                and a.id >= uuid7_floor(now() - case when a.batch then interval '25 hours' else interval '10 minutes' end)
        ) <= (
            select o.monthly_budget_micros * o.author_budget_percent / 100
            from orgs as o join users as u on u.org_id = o.id
            where o.id = app_org() and u.id = author and u.role = 'student'
        ), true);
end;
create or replace function budget_allows(expected_micros bigint) returns boolean
language plpgsql volatile security definer
set search_path = pg_catalog, public, pg_temp
set timezone = 'UTC'
as $$
declare
    budget bigint := (select o.monthly_budget_micros from orgs as o where o.id = app_org());
begin
    if budget is null then
        return true;
    end if;
    perform pg_advisory_xact_lock(hashtextextended('essaycoach.budget.' || app_org()::text, 0));
    return expected_micros + (
        select coalesce(sum(l.cost_micros), 0) from ledger as l
        where l.org_id = app_org() and l.day >= date_trunc('month', now() at time zone 'utc')::date
    ) + (
        select coalesce(sum(a.reserved_micros), 0) from ai_responses as a
        where a.org_id = app_org() and a.outcome = 'open'
            and a.id >= uuid7_floor(now() - case when a.batch then interval '25 hours' else interval '10 minutes' end)
    ) <= budget;
end
$$;
drop function budget_left();
drop function spent_this_month();
drop function fold_ledger(integer);
drop table tally_entries;
drop table ledger_entries;
revoke insert, update on ledger from ec_stats;
