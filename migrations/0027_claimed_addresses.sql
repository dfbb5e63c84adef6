-- An LMS names students with addresses that nobody at the school has checked. The address of an account that an LMS added
-- counts from when an admin, a roster or an invitation confirms it: until then the account gets no mail and no password.
alter table users add column address_confirmed_at timestamptz default now()
    constraint users_unconfirmed_has_no_password check (address_confirmed_at is not null or password_hash is null);
-- The default decides, so that no program can forget it.
alter table users alter column address_confirmed_at set default case current_user when 'ec_lms' then null else now() end;
grant select (address_confirmed_at) on users to ec_auth, ec_student, ec_educator;
grant select (address_confirmed_at), update (address_confirmed_at) on users to ec_admin;

-- Accounts that an LMS added before and nobody has used yet: no password, no invitation, and no address from an admin.
-- These tables force row security on their owner.
alter table users no force row level security;
alter table one_time_tokens no force row level security;
alter table audit_log no force row level security;
update users as u set address_confirmed_at = null
where u.role = 'student' and u.password_hash is null and u.email is not null
    and not exists (
        select from one_time_tokens as t where t.org_id = u.org_id and t.user_id = u.id and t.purpose = 'invitation'
    )
    and u.id in (select a.entity_id from audit_log as a where a.entity = 'user' and a.action = 'created' and a.actor_role = 'lms')
    and u.id not in (
        select a.entity_id from audit_log as a
        where a.entity = 'user' and a.action = 'changed' and a.actor_role <> 'lms' and a.detail -> 'changed' ? 'email'
    );
alter table users force row level security;
alter table one_time_tokens force row level security;
alter table audit_log force row level security;

-- A key or a webhook acts for students: it adds nobody else, enrols nobody as a teacher, and changes no name or address.
alter policy ec_lms_own_org on users with check (org_id = (select app_org()) and role = 'student');
alter policy ec_lms_own_org on enrollments with check (org_id = (select app_org()) and role = 'student');
revoke update (name, email, email_digest) on users from ec_lms;
