"""Measure the resident memory of the web program and of a worker process with 32 threads, in each mode."""

from __future__ import annotations

from typing import Any

import psutil

from benchmarks.machine import CLAUDE_ALONE, ENSEMBLE, LOCAL, machine_in_mode, resident_mib, sign_in
from benchmarks.overhead import hand_in, wait_completed
from benchmarks.report import Benchmark, Figure, progress
from standalone.machine import Machine

ESSAYS = 100
WEB_BAR_MIB = 100
WORKER_BARS_MIB = {CLAUDE_ALONE: 130, ENSEMBLE: 800, LOCAL: 800}


def run() -> list[Figure]:
    """Measure the largest web process and the largest worker process of each mode."""
    figures: list[Figure] = []
    for mode, bar in WORKER_BARS_MIB.items():
        progress(mode)
        with machine_in_mode(mode) as (running, known):
            found = _after_load(running, known)
        if mode == CLAUDE_ALONE:
            figures.append(_figure("web process", found["web"], WEB_BAR_MIB))
        figures.append(_figure(f"worker process, 32 threads, {mode}", found["worker"], bar))
    return figures


def _figure(name: str, mib: float, bar: int) -> Figure:
    return Figure(name, f"{mib:.0f} MiB", f"< {bar} MiB", mib < bar)


def _after_load(running: Machine, known: dict[str, Any]) -> dict[str, float]:
    """Hand in essays, wait until they are completed, and return the MiB of the largest process of each program."""
    hand_in(known, sign_in(known, "student"), count=ESSAYS, gap_seconds=0.02)
    wait_completed(running.database_url, ESSAYS)
    pids = running.supervisor.pids()
    return {
        name: max(resident_mib(child.pid) for child in psutil.Process(pids[name]).children(recursive=True))
        for name in ("web", "worker")
    }


MEMORY = Benchmark(
    name="memory",
    title="Memory",
    description=f"The resident memory of the largest process of a program after {ESSAYS} essays.",
    run=run,
)
