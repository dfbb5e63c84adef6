"""Resident memory of a web worker, and of a worker process with 32 threads on Claude and on the local engines."""

from __future__ import annotations

import psutil

from benchmarks.machine import machine, resident_mib, sign_in, vendor
from benchmarks.overhead import _hand_in, _wait

ESSAYS = 100


def run() -> bool:
    """Print the three figures after a hundred essays each; return whether the bars are reached."""
    print(f"\nMemory: resident, largest process, after {ESSAYS} essays")
    with vendor() as url, machine(ANTHROPIC_API_KEY="bench", ANTHROPIC_BASE_URL=url) as (running, known):
        web, claude = _after_load(running, known)
    with machine(ESSAYCOACH_PROVIDER="local") as (running, known):
        _, local = _after_load(running, known)
    good = True
    for name, found, bar in (
        ("web worker", web, 120),
        ("worker, 32 threads, Claude", claude, 250),
        ("worker, 32 threads, both local engines", local, 800),
    ):
        print(f"  {name:40} {found:5.0f} MiB (bar: {bar})")
        good &= found < bar
    print("  repeat: python -m benchmarks memory")
    return good


def _after_load(running, known) -> tuple[float, float]:  # type: ignore[no-untyped-def]  # noqa: ANN001
    _hand_in(known, sign_in(known, "student"), count=ESSAYS, gap=0.02)
    _wait(running.database_url, ESSAYS)
    pids = running.supervisor.pids()
    return tuple(  # type: ignore[return-value]
        max(resident_mib(child.pid) for child in psutil.Process(pids[name]).children(recursive=True))
        for name in ("web", "worker")
    )
