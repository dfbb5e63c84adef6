"""The two things that break on the day, and the alerts that watch it."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg2

from standalone.client import ask
from standalone.machine import Machine
from tests.alert_drill.run import missing_metrics
from tests.alert_drill.stack import find_program, running_stack
from tests.alert_drill.watch import Watch

QUIET_SECONDS = 90.0
# What the monitor says about the day, with or without Prometheus.
COUNTED = (
    "essaycoach_leases_expired_total",
    "essaycoach_fenced_writes_total",
    "essaycoach_gave_up",
    "essaycoach_ai_requests_total",
    "essaycoach_ai_cost_micros_total",
    "essaycoach_http_requests_total",
)


@dataclass(frozen=True, kw_only=True)
class Alert:
    """An alert that fired: when (Unix seconds), until when (None: it still fires), who was told, what silenced it."""

    name: str
    fired: float
    resolved: float | None
    notified: str
    silenced_by: tuple[str, ...]


def kill_worker(machine: Machine) -> None:
    """Kill the worker's whole process group. The supervisor starts it again."""
    os.killpg(machine.supervisor.pids()["worker"], signal.SIGKILL)


def restart_postgres(machine: Machine) -> None:
    """Stop PostgreSQL as an operator does (fast shutdown). The supervisor starts it again."""
    os.kill(machine.supervisor.pids()["postgres"], signal.SIGINT)


def monitor_counts(metrics_url: str) -> dict[str, float]:
    """Return the sum over all labels of each of the COUNTED metrics, as the monitor serves them now."""
    sums = dict.fromkeys(COUNTED, 0.0)
    for line in str(ask("GET", metrics_url).body).splitlines():
        name = line.partition("{")[0].partition(" ")[0]
        if name in sums:
            sums[name] += float(line.rpartition(" ")[2])
    return sums


class AlertWatch:
    """The alerts of the day. Without Prometheus there is nothing to watch, and `alerts` is None."""

    def __init__(self, watch: Watch | None) -> None:
        self._watch = watch

    def wait_until_quiet(self) -> None:
        """Wait until nothing fires, for at most QUIET_SECONDS."""
        if self._watch is not None:
            self._watch.wait_until_quiet(within_seconds=QUIET_SECONDS)

    def alerts(self) -> list[Alert] | None:
        """Return what fired so far, the earliest first."""
        if self._watch is None:
            return None
        to_unix = time.time() - time.monotonic()
        fired = []
        for name, course in self._watch.courses().items():
            notified = self._watch.notified_at(name, status="firing", since=0)
            fired.append(
                Alert(
                    name=name,
                    fired=course.fired_at + to_unix,
                    resolved=None if course.resolved_at is None else course.resolved_at + to_unix,
                    notified=notified[1] if notified else "",
                    silenced_by=tuple(sorted(course.silenced_by)),
                )
            )
        return sorted(fired, key=lambda one: one.fired)


@contextmanager
def watched_alerts(machine: Machine, folder: Path) -> Iterator[AlertWatch]:
    """Watch the machine with the rules of the alert drill: what takes an hour in monitoring/alerts.yml takes a minute here."""
    try:
        find_program("prometheus")
    except FileNotFoundError:
        yield AlertWatch(None)
        return
    # What a new machine does not have, and what is not rehearsed here: a backup and a restore drill.
    with closing(psycopg2.connect(machine.database_url)) as connection, connection, connection.cursor() as cursor:
        for duty in ("backup", "drill"):
            cursor.execute("select record_duty(%s, now(), 'ok', 1, '{}')", (duty,))
    address = f"127.0.0.1:{machine.metrics_port}"
    missing = missing_metrics(f"http://{address}/metrics")
    with (
        running_stack(folder, targets={"essaycoach": address}) as stack,
        Watch(stack, ignored=missing) as watch,
    ):
        watch.wait_until_quiet(within_seconds=20)
        watch.reset()
        yield AlertWatch(watch)
