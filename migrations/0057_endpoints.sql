-- Outgoing webhooks: where an org wants to hear of its events (endpoints), and one row for each event and endpoint (deliveries).

create table endpoints (
    id uuid not null default uuidv7() constraint endpoints_pkey primary key,
    org_id uuid not null constraint endpoints_org references orgs (id) on delete cascade,
    name text not null constraint endpoints_name_not_blank check (name ~ '\S' and length(name) <= 200),
    url text not null constraint endpoints_url_length check (length(url) between 8 and 2000),
    events text[] not null,
    secret bytea storage external not null,
    previous_secret bytea storage external,
    previous_secret_until timestamptz,
    failing_since timestamptz,
    disabled_at timestamptz,
    disabled_reason text,
    created_at timestamptz not null default now(),
    constraint endpoints_org_id_id_unique unique (org_id, id),
    constraint endpoints_events_known
        check (events <@ array['feedback.ready', 'feedback.released', 'submission.failed', 'submission.refused']),
    constraint endpoints_events_some check (cardinality(events) > 0),
    constraint endpoints_previous_secret_ends check ((previous_secret is null) = (previous_secret_until is null)),
    constraint endpoints_disabled_reason_known check (disabled_reason in ('admin', 'gone', 'failing')),
    constraint endpoints_disabled_with_reason check ((disabled_at is null) = (disabled_reason is null))
);
comment on table endpoints is 'Where an org wants to hear of events. failing_since: since when no delivery succeeded.';

create table deliveries (
    id uuid not null default uuidv7() constraint deliveries_pkey primary key,
    created_at timestamptz not null generated always as (uuid_extract_timestamp(id)) stored,
    org_id uuid not null,
    endpoint_id uuid not null,
    event text not null,
    submission_id uuid,
    data jsonb not null,
    state text not null default 'queued',
    attempt integer not null default 0,
    fence integer not null default 0,
    next_at timestamptz not null default now(),
    hinted_at timestamptz,
    lease_until timestamptz,
    started_at timestamptz,
    finished_at timestamptz,
    error text,
    http_status integer,
    constraint deliveries_endpoint foreign key (org_id, endpoint_id) references endpoints (org_id, id) on delete cascade,
    constraint deliveries_submission foreign key (org_id, submission_id) references submissions (org_id, id) on delete cascade,
    constraint deliveries_event_known check (event in (
        'feedback.ready', 'feedback.released', 'submission.failed', 'submission.refused', 'ping', 'endpoint.disabled')),
    constraint deliveries_data_object check (jsonb_typeof(data) = 'object'),
    constraint deliveries_state_known check (state in ('queued', 'running', 'done', 'gave_up')),
    constraint deliveries_attempt_not_negative check (attempt >= 0),
    constraint deliveries_lease_when_running check ((state = 'running') = (lease_until is not null)),
    constraint deliveries_finished_when_ended check ((state in ('done', 'gave_up')) = (finished_at is not null)),
    constraint deliveries_error_is_a_word check (error ~ '^[a-z_]{1,40}$'),
    constraint deliveries_http_status_in_range check (http_status between 100 and 999)
) partition by range (id);
comment on table deliveries is 'Events for an endpoint: leased rows, as passes are. data: ids, times and links, no words of people.';
create table deliveries_default partition of deliveries default;
create index idx_deliveries_lane on deliveries (endpoint_id, next_at) where state = 'queued';
create index idx_deliveries_due on deliveries (next_at) where state = 'queued';
create index idx_deliveries_running on deliveries (endpoint_id) where state = 'running';
create index idx_deliveries_leases on deliveries (lease_until) where state = 'running';
create index idx_deliveries_endpoint on deliveries (org_id, endpoint_id, state, id);
create index idx_deliveries_submission on deliveries (org_id, submission_id);

do $$
declare
    t text;
    r text;
begin
    foreach t in array array['endpoints', 'deliveries', 'deliveries_default'] loop
        execute format('alter table %I enable row level security', t);
        execute format('alter table %I force row level security', t);
    end loop;
    foreach t in array array['endpoints', 'deliveries'] loop
        execute format(
            'create policy ec_worker_own_org on %I to ec_worker using (org_id = (select app_org()))'
            ' with check (org_id = (select app_org()))', t
        );
    end loop;
end
$$;
create policy ec_admin_own_org on endpoints to ec_admin
    using (org_id = (select app_org())) with check (org_id = (select app_org()));
-- An admin makes no delivery but a test.
create policy ec_admin_own_org on deliveries to ec_admin
    using (org_id = (select app_org())) with check (org_id = (select app_org()) and event = 'ping');
create policy ec_keys_all on endpoints to ec_keys using (true) with check (true);
create policy ec_clock_all on deliveries to ec_clock using (true) with check (true);

grant select (id, org_id, name, url, events, secret, previous_secret_until, failing_since, disabled_at, disabled_reason, created_at), insert
on endpoints to ec_admin;
grant update (name, url, events, secret, previous_secret, previous_secret_until, failing_since, disabled_at, disabled_reason)
on endpoints to ec_admin;
grant select on endpoints to ec_worker;
grant update (failing_since, disabled_at, disabled_reason) on endpoints to ec_worker;
grant select (id, org_id, secret, previous_secret), update (secret, previous_secret) on endpoints to ec_keys;
grant select, delete on endpoints to ec_stats;

grant select, insert (id, org_id, endpoint_id, event, data) on deliveries to ec_admin;
grant select on deliveries to ec_worker;
grant update (state, attempt, fence, next_at, lease_until, started_at, finished_at, error, http_status) on deliveries to ec_worker;
grant select (id, org_id, endpoint_id, state, attempt, next_at, hinted_at, lease_until, started_at), delete on deliveries to ec_clock;
grant update (state, next_at, hinted_at, lease_until, finished_at, error) on deliveries to ec_clock;
grant select, insert, delete on deliveries to ec_stats;
grant update (state, attempt, next_at, finished_at, error, http_status) on deliveries to ec_stats;

-- To write to the admins who can sign in.
grant select (disabled_at, address_confirmed_at) on users to ec_worker;

create trigger audited after insert or delete or update of name, url, events, secret, disabled_at on endpoints
for each row execute function audit_change('endpoint', 'id', 'disabled_reason');

-- Note a change of a version for each endpoint that wants to hear of it. One statement, which finds nothing where there is none.
create function note_version() returns trigger
language plpgsql security definer
set search_path = pg_catalog, public, pg_temp
set timezone = 'UTC'
as $$
declare
    kind text := case when tg_argv[0] = 'released' then 'feedback.released' when new.status = 'failed' then 'submission.failed'
        else 'feedback.ready' end;
begin
    insert into deliveries (org_id, endpoint_id, event, submission_id, data)
    select new.org_id, e.id, kind, new.id, (
        select jsonb_build_object(
            'submission_id', new.id, 'essay_id', new.essay_id, 'version', new.version, 'user_id', new.user_id,
            'external_id', new.external_id, 'status', new.status, 'submitted_at', new.submitted_at,
            'completed_at', new.completed_at, 'released', new.released_at is not null, 'released_at', new.released_at,
            'assignment', (select jsonb_build_object('id', a.id, 'external_id', a.external_id) from assignments as a
                where a.org_id = w.org_id and a.id = w.assignment_id),
            'course', (select jsonb_build_object('id', c.id, 'external_id', c.external_id) from courses as c
                where c.org_id = w.org_id and c.id = w.course_id),
            'links', jsonb_build_object(
                'status', '/v1/submissions/' || new.id, 'feedback', '/v1/submissions/' || new.id || '/feedback')
        ) from essays as w where w.org_id = new.org_id and w.id = new.essay_id
    )
    from endpoints as e
    where e.org_id = new.org_id and e.disabled_at is null and kind = any (e.events) and (
        -- A version that no machine read is complete without feedback.
        kind <> 'feedback.ready'
        or exists (select from passes as p where p.org_id = new.org_id and p.submission_id = new.id and p.state = 'done')
    );
    return null;
end
$$;
alter function note_version() owner to ec_stats;
revoke all on function note_version() from public;
create trigger notes_ended after update of completed_at on submissions for each row
when (old.completed_at is null and new.completed_at is not null and new.status in ('completed', 'partial', 'failed'))
execute function note_version('ended');
create trigger notes_released after update of released_at on submissions for each row
when (old.released_at is null and new.released_at is not null and new.status in ('completed', 'partial'))
execute function note_version('released');

-- Note an incoming delivery that was refused. Why in words stays with the delivery: it may name a student.
create function note_refused() returns trigger
language plpgsql security definer
set search_path = pg_catalog, public, pg_temp
set timezone = 'UTC'
as $$
begin
    insert into deliveries (org_id, endpoint_id, event, data)
    select new.org_id, e.id, 'submission.refused', jsonb_build_object(
        'source_id', new.source_id, 'delivery_id', new.id, 'webhook_id', new.event_id, 'reason', new.reason, 'received_at', new.created_at,
        'links', jsonb_build_object('delivery', '/v1/sources/' || new.source_id || '/deliveries/' || new.id)
    )
    from endpoints as e
    where e.org_id = new.org_id and e.disabled_at is null and 'submission.refused' = any (e.events);
    return null;
end
$$;
alter function note_refused() owner to ec_stats;
revoke all on function note_refused() from public;
create trigger notes_refused after insert on inbound_events for each row when (new.outcome = 'refused')
execute function note_refused();

-- Whoever disables an endpoint ends what waits for it. The admins hear of it by an e-mail when no admin did it.
create function end_deliveries() returns trigger
language plpgsql security definer
set search_path = pg_catalog, public, pg_temp
as $$
begin
    update deliveries as d set state = 'gave_up', error = 'endpoint_disabled', finished_at = now()
    where d.org_id = new.org_id and d.endpoint_id = new.id and d.state = 'queued' and d.event <> 'endpoint.disabled';
    if new.disabled_reason <> 'admin' then
        insert into deliveries (org_id, endpoint_id, event, data)
        values (new.org_id, new.id, 'endpoint.disabled', jsonb_build_object('endpoint_id', new.id, 'reason', new.disabled_reason));
    end if;
    return null;
end
$$;
alter function end_deliveries() owner to ec_stats;
revoke all on function end_deliveries() from public;
create trigger ends_deliveries after update of disabled_at on endpoints for each row
when (old.disabled_at is null and new.disabled_at is not null) execute function end_deliveries();

-- Send again what has ended or waits: one delivery, or those that were given up since a moment, oldest first. The ids stay.
create function redeliver(endpoint uuid, wanted uuid, since timestamptz, most integer) returns integer
language plpgsql security definer
set search_path = pg_catalog, public, pg_temp
as $$
declare
    queued integer;
begin
    if not exists (select from endpoints as e where e.org_id = app_org() and e.id = endpoint and e.disabled_at is null) then
        return 0;
    end if;
    update deliveries as d set state = 'queued', attempt = 0, next_at = now(), finished_at = null, error = null, http_status = null
    where d.org_id = app_org() and d.id in (
        select f.id from deliveries as f
        where f.org_id = app_org() and f.endpoint_id = endpoint and f.event <> 'endpoint.disabled' and (
            f.id = wanted and f.state in ('queued', 'done', 'gave_up')
            or wanted is null and f.state = 'gave_up' and f.id >= uuid7_floor(since)
        )
        order by f.id limit most for update skip locked
    );
    get diagnostics queued = row_count;
    if queued > 0 then
        perform audit_note(app_org(), 'redelivered', 'endpoint', endpoint,
            jsonb_build_object('deliveries', queued) || case when wanted is null then '{}' else jsonb_build_object('delivery_id', wanted) end);
    end if;
    return queued;
end
$$;
alter function redeliver(uuid, uuid, timestamptz, integer) owner to ec_stats;
revoke all on function redeliver(uuid, uuid, timestamptz, integer) from public;
grant execute on function redeliver(uuid, uuid, timestamptz, integer) to ec_admin;

-- How long the oldest due delivery has waited, and how many endpoints fail or were disabled because they did.
create function monitor_endpoints() returns table (oldest_seconds double precision, failing bigint, disabled bigint)
language plpgsql stable security definer
set search_path = pg_catalog, public, pg_temp
as $$
begin
    return query
    select coalesce((
        select extract(epoch from now() - d.next_at)::double precision from deliveries as d
        where d.state = 'queued' and d.next_at <= now() order by d.next_at limit 1
    ), 0), count(*) filter (where e.failing_since is not null and e.disabled_at is null),
        count(*) filter (where e.disabled_reason in ('gone', 'failing'))
    from endpoints as e;
end
$$;
alter function monitor_endpoints() owner to ec_stats;
revoke all on function monitor_endpoints() from public;
grant execute on function monitor_endpoints() to ec_monitor;

do $$ begin perform ensure_partitions(4); end $$;
