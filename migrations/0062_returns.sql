-- What goes back to the LMS that a version came from: one row for each version and channel, written in the transaction that lets the
-- student see the feedback.
create table returns (
    id uuid not null default uuidv7() constraint returns_pkey primary key,
    org_id uuid not null,
    source_id uuid not null,
    submission_id uuid not null,
    channel text not null,
    external_id text,
    created_at timestamptz not null default now(),
    state text not null default 'queued',
    attempt integer not null default 0,
    fence integer not null default 0,
    next_at timestamptz not null default now(),
    hinted_at timestamptz,
    lease_until timestamptz,
    started_at timestamptz,
    finished_at timestamptz,
    error text,
    constraint returns_source foreign key (org_id, source_id) references sources (org_id, id) on delete cascade,
    constraint returns_submission foreign key (org_id, submission_id) references submissions (org_id, id) on delete cascade,
    constraint returns_once unique (org_id, submission_id, channel),
    constraint returns_channel_known check (channel in ('moodle_comment')),
    constraint returns_external_id_length check (length(external_id) between 1 and 200),
    constraint returns_state_known check (state in ('queued', 'running', 'done', 'gave_up')),
    constraint returns_attempt_not_negative check (attempt >= 0),
    constraint returns_lease_when_running check ((state = 'running') = (lease_until is not null)),
    constraint returns_finished_when_ended check ((state in ('done', 'gave_up')) = (finished_at is not null)),
    constraint returns_error_is_a_word check (error ~ '^[a-z_]{1,40}$')
);
comment on table returns is 'What goes back to an LMS about a version: leased rows. external_id: what the LMS calls it.';
create index idx_returns_lane on returns (source_id, next_at) where state = 'queued';
create index idx_returns_due on returns (next_at) where state = 'queued';
create index idx_returns_running on returns (source_id) where state = 'running';
create index idx_returns_leases on returns (lease_until) where state = 'running';
create index idx_returns_source on returns (org_id, source_id, state, id);

alter table returns enable row level security;
alter table returns force row level security;
create policy ec_worker_own_org on returns to ec_worker
    using (org_id = (select app_org())) with check (org_id = (select app_org()));
create policy ec_clock_all on returns to ec_clock using (true) with check (true);
create policy ec_admin_own_org on returns to ec_admin using (org_id = (select app_org())) with check (org_id = (select app_org()));

grant select on returns to ec_admin, ec_worker;
grant update (state, attempt, fence, next_at, lease_until, started_at, finished_at, error, external_id) on returns to ec_worker;
grant select (id, org_id, source_id, state, attempt, next_at, hinted_at, lease_until, started_at) on returns to ec_clock;
grant update (state, next_at, hinted_at, lease_until, finished_at, error) on returns to ec_clock;
grant select, insert, delete on returns to ec_stats;
grant update (state, attempt, next_at, finished_at, error) on returns to ec_stats;

-- Note that feedback which a machine made can be seen by its student now, for the LMS that the version came from.
create function note_return() returns trigger
language plpgsql security definer
set search_path = pg_catalog, public, pg_temp
as $$
begin
    insert into returns (org_id, source_id, submission_id, channel)
    select a.org_id, a.source_id, new.id, 'moodle_comment'
    from arrivals as a join moodle_sites as m on m.org_id = a.org_id and m.id = a.source_id
    where a.org_id = new.org_id and a.submission_id = new.id and m.returns <> 'none'
        and exists (select from passes as p where p.org_id = new.org_id and p.submission_id = new.id and p.state = 'done')
    limit 1
    on conflict do nothing;
    return null;
end
$$;
alter function note_return() owner to ec_stats;
revoke all on function note_return() from public;
create trigger notes_return after update of completed_at, released_at on submissions for each row
when (
    new.completed_at is not null and new.released_at is not null and new.status in ('completed', 'partial')
    and (old.completed_at is null or old.released_at is null)
)
execute function note_return();

-- Send again what was given up: one return, or the oldest of them.
create function resend_returns(source uuid, wanted uuid, most integer) returns integer
language plpgsql security definer
set search_path = pg_catalog, public, pg_temp
as $$
declare
    queued integer;
begin
    update returns as r set state = 'queued', attempt = 0, next_at = now(), finished_at = null, error = null
    where r.org_id = app_org() and r.id in (
        select f.id from returns as f
        where f.org_id = app_org() and f.source_id = source and f.state = 'gave_up' and (wanted is null or f.id = wanted)
        order by f.id limit most for update skip locked
    );
    get diagnostics queued = row_count;
    if queued > 0 then
        perform audit_note(app_org(), 'replayed', 'source', source,
            jsonb_build_object('returns', queued) || case when wanted is null then '{}' else jsonb_build_object('return_id', wanted) end);
    end if;
    return queued;
end
$$;
alter function resend_returns(uuid, uuid, integer) owner to ec_stats;
revoke all on function resend_returns(uuid, uuid, integer) from public;
grant execute on function resend_returns(uuid, uuid, integer) to ec_admin;

-- For how long the oldest due arrival and return have waited, and since when the site that was silent for longest has not answered.
create function monitor_lms() returns table (
    arrivals_oldest_seconds double precision, returns_oldest_seconds double precision, moodle_silent_seconds double precision,
    gave_up bigint
)
language plpgsql stable security definer
set search_path = pg_catalog, public, pg_temp
as $$
begin
    return query select
        coalesce((select extract(epoch from now() - a.next_at)::double precision from arrivals as a
            where a.state = 'queued' and a.next_at <= now() order by a.next_at limit 1), 0),
        coalesce((select extract(epoch from now() - r.next_at)::double precision from returns as r
            where r.state = 'queued' and r.next_at <= now() order by r.next_at limit 1), 0),
        coalesce((select max(extract(epoch from now() - coalesce(m.succeeded_at, m.created_at)))::double precision
            from moodle_sites as m join sources as s on s.org_id = m.org_id and s.id = m.id
            join orgs as o on o.id = m.org_id
            where s.disabled_at is null and o.closed_at is null), 0),
        (select count(*) from moodle_sites as m where m.state = 'gave_up');
end
$$;
alter function monitor_lms() owner to ec_stats;
revoke all on function monitor_lms() from public;
grant execute on function monitor_lms() to ec_monitor;
