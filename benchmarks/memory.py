"""Measure the resident memory of the web program, of a worker process with 32 threads and of its engine process, in each mode."""

from __future__ import annotations

from typing import Any

import psutil

from benchmarks.machine import CLAUDE_ALONE, ENSEMBLE, LOCAL, machine_in_mode, resident_mib, sign_in
from benchmarks.overhead import hand_in, wait_completed
from benchmarks.report import Benchmark, Figure, progress
from standalone.machine import Machine

ESSAYS = 100
WEB_BAR_MIB = 100
WORKER_BAR_MIB = 130  # with Claude alone
ENGINE_BAR_MIB = 800  # an engine process with its worker process
ENGINE = "engine_process"  # the module that an engine process runs


def run() -> list[Figure]:
    """Measure the largest web process and the largest worker process of each mode."""
    figures: list[Figure] = []
    for mode in (CLAUDE_ALONE, ENSEMBLE, LOCAL):
        progress(mode)
        with machine_in_mode(mode) as (running, known):
            found = _after_load(running, known)
        if mode == CLAUDE_ALONE:
            figures.append(_figure("web process", found["web"], WEB_BAR_MIB))
            figures.append(_figure(f"worker process, 32 threads, {mode}", found["worker"], WORKER_BAR_MIB))
        else:
            figures.append(Figure(f"worker process, 32 threads, {mode}", f"{found['worker']:.0f} MiB"))
            both = found["worker"] + found["engine"]
            figures.append(_figure(f"worker process and its engine process, {mode}", both, ENGINE_BAR_MIB))
    return figures


def _figure(name: str, mib: float, bar: int) -> Figure:
    return Figure(name, f"{mib:.0f} MiB", f"< {bar} MiB", mib < bar)


def _after_load(running: Machine, known: dict[str, Any]) -> dict[str, float]:
    """Hand in essays, wait until they are completed, and return the MiB of the largest process of each program."""
    hand_in(known, sign_in(known, "student"), count=ESSAYS, gap_seconds=0.02)
    wait_completed(running.database_url, ESSAYS)
    pids = running.supervisor.pids()
    worker = psutil.Process(pids["worker"]).children(recursive=True)
    engines = [process for process in worker if any(ENGINE in word for word in process.cmdline())]
    return {
        "web": _largest(psutil.Process(pids["web"]).children(recursive=True)),
        "worker": _largest([process for process in worker if process not in engines]),
        "engine": _largest(engines),
    }


def _largest(processes: list[psutil.Process]) -> float:
    return max((resident_mib(process.pid) for process in processes), default=0.0)


MEMORY = Benchmark(
    name="memory",
    title="Memory",
    description=(
        f"The resident memory of the largest process of a program after {ESSAYS} essays. Each library that a process has used stays "
        "loaded. Those of passkeys and of Claude are loaded when they are first used, those that read files by child processes only."
    ),
    run=run,
)
