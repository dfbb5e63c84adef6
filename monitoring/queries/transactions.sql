-- The same metrics as in postgres_exporter: open transactions except this one, and the age of the oldest.
select count(*) as transactions, coalesce(max(extract(epoch from clock_timestamp() - xact_start)), 0) as oldest_seconds
from monitor_sessions()
where state is distinct from 'idle' and not autovacuum and xact_start is not null
