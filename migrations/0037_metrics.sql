-- What the monitor needs for service levels: how long a version waited for its feedback, and how often passes were tried again.
-- And what PostgreSQL shows to members of pg_monitor only, who would also see the text of every statement (see 0024).

-- Seconds from the receipt of a version to its first final status. Null while it is open, and for versions for which nobody
-- waits: superseded ones, and those that no machine reads. A later run of a pass by a person does not change it.
alter table submissions add column feedback_seconds double precision;
alter table submissions add column tallied boolean not null default false;
-- Partitions cannot be indexed concurrently through their table. No row matches yet, so each is read once and nothing is sorted.
-- squawk-ignore require-concurrent-index-creation
create index idx_submissions_untallied on submissions (queue) where not tallied and feedback_seconds is not null;

create function note_feedback_seconds() returns trigger
language plpgsql volatile
set search_path = pg_catalog, public, pg_temp
as $$
begin
    new.feedback_seconds := greatest(0, extract(epoch from new.completed_at - old.created_at));
    return new;
end
$$;
create trigger timed before update of completed_at on submissions for each row
when (
    old.completed_at is null and new.completed_at is not null and old.feedback_seconds is null
    and new.status in ('completed', 'partial', 'failed')
)
execute function note_feedback_seconds();
grant select (feedback_seconds, tallied) on submissions to ec_clock, ec_admin;
grant select (queue) on submissions to ec_clock;
grant update (tallied) on submissions to ec_clock;

create function feedback_bounds() returns double precision[]
language sql immutable parallel safe
return array[0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600]::double precision[];
grant execute on function feedback_bounds() to ec_clock, ec_monitor, ec_stats;

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

-- All that ever happened: what was folded plus what was not. Never falls. Each row that waits to be folded is read once.
create or replace view monitor_totals with (security_barrier) as
with everything as materialized (
    select name, labels, count, total, buckets from tallies
    union all
    select name, labels, count, total, buckets from untallied
)
select t.name, t.labels, sum(t.count)::bigint as count, sum(t.total) as total,
    (select array_agg(b.amount order by b.i) from (
        select bucket.i, sum(bucket.amount)::bigint as amount
        from everything as e, unnest(e.buckets) with ordinality as bucket (amount, i)
        where e.name = t.name and e.labels = t.labels
        group by bucket.i
    ) as b) as buckets
from everything as t
group by t.name, t.labels;

-- The standbys of this server and how far they are behind it. `replay_lag` keeps its last value while a standby is silent.
create function monitor_standbys() returns table (application_name text, lag_seconds double precision, lag_bytes numeric)
language sql stable security definer
set search_path = pg_catalog, public, pg_temp
as $$
    select r.application_name, max(case
            when r.replay_lsn >= here.lsn then 0
            else extract(epoch from greatest(r.replay_lag, pg_catalog.clock_timestamp() - r.reply_time))
        end)::double precision,
        max(greatest(0, pg_catalog.pg_wal_lsn_diff(here.lsn, r.replay_lsn)))
    from pg_catalog.pg_stat_replication as r
    cross join (select case
        when pg_catalog.pg_is_in_recovery() then pg_catalog.pg_last_wal_replay_lsn() else pg_catalog.pg_current_wal_lsn()
    end as lsn) as here
    where r.state in ('streaming', 'catchup') and r.replay_lsn is not null
    group by r.application_name order by 2 desc, 1 limit 20
$$;
alter function monitor_standbys() owner to ec_stats;
revoke all on function monitor_standbys() from public;
grant execute on function monitor_standbys() to ec_monitor;

-- The ten orgs that used the largest share of their budget of this month (UTC), without saying which.
create function monitor_org_spend() returns table (rank bigint, ratio double precision)
language plpgsql stable security definer
set search_path = pg_catalog, public, pg_temp
set timezone = 'UTC'
as $$
begin
    return query
    select row_number() over (order by s.share desc), s.share from (
        select sum(l.cost_micros)::double precision / o.monthly_budget_micros as share
        from ledger as l join orgs as o on o.id = l.org_id
        where l.day >= date_trunc('month', now() at time zone 'utc')::date and o.monthly_budget_micros > 0 and o.removed_at is null
        group by o.id
    ) as s
    order by s.share desc limit 10;
end
$$;
alter function monitor_org_spend() owner to ec_stats;
revoke all on function monitor_org_spend() from public;
grant execute on function monitor_org_spend() to ec_monitor;

-- An estimate from the statistics of the last analyze: the share of a table's pages beyond those that its rows need. A partition
-- counts for its table. 0 for tables under 1 MiB, and for those never analyzed. Indexes and long values (TOAST) are left out.
create function monitor_bloat() returns table (relname name, ratio double precision)
language sql stable security definer
set search_path = pg_catalog, public, pg_temp
as $$
    with width as (
        select s.tablename, sum(s.avg_width * (1 - s.null_frac)) as bytes from pg_catalog.pg_stats as s
        where s.schemaname = 'public' and not s.inherited group by s.tablename
    ),
    part as (
        select c.oid, c.relpages::double precision as pages, case
            when c.reltuples < 0 or w.bytes is null then c.relpages
            else c.reltuples * (28 + w.bytes) / (pg_catalog.current_setting('block_size')::integer - 24) * 100 / coalesce((
                select o.option_value::integer from pg_catalog.pg_options_to_table(c.reloptions) as o where o.option_name = 'fillfactor'
            ), 100)
        end as needed
        from pg_catalog.pg_class as c left join width as w on w.tablename = c.relname
        where c.relkind = 'r' and c.relnamespace = 'public'::pg_catalog.regnamespace
    )
    select root.relname, case
        when sum(part.pages) < 128 then 0
        else 1 - least(1, sum(part.needed) / sum(part.pages))
    end as ratio
    from part left join pg_catalog.pg_inherits as i on i.inhrelid = part.oid
    join pg_catalog.pg_class as root on root.oid = coalesce(i.inhparent, part.oid)
    group by root.relname order by ratio desc, sum(part.pages) desc, root.relname limit 20
$$;
alter function monitor_bloat() owner to ec_stats;
revoke all on function monitor_bloat() from public;
grant execute on function monitor_bloat() to ec_monitor;
