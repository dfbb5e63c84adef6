"""Monitoring: how is it going?

Lives here: the probes, which read PostgreSQL (as the read-only role ec_monitor), Redis and ingest's request counts; one SQL
statement per file in queries/; and the alert rules and the dashboard that use the metrics.
May not: write (but one key in Redis that expires within a second), import `ingest` or `workers`, or put an id, a name or a text in a label.
Start with: `__main__` (which probes run), `collector` (how a scrape is answered), `query` (how a probe reads PostgreSQL).
Run: `python -m monitoring`, then GET /metrics, or / for people (`page`, of `tiles` and what needs `attention`).

Kinds: g gauge, c counter, h histogram, u a running total of Prometheus type "unknown", because its name comes from
postgres_exporter and lacks the suffix _total.
A total computed from rows never falls while the process runs. A partition's numbers are added to those of its table.

metric                                              kind labels                      unit and meaning
essaycoach_queue_oldest_age_seconds                 g queue                     s, how long the oldest due pass has waited for a worker
essaycoach_queue_depth                              g queue, state              passes queued or running
essaycoach_queue_wait_seconds                       h queue                     s, from due to first claim, of finished passes
essaycoach_pass_duration_seconds                    h pass, outcome             s, from the last claim to the end of the pass
essaycoach_gave_up                                  g pass, reason              given-up passes that nobody has retried or discarded
essaycoach_leases_expired_total                     c                           claims whose worker did not renew its lease
essaycoach_fenced_writes_total                      c                           late writes refused: another claim held the pass
essaycoach_unanchored_comments_total                c                           comments whose words could not be placed in the essay
essaycoach_redis_depth                              g queue                     hints waiting in Redis
essaycoach_dropped_messages_total                   c queue                     messages in Redis that were no hints of ours
essaycoach_redis_usable                             g reason                    0 when Redis answers but refuses our work for this reason
essaycoach_provider_pause_seconds                   g provider                  s, how long no worker will call it; 0 calls are allowed
essaycoach_ai_requests_total                        c pass, provider, outcome   completed calls
essaycoach_ai_tokens_total                          c pass, kind                tokens paid for
essaycoach_ai_cost_micros_total                     c pass                      micro-dollars
essaycoach_unapproved_readers_total                 c pass, provider, result    readings kept from a version that is not approved
essaycoach_http_requests_total                      c method, route, status     finished requests
essaycoach_http_request_duration_seconds            h route                     s, of requests that did not ask to wait
essaycoach_security_events_total                    c event                     security events that web saw; what staff read
essaycoach_partitions_ahead_months                  g table                     months in a row after this one that have a partition
essaycoach_partition_rows_in_default                g table                     rows in the default partition, from the statistics
essaycoach_probe_up                                 g probe                     1 when the probe answered in time
essaycoach_probe_seconds                            g probe                     s, how long the probe took; 0 not tried
redis_up                                            g                           1 when Redis answered
pg_up                                               g                           1 when PostgreSQL answered
pg_settings_max_connections                         g                           connections that the server allows
pg_settings_superuser_reserved_connections          g                           of those, reserved for superusers
pg_replication_lag_seconds                          g                           s, this server behind its primary
pg_replication_is_replica                           g                           1 on a replica
pg_database_size_bytes                              g datname                   bytes on disk
pg_stat_database_numbackends                        g datname                   connections now
pg_stat_database_stats_reset                        g datname                   Unix time the totals were reset, 0 never
pg_stat_database_xact_commit                        u datname                   transactions committed
pg_stat_database_xact_rollback                      u datname                   transactions rolled back
pg_stat_database_blks_read                          u datname                   blocks read from outside the buffer cache
pg_stat_database_blks_hit                           u datname                   blocks found in the buffer cache
pg_stat_database_tup_returned                       u datname                   rows scanned
pg_stat_database_tup_fetched                        u datname                   rows fetched by index scans
pg_stat_database_tup_inserted                       u datname                   rows inserted
pg_stat_database_tup_updated                        u datname                   rows updated
pg_stat_database_tup_deleted                        u datname                   rows deleted
pg_stat_database_conflicts                          u datname                   queries cancelled by recovery, on a replica
pg_stat_database_temp_files                         u datname                   temporary files
pg_stat_database_temp_bytes                         u datname                   bytes written to temporary files
pg_stat_database_deadlocks                          u datname                   deadlocks
pg_stat_database_blk_read_time                      u datname                   ms spent reading blocks
pg_stat_database_blk_write_time                     u datname                   ms spent writing blocks
pg_stat_activity_count                              g datname, state, usename   connections; usename is a role
pg_stat_activity_max_tx_duration                    g datname, state, usename   s, age of their oldest transaction
pg_locks_count                                      g datname, mode             locks held or waited for
pg_long_running_transactions                        g                           open transactions
pg_long_running_transactions_oldest_timestamp_seconds g                         s, age of the oldest open transaction
pg_stat_user_tables_n_live_tup                      g datname, schemaname, relname   live rows, estimate
pg_stat_user_tables_n_dead_tup                      g datname, schemaname, relname   dead rows, estimate
pg_stat_user_tables_n_mod_since_analyze             g datname, schemaname, relname   rows changed since the last analyze, estimate
pg_stat_user_tables_last_autovacuum                 g datname, schemaname, relname   Unix time autovacuum last finished, 0 never
pg_stat_user_tables_last_autoanalyze                g datname, schemaname, relname   Unix time autoanalyze last finished, 0 never
pg_stat_user_tables_seq_scan                        u datname, schemaname, relname   sequential scans
pg_stat_user_tables_seq_tup_read                    u datname, schemaname, relname   rows read by sequential scans
pg_stat_user_tables_idx_scan                        u datname, schemaname, relname   index scans
pg_stat_user_tables_n_tup_ins                       u datname, schemaname, relname   rows inserted
pg_stat_user_tables_n_tup_upd                       u datname, schemaname, relname   rows updated
pg_stat_user_tables_n_tup_del                       u datname, schemaname, relname   rows deleted
pg_stat_user_tables_n_tup_hot_upd                   u datname, schemaname, relname   rows updated without touching an index
pg_stat_statements_seconds_total                    c user, datname, queryid    s, of the 20 statements that took the most time
pg_stat_statements_calls_total                      c user, datname, queryid    how often the statement ran
pg_stat_statements_rows_total                       c user, datname, queryid    rows the statement returned or changed
"""
