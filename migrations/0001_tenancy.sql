-- Orgs, the people in them, their keys, and what an LMS connects with.

-- The org and the user of this transaction. After a transaction the setting reads as '', not null: hence nullif.
create function app_org() returns uuid
language sql stable parallel safe
return nullif(current_setting('app.org', true), '')::uuid;

create function app_user() returns uuid
language sql stable parallel safe
return nullif(current_setting('app.user', true), '')::uuid;

-- The smallest UUIDv7 of a moment: the bound of a month's partition, and of a query by time.
create function uuid7_floor(moment timestamptz) returns uuid
language sql immutable strict parallel safe
return (lpad(to_hex((extract(epoch from moment) * 1000)::bigint), 12, '0') || '70008000000000000000')::uuid;

create table orgs (
    id uuid primary key default uuidv7(),
    slug text not null,
    name text not null,
    default_language text not null default 'en',
    release_policy text not null default 'auto',
    ai_policy text not null default 'anthropic',
    monthly_budget_micros bigint,
    created_at timestamptz not null default now(),
    constraint orgs_slug_unique unique (slug),
    constraint orgs_slug_is_a_short_name check (slug ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
    constraint orgs_name_not_blank check (name ~ '\S' and length(name) <= 200),
    constraint orgs_release_policy_known check (release_policy in ('auto', 'after_review')),
    constraint orgs_ai_policy_known check (ai_policy in ('anthropic', 'local', 'none')),
    constraint orgs_budget_not_negative check (monthly_budget_micros >= 0)
);

create table users (
    id uuid primary key default uuidv7(),
    org_id uuid not null references orgs (id) on delete cascade,
    role text not null,
    email bytea,
    email_digest bytea,
    name bytea,
    external_id bytea,
    external_id_digest bytea,
    password_hash text,
    language text,
    token_version integer not null default 0,
    disabled_at timestamptz,
    created_at timestamptz not null default now(),
    constraint users_org_id_id_unique unique (org_id, id),
    constraint users_role_known check (role in ('student', 'educator', 'admin')),
    constraint users_email_with_digest check ((email is null) = (email_digest is null)),
    constraint users_external_id_with_digest check ((external_id is null) = (external_id_digest is null)),
    constraint users_can_be_recognised check (num_nonnulls(email_digest, external_id_digest) >= 1)
);
create unique index idx_users_email on users (org_id, email_digest);
create unique index idx_users_external_id on users (org_id, external_id_digest);

-- One data key per person, wrapped by the master key. Without this row nothing the person wrote can be read.
create table user_keys (
    user_id uuid primary key,
    org_id uuid not null,
    wrapped bytea not null,
    master_key_id text not null,
    created_at timestamptz not null default now(),
    constraint user_keys_user foreign key (org_id, user_id) references users (org_id, id) on delete cascade
);
create index idx_user_keys_org_user on user_keys (org_id, user_id);

-- A refresh-token family. The token names its generation; only the current one may be spent.
create table sessions (
    id uuid primary key default uuidv7(),
    org_id uuid not null,
    user_id uuid not null,
    generation integer not null default 1,
    rotated_at timestamptz not null default now(),
    expires_at timestamptz not null,
    revoked_at timestamptz,
    revoked_reason text,
    created_at timestamptz not null default now(),
    constraint sessions_user foreign key (org_id, user_id) references users (org_id, id) on delete cascade,
    constraint sessions_generation_positive check (generation > 0),
    constraint sessions_revoked_reason_known check (revoked_reason in ('logout', 'reuse', 'disabled', 'password')),
    constraint sessions_revoked_with_reason check ((revoked_at is null) = (revoked_reason is null))
);
create index idx_sessions_org_user on sessions (org_id, user_id);
create index idx_sessions_expires on sessions (expires_at);

create table api_keys (
    id uuid primary key default uuidv7(),
    org_id uuid not null references orgs (id) on delete cascade,
    name text not null,
    prefix text not null,
    digest bytea not null,
    expires_at timestamptz,
    revoked_at timestamptz,
    created_at timestamptz not null default now(),
    constraint api_keys_digest_unique unique (digest),
    constraint api_keys_name_not_blank check (name ~ '\S' and length(name) <= 200)
);
create index idx_api_keys_org on api_keys (org_id, id);

-- An LMS that sends signed webhooks. Two secrets live during a rotation.
create table sources (
    id uuid primary key default uuidv7(),
    org_id uuid not null references orgs (id) on delete cascade,
    name text not null,
    secret bytea not null,
    previous_secret bytea,
    previous_secret_until timestamptz,
    disabled_at timestamptz,
    created_at timestamptz not null default now(),
    constraint sources_org_id_id_unique unique (org_id, id),
    constraint sources_name_not_blank check (name ~ '\S' and length(name) <= 200),
    constraint sources_previous_secret_ends check ((previous_secret is null) = (previous_secret_until is null))
);
