-- The 20 statements that took the most time, with the metric names of postgres_exporter. The text of a statement is never
-- read, because it may contain a value.
select s.usename as "user", current_database() as datname, s.queryid::text as queryid, s.calls, s.seconds, s.rows_seen
from monitor_statements() as s
