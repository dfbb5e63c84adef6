-- Who may become whom, and how a person's data leaves: single-use tokens, narrower keys, a role that only wraps keys anew,
-- and erasure in two steps.

-- An invitation or a password reset: known by its digest, used once, soon over.
create table one_time_tokens (
    id uuid primary key default uuidv7(),
    org_id uuid not null,
    user_id uuid not null,
    purpose text not null,
    digest bytea not null,
    expires_at timestamptz not null,
    used_at timestamptz,
    created_at timestamptz not null default now(),
    constraint one_time_tokens_user foreign key (org_id, user_id) references users (org_id, id) on delete cascade,
    constraint one_time_tokens_digest_unique unique (org_id, digest),
    constraint one_time_tokens_purpose_known check (purpose in ('invitation', 'password_reset')),
    constraint one_time_tokens_digest_length check (length(digest) = 32)
);
create index idx_one_time_tokens_user on one_time_tokens (org_id, user_id);
create index idx_one_time_tokens_expires on one_time_tokens (expires_at);
alter table one_time_tokens enable row level security;
alter table one_time_tokens force row level security;
create policy ec_auth_own_org on one_time_tokens to ec_auth
    using (org_id = (select app_org())) with check (org_id = (select app_org()));
create policy ec_admin_own_org on one_time_tokens to ec_admin
    using (org_id = (select app_org())) with check (org_id = (select app_org()));
create policy ec_clock_all on one_time_tokens to ec_clock using (true);
grant select, insert, update (used_at) on one_time_tokens to ec_auth;
grant select (id, org_id, user_id, purpose, expires_at, used_at, created_at), insert on one_time_tokens to ec_admin;
grant update (used_at) on one_time_tokens to ec_admin;
grant select (id, expires_at), delete on one_time_tokens to ec_clock;

-- A forgotten password is mailed to the address on record, not to the spelling somebody typed: two spellings may be one
-- account here and two mailboxes out there.
grant update (token_version) on users to ec_auth;
grant select (email, name) on users to ec_auth;
create policy ec_auth_own_org on user_keys to ec_auth
    using (org_id = (select app_org())) with check (org_id = (select app_org()));
grant select on user_keys to ec_auth;

-- What a key may do, and the day it last did.
alter table api_keys add column scopes text[] not null default '{submit,read}'
    constraint api_keys_scopes_known check (scopes <@ array['submit', 'read'] and cardinality(scopes) > 0);
alter table api_keys add column last_used_on date;
grant select (scopes, last_used_on), update (last_used_on) on api_keys to ec_auth;
grant select (scopes, last_used_on), update (scopes) on api_keys to ec_admin;
-- A secret that is replaced is sealed anew, as the previous one.
grant select (secret, previous_secret) on sources to ec_admin;

-- Educators write what is asked in their own courses.
grant insert, delete on assignments to ec_educator;
grant update (title, prompt, due_at, release_policy, category_id, rubric_id, external_id) on assignments to ec_educator;
grant insert on rubrics, rubric_criteria to ec_educator;
grant update (external_id, external_id_digest) on users to ec_admin;

-- What is masked before an essay leaves for an AI: the people of its course.
grant select (email, name, external_id, role) on users to ec_worker;
create policy ec_worker_own_org on enrollments to ec_worker
    using (org_id = (select app_org())) with check (org_id = (select app_org()));
grant select on enrollments to ec_worker;

-- Everything about a person can be handed to them, what an AI really said about their essay included.
grant select (user_id, raw, request_sha256) on ai_responses to ec_admin;

-- Erasure. First, at once: nothing that names the person or opens their writing is left. Then the clock takes the rows.
alter table users add column erase_requested_at timestamptz;
-- Empty at first, so building it holds nobody up.
-- squawk-ignore require-concurrent-index-creation
create index idx_users_erase_requested on users (erase_requested_at) where erase_requested_at is not null;

-- True when the person is there and may no longer be read by anybody: their key is destroyed, so are their names and
-- every session. Asking twice is as once. Definer: no role may destroy a key in any other way.
create function request_erasure(person uuid) returns boolean
language plpgsql volatile security definer
set search_path = pg_catalog, public, pg_temp
as $$
begin
    update users as u set name = null, email = null, email_digest = null, password_hash = null, language = null,
        external_id = '', external_id_digest = sha256(uuid_send(gen_random_uuid())),
        token_version = u.token_version + 1, disabled_at = coalesce(u.disabled_at, now()), erase_requested_at = now()
    where u.org_id = app_org() and u.id = person and u.erase_requested_at is null;
    if not found then
        return exists (select from users as u where u.org_id = app_org() and u.id = person);
    end if;
    delete from user_keys as k where k.org_id = app_org() and k.user_id = person;
    update sessions as s set revoked_at = now(), revoked_reason = 'disabled'
    where s.org_id = app_org() and s.user_id = person and s.revoked_at is null;
    return true;
end
$$;
alter function request_erasure(uuid) owner to ec_stats;
grant execute on function request_erasure(uuid) to ec_admin;

-- The rows of a person whose erasure was asked for are gone, answers that were kept for a repeat included. What a source
-- already sent stays known, so that a repeat does not bring the essay back. Returns whether there was such a person.
create function erase_person(person uuid) returns boolean
language plpgsql volatile security definer
set search_path = pg_catalog, public, pg_temp
as $$
declare
    tenant uuid := (select u.org_id from users as u where u.id = person and u.erase_requested_at is not null for update);
begin
    if tenant is null then
        return false;
    end if;
    update seen_events as e set answer = json_build_object('ignored', 'the data of this student was erased'), submission_id = null
    from essays as w join submissions as s on s.org_id = tenant and s.essay_id = w.id
    where w.org_id = tenant and w.user_id = person and e.org_id = tenant and e.submission_id = s.id;
    delete from idempotency_keys as k where k.org_id = tenant and k.caller_id = person;
    delete from idempotency_keys as k using essays as w join submissions as s on s.org_id = tenant and s.essay_id = w.id
    where w.org_id = tenant and w.user_id = person and k.org_id = tenant and k.response ->> 'id' = s.id::text;
    delete from users as u where u.org_id = tenant and u.id = person;
    return true;
end
$$;
alter function erase_person(uuid) owner to ec_stats;
grant execute on function erase_person(uuid) to ec_clock;
grant update (name, email, email_digest, external_id, external_id_digest, password_hash, language, token_version, disabled_at,
    erase_requested_at), delete on users to ec_stats;
grant delete on user_keys, idempotency_keys to ec_stats;
grant update (revoked_at, revoked_reason) on sessions to ec_stats;
grant update (answer, submission_id) on seen_events to ec_stats;
grant execute on function app_org() to ec_stats;
grant select (erase_requested_at) on users to ec_admin;
create policy ec_clock_all on users to ec_clock using (true);
grant select (id, org_id, erase_requested_at) on users to ec_clock;

-- A dump that held the wrapped keys would outlive every erasure: they are backed up apart, and kept shorter.
-- MAINTAIN lets pg_dump lock the table whose rows it leaves out.
revoke select on user_keys from ec_backup;
grant maintain on user_keys to ec_backup;

-- Wrapping anew under another master key: every org, and of it only what the master keys seal.
create policy ec_keys_all on user_keys to ec_keys using (true) with check (true);
create policy ec_keys_all on sources to ec_keys using (true) with check (true);
create policy ec_keys_all on inbound_events to ec_keys using (true) with check (true);
create policy ec_keys_all on users to ec_keys using (true);
grant select, insert, update (wrapped, master_key_id) on user_keys to ec_keys;
grant select (id, org_id, secret, previous_secret), update (secret, previous_secret) on sources to ec_keys;
grant select (id, org_id, user_id, body), update (body) on inbound_events to ec_keys;
grant select (id, org_id, erase_requested_at) on users to ec_keys;
