-- The schemas of this database and who may use them, run after roles.sql and as often.

-- Extensions live apart, so that a dump of `public` is ours alone.
create schema if not exists extensions;
grant usage on schema extensions to ec_stats;
revoke usage on schema extensions from ec_monitor;

revoke all on schema public from public;
grant create, usage on schema public to ec_owner, ec_stats, ec_reports;
grant usage on schema public to ec_auth, ec_lms, ec_manager, ec_student, ec_educator, ec_admin, ec_keys;
grant usage on schema public to ec_ingest, ec_worker, ec_clock, ec_monitor, ec_backup;

-- A dump reads every table, partitions included; so do the functions that look across orgs.
alter default privileges for role ec_owner in schema public grant select on tables to ec_backup, ec_stats;
alter default privileges for role ec_owner revoke execute on functions from public;
alter default privileges for role ec_stats revoke execute on functions from public;
alter default privileges for role ec_reports revoke execute on functions from public;
