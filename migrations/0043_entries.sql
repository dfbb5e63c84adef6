-- What calls cost and what is counted is noted in rows of its own, which the clock adds up: no pass waits for another one's
-- transaction because both change the same sum (docs/adr/0134).

-- Calls that ended and are not in the ledger yet. No foreign keys: checking one would lock the row of the school or the person.
create table ledger_entries (
    id uuid not null default uuidv7() constraint ledger_entries_pkey primary key,
    org_id uuid not null,
    user_id uuid not null,
    day date not null,
    provider text not null,
    model text not null,
    pass text not null constraint ledger_entries_pass_known check (pass in ('grammar', 'structure', 'content')),
    failed boolean not null,
    input_tokens integer not null,
    output_tokens integer not null,
    cache_read_tokens integer not null,
    cache_write_tokens integer not null,
    cost_micros bigint not null,
    constraint ledger_entries_not_negative
        check (least(input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, cost_micros) >= 0)
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
comment on table ledger_entries is 'Calls that ended and that the clock has not added to the ledger yet.';
create index idx_ledger_entries_author on ledger_entries (org_id, user_id);
alter table ledger_entries enable row level security;
alter table ledger_entries force row level security;
create policy ec_worker_own_org on ledger_entries to ec_worker
    using (org_id = (select app_org())) with check (org_id = (select app_org()));
create policy ec_admin_own_org on ledger_entries to ec_admin
    using (org_id = (select app_org())) with check (org_id = (select app_org()));
grant insert on ledger_entries to ec_worker;
grant select on ledger_entries to ec_admin;
grant select, delete on ledger_entries to ec_stats;
grant insert, update on ledger to ec_stats;
grant maintain on ledger_entries to ec_clock;
grant select on ledger_entries to ec_backup;

-- Amounts that the clock has not added to the totals yet.
create table tally_entries (
    id uuid not null default uuidv7() constraint tally_entries_pkey primary key,
    name text not null,
    labels text[] not null,
    count bigint not null constraint tally_entries_not_negative check (count >= 0)
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
comment on table tally_entries is 'Amounts that the clock has not added to the totals in tallies yet.';
grant insert on tally_entries to ec_worker;
grant select, insert, delete, maintain on tally_entries to ec_clock;
grant select on tally_entries to ec_stats, ec_backup;

-- Add the oldest entries to the ledger and to what their authors cost; return how many. A person without an account has no such
-- row. One that is erased at this moment makes it fail, and the next call succeeds.
create function fold_ledger(most integer) returns bigint
language plpgsql volatile security definer
set search_path = pg_catalog, public, pg_temp
set timezone = 'UTC'
as $$
declare
    folded bigint;
begin
    perform pg_advisory_xact_lock(hashtext('essaycoach.ledger'));
    with taken as (
        delete from ledger_entries as e where e.id in (select n.id from ledger_entries as n order by n.id limit most) returning e.*
    ),
    added as (
        insert into ledger as l (org_id, day, provider, model, pass, calls, failed, input_tokens, output_tokens, cache_read_tokens,
            cache_write_tokens, cost_micros)
        select t.org_id, t.day, t.provider, t.model, t.pass, count(*), count(*) filter (where t.failed), sum(t.input_tokens),
            sum(t.output_tokens), sum(t.cache_read_tokens), sum(t.cache_write_tokens), sum(t.cost_micros)
        from taken as t group by t.org_id, t.day, t.provider, t.model, t.pass order by t.org_id, t.day, t.provider, t.model, t.pass
        on conflict (org_id, day, provider, model, pass) do update set calls = l.calls + excluded.calls,
            failed = l.failed + excluded.failed, input_tokens = l.input_tokens + excluded.input_tokens,
            output_tokens = l.output_tokens + excluded.output_tokens,
            cache_read_tokens = l.cache_read_tokens + excluded.cache_read_tokens,
            cache_write_tokens = l.cache_write_tokens + excluded.cache_write_tokens, cost_micros = l.cost_micros + excluded.cost_micros
    ),
    spent as (
        insert into author_use as a (org_id, user_id, month, cost_micros)
        select distinct on (m.org_id, m.user_id) m.org_id, m.user_id, m.month, m.cost
        from (
            select t.org_id, t.user_id, date_trunc('month', t.day)::date as month, sum(t.cost_micros) as cost
            from taken as t join users as u on u.org_id = t.org_id and u.id = t.user_id
            where t.cost_micros > 0 group by 1, 2, 3
        ) as m
        order by m.org_id, m.user_id, m.month desc
        on conflict (org_id, user_id) do update set
            cost_micros = case
                when a.month > excluded.month then a.cost_micros
                when a.month = excluded.month then a.cost_micros + excluded.cost_micros
                else excluded.cost_micros
            end,
            month = greatest(a.month, excluded.month)
    )
    select count(*) into folded from taken;
    return folded;
end
$$;
alter function fold_ledger(integer) owner to ec_stats;
revoke execute on function fold_ledger(integer) from public;
grant execute on function fold_ledger(integer) to ec_clock;

-- What the acting org's calls of this month (UTC) cost: the ledger and what is not in it yet.
create function spent_this_month() returns bigint
language plpgsql stable security definer
set search_path = pg_catalog, public, pg_temp
set timezone = 'UTC'
as $$
declare
    this_month constant date := date_trunc('month', now())::date;
begin
    return (
        select coalesce(sum(l.cost_micros), 0) from ledger as l where l.org_id = app_org() and l.day >= this_month
    ) + (
        select coalesce(sum(e.cost_micros), 0) from ledger_entries as e where e.org_id = app_org() and e.day >= this_month
    );
end
$$;
alter function spent_this_month() owner to ec_stats;
revoke execute on function spent_this_month() from public;
grant execute on function spent_this_month() to ec_worker, ec_admin;

-- What the acting org's budget of this month (UTC) still allows, or null without a budget. A call that never came back holds its
-- money for ten minutes, one in a batch for a day. One snapshot: a call that ends or is folded at this moment counts exactly once.
create function budget_left() returns bigint
language plpgsql stable security definer
set search_path = pg_catalog, public, pg_temp
as $$
begin
    return (
        select o.monthly_budget_micros - spent_this_month() - (
            select coalesce(sum(a.reserved_micros), 0) from ai_responses as a
            where a.org_id = o.id and a.outcome = 'open'
                and a.id >= uuid7_floor(now() - case when a.batch then interval '25 hours' else interval '10 minutes' end)
        )
        from orgs as o where o.id = app_org()
    );
end
$$;
alter function budget_left() owner to ec_stats;
revoke execute on function budget_left() from public;

-- Whether the acting org may spend so much more this month (UTC). Open the call in the same transaction. An org without a budget
-- takes no lock. While more than a tenth of the budget is left, calls are opened side by side: each is so small that as many as
-- there can be connections fit into that tenth, so what one cannot see of the others cannot exceed the budget. The rest of the
-- budget, and a bigger call, waits for those and goes one after the other.
create or replace function budget_allows(expected_micros bigint) returns boolean
language plpgsql volatile security definer
set search_path = pg_catalog, public, pg_temp
set timezone = 'UTC'
as $$
declare
    budget constant bigint := (select o.monthly_budget_micros from orgs as o where o.id = app_org());
    turns constant bigint := hashtextextended('essaycoach.budget.' || app_org()::text, 0);
begin
    if budget is null then
        return true;
    end if;
    if expected_micros <= budget / 10 / current_setting('max_connections')::bigint and budget_left() - expected_micros >= budget / 10 then
        perform pg_advisory_xact_lock_shared(turns);
        if budget_left() - expected_micros >= budget / 10 then
            return true;
        end if;
        -- Just now it was more. Whoever holds the lock must not wait for a stronger one, so the caller asks again.
        raise exception 'the budget is nearly spent: ask again' using errcode = 'serialization_failure';
    end if;
    perform pg_advisory_xact_lock(turns);
    return budget_left() >= expected_micros;
end
$$;

-- Whether the author may cost this much more this month (UTC), with the reserved cost of their open calls included. Call it
-- after budget_allows. The calls of one author who has a share are opened one after the other.
create or replace function author_may_spend(author uuid, expected_micros bigint) returns boolean
language plpgsql volatile security definer
set search_path = pg_catalog, public, pg_temp
set timezone = 'UTC'
as $$
declare
    this_month constant date := date_trunc('month', now())::date;
    share bigint := (
        select o.monthly_budget_micros * o.author_budget_percent / 100
        from orgs as o join users as u on u.org_id = o.id
        where o.id = app_org() and u.id = author and u.role = 'student'
    );
begin
    if share is null then
        return true;
    end if;
    perform pg_advisory_xact_lock(hashtextextended('essaycoach.share.' || author::text, 0));
    return expected_micros + (
        select coalesce(sum(a.cost_micros), 0) from author_use as a
        where a.org_id = app_org() and a.user_id = author and a.month = this_month
    ) + (
        select coalesce(sum(e.cost_micros), 0) from ledger_entries as e
        where e.org_id = app_org() and e.user_id = author and e.day >= this_month
    ) + (
        select coalesce(sum(a.reserved_micros), 0) from ai_responses as a
        where a.org_id = app_org() and a.outcome = 'open' and a.user_id = author
            and a.id >= uuid7_floor(now() - case when a.batch then interval '25 hours' else interval '10 minutes' end)
    ) <= share;
end
$$;

-- What is not added to the totals yet.
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
having sum(kind.attempts) > 0
union all
select e.name, e.labels, sum(e.count)::bigint, 0, '{}'
from tally_entries as e
group by e.name, e.labels;
