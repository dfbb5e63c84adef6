drop function monitor_bloat();
drop function monitor_org_spend();
drop function monitor_standbys();
create or replace view monitor_totals with (security_barrier) as
select t.name, t.labels, sum(t.count)::bigint as count, sum(t.total) as total,
    (select array_agg(v order by i) from (
        select b.i, sum(b.v)::bigint as v
        from (
            select s.i, s.v from tallies as k, unnest(k.buckets) with ordinality as s (v, i)
            where k.name = t.name and k.labels = t.labels
            union all
            select s.i, s.v from untallied as u, unnest(u.buckets) with ordinality as s (v, i)
            where u.name = t.name and u.labels = t.labels
        ) as b
        group by b.i
    ) as summed) as buckets
from (
    select name, labels, count, total from tallies
    union all
    select name, labels, count, total from untallied
) as t
group by t.name, t.labels;
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
group by a.pass;
drop function feedback_bounds();
revoke select (queue) on submissions from ec_clock;
drop trigger timed on submissions;
drop function note_feedback_seconds();
drop index idx_submissions_untallied;
alter table submissions drop column tallied, drop column feedback_seconds;
