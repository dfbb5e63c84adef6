"""Metrics of LMSs that are asked: what waits to be fetched or sent back, what came of it, and since when a site has not answered."""

from __future__ import annotations

from prometheus_client.core import Metric

from models.leased_rows import ARRIVALS, RETURNS
from monitoring.families import MonotonicCounter, counter, gauge
from monitoring.query import ask


def read_lms(monotonic: MonotonicCounter) -> list[Metric]:
    """Return the age of the oldest due arrival and return, what became of those that ended, and the longest silence of a site.

    Every outcome has a sample.
    """
    [now] = ask("lms")
    ended: dict[tuple[str, ...], float] = {
        (table.name, outcome): 0.0 for table in (ARRIVALS, RETURNS) for outcome in table.outcomes
    }
    for row in ask("totals", {"names": ["lms_ended"]}):
        ended[tuple(row["labels"])] = row["count"]
    return [
        gauge(
            "essaycoach_lms_oldest_age_seconds", "How long the oldest due arrival or return has been waiting for a worker.",
            labels=("what",), counts={("arrivals",): now["arrivals_oldest_seconds"], ("returns",): now["returns_oldest_seconds"]},
        ),
        counter(
            "essaycoach_lms_ended_total", "Hand-ins to fetch from an LMS and feedback to send back that ended, by what became of them.",
            labels=("what", "outcome"),
            counts={labels: monotonic(("lms_ended", *labels), count) for labels, count in ended.items()},
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
