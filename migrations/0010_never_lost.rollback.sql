drop view monitor_pauses;
create or replace view monitor_queue with (security_barrier) as
select
    p.queue,
    p.state,
    count(*) as depth,
    coalesce(
        extract(epoch from now() - min(greatest(p.queued_at, p.next_at)) filter (where p.state = 'queued' and p.next_at <= now())), 0
    )::double precision as oldest_age_seconds
from passes as p
where p.state in ('queued', 'running')
group by p.queue, p.state;
create or replace view monitor_gave_up with (security_barrier) as
select p.name as pass, p.error as reason, count(*) as total
from passes as p
where p.state = 'gave_up'
group by p.name, p.error;
create or replace function queue_place(wanted uuid) returns table (ahead bigint, running bigint, mean_seconds double precision)
language sql stable security definer
set search_path = pg_catalog, public, pg_temp
begin atomic
    select
        (
            select count(distinct other.submission_id) from passes as other
            where other.state = 'queued' and other.next_at <= now() and other.submission_id <> mine.submission_id
                and (other.queue = 'bulk', other.queued_at) < (mine.in_bulk, mine.queued_at)
        ),
        (select count(*) from passes as busy where busy.state = 'running'),
        (select coalesce(sum(t.total) / nullif(sum(t.count), 0), 1) from tallies as t where t.name = 'pass_duration')
    from (
        select p.submission_id, bool_and(p.queue = 'bulk') as in_bulk, min(p.queued_at) as queued_at
        from passes as p
        where p.submission_id = wanted and p.org_id = app_org() and p.state = 'queued'
        group by p.submission_id
    ) as mine;
end;
revoke select (essay_id) on passes from ec_clock;
revoke select (id, slug) on orgs from ec_clock;
drop policy ec_clock_any_org on orgs;
revoke execute on function app_audience() from ec_stats;
drop function discard_passes(uuid[]);
drop function replay_passes(uuid[], text);
revoke update (state, queue, attempt, lost, error, queued_at, next_at, hinted_at, first_claimed_at, started_at, finished_at,
    tallied) on passes from ec_stats;
revoke update (status, completed_at) on submissions from ec_stats;
drop function reopen_provider(text);
drop function provider_gate(text, double precision);
drop function trip_if_failing(text, text, boolean);
drop function pause_provider(text, text, double precision);
drop function suspect_may_run();
drop function next_due(uuid);
drop table audit_log;
drop table provider_pauses;
alter table passes drop column discarded_at;
alter table orgs drop column ai_fallback;
