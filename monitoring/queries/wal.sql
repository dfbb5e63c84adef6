select wal_bytes from pg_stat_wal
