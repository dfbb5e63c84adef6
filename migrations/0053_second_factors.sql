-- A second factor for staff, and what an org asks of a sign-in: who may use a password, who needs a second factor, and whether
-- what is dangerous needs a new proof.
alter table orgs add column password_roles text[] not null default '{student,educator,admin}'
    constraint orgs_password_roles_known check (password_roles <@ array['student', 'educator', 'admin']);
alter table orgs add column second_factor_required boolean not null default false;
alter table orgs add column step_up boolean not null default false;
grant select (password_roles, second_factor_required, step_up) on orgs to ec_auth;

-- When the person last proved who they are in this session, after they signed in.
alter table sessions add column proved_at timestamptz;
grant update (proved_at) on sessions to ec_auth;

-- The secret is encrypted with the person's key. A code counts once: `last_step` is the half minute of the last one. Of the recovery
-- codes only digests of 80 random bits are kept.
create table second_factors (
    user_id uuid primary key,
    org_id uuid not null,
    secret bytea storage external not null,
    confirmed_at timestamptz,
    last_step bigint not null default 0,
    failures integer not null default 0,
    failed_at timestamptz,
    recovery_codes bytea[] not null default '{}',
    created_at timestamptz not null default now(),
    constraint second_factors_user foreign key (org_id, user_id) references users (org_id, id) on delete cascade,
    constraint second_factors_few_recovery_codes check (cardinality(recovery_codes) <= 10),
    constraint second_factors_counts_not_negative check (least(last_step, failures) >= 0)
);
create index idx_second_factors_user on second_factors (org_id, user_id);
alter table second_factors enable row level security;
alter table second_factors force row level security;
create policy ec_auth_own_org on second_factors to ec_auth
    using (org_id = (select app_org())) with check (org_id = (select app_org()));
create policy ec_admin_own_org on second_factors to ec_admin
    using (org_id = (select app_org())) with check (org_id = (select app_org()));
grant select, insert, delete on second_factors to ec_auth;
grant update (secret, confirmed_at, last_step, failures, failed_at, recovery_codes) on second_factors to ec_auth;
grant select (user_id, org_id, confirmed_at, last_step, failures, failed_at, created_at), delete on second_factors to ec_admin;
grant select, delete on second_factors to ec_stats;
-- An enrolment that no code has confirmed yet changes nothing.
create trigger audited after delete or update of confirmed_at, recovery_codes on second_factors
for each row execute function audit_change('second_factor', 'user_id');
