"""Metrics of the programs, from their heartbeats: how many processes live, what their threads do, and whether they get on."""

from __future__ import annotations

import time
from collections import defaultdict

from prometheus_client.core import Metric

from models.version import version
from monitoring.families import LabelledCounts, gauge
from monitoring.query import ask

# The programs that write heartbeats. The monitor writes nothing: that it answers is its sign of life.
PROGRAMS = ("web", "worker", "clock")
_STARTED_AT = time.monotonic()


def read_programs() -> list[Metric]:
    """Return the metrics of every program, also of one that has never run: it is as silent as this monitor is old."""
    processes: LabelledCounts = {**{(name,): 0.0 for name in PROGRAMS}, ("monitor",): 1.0}
    ages: LabelledCounts = {(name,): time.monotonic() - _STARTED_AT for name in PROGRAMS}
    threads: LabelledCounts = {(name, state): 0.0 for name in PROGRAMS for state in ("alive", "busy")}
    still: LabelledCounts = {(name,): 0.0 for name in PROGRAMS}
    versions: LabelledCounts = defaultdict(float, {("monitor", version()): 1.0})
    beaten: dict[str, float] = {}
    for row in ask("programs"):
        name = row["program"]
        processes[name,] += row["processes"]
        beaten[name] = min(beaten.get(name, float("inf")), row["heartbeat_age_seconds"])
        threads[name, "alive"] += row["threads_alive"]
        threads[name, "busy"] += row["threads_busy"]
        still[name,] = max(still[name,], row["progress_age_seconds"])
        if row["processes"]:
            versions[name, row["version"]] += row["processes"]
    ages |= {(name,): age for name, age in beaten.items()}
    return [
        gauge(
            "essaycoach_program_processes", "Processes with a heartbeat in the last 30 seconds.",
            labels=("program",), counts=processes,
        ),
        gauge(
            "essaycoach_program_heartbeat_age_seconds", "Time since the newest heartbeat, or without one since the monitor began.",
            labels=("program",), counts=ages,
        ),
        gauge(
            "essaycoach_program_threads", "Threads of living processes: those that can work, and those that do.",
            labels=("program", "state"), counts=threads,
        ),
        gauge(
            "essaycoach_program_progress_age_seconds",
            "How long the living process that stands still the longest has ended nothing although it has work.",
            labels=("program",), counts=still,
        ),
        gauge(
            "essaycoach_program_version_info", "Living processes of this version.",
            labels=("program", "version"), counts=versions,
        ),
    ]  # fmt: skip
