-- WAL that the server keeps for the slot that is furthest behind. A kind of slot that does not exist keeps nothing.
select kind.slot_type, lower(kind.active::text) as active, coalesce(max(greatest(0, pg_wal_lsn_diff(here.lsn, s.restart_lsn))), 0) as retained_bytes
from (values ('physical', true), ('physical', false), ('logical', true), ('logical', false)) as kind (slot_type, active)
cross join (
    select case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_lsn() end as lsn
) as here
left join pg_replication_slots as s on s.slot_type = kind.slot_type and s.active = kind.active
group by kind.slot_type, kind.active
