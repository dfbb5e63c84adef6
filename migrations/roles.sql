-- Roles are cluster-wide and outlive any one database, so they are not a numbered migration: this file and schemas.sql,
-- which follows it, may be run any number of times, by a superuser (or, without the extension, by a role that may create
-- roles and bypass RLS).
--
--   ec_owner     owns every table; nobody logs in as it, migrations SET ROLE to it
--   ec_stats     owns views and functions that must look across orgs; BYPASSRLS, nobody logs in as it
--   ec_reports   owns the materialized views of reports and may read what they sum up, of all orgs; BYPASSRLS, nobody logs in as it
--   ec_auth      signing in and recognising a key or source, before any identity is known
--   ec_lms       what an API key or a webhook may do inside its own org
--   ec_manager   what an API key with the scope `manage` may do to courses and assignments
--   ec_student, ec_educator, ec_admin    what a signed-in person may do
--   ec_keys      wrapping keys anew under another master key, and backing them up
--   ec_ingest, ec_worker, ec_clock, ec_monitor, ec_backup    the programs' log-ins; they own nothing

do $$
declare
    role_name text;
begin
    foreach role_name in array array['ec_owner', 'ec_auth', 'ec_lms', 'ec_manager', 'ec_student', 'ec_educator', 'ec_admin', 'ec_keys'] loop
        if not exists (select from pg_roles where rolname = role_name) then
            execute format('create role %I nologin', role_name);
        end if;
    end loop;
    foreach role_name in array array['ec_ingest', 'ec_worker', 'ec_clock', 'ec_monitor'] loop
        if not exists (select from pg_roles where rolname = role_name) then
            execute format('create role %I login noinherit', role_name);
        end if;
    end loop;
    if not exists (select from pg_roles where rolname = 'ec_stats') then
        create role ec_stats nologin bypassrls;
    end if;
    if not exists (select from pg_roles where rolname = 'ec_reports') then
        create role ec_reports nologin bypassrls;
    end if;
    if not exists (select from pg_roles where rolname = 'ec_backup') then
        create role ec_backup login bypassrls;
    end if;
end
$$;

-- The ingest program is nobody until it becomes somebody, inside one transaction, by set_config('role', …, true).
grant ec_auth, ec_lms, ec_manager, ec_student, ec_educator, ec_admin to ec_ingest with inherit false, set true;
-- A worker that has fetched a hand-in from an LMS stores it as the source would have sent it, inside one transaction.
grant ec_lms to ec_worker with inherit false, set true;
-- Whoever carries out `python -m workers keys` holds the master keys already.
grant ec_keys to ec_worker with inherit false, set true;
grant ec_stats, ec_reports to ec_owner with inherit true, set true;
-- For the functions of migration 0024. The monitor itself sees the text of no statement: values stand in it.
grant pg_read_all_stats to ec_stats with inherit true;
revoke pg_monitor from ec_monitor;

-- Limits live on the roles: a session SET would not survive a pool or PgBouncer.
alter role ec_ingest set statement_timeout = '5s';
alter role ec_ingest set lock_timeout = '1200ms';
alter role ec_ingest set idle_in_transaction_session_timeout = '10s';
alter role ec_worker set statement_timeout = '15s';
alter role ec_worker set lock_timeout = '5s';
-- Less than a worker's patience: a connection that went dark in the middle of a finish must let its locks go in time.
alter role ec_worker set idle_in_transaction_session_timeout = '5s';
alter role ec_clock set statement_timeout = '60s';
alter role ec_clock set lock_timeout = '5s';
alter role ec_clock set idle_in_transaction_session_timeout = '60s';
alter role ec_monitor set statement_timeout = '5s';
alter role ec_monitor set default_transaction_read_only = on;
alter role ec_backup set default_transaction_read_only = on;

-- When every other connection is in use, the monitor can still say so. The server sets aside `reserved_connections` for this.
grant pg_use_reserved_connections to ec_monitor with inherit true;
