-- An LMS that opens our pages by LTI 1.3 is a source too: its courses, assignments and people are found by its id.
alter table sources add column kind text not null default 'signed'
    constraint sources_kind_known check (kind in ('signed', 'lti', 'moodle'));
grant select (kind) on sources to ec_auth, ec_admin;

-- How a platform reaches us and we reach it. An invited one has an address for registering itself, which works once; what it says
-- there waits for an admin. `frame_origins` may show our pages in a frame.
create table platforms (
    id uuid primary key,
    org_id uuid not null,
    state text not null default 'invited',
    registration_digest bytea,
    registration_ends_at timestamptz,
    issuer text,
    client_id text,
    authorization_url text,
    token_url text,
    token_audience text,
    jwks_url text,
    deployments text[] not null default '{}',
    frame_origins text[] not null default '{}',
    created_at timestamptz not null default now(),
    constraint platforms_source foreign key (org_id, id) references sources (org_id, id) on delete cascade,
    constraint platforms_registration_unique unique (registration_digest),
    constraint platforms_state_known check (state in ('invited', 'pending', 'active', 'off')),
    constraint platforms_registered check (
        state in ('invited', 'off') or num_nulls(issuer, client_id, authorization_url, token_url, jwks_url) = 0
    ),
    constraint platforms_registration_ends check ((registration_digest is null) = (registration_ends_at is null)),
    constraint platforms_registration_length check (length(registration_digest) = 32),
    constraint platforms_words_short check (
        greatest(
            length(issuer), length(client_id), length(authorization_url), length(token_url), length(token_audience), length(jwks_url)
        ) <= 2048
    ),
    constraint platforms_deployments_few check (cardinality(deployments) <= 100 and array_position(deployments, null) is null),
    constraint platforms_frame_origins_few check (cardinality(frame_origins) <= 20 and array_position(frame_origins, null) is null)
);
create unique index idx_platforms_client on platforms (org_id, issuer, client_id) where issuer is not null;
create index idx_platforms_org on platforms (org_id, id);
create index idx_platforms_issuer on platforms (issuer, client_id) where issuer is not null;

-- Whom a platform means by its own id (`sub`). Two platforms use the same ids for different people. The id is encrypted with the
-- person's key and found by its digest.
create table lms_people (
    id uuid primary key default uuidv7(),
    org_id uuid not null,
    source_id uuid not null,
    user_id uuid not null,
    subject bytea storage external not null,
    subject_digest bytea not null,
    created_at timestamptz not null default now(),
    constraint lms_people_source foreign key (org_id, source_id) references sources (org_id, id) on delete cascade,
    constraint lms_people_user foreign key (org_id, user_id) references users (org_id, id) on delete cascade,
    constraint lms_people_subject_unique unique (org_id, source_id, subject_digest),
    constraint lms_people_digest_length check (length(subject_digest) = 32)
);
create index idx_lms_people_user on lms_people (org_id, user_id);

-- Launches that were used. A state is valid for ten minutes, and is not kept for long after that.
create table spent_launches (
    org_id uuid not null,
    source_id uuid not null,
    state_digest bytea not null,
    spent_at timestamptz not null default now(),
    constraint spent_launches_pkey primary key (org_id, source_id, state_digest),
    constraint spent_launches_source foreign key (org_id, source_id) references sources (org_id, id) on delete cascade,
    constraint spent_launches_digest_length check (length(state_digest) = 32)
);
create index idx_spent_launches_time on spent_launches (spent_at);

-- Our own keys, with which platforms check what we send. The private ones are encrypted with the master key.
create table lti_keys (
    id uuid primary key,
    private_key bytea storage external not null,
    public_key jsonb not null,
    created_at timestamptz not null default now(),
    constraint lti_keys_public_key_is_object check (jsonb_typeof(public_key) = 'object')
);

do $$
declare
    t text;
begin
    foreach t in array array['platforms', 'lms_people', 'spent_launches'] loop
        execute format('alter table %I enable row level security', t);
        execute format('alter table %I force row level security', t);
        execute format('grant select, delete on %I to ec_stats', t);
    end loop;
end
$$;
-- A launch names its platform before its org is known.
create policy ec_auth_any_platform on platforms to ec_auth using (true) with check (org_id = (select app_org()));
create policy ec_admin_own_org on platforms to ec_admin
using (org_id = (select app_org())) with check (org_id = (select app_org()));
create policy ec_lms_own_org on lms_people to ec_lms
using (org_id = (select app_org())) with check (org_id = (select app_org()) and source_id = (select app_actor()));
create policy ec_admin_own_org on lms_people to ec_admin
using (org_id = (select app_org())) with check (org_id = (select app_org()));
create policy ec_lms_own_org on spent_launches to ec_lms
using (org_id = (select app_org())) with check (org_id = (select app_org()) and source_id = (select app_actor()));

grant select on platforms to ec_auth;
grant update (
    state, registration_digest, registration_ends_at, issuer, client_id, authorization_url, token_url, token_audience, jwks_url,
    deployments, frame_origins
) on platforms to ec_auth;
grant select (
    id, org_id, state, registration_ends_at, issuer, client_id, authorization_url, token_url, token_audience, jwks_url, deployments,
    frame_origins, created_at
), insert on platforms to ec_admin;
grant update (
    state, registration_digest, registration_ends_at, issuer, client_id, authorization_url, token_url, token_audience, jwks_url,
    deployments, frame_origins
) on platforms to ec_admin;
grant select, insert on lms_people to ec_lms;
grant select (id, org_id, source_id, user_id, subject, created_at), delete on lms_people to ec_admin;
grant select, insert, delete on spent_launches to ec_lms;
grant select, insert, delete on lti_keys to ec_auth;
grant select (id, private_key), update (private_key) on lti_keys to ec_keys;

create trigger audited after insert or update or delete on platforms
for each row execute function audit_change('platform', 'id');
create trigger audited after insert or delete on lms_people
for each row execute function audit_change('lms_person', 'user_id', 'source_id');

-- Add a teacher whom the acting platform names. Everything of theirs was encrypted by the caller. No account that is here already
-- changes, and they have no password and no address.
create function add_lms_educator(
    person uuid, sealed_name bytea, sealed_id bytea, id_digest bytea, wrapped_key bytea, master_key text
) returns void
language plpgsql volatile security definer
set search_path = pg_catalog, public, pg_temp
as $$
declare
    tenant uuid := app_org();
begin
    if not exists (select from platforms as p where p.org_id = tenant and p.id = app_actor() and p.state = 'active') then
        raise exception 'no platform is acting' using errcode = 'insufficient_privilege';
    end if;
    insert into users (id, org_id, role, name, external_id, external_id_digest, address_confirmed_at)
    values (person, tenant, 'educator', sealed_name, sealed_id, id_digest, null);
    insert into user_keys (user_id, org_id, wrapped, master_key_id) values (person, tenant, wrapped_key, master_key);
end
$$;

-- Return the course that the acting platform means by its own id, and add it where the platform may; null where it may not.
create function place_lms_course(wanted text, wanted_name text) returns uuid
language plpgsql volatile security definer
set search_path = pg_catalog, public, pg_temp
as $$
declare
    tenant uuid := app_org();
    platform uuid := (select p.id from platforms as p where p.org_id = tenant and p.id = app_actor() and p.state = 'active');
    course uuid;
begin
    if platform is null then
        raise exception 'no platform is acting' using errcode = 'insufficient_privilege';
    end if;
    -- Of two callers that add the same course, one waits for the other, adds nothing and finds it in the next round.
    for round in 1..2 loop
        select c.id into course from courses as c
        where c.org_id = tenant and c.external_id = wanted and (c.source_id is null or c.source_id = platform)
        order by c.source_id is not distinct from platform desc limit 1;
        if found then
            return course;
        end if;
        insert into courses (org_id, name, external_id, source_id)
        select tenant, wanted_name, wanted, s.id from sources as s where s.org_id = tenant and s.id = platform and s.creates_courses
        on conflict (org_id, external_id, source_id) where external_id is not null do nothing
        returning id into course;
        if found then
            return course;
        end if;
    end loop;
    return null;
end
$$;

-- Let a teacher whom the acting platform has named teach one of its own courses; return whether they teach it.
create function enrol_lms_educator(person uuid, wanted_course uuid) returns boolean
language plpgsql volatile security definer
set search_path = pg_catalog, public, pg_temp
as $$
declare
    tenant uuid := app_org();
begin
    insert into enrollments (org_id, course_id, user_id, role)
    select tenant, c.id, u.id, 'educator'
    from courses as c
    join platforms as p on p.org_id = tenant and p.id = c.source_id and p.id = app_actor() and p.state = 'active'
    join lms_people as l on l.org_id = tenant and l.source_id = p.id and l.user_id = person
    join users as u on u.org_id = tenant and u.id = l.user_id and u.role = 'educator'
    where c.org_id = tenant and c.id = wanted_course
    limit 1
    on conflict (org_id, course_id, user_id) do update set role = 'educator' where enrollments.role <> 'educator';
    return exists (
        select from enrollments as e
        where e.org_id = tenant and e.course_id = wanted_course and e.user_id = person and e.role = 'educator'
    );
end
$$;
alter function add_lms_educator(uuid, bytea, bytea, bytea, bytea, text) owner to ec_stats;
alter function place_lms_course(text, text) owner to ec_stats;
alter function enrol_lms_educator(uuid, uuid) owner to ec_stats;
grant insert (id, org_id, role, name, external_id, external_id_digest, address_confirmed_at) on users to ec_stats;
grant insert (user_id, org_id, wrapped, master_key_id) on user_keys to ec_stats;
grant insert (org_id, course_id, user_id, role), update (role) on enrollments to ec_stats;
revoke all on function add_lms_educator(uuid, bytea, bytea, bytea, bytea, text), place_lms_course(text, text), enrol_lms_educator(uuid, uuid)
from public;
grant execute on function add_lms_educator(uuid, bytea, bytea, bytea, bytea, text), place_lms_course(text, text), enrol_lms_educator(uuid, uuid)
to ec_lms;
