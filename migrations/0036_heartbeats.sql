-- Who is alive, and does it get on? One row for each process, which the process itself writes every ten seconds. Only this
-- server's clock counts: a process says how many seconds ago things happened.
create table heartbeats (
    id uuid not null constraint heartbeats_pkey primary key,
    program text not null constraint heartbeats_program_known check (program in ('web', 'worker', 'clock')),
    host text not null constraint heartbeats_host_length check (char_length(host) >= 1 and char_length(host) <= 255),
    pid integer not null constraint heartbeats_pid_positive check (pid > 0),
    version text not null constraint heartbeats_version_form check (version ~ '^[0-9A-Za-z.+_-]{1,64}$'),
    started_at timestamptz not null,
    seen_at timestamptz not null,
    progress_at timestamptz not null,
    threads_alive integer not null,
    threads_busy integer not null,
    has_work boolean not null,
    constraint heartbeats_threads_not_negative check (threads_alive >= 0 and threads_busy >= 0),
    constraint heartbeats_in_order check (started_at <= seen_at and progress_at <= seen_at)
) with (fillfactor = 50);
comment on table heartbeats is 'The processes of web, worker and clock. progress_at: when one of its threads last ended a piece of work.';

-- Write the row of the calling process, and delete those of its program that ended an hour ago. The newest row of a program that
-- is gone stays, so that its age can be told.
create function record_heartbeat(
    beat uuid, of_program text, on_host text, of_pid integer, of_version text, up_seconds double precision, still_seconds double precision,
    alive integer, busy integer, works boolean
) returns void
language plpgsql volatile security definer
set search_path = pg_catalog, public, pg_temp
as $$
declare
    own_program constant text := case session_user when 'ec_ingest' then 'web' when 'ec_worker' then 'worker' when 'ec_clock' then 'clock' end;
begin
    if own_program is distinct from of_program and session_user like 'ec\_%' then
        raise insufficient_privilege using message = format('%s writes no heartbeat of %s', session_user, of_program);
    end if;
    insert into heartbeats as old (
        id, program, host, pid, version, started_at, seen_at, progress_at, threads_alive, threads_busy, has_work
    )
    values (
        beat, of_program, on_host, of_pid, of_version, now() - greatest(up_seconds, 0) * interval '1 second', now(),
        now() - greatest(still_seconds, 0) * interval '1 second', alive, busy, works
    )
    on conflict (id) do update set started_at = least(old.started_at, excluded.seen_at), seen_at = excluded.seen_at,
        progress_at = excluded.progress_at, threads_alive = excluded.threads_alive, threads_busy = excluded.threads_busy,
        has_work = excluded.has_work
    where old.program = excluded.program;
    delete from heartbeats where id in (
        select h.id from heartbeats as h
        where h.program = of_program and h.seen_at < now() - interval '1 hour' for update skip locked
    );
end
$$;
alter function record_heartbeat(uuid, text, text, integer, text, double precision, double precision, integer, integer, boolean) owner to ec_stats;
revoke all on function record_heartbeat(uuid, text, text, integer, text, double precision, double precision, integer, integer, boolean) from public;
grant execute on function record_heartbeat(uuid, text, text, integer, text, double precision, double precision, integer, integer, boolean)
    to ec_ingest, ec_worker, ec_clock;
grant select, insert, update, delete on heartbeats to ec_stats;

-- Each program and version: how many processes live (a heartbeat in the last 30 s), what their threads do, and how long the one
-- that stands still the longest has ended nothing although it has work. A frozen process is not alive here: it writes nothing.
create function monitor_programs() returns table (
    program text, version text, processes bigint, heartbeat_age_seconds double precision, threads_alive bigint, threads_busy bigint,
    progress_age_seconds double precision
)
language plpgsql stable security definer
set search_path = pg_catalog, public, pg_temp
as $$
begin
    return query
    select h.program, h.version, count(*) filter (where l.lives), extract(epoch from now() - max(h.seen_at))::double precision,
        coalesce(sum(h.threads_alive) filter (where l.lives), 0)::bigint, coalesce(sum(h.threads_busy) filter (where l.lives), 0)::bigint,
        coalesce(extract(epoch from max(h.seen_at - h.progress_at) filter (where l.lives and h.has_work)), 0)::double precision
    from heartbeats as h cross join lateral (select h.seen_at > now() - interval '30 seconds' as lives) as l
    group by h.program, h.version;
end
$$;
alter function monitor_programs() owner to ec_stats;
revoke all on function monitor_programs() from public;
grant execute on function monitor_programs() to ec_monitor;

-- A pass whose lease has ended waits for a worker again, since then, also while no clock frees it. `overdue` counts those that
-- the clock should have freed long ago.
create or replace view monitor_queue with (security_barrier) as
select
    p.queue,
    p.state,
    count(*) as depth,
    coalesce(extract(epoch from now() - min(case
        when p.state = 'queued' and p.attempt = 0 and coalesce(p.error, '') not in ('org_budget_spent', 'in_batch', 'not_approved')
            then p.queued_at
        when p.state = 'queued' and p.next_at <= now() then greatest(p.queued_at, p.next_at)
        when p.state = 'running' and p.lease_until <= now() then p.lease_until
    end)), 0)::double precision as oldest_age_seconds,
    count(*) filter (where p.state = 'running' and p.lease_until < now() - interval '30 seconds') as overdue
from passes as p
where p.state in ('queued', 'running')
group by p.queue, p.state;
