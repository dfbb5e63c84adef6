"""Monitoring: how is it going?

Lives here: the probes that read PostgreSQL (as ec_monitor, read-only), Redis and ingest's request counts, one statement
a file in queries/, and the rules and dashboards that use what they find. May not: write, import ingest or workers, or
put an id, a name or a text in a label. Door: `python -m monitoring`, then GET /metrics.

Kinds: g gauge, c counter, h histogram, u a total published under a name without _total (postgres_exporter's names).
Totals from rows never fall while the process lives. Of partitioned tables, partitions count for their table.

metric                                              kind labels                      unit and meaning
essaycoach_queue_oldest_age_seconds                 g queue                     s, age of the oldest due pass
essaycoach_queue_depth                              g queue, state              passes queued or running
essaycoach_queue_wait_seconds                       h queue                     s, due to first claim, finished passes
essaycoach_pass_duration_seconds                    h pass, outcome             s, last claim to end
essaycoach_gave_up                                  g pass, reason              passes standing given up now
essaycoach_leases_expired_total                     c                           claims whose worker went silent
essaycoach_fenced_writes_total                      c                           late writes refused
essaycoach_unanchored_comments_total                c                           comments whose words are not in the essay
essaycoach_redis_depth                              g queue                     hints waiting in Redis
essaycoach_provider_pause_seconds                   g provider                  s, how long nobody will call it; 0 it may be called
essaycoach_ai_requests_total                        c pass, provider, outcome   completed calls
essaycoach_ai_tokens_total                          c pass, kind                tokens
essaycoach_ai_cost_micros_total                     c pass                      micro-dollars
essaycoach_http_requests_total                      c method, route, status     finished requests
essaycoach_http_request_duration_seconds            h route                     s, requests that did not wait by wish
essaycoach_partitions_ahead_months                  g table                     coming months that have a partition
essaycoach_partition_rows_in_default                g table                     rows without a month; by statistics
essaycoach_probe_up                                 g probe                     1 the probe answered in time
essaycoach_probe_seconds                            g probe                     s, how long it took
redis_up                                            g                           1 Redis answered
pg_up                                               g                           1 PostgreSQL answered
pg_settings_max_connections                         g                           connections allowed
pg_settings_superuser_reserved_connections          g                           of those, kept for superusers
pg_replication_lag_seconds                          g                           s, this server behind its primary
pg_replication_is_replica                           g                           1 on a replica
pg_database_size_bytes                              g datname                   bytes on disk
pg_stat_database_numbackends                        g datname                   connections now
pg_stat_database_stats_reset                        g datname                   Unix time the totals were reset, 0 never
pg_stat_database_xact_commit                        u datname                   transactions
pg_stat_database_xact_rollback                      u datname                   transactions
pg_stat_database_blks_read                          u datname                   blocks
pg_stat_database_blks_hit                           u datname                   blocks
pg_stat_database_tup_returned                       u datname                   rows
pg_stat_database_tup_fetched                        u datname                   rows
pg_stat_database_tup_inserted                       u datname                   rows
pg_stat_database_tup_updated                        u datname                   rows
pg_stat_database_tup_deleted                        u datname                   rows
pg_stat_database_conflicts                          u datname                   cancelled queries, on a replica
pg_stat_database_temp_files                         u datname                   files
pg_stat_database_temp_bytes                         u datname                   bytes
pg_stat_database_deadlocks                          u datname                   deadlocks
pg_stat_database_blk_read_time                      u datname                   ms
pg_stat_database_blk_write_time                     u datname                   ms
pg_stat_activity_count                              g datname, state, usename   connections; usename is a role
pg_stat_activity_max_tx_duration                    g datname, state, usename   s, age of their oldest transaction
pg_locks_count                                      g datname, mode             locks held or waited for
pg_long_running_transactions                        g                           open transactions
pg_long_running_transactions_oldest_timestamp_seconds g                         s, age of the oldest
pg_stat_user_tables_n_live_tup                      g datname, schemaname, relname   rows, estimate
pg_stat_user_tables_n_dead_tup                      g datname, schemaname, relname   rows, estimate
pg_stat_user_tables_n_mod_since_analyze             g datname, schemaname, relname   rows, estimate
pg_stat_user_tables_last_autovacuum                 g datname, schemaname, relname   Unix time, 0 never
pg_stat_user_tables_last_autoanalyze                g datname, schemaname, relname   Unix time, 0 never
pg_stat_user_tables_seq_scan                        u datname, schemaname, relname   scans
pg_stat_user_tables_seq_tup_read                    u datname, schemaname, relname   rows
pg_stat_user_tables_idx_scan                        u datname, schemaname, relname   scans
pg_stat_user_tables_n_tup_ins                       u datname, schemaname, relname   rows
pg_stat_user_tables_n_tup_upd                       u datname, schemaname, relname   rows
pg_stat_user_tables_n_tup_del                       u datname, schemaname, relname   rows
pg_stat_user_tables_n_tup_hot_upd                   u datname, schemaname, relname   rows
pg_stat_statements_seconds_total                    c user, datname, queryid    s; the 20 statements that took most
pg_stat_statements_calls_total                      c user, datname, queryid    times run
pg_stat_statements_rows_total                       c user, datname, queryid    rows
"""
