-- Whose turn it is, who has stopped answering, and what people may do about a pass that gave up.

-- Where Claude cannot be had: wait for it, or be read by the local engine, labelled as such.
alter table orgs add column ai_fallback text not null default 'wait'
    constraint orgs_ai_fallback_known check (ai_fallback in ('wait', 'local'));

-- A person has seen that this pass gave up and wants to hear no more of it.
alter table passes add column discarded_at timestamptz;
-- Checked for the rows that are there by the next file, under a lock that lets work go on.
alter table passes add constraint passes_discarded_when_given_up check (discarded_at is null or state = 'gave_up') not valid;

-- A provider that nobody should call before `until`: shared, so that all workers learn from the first refusal.
create table provider_pauses (
    provider text primary key,
    reason text not null,
    since timestamptz not null default now(),
    until timestamptz not null,
    probe_until timestamptz,
    trips integer not null default 1,
    constraint provider_pauses_provider_known check (provider in ('local', 'anthropic')),
    constraint provider_pauses_reason_is_a_word check (reason ~ '^[a-z_]{1,40}$'),
    constraint provider_pauses_trips_positive check (trips > 0)
);

-- What people did and saw. Append-only: nobody who logs in may change or delete a row.
create table audit_log (
    id uuid primary key default uuidv7(),
    created_at timestamptz not null generated always as (uuid_extract_timestamp(id)) stored,
    org_id uuid not null,
    actor_id uuid,
    actor_role text not null,
    request_id text,
    action text not null,
    entity text not null,
    entity_id uuid not null,
    detail jsonb not null default '{}',
    constraint audit_log_org foreign key (org_id) references orgs (id) on delete cascade,
    constraint audit_log_action_is_a_word check (action ~ '^[a-z_]{1,40}$'),
    constraint audit_log_entity_is_a_word check (entity ~ '^[a-z_]{1,40}$')
) partition by range (id);
create table audit_log_default partition of audit_log default;
create index idx_audit_log_org on audit_log (org_id, id);
alter table audit_log enable row level security;
alter table audit_log force row level security;
alter table audit_log_default enable row level security;
alter table audit_log_default force row level security;
create policy ec_admin_own_org on audit_log to ec_admin
    using (org_id = (select app_org())) with check (org_id = (select app_org()));
create policy ec_educator_own_rows on audit_log to ec_educator
    using (org_id = (select app_org()) and actor_id = (select app_user()))
    with check (org_id = (select app_org()) and actor_id = (select app_user()));
create policy ec_clock_own_org on audit_log to ec_clock
    using (org_id = (select app_org())) with check (org_id = (select app_org()));
grant select on audit_log to ec_admin;
grant insert on audit_log to ec_admin, ec_educator, ec_clock;
do $$ begin perform ensure_partitions(4); end $$;

-- The pass whose turn it is: interactive before bulk (but for one look in twenty, so that bulk never starves), the org
-- with the fewest passes running first, and within it the pass the hint names, else one of the oldest.
-- Definer: it must weigh every org against the others, and says no more than identifiers.
-- One small look-up after the other, each answered by one entry of an index: as one statement its plan depends on how long
-- the queue was when statistics were last taken (measured: 40 ms behind 18,000 passes, against 0.3 ms).
create function next_due(hinted uuid) returns table (org_id uuid, pass_id uuid, queue text)
language plpgsql stable security definer
set search_path = pg_catalog, public, pg_temp
set enable_seqscan = off
as $$
declare
    named record;
    lane text;
    org uuid;
    busy bigint;
    best uuid;
    best_busy bigint;
    equals integer;
    -- A last try runs only while no other does (see suspect_may_run).
    most_lost integer := case when exists (select from passes as r where r.state = 'running' and r.lost >= 2) then 1 else 2 end;
begin
    select p.org_id, p.queue, p.state = 'queued' and p.next_at <= now() and p.lost <= most_lost as is_due
    into named from passes as p where p.id = hinted;
    foreach lane in array case when random() < 0.05 then array['bulk', 'interactive'] else array['interactive', 'bulk'] end loop
        best := null;
        org := (select p.org_id from passes as p where p.state = 'queued' and p.queue = lane order by p.org_id limit 1);
        while org is not null loop
            perform from passes as p
            where p.state = 'queued' and p.queue = lane and p.org_id = org and p.next_at <= now() and p.lost <= most_lost
            order by p.next_at limit 1;
            if found then
                busy := (select count(*) from passes as r where r.state = 'running' and r.org_id = org);
                if best is null or busy < best_busy then
                    best := org;
                    best_busy := busy;
                    equals := 1;
                elsif busy = best_busy then
                    -- Among equals chance decides: the hints come in the order of whoever flooded first.
                    equals := equals + 1;
                    best := case when random() < 1.0 / equals then org else best end;
                end if;
            end if;
            org := (
                select p.org_id from passes as p
                where p.state = 'queued' and p.queue = lane and p.org_id > org order by p.org_id limit 1
            );
        end loop;
        if best is not null and best = named.org_id and lane = named.queue and named.is_due then
            return query select best, hinted, lane;
            return;
        end if;
        if best is not null then
            -- Workers that ask at the same moment should not all be sent to the same row.
            return query
            select best, o.id, lane
            from (
                select p.id from passes as p
                where p.state = 'queued' and p.queue = lane and p.org_id = best and p.next_at <= now() and p.lost <= most_lost
                order by p.next_at limit 32
            ) as o
            order by random() limit 1;
            return;
        end if;
    end loop;
end
$$;
alter function next_due(uuid) owner to ec_stats;
grant execute on function next_due(uuid) to ec_worker;

-- Whether a pass that has lost its worker twice may be tried once more now: only one such runs at a time, so that when
-- its worker dies again it was this essay, and no other pass is given up in its company. True holds until the transaction ends.
create function suspect_may_run() returns boolean
language plpgsql volatile security definer
set search_path = pg_catalog, public, pg_temp
as $$
begin
    if not pg_try_advisory_xact_lock(hashtext('essaycoach.suspect')) then
        return false;
    end if;
    -- A statement of its own: it must see what was committed up to the lock.
    return not exists (select from passes as r where r.state = 'running' and r.lost >= 2);
end
$$;
alter function suspect_may_run() owner to ec_stats;
grant execute on function suspect_may_run() to ec_worker;

-- Pauses. A call that named a time keeps everybody away at least that long. A rate limit, whose end needs nobody to find out,
-- takes the place of no other reason.
create function pause_provider(wanted text, why text, pause_seconds double precision) returns void
language sql volatile security definer
set search_path = pg_catalog, public, pg_temp
begin atomic
    insert into provider_pauses as p (provider, reason, until) values (wanted, why, now() + make_interval(secs => pause_seconds))
    on conflict (provider) do update set until = greatest(p.until, excluded.until), probe_until = null,
        reason = case
            when p.reason = 'rate_limited' then excluded.reason
            when excluded.reason = 'rate_limited' then p.reason
            when excluded.until >= p.until then excluded.reason
            else p.reason
        end;
end;
alter function pause_provider(text, text, double precision) owner to ec_stats;

-- After one call failed: when it was the probe, or the newest three calls (of the last hour) all failed through no fault of
-- an essay, the provider is paused for 2 s, doubled each time in a row up to a minute. Returns the pause in seconds, or null.
create function trip_if_failing(wanted text, why text, probed boolean) returns double precision
language plpgsql volatile security definer
set search_path = pg_catalog, public, pg_temp
as $$
declare
    failed bigint;
    pause_seconds double precision;
begin
    select count(*) filter (where c.outcome in ('overloaded', 'server_error', 'connection', 'timeout')) into failed
    from (
        select a.outcome from ai_responses as a
        where a.id >= uuid7_floor(now() - interval '1 hour') and a.provider = wanted and a.completed_at is not null
        order by a.id desc limit 3
    ) as c;
    if failed < 3 and not probed then
        return null;
    end if;
    insert into provider_pauses as p (provider, reason, until) values (wanted, why, now() + interval '2 s')
    on conflict (provider) do update set trips = p.trips + 1, reason = excluded.reason, probe_until = null,
        until = greatest(p.until, now() + make_interval(secs => least(60, 2 ^ least(p.trips + 1, 6))))
    -- Calls that were under way together fail together; they are one trip.
    where probed or (p.until <= now() and coalesce(p.probe_until, p.until) <= now())
    returning extract(epoch from p.until - now()) into pause_seconds;
    return pause_seconds;
end
$$;
alter function trip_if_failing(text, text, boolean) owner to ec_stats;

-- May this provider be called now? No row: yes. Else seconds to wait (0: yes) and why, and whether this call is the one
-- that finds out: after a pause one call goes ahead, and until it has its answer (or `probe_seconds` without one) everybody
-- else asks here again a second later.
create function provider_gate(wanted text, probe_seconds double precision, out wait_seconds double precision, out reason text, out probe boolean)
language plpgsql volatile security definer
set search_path = pg_catalog, public, pg_temp
as $$
begin
    wait_seconds := 0;
    probe := false;
    select greatest(0, extract(epoch from p.until - now())), p.reason into wait_seconds, reason
    from provider_pauses as p where p.provider = wanted;
    if not found then
        wait_seconds := 0;
    elsif wait_seconds = 0 and reason = 'rate_limited' then
        -- The vendor named the time itself: it is over for everybody.
        delete from provider_pauses as p where p.provider = wanted and p.until <= now();
    elsif wait_seconds = 0 then
        update provider_pauses as p set probe_until = now() + make_interval(secs => probe_seconds)
        where p.provider = wanted and p.until <= now() and coalesce(p.probe_until, p.until) <= now();
        probe := found;
        wait_seconds := case when found then 0 else 1 end;
    end if;
end
$$;
alter function provider_gate(text, double precision) owner to ec_stats;

create function reopen_provider(wanted text) returns void
language sql volatile security definer
set search_path = pg_catalog, public, pg_temp
begin atomic
    delete from provider_pauses where provider = wanted and until <= now();
end;
alter function reopen_provider(text) owner to ec_stats;
grant select, insert, update, delete on provider_pauses to ec_stats;
grant execute on function pause_provider(text, text, double precision), trip_if_failing(text, text, boolean),
    provider_gate(text, double precision), reopen_provider(text) to ec_worker;

-- Passes that gave up, of the acting org, go round again from the start; returns those that did. Twice is as once. The fence
-- keeps rising, so nothing an old claim writes can count. Definer: nobody who asks may change a pass in any other way.
create function replay_passes(wanted uuid[], into_queue text) returns table (pass_id uuid, submission_id uuid, pass text, reason text)
language plpgsql volatile security definer
set search_path = pg_catalog, public, pg_temp
as $$
begin
    -- Submission before pass, in one order: as everybody who closes one.
    perform from submissions as s
    where s.org_id = app_org() and s.id in (select p.submission_id from passes as p where p.org_id = app_org() and p.id = any (wanted))
    order by s.id for update;
    return query
    with before as (
        select p.id, p.submission_id, p.name, p.error from passes as p
        join submissions as s on s.org_id = p.org_id and s.id = p.submission_id
        join essays as e on e.org_id = s.org_id and e.id = s.essay_id and e.newest_submission_id = s.id
        where p.org_id = app_org() and p.id = any (wanted) and p.state = 'gave_up'
            and (current_setting('role') <> 'ec_educator' or p.audience_id = any (app_audience()))
    ),
    replayed as (
        -- An essay that took workers along gets one more try, alone among its like.
        update passes as p set state = 'queued', queue = into_queue, attempt = 0, error = null, discarded_at = null,
            lost = case when p.error = 'worker_lost' then 2 else 0 end,
            queued_at = now(), next_at = now(), hinted_at = now(), first_claimed_at = null, started_at = null,
            finished_at = null, tallied = false
        from before as b where p.org_id = app_org() and p.id = b.id
        returning p.id
    ),
    reopened as (
        update submissions as s set completed_at = null, status = 'processing'
        where s.org_id = app_org() and s.id in (select b.submission_id from before as b) and s.completed_at is not null
    )
    select b.id, b.submission_id, b.name, b.error from before as b join replayed as r on r.id = b.id;
end
$$;
alter function replay_passes(uuid[], text) owner to ec_stats;

create function discard_passes(wanted uuid[]) returns table (pass_id uuid, submission_id uuid, pass text, reason text)
language plpgsql volatile security definer
set search_path = pg_catalog, public, pg_temp
as $$
begin
    perform from submissions as s
    where s.org_id = app_org() and s.id in (select p.submission_id from passes as p where p.org_id = app_org() and p.id = any (wanted))
    order by s.id for update;
    return query
    update passes as p set discarded_at = now()
    where p.org_id = app_org() and p.id = any (wanted) and p.state = 'gave_up' and p.discarded_at is null
        and (current_setting('role') <> 'ec_educator' or p.audience_id = any (app_audience()))
    returning p.id, p.submission_id, p.name, p.error;
end
$$;
alter function discard_passes(uuid[]) owner to ec_stats;
grant execute on function app_audience() to ec_stats;
grant update (state, queue, attempt, lost, error, discarded_at, queued_at, next_at, hinted_at, first_claimed_at, started_at,
    finished_at, tallied) on passes to ec_stats;
grant update (status, completed_at) on submissions to ec_stats;
grant execute on function replay_passes(uuid[], text), discard_passes(uuid[]) to ec_educator, ec_admin, ec_clock;

-- The operators' door asks as the clock, which sees every org's passes and the orgs' short names.
create policy ec_clock_any_org on orgs to ec_clock using (true);
grant select (id, slug) on orgs to ec_clock;
grant select (essay_id, discarded_at) on passes to ec_clock;

-- Where a waiting submission stands when orgs take turns: behind all of its own org's that came before it, and behind as
-- many of every other org's. Passes are counted, three to a submission, because an index alone answers that.
create or replace function queue_place(wanted uuid) returns table (ahead bigint, running bigint, mean_seconds double precision)
language sql stable security definer
set search_path = pg_catalog, public, pg_temp
begin atomic
    select
        own.ahead + (
            select coalesce(sum(least(other.waiting, own.ahead + 1)), 0)
            from (
                select (count(*) + 2) / 3 as waiting from passes as p
                where p.state = 'queued' and p.queue = any (case when mine.in_bulk then array['interactive', 'bulk'] else array['interactive'] end)
                    and p.next_at <= now() and p.org_id <> app_org()
                group by p.org_id
            ) as other
        )::bigint,
        (select count(*) from passes as busy where busy.state = 'running'),
        (select coalesce(sum(t.total) / nullif(sum(t.count), 0), 1) from tallies as t where t.name = 'pass_duration')
    from (
        select bool_and(p.queue = 'bulk') as in_bulk, min(p.next_at) as next_at
        from passes as p
        where p.submission_id = wanted and p.org_id = app_org() and p.state = 'queued'
        having count(*) > 0
    ) as mine
    cross join lateral (
        select (count(*) + 2) / 3 as ahead from passes as p
        where p.state = 'queued' and p.queue = any (case when mine.in_bulk then array['interactive', 'bulk'] else array['interactive'] end)
            and p.org_id = app_org() and p.next_at <= now()
            and (p.queue = 'interactive' and mine.in_bulk or p.next_at < mine.next_at)
    ) as own;
end;

-- What the monitor may see of it.
create or replace view monitor_gave_up with (security_barrier) as
select p.name as pass, p.error as reason, count(*) as total
from passes as p
where p.state = 'gave_up' and p.discarded_at is null
group by p.name, p.error;

-- What was never tried is as old as its hand-in, also while a pause keeps its next attempt in the future.
create or replace view monitor_queue with (security_barrier) as
select
    p.queue,
    p.state,
    count(*) as depth,
    coalesce(extract(epoch from now() - min(case
        when p.state = 'queued' and p.attempt = 0 then p.queued_at
        when p.state = 'queued' and p.next_at <= now() then greatest(p.queued_at, p.next_at)
    end)), 0)::double precision as oldest_age_seconds
from passes as p
where p.state in ('queued', 'running')
group by p.queue, p.state;

create view monitor_pauses with (security_barrier) as
select p.provider, p.reason, greatest(0, extract(epoch from p.until - now()))::double precision as seconds_left,
    extract(epoch from now() - p.since)::double precision as age_seconds
from provider_pauses as p
where greatest(p.until, p.probe_until) > now() - interval '1 minute';
alter view monitor_pauses owner to ec_stats;
grant select on monitor_pauses to ec_monitor;
