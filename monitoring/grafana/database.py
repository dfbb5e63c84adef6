"""The dashboard "Database": connections, locks, size, vacuum, WAL and standbys of PostgreSQL."""

from __future__ import annotations

from monitoring.grafana.panels import Dashboard, Panel, Query, Row, stat

DASHBOARD = Dashboard(
    uid="essaycoach-database",
    title="Database",
    answers="Whether PostgreSQL has connections, room and time left, cleans up after itself, and can be restored.",
    rows=(
        Row(
            title="Now",
            panels=(
                stat(
                    "PostgreSQL", "min(pg_up)", "Whether the server answers the monitor.",
                    below="red", thresholds=((1, "green"),), words=((0, "down"), (1, "up")),
                ),
                stat(
                    "Connections used",
                    "sum(pg_stat_activity_count) / (max(pg_settings_max_connections) - max(pg_settings_superuser_reserved_connections))",
                    "Share of the connections that programs may use. Over 80 % ConnectionsNearlyUsed pages.",
                    unit="percentunit", most=1, thresholds=((0.6, "orange"), (0.8, "red")),
                ),
                stat(
                    "Disk free", "min(essaycoach_data_free_bytes / essaycoach_data_size_bytes)",
                    "Of the disk with the data, where the monitor can see it. Below 10 % DiskNearlyFull pages.",
                    unit="percentunit", most=1, below="red", thresholds=((0.1, "orange"), (0.2, "green")),
                ),
                stat(
                    "Oldest transaction", "max(pg_long_running_transactions_oldest_timestamp_seconds)",
                    "A long transaction holds back vacuum. Over 5 minutes LongTransaction fires.",
                    unit="s", thresholds=((60, "orange"), (300, "red")),
                ),
                stat(
                    "Lock waits", "sum(pg_lock_waits)", "Sessions that wait for a lock now.",
                    thresholds=((1, "orange"), (10, "red")),
                ),
                stat(
                    "Last backup", 'min(essaycoach_duty_age_seconds{duty=~"backup|base_backup"})',
                    "How long ago a backup last succeeded. Over 26 hours BackupOld fires.",
                    unit="s", thresholds=((26 * 3600, "red"),),
                ),
            ),
        ),
        Row(
            title="Connections, transactions, locks",
            panels=(
                Panel(
                    title="Connections of each role",
                    answers="Connections against the limit of the role. One role near its limit: too many processes or too large "
                    "a pool.",
                    queries=(
                        Query(expr="max by (rolname) (pg_role_connections)", legend="{{rolname}}"),
                        Query(expr="max by (rolname) (pg_role_connection_limit > 0)", legend="{{rolname}}, limit"),
                    ),
                ),
                Panel(
                    title="Connections by state", stacked=True,
                    answers="idle in transaction for long: a program that forgot to end.",
                    queries=(Query(expr="sum by (state) (pg_stat_activity_count)", legend="{{state}}"),),
                ),
                Panel(
                    title="Transactions", unit="ops",
                    answers="Each second. Many rollbacks are refused requests or lost races; deadlocks should be 0.",
                    queries=tuple(
                        Query(expr=f"sum(rate(pg_stat_database_{name}[$__rate_interval]))", legend=legend)
                        for name, legend in (
                            ("xact_commit", "committed"), ("xact_rollback", "rolled back"), ("deadlocks", "deadlocks"),
                        )
                    ),
                ),
                Panel(
                    title="Locks by mode",
                    answers="Locks held or waited for in our database. An accessexclusivelock that stays is a migration or a "
                    "vacuum full that blocks everybody.",
                    queries=(Query(expr="sum by (mode) (pg_locks_count)", legend="{{mode}}"),),
                ),
                Panel(
                    title="Lock waits and the oldest transaction", unit="short",
                    answers="Waiting sessions, and seconds of the oldest open transaction: together they show who blocks whom.",
                    queries=(
                        Query(expr="sum(pg_lock_waits)", legend="sessions that wait"),
                        Query(expr="max(pg_long_running_transactions_oldest_timestamp_seconds)", legend="oldest transaction, s"),
                    ),
                ),
                Panel(
                    title="Blocks found in the cache", unit="percentunit", least=None, most=1,
                    answers="Share of blocks that needed no read from outside. A fall that stays: the working set no longer fits.",
                    queries=(
                        Query(
                            expr="sum(rate(pg_stat_database_blks_hit[$__rate_interval])) / (sum(rate(pg_stat_database_blks_hit"
                            "[$__rate_interval])) + sum(rate(pg_stat_database_blks_read[$__rate_interval])))",
                            legend="hits",
                        ),
                    ),
                ),
            ),
        ),
        Row(
            title="Room",
            panels=(
                Panel(
                    title="Size and free disk", unit="bytes",
                    answers="The database, and what is left on its disk where the monitor can see it. Where the lines meet, web "
                    "answers 503.",
                    queries=(
                        Query(expr="sum by (datname) (pg_database_size_bytes)", legend="{{datname}}"),
                        Query(expr="min(essaycoach_data_free_bytes)", legend="free"),
                    ),
                ),
                Panel(
                    title="Partitions",
                    answers="Months ahead of the table that has fewest (below 2 PartitionsRunningOut fires), and rows that lie in "
                    "a default partition (must be 0).",
                    queries=(
                        Query(expr="min(essaycoach_partitions_ahead_months)", legend="months ahead"),
                        Query(expr="sum(essaycoach_partition_rows_in_default)", legend="rows in default partitions"),
                    ),
                ),
                Panel(
                    title="Bloat", kind="bargauge", unit="percentunit",
                    answers="Estimated share of wasted room of the ten worst tables. Small tables say little. Over half of a large "
                    "one: `vacuum (full)` in a quiet hour, or pg_repack.",
                    queries=(Query(expr="topk(10, max by (relname) (pg_table_bloat_ratio))", legend="{{relname}}"),),
                ),
                Panel(
                    title="Dead rows",
                    answers="The ten tables with the most dead rows. They fall when autovacuum has run.",
                    queries=(
                        Query(expr="topk(10, sum by (relname) (pg_stat_user_tables_n_dead_tup))", legend="{{relname}}"),
                    ),
                ),
                Panel(
                    title="Since autovacuum last worked", unit="s",
                    answers="Rising while dead rows rise: it is off, or a transaction holds it back.",
                    queries=(Query(expr="max(pg_autovacuum_age_seconds)", legend="autovacuum"),),
                ),
                Panel(
                    title="Slowest statements", unit="percentunit", least=0,
                    answers="Time spent in each of the five slowest statements, by id: 100 % is one connection that does nothing "
                    "else. As a superuser, look the id up in pg_stat_statements.",
                    queries=(
                        Query(
                            expr="topk(5, sum by (queryid, user) (rate(pg_stat_statements_seconds_total[$__rate_interval])))",
                            legend="{{user}} {{queryid}}",
                        ),
                    ),
                ),
            ),
        ),
        Row(
            title="WAL, archive, standbys",
            panels=(
                Panel(
                    title="WAL written", unit="Bps",
                    answers="Bytes each second. A peak that lasts fills the disk of a slow archive or standby.",
                    queries=(Query(expr="sum(rate(pg_wal_bytes_total[$__rate_interval]))", legend="WAL"),),
                ),
                Panel(
                    title="Checkpoints",
                    answers="In the last hour. Many requested ones: raise max_wal_size.",
                    queries=(Query(expr="sum by (kind) (increase(pg_checkpoints_total[1h]))", legend="{{kind}}"),),
                ),
                Panel(
                    title="Archive",
                    answers="WAL files of the last hour that were archived and that failed. While they fail, nothing can be "
                    "restored to a point in time after the last one.",
                    queries=(
                        Query(expr="sum(increase(pg_archiver_archived_total[1h]))", legend="archived"),
                        Query(expr="sum(increase(pg_archiver_failed_total[1h]))", legend="failed"),
                    ),
                ),
                Panel(
                    title="Since the last archived file", unit="s",
                    answers="So much of the newest work would a restore from the archive lack.",
                    queries=(Query(expr="max(pg_archiver_last_archived_age_seconds)", legend="archive"),),
                ),
                Panel(
                    title="WAL kept for replication slots", unit="bytes",
                    answers="A slot whose receiver is away keeps WAL until the disk is full.",
                    queries=(
                        Query(
                            expr="max by (slot_type, active) (pg_replication_slot_retained_bytes)",
                            legend="{{slot_type}}, active {{active}}",
                        ),
                    ),
                ),
                Panel(
                    title="How far standbys are behind", unit="s",
                    answers="As the primary sees each standby, and as this server sees itself. So old is what a report from the "
                    "standby shows, and so much a failover may lose.",
                    queries=(
                        Query(expr="max by (application_name) (pg_standby_lag_seconds)", legend="{{application_name}}"),
                        Query(expr="max(pg_replication_lag_seconds)", legend="this server"),
                    ),
                ),
                Panel(
                    title="Probes of the monitor", unit="s", width=24, height=6,
                    answers="Time that each probe took. A probe at 0 was not tried: look at essaycoach_probe_up.",
                    queries=(Query(expr="max by (probe) (essaycoach_probe_seconds)", legend="{{probe}}"),),
                ),
            ),
        ),
    ),
)  # fmt: skip
