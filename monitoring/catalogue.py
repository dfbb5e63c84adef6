"""The list of all metrics. The table in docs/operations.md is written from it, and a test compares it with a scrape."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Described:
    """What one metric means. `only` says when it has samples; empty: always."""

    name: str
    kind: str
    labels: tuple[str, ...]
    meaning: str
    only: str = ""


def _metric(kind: str, name: str, labels: str, meaning: str, only: str = "") -> Described:
    return Described(name=name, kind=kind, labels=tuple(labels.split()), meaning=meaning, only=only)


# Kind, name, labels, unit and meaning, and when there are samples. "unknown" is a running total whose name comes from
# postgres_exporter and lacks the suffix _total. A partition counts for its table.
METRICS = (
    _metric("gauge", "essaycoach_queue_oldest_age_seconds", "queue", "s, how long the oldest due pass has waited for a worker"),
    _metric("gauge", "essaycoach_queue_depth", "queue state", "passes queued (above 5,000 about) or running"),
    _metric(
        "histogram", "essaycoach_feedback_seconds", "queue",
        "s, from the receipt of a version to its first final status; a later run by a person and superseded versions do not count",
    ),
    _metric("histogram", "essaycoach_queue_wait_seconds", "queue", "s, from due to first claim, of finished passes"),
    _metric("histogram", "essaycoach_pass_duration_seconds", "pass outcome", "s, from the last claim to the end of the pass"),
    _metric(
        "counter", "essaycoach_pass_attempts_total", "pass kind",
        "attempts of ended passes: `first`, or `retry`; a failure that is the provider's uses no attempt",
    ),
    _metric("gauge", "essaycoach_leases_overdue", "", "running passes whose lease ended over 30 s ago"),
    _metric("gauge", "essaycoach_program_processes", "program", "processes with a heartbeat in the last 30 s"),
    _metric("gauge", "essaycoach_program_heartbeat_age_seconds", "program", "s, since the newest heartbeat"),
    _metric("gauge", "essaycoach_program_threads", "program state", "threads of living processes, `alive` or `busy`"),
    _metric("gauge", "essaycoach_program_progress_age_seconds", "program", "s, longest time a process with work ended nothing"),
    _metric("gauge", "essaycoach_program_version_info", "program version", "living processes of this version"),
    _metric(
        "gauge", "essaycoach_web_ready", "", "1 when all of `ESSAYCOACH_WEB_URL` answer `/readyz` with 200",
        "`ESSAYCOACH_WEB_URL` is set",
    ),
    _metric("gauge", "essaycoach_web_probe_seconds", "", "s, until they had answered; 2 they did not", "`ESSAYCOACH_WEB_URL` is set"),
    _metric("gauge", "essaycoach_gave_up", "pass reason", "given-up passes that nobody has retried or discarded"),
    _metric("counter", "essaycoach_leases_expired_total", "", "claims whose worker did not renew its lease"),
    _metric("counter", "essaycoach_fenced_writes_total", "", "late writes refused: another claim held the pass"),
    _metric("counter", "essaycoach_unanchored_comments_total", "", "comments whose words could not be placed in the essay"),
    _metric("gauge", "essaycoach_delivery_oldest_age_seconds", "", "s, how long the oldest due delivery to an endpoint has waited"),
    _metric(
        "counter", "essaycoach_delivery_attempts_total", "outcome",
        "attempts to deliver an event to an endpoint: `delivered`, `put_off` until later, or `gave_up` after the last",
    ),
    _metric("gauge", "essaycoach_lms_oldest_age_seconds", "what", "s, how long the oldest due arrival or return of an LMS has waited"),
    _metric(
        "counter", "essaycoach_lms_ended_total", "what outcome",
        "`arrivals` that ended as `accepted`, `superseded`, `refused` or `gave_up`, and `returns` as `done`, `not_wanted` or `gave_up`",
    ),
    _metric("gauge", "essaycoach_lms_silent_seconds", "kind", "s, since the last answer of the LMS that is silent for longest"),
    _metric("gauge", "essaycoach_lms_given_up", "kind", "LMSs that are not asked any more, because looking at them failed in our code"),
    _metric("gauge", "essaycoach_endpoints", "state", "endpoints whose last delivery failed, and those `disabled` for that"),
    _metric("gauge", "essaycoach_redis_depth", "queue", "hints waiting in Redis"),
    _metric("counter", "essaycoach_dropped_messages_total", "queue", "messages in Redis that were no hints of ours"),
    _metric("gauge", "essaycoach_redis_usable", "reason", "0 when Redis answers but refuses our work for this reason"),
    _metric("gauge", "essaycoach_provider_pause_seconds", "provider", "s, how long no worker will call it; 0 calls are allowed"),
    _metric("gauge", "essaycoach_provider_state", "provider reason", "1 for the state of the provider: `ok`, or why it is paused"),
    _metric("counter", "essaycoach_ai_requests_total", "pass provider outcome", "completed calls"),
    _metric("counter", "essaycoach_ai_tokens_total", "pass kind", "tokens paid for"),
    _metric("counter", "essaycoach_ai_cost_micros_total", "pass", "micro-dollars"),
    _metric(
        "gauge", "essaycoach_org_spend_ratio", "rank",
        "used share of this month's budget, of the ten orgs with the largest", "orgs with a budget made calls this month",
    ),
    _metric(
        "counter", "essaycoach_unapproved_readers_total", "pass provider result",
        "readings kept from a version that is not approved",
    ),
    _metric("counter", "essaycoach_http_requests_total", "method route status", "finished requests", "`PROMETHEUS_MULTIPROC_DIR` is set"),
    _metric(
        "histogram", "essaycoach_http_request_duration_seconds", "route",
        "s, of requests that did not ask to wait", "`PROMETHEUS_MULTIPROC_DIR` is set",
    ),
    _metric(
        "gauge", "essaycoach_http_waiting_requests", "",
        "requests that wait for a change (`Prefer: wait`, event streams)", "`PROMETHEUS_MULTIPROC_DIR` is set",
    ),
    _metric(
        "counter", "essaycoach_security_events_total", "event",
        "security events that web saw; what staff read", "`PROMETHEUS_MULTIPROC_DIR` is set",
    ),
    _metric("gauge", "essaycoach_partitions_ahead_months", "table", "months in a row after this one that have a partition"),
    _metric("gauge", "essaycoach_partition_rows_in_default", "table", "rows in the default partition, from the statistics"),
    _metric("gauge", "essaycoach_duty_age_seconds", "duty", "s, since the last good run of the duty", "the duty succeeded once"),
    _metric("gauge", "essaycoach_duty_failed", "duty", "1 when the last run failed", "the duty ran"),
    _metric("gauge", "essaycoach_duty_seconds", "duty", "s, how long the last run took", "the duty ran"),
    _metric("gauge", "essaycoach_duty_found", "duty", "what the last run changed or found", "the duty ran"),
    _metric("gauge", "essaycoach_reports_age_seconds", "", "s, age of the oldest figures that reports show", "a report view was refreshed"),
    _metric("gauge", "essaycoach_reports_refresh_seconds", "", "s, how long the last refresh of all took", "a report view was refreshed"),
    _metric("gauge", "essaycoach_data_size_bytes", "", "bytes, size of the disk that holds the data", "`ESSAYCOACH_DATA_DIR` is set"),
    _metric("gauge", "essaycoach_data_free_bytes", "", "bytes, free on that disk", "`ESSAYCOACH_DATA_DIR` is set"),
    _metric("gauge", "essaycoach_probe_up", "probe", "1 when the probe answered in time"),
    _metric("gauge", "essaycoach_probe_seconds", "probe", "s, how long the probe took; 0 not tried"),
    _metric("gauge", "redis_up", "", "1 when Redis answered"),
    _metric("gauge", "redis_memory_bytes", "", "bytes that Redis uses"),
    _metric("gauge", "redis_memory_max_bytes", "", "bytes that Redis may use; 0 no limit"),
    _metric("counter", "redis_evicted_keys_total", "", "keys evicted to free memory; must stay 0, because hints would be lost"),
    _metric("counter", "redis_rejected_connections_total", "", "connections refused at `maxclients`"),
    _metric("counter", "redis_rejected_writes_total", "", "writes refused: no memory, no disk, read-only, or too few replicas"),
    _metric("gauge", "pg_up", "", "1 when PostgreSQL answered"),
    _metric("gauge", "pg_settings_max_connections", "", "connections that the server allows"),
    _metric("gauge", "pg_settings_superuser_reserved_connections", "", "of those, reserved for superusers"),
    _metric("gauge", "pg_replication_lag_seconds", "", "s, this server behind its primary"),
    _metric("gauge", "pg_replication_is_replica", "", "1 on a replica"),
    _metric(
        "gauge", "pg_standby_lag_seconds", "application_name",
        "s, how far a standby is behind this server; 0 when it replayed all", "a standby is connected",
    ),
    _metric(
        "gauge", "pg_standby_lag_bytes", "application_name",
        "bytes of log that the standby has not replayed", "a standby is connected",
    ),
    _metric(
        "gauge", "pg_replication_slot_retained_bytes", "slot_type active",
        "bytes of log retained for the slot of this kind that is furthest behind; 0 no such slot",
    ),
    _metric("counter", "pg_wal_bytes_total", "", "bytes of write-ahead log written"),
    _metric("counter", "pg_checkpoints_total", "kind", "checkpoints: `timed`, or `requested` (mostly because the log grew too fast)"),
    _metric("counter", "pg_archiver_archived_total", "", "files of write-ahead log that were archived"),
    _metric("counter", "pg_archiver_failed_total", "", "attempts to archive a file that failed"),
    _metric("gauge", "pg_archiver_last_archived_age_seconds", "", "s, since a file was archived", "a file was archived"),
    _metric("gauge", "pg_database_size_bytes", "datname", "bytes on disk"),
    _metric("gauge", "pg_stat_database_numbackends", "datname", "connections now"),
    _metric("gauge", "pg_stat_database_stats_reset", "datname", "Unix time the totals were reset, 0 never"),
    _metric("unknown", "pg_stat_database_xact_commit", "datname", "transactions committed"),
    _metric("unknown", "pg_stat_database_xact_rollback", "datname", "transactions rolled back"),
    _metric("unknown", "pg_stat_database_blks_read", "datname", "blocks read from outside the buffer cache"),
    _metric("unknown", "pg_stat_database_blks_hit", "datname", "blocks found in the buffer cache"),
    _metric("unknown", "pg_stat_database_tup_returned", "datname", "rows scanned"),
    _metric("unknown", "pg_stat_database_tup_fetched", "datname", "rows fetched by index scans"),
    _metric("unknown", "pg_stat_database_tup_inserted", "datname", "rows inserted"),
    _metric("unknown", "pg_stat_database_tup_updated", "datname", "rows updated"),
    _metric("unknown", "pg_stat_database_tup_deleted", "datname", "rows deleted"),
    _metric("unknown", "pg_stat_database_conflicts", "datname", "queries cancelled by recovery, on a replica"),
    _metric("unknown", "pg_stat_database_temp_files", "datname", "temporary files"),
    _metric("unknown", "pg_stat_database_temp_bytes", "datname", "bytes written to temporary files"),
    _metric("unknown", "pg_stat_database_deadlocks", "datname", "deadlocks"),
    _metric("unknown", "pg_stat_database_blk_read_time", "datname", "ms spent reading blocks"),
    _metric("unknown", "pg_stat_database_blk_write_time", "datname", "ms spent writing blocks"),
    _metric("gauge", "pg_stat_activity_count", "datname state usename", "connections; usename is a role"),
    _metric("gauge", "pg_stat_activity_max_tx_duration", "datname state usename", "s, age of their oldest transaction"),
    _metric("gauge", "pg_role_connections", "rolname", "connections of one of our log-in roles, to any database"),
    _metric("gauge", "pg_role_connection_limit", "rolname", "the most it may have; -1 no limit"),
    _metric("gauge", "pg_locks_count", "datname mode", "locks held or waited for"),
    _metric("gauge", "pg_lock_waits", "", "sessions that wait for a lock"),
    _metric("gauge", "pg_long_running_transactions", "", "open transactions"),
    _metric("gauge", "pg_long_running_transactions_oldest_timestamp_seconds", "", "s, age of the oldest open transaction"),
    _metric(
        "gauge", "pg_autovacuum_age_seconds", "",
        "s, since the last vacuum of the table that waits longest for one (more dead rows than start autovacuum); 0 none waits",
    ),
    _metric(
        "gauge", "pg_table_bloat_ratio", "relname",
        "estimated share of a table's pages that its rows do not need (no indexes, no long values; 0 under 1 MiB); the 20 largest",
    ),
    _metric("gauge", "pg_stat_user_tables_n_live_tup", "datname schemaname relname", "live rows, estimate"),
    _metric("gauge", "pg_stat_user_tables_n_dead_tup", "datname schemaname relname", "dead rows, estimate"),
    _metric(
        "gauge", "pg_stat_user_tables_n_mod_since_analyze", "datname schemaname relname",
        "rows changed since the last analyze, estimate",
    ),
    _metric("gauge", "pg_stat_user_tables_last_autovacuum", "datname schemaname relname", "Unix time autovacuum last finished, 0 never"),
    _metric(
        "gauge", "pg_stat_user_tables_last_autoanalyze", "datname schemaname relname",
        "Unix time autoanalyze last finished, 0 never",
    ),
    _metric("unknown", "pg_stat_user_tables_seq_scan", "datname schemaname relname", "sequential scans"),
    _metric("unknown", "pg_stat_user_tables_seq_tup_read", "datname schemaname relname", "rows read by sequential scans"),
    _metric("unknown", "pg_stat_user_tables_idx_scan", "datname schemaname relname", "index scans"),
    _metric("unknown", "pg_stat_user_tables_n_tup_ins", "datname schemaname relname", "rows inserted"),
    _metric("unknown", "pg_stat_user_tables_n_tup_upd", "datname schemaname relname", "rows updated"),
    _metric("unknown", "pg_stat_user_tables_n_tup_del", "datname schemaname relname", "rows deleted"),
    _metric("unknown", "pg_stat_user_tables_n_tup_hot_upd", "datname schemaname relname", "rows updated without touching an index"),
    _metric(
        "counter", "pg_stat_statements_seconds_total", "user datname queryid",
        "s, of the 20 statements that took the most time", "`pg_stat_statements` is loaded",
    ),
    _metric(
        "counter", "pg_stat_statements_calls_total", "user datname queryid",
        "how often the statement ran", "`pg_stat_statements` is loaded",
    ),
    _metric(
        "counter", "pg_stat_statements_rows_total", "user datname queryid",
        "rows the statement returned or changed", "`pg_stat_statements` is loaded",
    ),
    _metric("gauge", "process_start_time_seconds", "", "Unix time at which the monitor started"),
    _metric("counter", "process_cpu_seconds_total", "", "s of processor time that the monitor used"),
    _metric("gauge", "process_resident_memory_bytes", "", "bytes of memory that the monitor holds"),
    _metric("gauge", "process_virtual_memory_bytes", "", "bytes of address space of the monitor"),
    _metric("gauge", "process_open_fds", "", "open file descriptors of the monitor"),
    _metric("gauge", "process_max_fds", "", "the most that it may open"),
    _metric("gauge", "python_info", "implementation major minor patchlevel version", "1; the Python of the monitor"),
)  # fmt: skip
