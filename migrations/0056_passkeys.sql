-- Passkeys of staff (WebAuthn), beside the codes of their second factor. Name, id and public key are encrypted with the person's key,
-- so a row that is moved to another person does not open. The digest finds a credential by its random id.
create table passkeys (
    id uuid primary key,
    org_id uuid not null,
    user_id uuid not null,
    name bytea storage external not null,
    credential_digest bytea not null,
    credential_id bytea storage external not null,
    public_key bytea storage external not null,
    sign_count bigint not null,
    created_at timestamptz not null default now(),
    last_used_at timestamptz,
    constraint passkeys_user foreign key (org_id, user_id) references users (org_id, id) on delete cascade,
    constraint passkeys_credential_unique unique (org_id, credential_digest),
    constraint passkeys_digest_length check (length(credential_digest) = 32),
    constraint passkeys_sign_count_not_negative check (sign_count >= 0)
);
create index idx_passkeys_user on passkeys (org_id, user_id);
alter table passkeys enable row level security;
alter table passkeys force row level security;
create policy ec_auth_own_org on passkeys to ec_auth
    using (org_id = (select app_org())) with check (org_id = (select app_org()));
create policy ec_admin_own_org on passkeys to ec_admin
    using (org_id = (select app_org())) with check (org_id = (select app_org()));
grant select, insert, delete on passkeys to ec_auth;
grant update (sign_count, last_used_at) on passkeys to ec_auth;
grant select (id, user_id, org_id, name, sign_count, created_at, last_used_at), delete on passkeys to ec_admin;
grant select, delete on passkeys to ec_stats;
create trigger audited after insert or delete on passkeys
for each row execute function audit_change('passkey', 'user_id');
