"""Metrics of deliveries to the endpoints of schools: what waits, what came of attempts, and endpoints that take nothing."""

from __future__ import annotations

from prometheus_client.core import Metric

from monitoring.families import MonotonicCounter, counter, gauge
from monitoring.query import ask

# The words that workers/deliveries/endpoints.py counts under.
OUTCOMES = ("delivered", "put_off", "gave_up")


def read_deliveries(monotonic: MonotonicCounter) -> list[Metric]:
    """Return the age of the oldest due delivery, attempts by outcome, and endpoints that fail. Every outcome has a sample."""
    [now] = ask("endpoints")
    attempts: dict[tuple[str, ...], float] = {(outcome,): 0.0 for outcome in OUTCOMES}
    for row in ask("totals", {"names": ["endpoint_deliveries"]}):
        attempts[tuple(row["labels"])] = row["count"]
    return [
        gauge(
            "essaycoach_delivery_oldest_age_seconds", "How long the oldest due delivery to an endpoint has been waiting for a worker.",
            labels=(), counts={(): now["oldest_seconds"]},
        ),
        counter(
            "essaycoach_delivery_attempts_total", "Attempts to deliver an event to an endpoint, by what came of them.",
            labels=("outcome",),
            counts={labels: monotonic(("endpoint_deliveries", *labels), count) for labels, count in attempts.items()},
        ),
        gauge(
            "essaycoach_endpoints", "Endpoints whose last delivery failed, and those that were disabled because all failed.",
            labels=("state",), counts={("failing",): now["failing"], ("disabled",): now["disabled"]},
        ),
    ]  # fmt: skip
