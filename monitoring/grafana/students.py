"""The dashboard "Are students served": is the promise kept that 99 % of essays have their feedback within 60 seconds?"""

from __future__ import annotations

from monitoring.grafana.panels import Dashboard, Panel, Query, Row, stat

# The promise is about essays somebody waits for. alerts.yml burns the same budget.
_BUCKETS = 'essaycoach_feedback_seconds_bucket{queue="interactive"}'
_WITHIN = 'essaycoach_feedback_seconds_bucket{queue="interactive",le="60.0"}'
_ALL = 'essaycoach_feedback_seconds_count{queue="interactive"}'
_HAND_IN = 'route=~"/v1/submissions|/v1/webhooks/.+",method="POST"'


def _served(window: str) -> str:
    return f"sum(increase({_WITHIN}[{window}])) / sum(increase({_ALL}[{window}]))"


def _burn(window: str) -> str:
    return f"(1 - {_served(window)}) / 0.01"


# Without a single 5xx there is no such series; that is 0, not "no data".
_FAILED = (
    '(sum(rate(essaycoach_http_requests_total{status=~"5.."}[$__rate_interval])) or vector(0))'
    " / sum(rate(essaycoach_http_requests_total[$__rate_interval]))"
)

DASHBOARD = Dashboard(
    uid="essaycoach",
    title="Are students served",
    answers="Does an essay that somebody waits for have its feedback within 60 seconds? Start here when an alert comes.",
    rows=(
        Row(
            title="Now",
            panels=(
                stat(
                    "Within 60 s", _served("1h"),
                    "Of the interactive essays that were finished in the last hour: the share that had its whole feedback within "
                    "60 s of being received. The goal is 99 %.",
                    unit="percentunit", most=1, below="red", thresholds=((0.95, "orange"), (0.99, "green")),
                ),
                stat(
                    "Budget burn", _burn("1h"),
                    "How many times faster than allowed the error budget (1 %) was spent in the last hour. 1: just kept. "
                    "Over 14.4 FeedbackSlow pages.",
                    thresholds=((1, "orange"), (14.4, "red")),
                ),
                stat(
                    "Oldest waiting", 'max(essaycoach_queue_oldest_age_seconds{queue="interactive"})',
                    "How long the oldest due pass that somebody waits for has found no worker. Over 60 s "
                    "InteractiveWorkWaits pages.",
                    unit="s", thresholds=((30, "orange"), (60, "red")),
                ),
                stat(
                    "Web", "min(essaycoach_web_ready)",
                    "Whether web answers /readyz, as the monitor sees it from outside.",
                    below="red", thresholds=((1, "green"),), words=((0, "not ready"), (1, "ready")),
                ),
                stat(
                    "Handed in a minute",
                    f'sum(rate(essaycoach_http_requests_total{{{_HAND_IN},status="202"}}[$__rate_interval])) * 60',
                    "Essays accepted from the API and from LMSs.",
                ),
                stat(
                    "Failed requests", _FAILED,
                    "Share of answers that were 5xx. The goal is under 0.1 % over 30 days.",
                    unit="percentunit", thresholds=((0.001, "orange"), (0.0144, "red")),
                ),
            ),
        ),
        Row(
            title="Feedback",
            panels=(
                Panel(
                    title="From received to final", unit="s",
                    answers="How long students waited for their whole feedback: half of them at most p50, all but one in a "
                    "hundred at most p99. When only p99 rises, look at AI: cost and quality; when all rise, at Queue and workers.",
                    queries=tuple(
                        Query(expr=f"histogram_quantile({share}, sum by (le) (rate({_BUCKETS}[$__rate_interval])))", legend=name)
                        for share, name in ((0.5, "p50"), (0.95, "p95"), (0.99, "p99"))
                    ),
                    thresholds=((60, "red"),),
                ),
                Panel(
                    title="Share within 60 s", unit="percentunit", least=None, most=1,
                    answers="The promise over time, each point over the half hour before it. Below the line (99 %) the budget "
                    "is being spent too fast.",
                    queries=(Query(expr=_served("30m"), legend="within 60 s"),),
                    below="red", thresholds=((0.99, "green"),),
                ),
                Panel(
                    title="Budget burn",
                    answers="How many times faster than allowed the budget is spent. FeedbackSlow pages over 14.4 in an hour or "
                    "6 in six hours.",
                    queries=(Query(expr=_burn("1h"), legend="1 h"), Query(expr=_burn("6h"), legend="6 h")),
                    thresholds=((6, "orange"), (14.4, "red")),
                ),
                Panel(
                    title="How the waits spread", kind="heatmap", unit="short", least=None, width=16,
                    answers="Essays by their time from received to final. One dark band is normal; a second one far above it is "
                    "a group of essays that is slow: retries, or one school behind a full queue.",
                    queries=(
                        Query(
                            expr=f"sum by (le) (increase({_BUCKETS}[$__rate_interval]))", legend="{{le}}",
                        ),
                    ),
                ),
                Panel(
                    title="Handed in and finished", unit="short",
                    answers="Essays each minute. Handed in above finished for long means that a queue grows.",
                    queries=(
                        Query(
                            expr=f'sum(rate(essaycoach_http_requests_total{{{_HAND_IN},status="202"}}[$__rate_interval])) * 60',
                            legend="handed in",
                        ),
                        Query(
                            expr="sum by (queue) (rate(essaycoach_feedback_seconds_count[$__rate_interval])) * 60",
                            legend="finished, {{queue}}",
                        ),
                    ),
                ),
            ),
        ),
        Row(
            title="What serves them",
            panels=(
                Panel(
                    title="Programs alive",
                    answers="Processes that gave a sign of life in the last 30 seconds. At 0 WorkersGone, ClockSilent or WebDown "
                    "pages.",
                    queries=(Query(expr="sum by (program) (essaycoach_program_processes)", legend="{{program}}"),),
                ),
                Panel(
                    title="Answers", unit="short", stacked=True,
                    answers="Answers of web each minute by status. 429 is a client over its limit, 503 a store that is away, 500 "
                    "a fault of ours.",
                    queries=(
                        Query(
                            expr="sum by (status) (rate(essaycoach_http_requests_total[$__rate_interval])) * 60",
                            legend="{{status}}",
                        ),
                    ),
                ),
                Panel(
                    title="Time to answer", unit="s",
                    answers="How long requests took that did not ask to wait, and how long /readyz took as the monitor sees it. "
                    "When the last rises alone, the network or web's threads are the cause, not a route.",
                    queries=(
                        Query(
                            expr="histogram_quantile(0.95, sum by (le) (rate("
                            "essaycoach_http_request_duration_seconds_bucket[$__rate_interval])))",
                            legend="p95 of all routes",
                        ),
                        Query(expr="max(essaycoach_web_probe_seconds)", legend="/readyz"),
                    ),
                ),
            ),
        ),
    ),
)  # fmt: skip
