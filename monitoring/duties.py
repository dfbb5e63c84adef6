"""Metrics of the last run of each duty (of the clock, of backups and of drills) and of the figures that reports show."""

from __future__ import annotations

from prometheus_client.core import Metric

from monitoring.families import Column, spread
from monitoring.query import ask


def read_duties() -> list[Metric]:
    """Return age, result, duration and finds of each duty that ran at least once. One that never succeeded has no age."""
    return spread(
        ask("duties"),
        labels=("duty",),
        columns=[
            Column(name="essaycoach_duty_age_seconds", column="age_seconds", help="Time since the last good run."),
            Column(name="essaycoach_duty_failed", column="failed", help="1: the last run failed."),
            Column(name="essaycoach_duty_seconds", column="seconds", help="Duration of the last run."),
            Column(name="essaycoach_duty_found", column="found", help="What the last run changed or found."),
        ],
    )


def read_reports() -> list[Metric]:
    """Return the age of the oldest report view, and how long the last refresh of all took. None was refreshed: no samples."""
    return spread(
        ask("reports"),
        columns=[
            Column(name="essaycoach_reports_age_seconds", column="age_seconds", help="Age of the oldest report view."),
            Column(
                name="essaycoach_reports_refresh_seconds", column="seconds", help="Duration of refreshing all views."
            ),
        ],
    )
