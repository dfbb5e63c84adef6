-- Where the people of an org sign in with their school's account (OpenID Connect). The secret is encrypted with the master key.
create table sign_in_providers (
    id uuid primary key default uuidv7(),
    org_id uuid not null references orgs (id) on delete cascade,
    name text not null,
    issuer text not null,
    client_id text not null,
    client_secret bytea storage external not null,
    find_by text not null default 'subject',
    roles text[] not null default '{student,educator,admin}',
    created_at timestamptz not null default now(),
    constraint sign_in_providers_one_an_org unique (org_id),
    constraint sign_in_providers_find_by_known check (find_by in ('email', 'subject')),
    constraint sign_in_providers_roles_known check (roles <@ array['student', 'educator', 'admin']),
    constraint sign_in_providers_words_short check (greatest(length(name), length(issuer), length(client_id)) <= 500)
);

-- Which account of the provider a person signed in with first: the digest of issuer and subject.
create table linked_accounts (
    user_id uuid primary key,
    org_id uuid not null,
    subject_digest bytea not null,
    created_at timestamptz not null default now(),
    constraint linked_accounts_user foreign key (org_id, user_id) references users (org_id, id) on delete cascade,
    constraint linked_accounts_subject_unique unique (org_id, subject_digest),
    constraint linked_accounts_digest_length check (length(subject_digest) = 32)
);
create index idx_linked_accounts_user on linked_accounts (org_id, user_id);

do $$
declare
    t text;
    r text;
begin
    foreach t in array array['sign_in_providers', 'linked_accounts'] loop
        execute format('alter table %I enable row level security', t);
        execute format('alter table %I force row level security', t);
        foreach r in array array['ec_auth', 'ec_admin'] loop
            execute format(
                'create policy %s_own_org on %I to %s using (org_id = (select app_org())) with check (org_id = (select app_org()))',
                r, t, r
            );
        end loop;
    end loop;
end
$$;
create policy ec_keys_all on sign_in_providers to ec_keys using (true) with check (true);
grant select on sign_in_providers to ec_auth;
grant select (id, org_id, name, issuer, client_id, find_by, roles, created_at), insert, delete on sign_in_providers to ec_admin;
grant update (name, issuer, client_id, client_secret, find_by, roles) on sign_in_providers to ec_admin;
grant select (id, org_id, client_secret), update (client_secret) on sign_in_providers to ec_keys;
grant select, insert on linked_accounts to ec_auth;
grant select (user_id, org_id, created_at), delete on linked_accounts to ec_admin;
grant select, delete on sign_in_providers, linked_accounts to ec_stats;
create trigger audited after insert or update or delete on sign_in_providers
for each row execute function audit_change('sign_in_provider', 'id');
create trigger audited after insert or delete on linked_accounts
for each row execute function audit_change('linked_account', 'user_id');
