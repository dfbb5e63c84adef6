"""Faults of PostgreSQL, of Redis, and of what keeps them in order."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import psycopg2

from tests.alert_drill.fault import Drill, Fault

FAR_FUTURE_ID = "ffffffff-0000-7000-8000-000000000000"


@contextmanager
def postgres_frozen(drill: Drill) -> Iterator[None]:
    """Freeze every process of PostgreSQL."""
    with drill.frozen("postgres"):
        yield


@contextmanager
def redis_frozen(drill: Drill) -> Iterator[None]:
    """Freeze Redis."""
    with drill.frozen("redis"):
        yield


@contextmanager
def redis_full(drill: Drill) -> Iterator[None]:
    """Set the memory limit of Redis to half of what it uses."""
    client = drill.system.redis()
    client.config_set("maxmemory", int(client.info("memory")["used_memory"]) // 2)
    try:
        yield
    finally:
        client.config_set("maxmemory", 0)
        client.close()


@contextmanager
def redis_nearly_full(drill: Drill) -> Iterator[None]:
    """Set the memory limit of Redis a tenth above what it uses."""
    client = drill.system.redis()
    client.config_set("maxmemory", int(int(client.info("memory")["used_memory"]) * 1.1))
    try:
        yield
    finally:
        client.config_set("maxmemory", 0)
        client.close()


@contextmanager
def foreign_messages(drill: Drill) -> Iterator[None]:
    """Put messages into a queue that are no hints."""
    client = drill.system.redis()
    client.rpush("dramatiq:interactive", *(f"drill-{number}" for number in range(20)))
    client.close()
    yield


@contextmanager
def connections_used(drill: Drill) -> Iterator[None]:
    """Open connections until nine tenths of the server's are in use."""
    ((limit, used),) = drill.sql(
        "select current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int, "
        "(select count(*) from pg_stat_activity where backend_type = 'client backend')"
    )
    with ExitStack() as stack:
        for _ in range(int(limit * 0.9) - used):
            stack.callback(psycopg2.connect(drill.system.database_url).close)
        yield


@contextmanager
def role_connections_used(drill: Drill) -> Iterator[None]:
    """Lower the limit of the clock's role to what it has open."""
    ((before, used),) = drill.sql(
        "select rolconnlimit, (select count(*) from pg_stat_activity where usename = 'ec_clock') "
        "from pg_roles where rolname = 'ec_clock'"
    )
    drill.sql(f"alter role ec_clock connection limit {max(1, used)}")
    try:
        yield
    finally:
        drill.sql(f"alter role ec_clock connection limit {before}")


@contextmanager
def long_transaction(drill: Drill) -> Iterator[None]:
    """Leave a transaction open that has written."""
    with _connection(drill) as connection, connection.cursor() as cursor:
        cursor.execute("select pg_current_xact_id()")
        yield


@contextmanager
def lock_waits(drill: Drill) -> Iterator[None]:
    """Let one session wait for an advisory lock of another. Each begins its transaction anew before it is a long one."""
    with _connection(drill) as holder, _connection(drill) as waiter:
        holder.autocommit = waiter.autocommit = True
        with holder.cursor() as cursor:
            cursor.execute("select pg_advisory_lock(119)")
        asynchronous = psycopg2.connect(drill.system.database_url, async_=True)
        try:
            drill.wait_until(lambda: asynchronous.poll() == psycopg2.extensions.POLL_OK, what="a connection")
            asynchronous.cursor().execute("select pg_advisory_lock(119)")
            yield
        finally:
            with waiter.cursor() as cursor:
                cursor.execute("select pg_terminate_backend(%s)", (asynchronous.get_backend_pid(),))
            asynchronous.close()


@contextmanager
def dead_rows(drill: Drill) -> Iterator[None]:
    """Delete 20,000 rows of a table that autovacuum leaves alone."""
    drill.sql("create table drill_dead_rows (n int) with (autovacuum_enabled = off)")
    try:
        drill.sql("insert into drill_dead_rows select generate_series(1, 20000)")
        drill.sql("delete from drill_dead_rows")
        yield
    finally:
        drill.sql("drop table drill_dead_rows")


@contextmanager
def default_partition(drill: Drill) -> Iterator[None]:
    """Store a row that belongs to no month."""
    drill.sql(
        "insert into system_logs (id, program, level, event) values (%s, 'drill', 'warning', 'drill')", FAR_FUTURE_ID
    )
    drill.sql("analyze system_logs_default")
    try:
        yield
    finally:
        drill.sql("delete from system_logs where id = %s", FAR_FUTURE_ID)
        drill.wait_until(lambda: _is_emptied(drill, "system_logs_default"), what="an empty default partition")


def _is_emptied(drill: Drill, table: str) -> bool:
    """Vacuum the table, and return whether it has no page left: while others hold an old snapshot or a lock, one stays."""
    drill.sql(f"vacuum analyze {table}")
    return drill.sql("select pg_relation_size(%s::regclass)", table) == [(0,)]


@contextmanager
def partitions_missing(drill: Drill) -> Iterator[None]:
    """Drop the partitions of the coming months of one table."""
    for (name,) in drill.sql(
        "select c.relname from pg_inherits as i join pg_class as c on c.oid = i.inhrelid "
        "where i.inhparent = 'system_logs'::regclass "
        "and c.relname > 'system_logs_' || to_char(now() at time zone 'UTC', 'YYYY_MM') and c.relname not like '%default'"
    ):
        drill.sql(f"drop table {name}")
    try:
        yield
    finally:
        drill.sql("select ensure_partitions(4)")


@contextmanager
def probe_without_right(drill: Drill) -> Iterator[None]:
    """Take the monitor's right to see the pauses away."""
    drill.sql("revoke select on monitor_pauses from ec_monitor")
    try:
        yield
    finally:
        drill.sql("grant select on monitor_pauses to ec_monitor")


@contextmanager
def slot_retains_wal(drill: Drill) -> Iterator[None]:
    """Keep a replication slot that nobody reads, while 16 MiB of WAL are written."""
    drill.sql("select pg_create_physical_replication_slot('drill', true)")
    try:
        drill.sql("create table drill_wal as select repeat('x', 100) as filler from generate_series(1, 150000)")
        yield
    finally:
        drill.sql("select pg_drop_replication_slot('drill')")
        drill.sql("drop table if exists drill_wal")


@contextmanager
def backup_and_drill_old(drill: Drill) -> Iterator[None]:
    """Date the last backup and the last restore drill back."""
    drill.sql(
        "update duty_runs set started_at = started_at - interval '40 days', ended_at = ended_at - interval '40 days', "
        "succeeded_at = succeeded_at - interval '40 days' where name in ('backup', 'base_backup', 'drill')"
    )
    try:
        yield
    finally:
        record_upkeep(drill)


@contextmanager
def duty_failed(drill: Drill) -> Iterator[None]:
    """Record a failed run of a duty, as the clock does."""
    drill.sql("select record_duty('check_indexes', now(), 'failed', 0, '{}')")
    try:
        yield
    finally:
        drill.sql("select record_duty('check_indexes', now(), 'ok', 0, '{}')")


@contextmanager
def reports_old(drill: Drill) -> Iterator[None]:
    """Date the figures of reports back, and keep the clock from refreshing them."""
    drill.sql("select hold_duty('refresh_reports', uuidv7(), 3600)")
    drill.sql(
        "insert into report_refreshes (name, refreshed_at, took_ms) values ('report_types', now() - interval '7 hours', 0) "
        "on conflict (name) do update set refreshed_at = excluded.refreshed_at"
    )
    try:
        yield
    finally:
        # The clock then refreshes everything as on its first day.
        drill.sql("delete from report_refreshes")
        drill.sql("delete from duty_leases where name = 'refresh_reports'")


def record_upkeep(drill: Drill) -> None:
    """Record a good backup and a good restore drill of now, which a new machine does not have."""
    for name in ("backup", "drill"):
        drill.sql("select record_duty(%s, now(), 'ok', 1, '{}')", name)


@contextmanager
def _connection(drill: Drill) -> Iterator[psycopg2.extensions.connection]:
    connection = psycopg2.connect(drill.system.database_url)
    try:
        yield connection
    finally:
        connection.close()


STORE_FAULTS = (
    Fault("postgres-frozen", "PostgreSQL frozen", ("PostgresDown",), postgres_frozen),
    Fault("redis-frozen", "Redis frozen", ("RedisDown",), redis_frozen),
    Fault("redis-full", "Redis over its memory limit", ("RedisRefuses",), redis_full),
    Fault("redis-nearly-full", "Redis a tenth below its memory limit", ("RedisMemoryNearlyFull",), redis_nearly_full),
    Fault("foreign-messages", "twenty messages that are no hints", ("ForeignMessages",), foreign_messages),
    Fault("connections-used", "nine tenths of the connections open", ("ConnectionsNearlyUsed",), connections_used),
    Fault("role-connections", "a role at its limit of connections", ("RoleConnectionsNearlyUsed",), role_connections_used),
    Fault("long-transaction", "a transaction left open", ("LongTransaction",), long_transaction),
    Fault("lock-waits", "a session waits for a lock", ("LockWaits",), lock_waits),
    Fault("dead-rows", "20,000 rows deleted, autovacuum off", ("DeadRows",), dead_rows),
    Fault("default-partition", "a row of a month without a partition", ("DefaultPartitionNotEmpty",), default_partition),
    Fault("partitions-missing", "the coming months' partitions dropped", ("PartitionsRunningOut",), partitions_missing),
    Fault("probe-without-right", "the monitor loses a right", ("ProbeDown",), probe_without_right),
    Fault("slot-retains-wal", "a replication slot that nobody reads", ("SlotRetainsWal",), slot_retains_wal),
    Fault("upkeep-old", "backup and restore drill dated back", ("BackupOld", "DrillOld"), backup_and_drill_old),
    Fault("duty-failed", "a duty's last run failed", ("DutyFailed",), duty_failed),
    Fault("reports-old", "the figures of reports dated back", ("ReportsOld",), reports_old),
)  # fmt: skip
