-- The 20 statements that took the most time, with the metric names of postgres_exporter. The text of a statement is never
-- read, because it may contain a value.
select
    pg_get_userbyid(s.userid) as "user", current_database() as datname, s.queryid::text as queryid,
    sum(s.calls) as calls, sum(s.total_exec_time) / 1000.0 as seconds, sum(s.rows) as rows_seen
from extensions.pg_stat_statements(false) as s
where s.dbid = (select oid from pg_database where datname = current_database()) and s.queryid is not null
group by s.userid, s.queryid
order by seconds desc
limit 20
