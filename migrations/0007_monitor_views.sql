-- What the monitor may read: counts, ages and sums over all orgs. Owned by ec_stats, which bypasses row security, so
-- each view is the whole of what leaves; no view has an id, a name or a text.

create view monitor_queue with (security_barrier) as
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
alter view monitor_queue owner to ec_stats;

create view monitor_gave_up with (security_barrier) as
select p.name as pass, p.error as reason, count(*) as total
from passes as p
where p.state = 'gave_up'
group by p.name, p.error;
alter view monitor_gave_up owner to ec_stats;

-- Bucket i counts values <= bounds[i]; the caller adds the infinite bucket from the count.
create function histogram(samples double precision[], bounds double precision[]) returns bigint[]
language sql immutable parallel safe
return (
    select array_agg((select count(*) from unnest(samples) as s where s <= b) order by b) from unnest(bounds) as b
);
grant execute on function histogram(double precision[], double precision[]) to ec_clock, ec_monitor, ec_stats;

create function wait_bounds() returns double precision[]
language sql immutable parallel safe
return array[0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900, 3600]::double precision[];
grant execute on function wait_bounds() to ec_clock, ec_monitor, ec_stats;

-- Finished passes and calls the clock has not folded into tallies yet, in the shape of tallies.
create view untallied with (security_barrier) as
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
alter view untallied owner to ec_stats;

create function add_buckets(a bigint[], b bigint[]) returns bigint[]
language sql immutable parallel safe
return (
    select coalesce(array_agg(coalesce(a[i], 0) + coalesce(b[i], 0) order by i), '{}')
    from generate_series(1, greatest(cardinality(a), cardinality(b))) as i
);
grant execute on function add_buckets(bigint[], bigint[]) to ec_clock, ec_monitor, ec_stats;

-- All that ever happened: what was folded plus what was not. Never falls.
create view monitor_totals with (security_barrier) as
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
alter view monitor_totals owner to ec_stats;

grant select on monitor_queue, monitor_gave_up, monitor_totals to ec_monitor;
grant select on untallied to ec_clock;
