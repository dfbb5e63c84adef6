"""Metrics of PostgreSQL's health. Where the meaning is the same, the names are those of postgres_exporter.

With these names, dashboards made for postgres_exporter work.
"""

from __future__ import annotations

from prometheus_client.core import CounterMetricFamily, Metric

from monitoring.families import Column, MonotonicCounter, spread
from monitoring.query import ask

_DATABASE_TOTALS = (
    ("xact_commit", "Transactions committed."),
    ("xact_rollback", "Transactions rolled back."),
    ("blks_read", "Blocks read from outside the buffer cache."),
    ("blks_hit", "Blocks found in the buffer cache."),
    ("tup_returned", "Rows scanned."),
    ("tup_fetched", "Rows fetched by index scans."),
    ("tup_inserted", "Rows inserted."),
    ("tup_updated", "Rows updated."),
    ("tup_deleted", "Rows deleted."),
    ("conflicts", "Queries cancelled by recovery (on a replica)."),
    ("temp_files", "Temporary files made."),
    ("temp_bytes", "Bytes written to temporary files."),
    ("deadlocks", "Deadlocks."),
    ("blk_read_time", "Milliseconds spent reading blocks."),
    ("blk_write_time", "Milliseconds spent writing blocks."),
)
_TABLE_GAUGES = (
    ("n_live_tup", "Live rows (estimate)."),
    ("n_dead_tup", "Dead rows (estimate)."),
    ("n_mod_since_analyze", "Rows changed since the last analyze (estimate)."),
    ("last_autovacuum", "Unix time when autovacuum last finished (of partitions, the latest); 0: never."),
    ("last_autoanalyze", "Unix time when autoanalyze last finished (of partitions, the latest); 0: never."),
)
_TABLE_TOTALS = (
    ("seq_scan", "Sequential scans."),
    ("seq_tup_read", "Rows read by sequential scans."),
    ("idx_scan", "Index scans."),
    ("n_tup_ins", "Rows inserted."),
    ("n_tup_upd", "Rows updated."),
    ("n_tup_del", "Rows deleted."),
    ("n_tup_hot_upd", "Rows updated without touching an index."),
)
TABLE = ("datname", "schemaname", "relname")


def read_settings() -> list[Metric]:
    """Return how many connections the server allows. When this probe answers, the collector sets pg_up to 1."""
    names = (
        ("max_connections", "Connections the server allows."),
        ("superuser_reserved_connections", "Of those, kept for superusers."),
    )
    return spread(
        ask("settings"), columns=[Column(name=f"pg_settings_{name}", column=name, help=text) for name, text in names]
    )


def read_replication() -> list[Metric]:
    """Return whether this server is a replica and how far behind it is."""
    return spread(
        ask("replication"),
        columns=[
            Column(
                name="pg_replication_lag_seconds", column="lag_seconds", help="Lag of this server behind its primary."
            ),
            Column(name="pg_replication_is_replica", column="is_replica", help="1 on a replica."),
        ],
    )


def read_database() -> list[Metric]:
    """Return the totals and the size of our own database."""
    prefix = "pg_stat_database_"
    columns = [Column(name=prefix + name, column=name, help=text, kind=None) for name, text in _DATABASE_TOTALS]
    columns += [
        Column(name=f"{prefix}numbackends", column="numbackends", help="Connections to this database now."),
        Column(
            name=f"{prefix}stats_reset", column="stats_reset", help="Unix time when these totals were reset; 0: never."
        ),
        Column(name="pg_database_size_bytes", column="size_bytes", help="Disk space of the database."),
    ]
    return spread(ask("database"), labels=("datname",), columns=columns)


def read_activity() -> list[Metric]:
    """Return the connections to the whole server, by database, state and role."""
    prefix = "pg_stat_activity_"
    return spread(
        ask("activity"),
        labels=("datname", "state", "usename"),
        columns=[
            Column(name=f"{prefix}count", column="connections", help="Connections in this state."),
            Column(name=f"{prefix}max_tx_duration", column="max_tx_duration", help="Age of the oldest transaction."),
        ],
    )


def read_locks() -> list[Metric]:
    """Return the locks held or waited for in our own database."""
    return spread(
        ask("locks"),
        labels=("datname", "mode"),
        columns=[Column(name="pg_locks_count", column="locks", help="Locks held or waited for.")],
    )


def read_lock_waits() -> list[Metric]:
    """Return how many sessions wait for a lock."""
    return spread(
        ask("lock_waits"),
        columns=[Column(name="pg_lock_waits", column="waits", help="Sessions that wait for a lock.")],
    )


def read_transactions() -> list[Metric]:
    """Return how many transactions are open and how old the oldest is."""
    prefix = "pg_long_running_transactions"
    return spread(
        ask("transactions"),
        columns=[
            Column(name=prefix, column="transactions", help="Open transactions, of any age."),
            Column(name=f"{prefix}_oldest_timestamp_seconds", column="oldest_seconds", help="Age of the oldest."),
        ],
    )


def read_tables(monotonic: MonotonicCounter) -> list[Metric]:
    """Return rows, dead rows and scans of each table. Totals do not fall when an old partition is dropped."""
    rows = ask("tables")
    for row in rows:
        for column, _ in _TABLE_TOTALS:
            row[column] = monotonic((row["relname"], column), float(row[column]))
    columns = [Column(name=f"pg_stat_user_tables_{name}", column=name, help=text) for name, text in _TABLE_GAUGES]
    columns += [
        Column(name=f"pg_stat_user_tables_{name}", column=name, help=text, kind=None) for name, text in _TABLE_TOTALS
    ]
    return spread(rows, labels=TABLE, columns=columns)


def read_autovacuum() -> list[Metric]:
    """Return how long ago the table that needs a vacuum most had one; 0 when no table needs one."""
    text = "Age of the last vacuum of the table that waits longest for one; 0: none waits."
    return spread(
        ask("autovacuum"), columns=[Column(name="pg_autovacuum_age_seconds", column="age_seconds", help=text)]
    )


def read_bloat() -> list[Metric]:
    """Return the 20 tables with the largest estimated share of unneeded pages."""
    text = "Share of the table's pages that its rows do not need (estimate from statistics)."
    return spread(
        ask("bloat"), labels=("relname",), columns=[Column(name="pg_table_bloat_ratio", column="ratio", help=text)]
    )


def read_roles() -> list[Metric]:
    """Return for each of our log-in roles its connections and its limit, which is -1 where there is none."""
    return spread(
        ask("roles"),
        labels=("rolname",),
        columns=[
            Column(name="pg_role_connections", column="connections", help="Connections of the role, to any database."),
            Column(name="pg_role_connection_limit", column="connection_limit", help="The role's limit; -1: none."),
        ],
    )


def read_partitions() -> list[Metric]:
    """Return, for each partitioned table, how many coming months have a partition and the rows in its default partition."""
    ahead_name, default_rows_name = "essaycoach_partitions_ahead_months", "essaycoach_partition_rows_in_default"
    return spread(
        ask("partitions"),
        labels=("table",),
        columns=[
            Column(name=ahead_name, column="ahead", help="Months in a row after this one that have their partition."),
            Column(
                name=default_rows_name,
                column="stray",
                help="Rows in the default partition, from the statistics; must be 0.",
            ),
        ],
    )


def read_statements() -> list[Metric]:
    """Return the 20 statements that took the most time, by id. Without pg_stat_statements the families have no samples."""
    names = (
        ("pg_stat_statements_seconds_total", "seconds", "Time spent in the statement."),
        ("pg_stat_statements_calls_total", "calls", "Times it ran."),
        ("pg_stat_statements_rows_total", "rows_seen", "Rows it returned or changed."),
    )
    return spread(
        ask("statements"),
        labels=("user", "datname", "queryid"),
        columns=[Column(name=name, column=column, help=text, kind=CounterMetricFamily) for name, column, text in names],
    )
