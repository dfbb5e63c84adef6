-- What we sign for a platform is checked with a key that is for this platform alone. With one key for all, the admin of one school
-- could name another school's LMS as their own, and get what only we may have from it. Nothing was signed for long: the keys of before
-- are forgotten, and the page of a platform shows its new address for keys.
-- squawk-ignore ban-drop-table
drop table lti_keys;
create table lti_keys (
    id uuid primary key,
    platform_id uuid not null,
    private_key bytea storage external not null,
    public_key jsonb not null,
    created_at timestamptz not null default now(),
    constraint lti_keys_platform foreign key (platform_id) references platforms (id) on delete cascade,
    constraint lti_keys_public_key_is_object check (jsonb_typeof(public_key) = 'object')
);
create index idx_lti_keys_platform on lti_keys (platform_id, created_at);
grant select, insert, delete on lti_keys to ec_auth, ec_worker;
grant select (id, private_key), update (private_key) on lti_keys to ec_keys;
