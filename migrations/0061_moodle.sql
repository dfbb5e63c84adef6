-- A Moodle site that is asked every few minutes what was handed in (a source of kind `moodle`), and what was found (arrivals).
grant select (id, org_id, kind, disabled_at) on sources to ec_worker;

-- Each site is one leased row that comes back to `queued` after each look. It is the source with the same id. `courses`: only these
-- (empty: all that the token sees). `looked_into`: assignments that were read from `begins_at` on; the others are read so when they
-- are seen first. `closed`: assignments that the token may not look into.
create table moodle_sites (
    id uuid constraint moodle_sites_pkey primary key,
    org_id uuid not null,
    site text not null,
    token bytea storage external not null,
    interval_seconds integer not null default 300,
    courses bigint[] not null default '{}',
    returns text not null default 'link',
    pages_url text,
    begins_at timestamptz not null default now(),
    seen_until timestamptz,
    looked_into bigint[] not null default '{}',
    closed bigint[] not null default '{}',
    succeeded_at timestamptz,
    error_about text,
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
    constraint moodle_sites_source foreign key (org_id, id) references sources (org_id, id) on delete cascade,
    constraint moodle_sites_site_length check (length(site) between 8 and 500),
    constraint moodle_sites_pages_url_length check (length(pages_url) between 8 and 500),
    constraint moodle_sites_interval_in_range check (interval_seconds between 60 and 86400),
    constraint moodle_sites_courses_few check (cardinality(courses) <= 1000 and array_position(courses, null) is null),
    constraint moodle_sites_returns_known check (returns in ('none', 'link', 'summary')),
    constraint moodle_sites_state_known check (state in ('queued', 'running', 'gave_up')),
    constraint moodle_sites_attempt_not_negative check (attempt >= 0),
    constraint moodle_sites_lease_when_running check ((state = 'running') = (lease_until is not null)),
    constraint moodle_sites_finished_when_ended check ((state = 'gave_up') = (finished_at is not null)),
    constraint moodle_sites_error_is_a_word check (error ~ '^[a-z_]{1,40}$'),
    constraint moodle_sites_error_about_short check (error_about ~ '^[a-z_]{1,60}$')
);
comment on table moodle_sites is 'Moodle sites that are asked what was handed in: settings, what is known of the site, and a leased row.';
create index idx_moodle_sites_org on moodle_sites (org_id, id);
create index idx_moodle_sites_due on moodle_sites (next_at) where state = 'queued';
create index idx_moodle_sites_leases on moodle_sites (lease_until) where state = 'running';

-- One row for each version of a hand-in that an LMS says is there, for ever, so that none is taken twice. `place` holds the ids by
-- which the LMS is asked for it, and the names of its assignment and course.
create table arrivals (
    id uuid not null default uuidv7() constraint arrivals_pkey primary key,
    org_id uuid not null,
    source_id uuid not null,
    version_key text not null,
    place jsonb not null,
    changed_at timestamptz not null,
    submission_id uuid,
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
    constraint arrivals_source foreign key (org_id, source_id) references sources (org_id, id) on delete cascade,
    constraint arrivals_submission foreign key (org_id, submission_id) references submissions (org_id, id)
    on delete set null (submission_id),
    constraint arrivals_version_unique unique (org_id, source_id, version_key),
    constraint arrivals_version_key_length check (length(version_key) between 1 and 200),
    constraint arrivals_place_object check (jsonb_typeof(place) = 'object'),
    constraint arrivals_state_known check (state in ('queued', 'running', 'accepted', 'refused', 'superseded', 'gave_up')),
    constraint arrivals_attempt_not_negative check (attempt >= 0),
    constraint arrivals_lease_when_running check ((state = 'running') = (lease_until is not null)),
    constraint arrivals_finished_when_ended check ((state in ('queued', 'running')) = (finished_at is null)),
    constraint arrivals_error_is_a_word check (error ~ '^[a-z_]{1,40}$')
);
comment on table arrivals is 'Hand-ins that an LMS says are there: leased rows that a worker fetches. No words of students.';
create index idx_arrivals_lane on arrivals (source_id, next_at) where state = 'queued';
create index idx_arrivals_due on arrivals (next_at) where state = 'queued';
create index idx_arrivals_running on arrivals (source_id) where state = 'running';
create index idx_arrivals_leases on arrivals (lease_until) where state = 'running';
create index idx_arrivals_source on arrivals (org_id, source_id, state, id);
create index idx_arrivals_submission on arrivals (org_id, submission_id) where submission_id is not null;

do $$
declare
    t text;
begin
    foreach t in array array['moodle_sites', 'arrivals'] loop
        execute format('alter table %I enable row level security', t);
        execute format('alter table %I force row level security', t);
        execute format(
            'create policy ec_worker_own_org on %I to ec_worker using (org_id = (select app_org()))'
            ' with check (org_id = (select app_org()))', t
        );
        execute format('create policy ec_clock_all on %I to ec_clock using (true) with check (true)', t);
        execute format(
            'create policy ec_admin_own_org on %I to ec_admin using (org_id = (select app_org()))'
            ' with check (org_id = (select app_org()))', t
        );
    end loop;
end
$$;
create policy ec_keys_all on moodle_sites to ec_keys using (true) with check (true);
-- A worker that accepts a hand-in acts as the source that it came from.
create policy ec_lms_own_source on arrivals to ec_lms
    using (org_id = (select app_org()) and source_id = (select app_actor()))
    with check (org_id = (select app_org()) and source_id = (select app_actor()));
create policy ec_worker_own_org on sources to ec_worker using (org_id = (select app_org()));

grant select (
    id, org_id, site, interval_seconds, courses, returns, pages_url, begins_at, closed, succeeded_at, error_about, created_at, state, attempt,
    next_at, started_at, error
), insert (id, org_id, site, token, interval_seconds, courses, returns, pages_url, begins_at) on moodle_sites to ec_admin;
-- A change lets the site be looked at at once.
grant update (token, interval_seconds, courses, returns, pages_url, looked_into, state, attempt, next_at, finished_at) on moodle_sites
to ec_admin;
grant select on moodle_sites to ec_worker;
grant update (
    state, attempt, fence, next_at, lease_until, started_at, finished_at, error, error_about, seen_until, looked_into, closed, succeeded_at
) on moodle_sites to ec_worker;
grant select (id, org_id, state, attempt, next_at, hinted_at, lease_until, started_at) on moodle_sites to ec_clock;
grant update (state, next_at, hinted_at, lease_until, finished_at, error) on moodle_sites to ec_clock;
grant select (id, org_id, token), update (token) on moodle_sites to ec_keys;
grant select, delete on moodle_sites to ec_stats;

grant select on arrivals to ec_admin, ec_worker, ec_lms;
grant insert (org_id, source_id, version_key, place, changed_at) on arrivals to ec_worker;
grant update (state, attempt, fence, next_at, lease_until, started_at, finished_at, error) on arrivals to ec_worker;
grant update (state, lease_until, finished_at, error, submission_id) on arrivals to ec_lms;
grant select (id, org_id, source_id, state, attempt, next_at, hinted_at, lease_until, started_at) on arrivals to ec_clock;
grant update (state, next_at, hinted_at, lease_until, finished_at, error) on arrivals to ec_clock;
grant select, insert, delete on arrivals to ec_stats;
grant update (state, attempt, next_at, finished_at, error) on arrivals to ec_stats;

create trigger audited after insert or delete or update of token, interval_seconds, courses, returns, pages_url on moodle_sites
for each row execute function audit_change('moodle_site', 'id');

-- Fetch again what was refused or given up: one arrival, or the oldest of them.
create function replay_arrivals(source uuid, wanted uuid, most integer) returns integer
language plpgsql security definer
set search_path = pg_catalog, public, pg_temp
as $$
declare
    queued integer;
begin
    update arrivals as a set state = 'queued', attempt = 0, next_at = now(), finished_at = null, error = null
    where a.org_id = app_org() and a.id in (
        select f.id from arrivals as f
        where f.org_id = app_org() and f.source_id = source and f.state in ('refused', 'gave_up') and (wanted is null or f.id = wanted)
        order by f.id limit most for update skip locked
    );
    get diagnostics queued = row_count;
    if queued > 0 then
        perform audit_note(app_org(), 'replayed', 'source', source,
            jsonb_build_object('arrivals', queued) || case when wanted is null then '{}' else jsonb_build_object('arrival_id', wanted) end);
    end if;
    return queued;
end
$$;
alter function replay_arrivals(uuid, uuid, integer) owner to ec_stats;
revoke all on function replay_arrivals(uuid, uuid, integer) from public;
grant execute on function replay_arrivals(uuid, uuid, integer) to ec_admin;
