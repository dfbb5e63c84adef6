-- Lost: our keys for platforms. One for all is made anew, and each LMS has to be told its address.
drop table lti_keys;
create table lti_keys (
    id uuid primary key,
    private_key bytea storage external not null,
    public_key jsonb not null,
    created_at timestamptz not null default now(),
    constraint lti_keys_public_key_is_object check (jsonb_typeof(public_key) = 'object')
);
grant select, insert, delete on lti_keys to ec_auth, ec_worker;
grant select (id, private_key), update (private_key) on lti_keys to ec_keys;
