select
    d.datname, d.numbackends, d.xact_commit, d.xact_rollback, d.blks_read, d.blks_hit, d.tup_returned, d.tup_fetched,
    d.tup_inserted, d.tup_updated, d.tup_deleted, d.conflicts, d.temp_files, d.temp_bytes, d.deadlocks,
    d.blk_read_time, d.blk_write_time, coalesce(extract(epoch from d.stats_reset), 0) as stats_reset,
    pg_database_size(d.datid) as size_bytes
from pg_stat_database as d
where d.datname = current_database()
