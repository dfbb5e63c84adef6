"""The dashboard "LMS connections": whether the deliveries of LMSs arrive, why some are refused, and what is sent to endpoints."""

from __future__ import annotations

from monitoring.grafana.panels import Dashboard, Panel, Query, Row, stat

_WEBHOOK = 'route="/v1/webhooks/<uuid:source_id>",method="POST"'


def _deliveries(status: str = "...") -> str:
    counted = f'essaycoach_http_requests_total{{{_WEBHOOK},status=~"{status}"}}'
    return f"sum(rate({counted}[$__rate_interval]))"


def _events(matcher: str) -> str:
    return f"sum by (event) (increase(essaycoach_security_events_total{{{matcher}}}[10m]))"


def _ended(what: str) -> str:
    return f'sum by (outcome) (rate(essaycoach_lms_ended_total{{what="{what}"}}[$__rate_interval])) * 60'


DASHBOARD = Dashboard(
    uid="essaycoach-lms",
    title="LMS connections",
    answers="Whether the deliveries of LMSs arrive, how fast they are answered, and why some are refused. Which source it is, "
    "the security events and GET /v1/sources/{id}/deliveries say; a metric holds no id.",
    rows=(
        Row(
            title="Now",
            panels=(
                stat(
                    "Accepted a minute", f'({_deliveries("2..")} or vector(0)) * 60',
                    "Deliveries that were accepted, repeated ones included.", width=6,
                ),
                stat(
                    "Refused", f'({_deliveries("4..")} or vector(0)) / {_deliveries()}',
                    "Share of deliveries that were refused with 4xx: the LMS or its set-up is wrong.",
                    unit="percentunit", most=1, width=6, thresholds=((0.05, "orange"), (0.5, "red")),
                ),
                stat(
                    "Failed", f'({_deliveries("5..")} or vector(0)) / {_deliveries()}',
                    "Share of deliveries that got 5xx. LMSs repeat them; nothing is lost if they do.",
                    unit="percentunit", most=1, width=6, thresholds=((0.001, "orange"), (0.0144, "red")),
                ),
                stat(
                    "Wrong signatures", 'sum(increase(essaycoach_security_events_total{event="webhook_signature_refused"}[10m]))',
                    "In the last ten minutes. A clock that is off, an old secret, or an attack: WebhookSignaturesRefused says how "
                    "to tell.",
                    width=6, thresholds=((1, "orange"), (20, "red")),
                ),
            ),
        ),
        Row(
            title="Deliveries",
            panels=(
                Panel(
                    title="Deliveries by status", stacked=True,
                    answers="Each minute. 202: accepted. 400 and 422: not in a form we know. 401: wrong signature. 404: no such "
                    "source, or it is disabled. 429: over the limit.",
                    queries=(
                        Query(
                            expr=f"sum by (status) (rate(essaycoach_http_requests_total{{{_WEBHOOK}}}[$__rate_interval])) * 60",
                            legend="{{status}}",
                        ),
                    ),
                ),
                Panel(
                    title="Time to answer a delivery", unit="s",
                    answers="An LMS gives up after some seconds and sends the delivery again.",
                    queries=tuple(
                        Query(
                            expr=f"histogram_quantile({share}, sum by (le) (rate(essaycoach_http_request_duration_seconds_bucket"
                            f'{{route="/v1/webhooks/<uuid:source_id>"}}[$__rate_interval])))',
                            legend=name,
                        )
                        for share, name in ((0.5, "p50"), (0.95, "p95"))
                    ),
                ),
                Panel(
                    title="Refused deliveries",
                    answers="In the ten minutes before each point: wrong signatures, and old or changed deliveries.",
                    queries=(Query(expr=_events('event=~"webhook_.+"'), legend="{{event}}"),),
                ),
            ),
        ),
        Row(
            title="Events for endpoints",
            panels=(
                Panel(
                    title="Attempts to deliver", stacked=True,
                    answers="Each minute. put_off: it is tried again later. gave_up: after the last attempt, or the endpoint is gone; the "
                    "school can have it sent again.",
                    queries=(
                        Query(
                            expr="sum by (outcome) (rate(essaycoach_delivery_attempts_total[$__rate_interval])) * 60", legend="{{outcome}}"
                        ),
                    ),
                ),
                Panel(
                    title="Oldest due delivery", unit="s",
                    answers="How long it has waited for a worker. DeliveriesWait fires above a quarter of an hour.",
                    queries=(Query(expr="max(essaycoach_delivery_oldest_age_seconds)", legend="oldest"),),
                ),
                Panel(
                    title="Endpoints that take nothing",
                    answers="Failing: the last delivery failed. Disabled: after five days of failures, or it answered 410. Their admins "
                    "were written to.",
                    queries=(Query(expr="max by (state) (essaycoach_endpoints)", legend="{{state}}"),),
                ),
            ),
        ),
        Row(
            title="Moodle sites",
            panels=(
                Panel(
                    title="Silent for longest", unit="s", width=12,
                    answers="Since the last answer of the site that is silent for longest. The status of the source says why.",
                    queries=(Query(expr="max by (kind) (essaycoach_lms_silent_seconds)", legend="{{kind}}"),),
                ),
                Panel(
                    title="Sites that are not asked any more", width=12,
                    answers="Looking at them failed in our code. POST /v1/sources/{id}/replay asks them again.",
                    queries=(Query(expr="max by (kind) (essaycoach_lms_given_up)", legend="{{kind}}"),),
                ),
            ),
        ),
        Row(
            title="Hand-ins from LMSs, and feedback for them",
            panels=(
                Panel(
                    title="Oldest due work", unit="s",
                    answers="How long a hand-in to fetch, or feedback to bring back, has waited for a worker. LmsWorkWaits fires above a "
                    "quarter of an hour.",
                    queries=(Query(expr="max by (what) (essaycoach_lms_oldest_age_seconds)", legend="{{what}}"),),
                ),
                Panel(
                    title="Hand-ins fetched", stacked=True,
                    answers="Each minute. refused: not an essay that we take. superseded: a newer version came. gave_up: nobody tries "
                    "again. LmsWorkGivenUp fires when that was a fifth of the last hour's.",
                    queries=(Query(expr=_ended("arrivals"), legend="{{outcome}}"),),
                ),
                Panel(
                    title="Feedback sent back", stacked=True,
                    answers="Each minute. not_wanted: the source wants nothing, or the student may not see it any more. gave_up: nobody "
                    "tries again. LmsWorkGivenUp fires when that was a fifth of the last hour's.",
                    queries=(Query(expr=_ended("returns"), legend="{{outcome}}"),),
                ),
            ),
        ),
        Row(
            title="Calls with an API key",
            panels=(
                Panel(
                    title="Essays handed in by API", stacked=True, width=12,
                    answers="Each minute, by status. Programs of an LMS that call the API instead of sending deliveries are here.",
                    queries=(
                        Query(
                            expr='sum by (status) (rate(essaycoach_http_requests_total{route="/v1/submissions",method="POST"}'
                            "[$__rate_interval])) * 60",
                            legend="{{status}}",
                        ),
                    ),
                ),
                Panel(
                    title="Security events", width=12,
                    answers="In the ten minutes before each point, what may come from a connection: refused keys and tokens, access to "
                    "what belongs to others, limits, malformed requests. docs/security-events.md explains each.",
                    queries=(
                        Query(
                            expr=_events('event=~"credential_refused|access_refused|object_not_found|rate_limited|request_malformed"'),
                            legend="{{event}}",
                        ),
                    ),
                ),
            ),
        ),
    ),
)  # fmt: skip
