-- What the monitor may know of sessions and statements. pg_monitor would also show it the text of every statement, and
-- psycopg2 writes the values into the text. The functions belong to ec_stats, which may read all statistics.

-- Every session of the server except this one. `autovacuum`: it cleans up, and nobody waits for it.
create function monitor_sessions() returns table (datname name, usename name, state text, autovacuum boolean, xact_start timestamptz)
language sql stable security definer
set search_path = pg_catalog, public, pg_temp
as $$
    select a.datname, a.usename, a.state, a.backend_type = 'autovacuum worker', a.xact_start
    from pg_catalog.pg_stat_activity as a
    where a.pid <> pg_catalog.pg_backend_pid()
$$;
alter function monitor_sessions() owner to ec_stats;
revoke execute on function monitor_sessions() from public;
grant execute on function monitor_sessions() to ec_monitor;

-- The 20 statements of this database that took the most time, by id. No rows where pg_stat_statements is not there or not
-- loaded: not every server allows it.
create function monitor_statements() returns table (usename name, queryid bigint, calls bigint, seconds double precision, rows_seen bigint)
language plpgsql stable security definer
set search_path = pg_catalog, public, pg_temp
as $$
begin
    if to_regclass('extensions.pg_stat_statements') is null then
        return;
    end if;
    return query execute
        'select pg_get_userbyid(s.userid), s.queryid, sum(s.calls)::bigint, sum(s.total_exec_time) / 1000.0, sum(s.rows)::bigint
         from extensions.pg_stat_statements(false) as s
         where s.dbid = (select oid from pg_database where datname = current_database()) and s.queryid is not null
         group by s.userid, s.queryid order by 4 desc limit 20';
exception when object_not_in_prerequisite_state then
    return;  -- created, but not among shared_preload_libraries
end
$$;
alter function monitor_statements() owner to ec_stats;
revoke execute on function monitor_statements() from public;
grant execute on function monitor_statements() to ec_monitor;
