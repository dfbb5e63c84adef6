"""The dashboard "Queue and workers": what waits, who works, and what goes wrong between them."""

from __future__ import annotations

from monitoring.grafana.panels import Dashboard, Panel, Query, Row, stat


def _quantile(share: float, metric: str, by: str) -> str:
    return f"histogram_quantile({share}, sum by ({by}, le) (rate({metric}[$__rate_interval])))"


DASHBOARD = Dashboard(
    uid="essaycoach-queue",
    title="Queue and workers",
    answers="What waits and for how long, whether workers and the clock get on with it, and what is tried again or given up.",
    queues=True,
    rows=(
        Row(
            title="Now",
            panels=(
                stat(
                    "Waiting", 'sum(essaycoach_queue_depth{queue=~"$queue",state="queued"})',
                    "Queued passes, those that wait for a retry included. Three passes are one essay.",
                ),
                stat(
                    "Running", 'sum(essaycoach_queue_depth{queue=~"$queue",state="running"})',
                    "Passes that a worker has claimed. Many waiting and none running: the workers are gone.",
                ),
                stat(
                    "Workers", 'sum(essaycoach_program_processes{program="worker"})',
                    "Worker processes with a sign of life in the last 30 seconds.",
                    below="red", thresholds=((1, "green"),),
                ),
                stat(
                    "Threads busy", 'sum(essaycoach_program_threads{program="worker",state="busy"})',
                    "Threads of all workers that read an essay now. As many as are alive: add workers.",
                ),
                stat(
                    "Leases overdue", "sum(essaycoach_leases_overdue)",
                    "Running passes whose lease ended over 30 seconds ago. The clock frees them within a second; more than 0 means "
                    "that it does not.",
                    thresholds=((1, "red"),),
                ),
                stat(
                    "Given up", "sum(essaycoach_gave_up)",
                    "Passes that nobody has retried or discarded since. `python -m workers given-up list` names them.",
                    thresholds=((1, "orange"),),
                ),
            ),
        ),
        Row(
            title="The queue",
            panels=(
                Panel(
                    title="Oldest waiting", unit="s",
                    answers="How long the oldest due pass has found no worker. Counted from rows, so it is right also while workers or "
                    "Redis are down.",
                    queries=(
                        Query(expr='max by (queue) (essaycoach_queue_oldest_age_seconds{queue=~"$queue"})', legend="{{queue}}"),
                    ),
                    thresholds=((60, "red"),),
                ),
                Panel(
                    title="Depth",
                    answers="Passes counted from rows, and hints in Redis. Rows without hints for long: the clock does not send "
                    "them again.",
                    queries=(
                        Query(
                            expr='sum by (queue, state) (essaycoach_queue_depth{queue=~"$queue"})', legend="{{queue}}, {{state}}"
                        ),
                        Query(
                            expr='sum by (queue) (essaycoach_redis_depth{queue=~"$queue"})', legend="{{queue}}, hints in Redis"
                        ),
                    ),
                ),
                Panel(
                    title="Wait for a worker", unit="s",
                    answers="From due to the first claim. Long: too few workers. Compare with the time that a pass takes.",
                    queries=tuple(
                        Query(
                            expr=_quantile(share, 'essaycoach_queue_wait_seconds_bucket{queue=~"$queue"}', "queue"),
                            legend=f"{{{{queue}}}} {name}",
                        )
                        for share, name in ((0.5, "p50"), (0.99, "p99"))
                    ),
                ),
            ),
        ),
        Row(
            title="The workers",
            panels=(
                Panel(
                    title="Passes ended", unit="ops", stacked=True,
                    answers="Each second, by outcome. Nothing ends while work waits: WorkersSilent.",
                    queries=(
                        Query(
                            expr="sum by (pass, outcome) (rate(essaycoach_pass_duration_seconds_count[$__rate_interval]))",
                            legend="{{pass}}, {{outcome}}",
                        ),
                    ),
                ),
                Panel(
                    title="Time of a pass", unit="s",
                    answers="From the last claim to the end, of passes that were done. Long: a slow provider, or a busy machine.",
                    queries=tuple(
                        Query(
                            expr=_quantile(share, 'essaycoach_pass_duration_seconds_bucket{outcome="done"}', "pass"),
                            legend=f"{{{{pass}}}} {name}",
                        )
                        for share, name in ((0.5, "p50"), (0.95, "p95"))
                    ),
                ),
                Panel(
                    title="First attempts and retries", unit="ops",
                    answers="Attempts each second. Retries rise when a provider fails or workers die.",
                    queries=(
                        Query(
                            expr="sum by (kind) (rate(essaycoach_pass_attempts_total[$__rate_interval]))", legend="{{kind}}"
                        ),
                    ),
                ),
                Panel(
                    title="Threads",
                    answers="Threads of each program, alive and busy. A number of living threads that falls and stays low is a "
                    "hung process: restart it.",
                    queries=(
                        Query(
                            expr="sum by (program, state) (essaycoach_program_threads)", legend="{{program}}, {{state}}"
                        ),
                    ),
                ),
                Panel(
                    title="Last sign of life and of progress", unit="s",
                    answers="Age of the newest heartbeat of each program, and how long the process that has longest made no progress "
                    "has made none although it has work. Over 180 s WorkersStuck pages.",
                    queries=(
                        Query(expr="max by (program) (essaycoach_program_heartbeat_age_seconds)", legend="{{program}}, heartbeat"),
                        Query(expr="max by (program) (essaycoach_program_progress_age_seconds)", legend="{{program}}, progress"),
                    ),
                ),
                Panel(
                    title="Versions", kind="table",
                    answers="Processes of each program by version. Two versions for longer than a rolling restart: one was forgotten.",
                    queries=(Query(expr="sum by (program, version) (essaycoach_program_version_info)"),),
                ),
            ),
        ),
        Row(
            title="What goes wrong",
            panels=(
                Panel(
                    title="Given up, by reason",
                    answers="Passes that nobody has retried or discarded. docs/operations.md explains each reason.",
                    queries=(Query(expr="sum by (pass, reason) (essaycoach_gave_up)", legend="{{pass}}, {{reason}}"),),
                ),
                Panel(
                    title="Lost workers",
                    answers="In the last hour: claims whose worker went silent, and late writes that were refused. Late writes "
                    "mean that workers were frozen, not dead.",
                    queries=(
                        Query(expr="sum(increase(essaycoach_leases_expired_total[1h]))", legend="leases expired"),
                        Query(expr="sum(increase(essaycoach_fenced_writes_total[1h]))", legend="late writes refused"),
                    ),
                ),
                Panel(
                    title="Messages that are not ours",
                    answers="In the last hour: messages in Redis that were no hints of ours and were dropped. More than 0: somebody "
                    "else has a password of this Redis.",
                    queries=(
                        Query(expr="sum by (queue) (increase(essaycoach_dropped_messages_total[1h]))", legend="{{queue}}"),
                    ),
                    thresholds=((1, "red"),),
                ),
            ),
        ),
        Row(
            title="Redis and duties",
            panels=(
                Panel(
                    title="Redis answers",
                    answers="up 1: the server answers. usable 1: it does our work; docs/operations.md explains the reasons.",
                    most=1,
                    queries=(
                        Query(expr="min(redis_up)", legend="up"),
                        Query(expr="min by (reason) (essaycoach_redis_usable)", legend="usable, {{reason}}"),
                    ),
                ),
                Panel(
                    title="Memory of Redis", unit="bytes",
                    answers="Used, and the most it may use (0: no limit). When it is full it refuses hints.",
                    queries=(
                        Query(expr="max(redis_memory_bytes)", legend="used"),
                        Query(expr="max(redis_memory_max_bytes)", legend="limit"),
                    ),
                ),
                Panel(
                    title="Refused by Redis", unit="short",
                    answers="In the last hour: keys thrown out for want of memory (must be 0: set noeviction), and connections "
                    "refused (raise maxclients).",
                    queries=(
                        Query(expr="sum(increase(redis_evicted_keys_total[1h]))", legend="keys thrown out"),
                        Query(expr="sum(increase(redis_rejected_connections_total[1h]))", legend="connections refused"),
                    ),
                    thresholds=((1, "red"),),
                ),
                Panel(
                    title="Since the last good run of each duty", kind="bargauge", unit="s", width=12, height=9,
                    answers="How long ago the clock, a backup or a drill last did each duty well. Compare with how often it is due.",
                    queries=(Query(expr="max by (duty) (essaycoach_duty_age_seconds)", legend="{{duty}}"),),
                ),
                Panel(
                    title="Duties", kind="table", width=12, height=9,
                    answers="1: the last run of this duty failed. Look in the log of the clock, or of the backup, for `duty failed`.",
                    queries=(Query(expr="max by (duty) (essaycoach_duty_failed)"),),
                    thresholds=((1, "red"),),
                ),
                Panel(
                    title="Time of the duties", unit="s", width=12,
                    answers="How long the last run of each duty took. One that grows with the history will not fit some day.",
                    queries=(Query(expr="max by (duty) (essaycoach_duty_seconds)", legend="{{duty}}"),),
                ),
                Panel(
                    title="Found by the duties", width=12,
                    answers="What the last run of each duty changed or found. audit_data and check_indexes should find nothing.",
                    queries=(Query(expr="max by (duty) (essaycoach_duty_found)", legend="{{duty}}"),),
                ),
            ),
        ),
    ),
)  # fmt: skip
