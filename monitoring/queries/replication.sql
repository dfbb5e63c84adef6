-- The same metric as in postgres_exporter: the lag of this server. It is 0 on a primary, and on a replica that has replayed
-- everything it received.
select
    case
        when not pg_is_in_recovery() then 0
        when pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() then 0
        else greatest(0, extract(epoch from now() - pg_last_xact_replay_timestamp()))
    end as lag_seconds,
    pg_is_in_recovery()::integer as is_replica
