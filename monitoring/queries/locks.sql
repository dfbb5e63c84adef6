-- The same metric as in postgres_exporter, for our own database only.
select current_database() as datname, known.mode, count(l.mode) as locks
from unnest(array[
    'accesssharelock', 'rowsharelock', 'rowexclusivelock', 'shareupdateexclusivelock', 'sharelock', 'sharerowexclusivelock',
    'exclusivelock', 'accessexclusivelock', 'sireadlock'
]) as known (mode)
left join pg_locks as l on lower(l.mode) = known.mode
    and l.database = (select oid from pg_database where datname = current_database())
group by known.mode
