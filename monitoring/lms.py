"""Metrics of LMSs that are asked: what waits to be fetched or sent back, and since when a site has not answered."""

from __future__ import annotations

from prometheus_client.core import Metric

from monitoring.families import gauge
from monitoring.query import ask


def read_lms() -> list[Metric]:
    """Return the age of the oldest due arrival and return, and the longest time since a site last answered."""
    [now] = ask("lms")
    return [
        gauge(
            "essaycoach_lms_oldest_age_seconds", "How long the oldest due arrival or return has been waiting for a worker.",
            labels=("what",), counts={("arrivals",): now["arrivals_oldest_seconds"], ("returns",): now["returns_oldest_seconds"]},
        ),
        gauge(
            "essaycoach_lms_silent_seconds", "Time since the last answer of the LMS that has been silent for longest, by kind of source.",
            labels=("kind",), counts={("moodle",): now["moodle_silent_seconds"]},
        ),
        gauge(
            "essaycoach_lms_given_up", "LMSs that are not asked any more, because looking at them has failed in our code.",
            labels=("kind",), counts={("moodle",): now["gave_up"]},
        ),
    ]  # fmt: skip
