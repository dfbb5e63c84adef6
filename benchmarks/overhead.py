"""Measure the time that the system adds to the provider's own time, and whether the three passes run in parallel."""

from __future__ import annotations

import time
from typing import Any

from benchmarks.ingest_rate import TEXT
from benchmarks.machine import CLAUDE_ALONE, ENSEMBLE, machine_in_mode, query, sign_in, wait_for_rows
from benchmarks.report import Benchmark, Figure, duration, progress
from standalone.client import ask

RATE, SECONDS = 10, 20
MIX_RATE, MIX_SECONDS, MIX_P50_BAR_SECONDS = 4, 30, 0.250
WARM_UP_ESSAYS = 10
P50_BAR_SECONDS, P99_BAR_SECONDS = 0.060, 0.250
SLOW_SECONDS, SLOW_ESSAYS = 2.0, 5
PARALLEL_BAR = 1.15


def run_overhead() -> list[Figure]:
    """Measure the time from received to completed in both modes with Claude."""
    figures: list[Figure] = []
    progress(CLAUDE_ALONE)
    with machine_in_mode(CLAUDE_ALONE) as (running, known):
        headers = _warm_up(running.database_url, known)
        rate, times = _times_at(RATE, SECONDS, running.database_url, known, headers)
        p50, p99 = _quantile(times, 0.5), _quantile(times, 0.99)
        name = f"{CLAUDE_ALONE}, {rate:.1f} essays/s"
        figures += [
            _bounded(f"{name}: p50", p50, P50_BAR_SECONDS),
            _bounded(f"{name}: p99", p99, P99_BAR_SECONDS),
        ]
    progress(ENSEMBLE)
    with machine_in_mode(ENSEMBLE) as (running, known):
        headers = _warm_up(running.database_url, known)
        for wanted, seconds in ((MIX_RATE, MIX_SECONDS), (RATE, SECONDS)):
            rate, times = _times_at(wanted, seconds, running.database_url, known, headers)
            name = f"{ENSEMBLE}, {rate:.1f} essays/s for {seconds} s"
            p50 = _quantile(times, 0.5)
            figures += [
                _bounded(f"{name}: p50", p50, MIX_P50_BAR_SECONDS)
                if wanted == MIX_RATE
                else Figure(f"{name}: p50", duration(p50)),
                Figure(f"{name}: slowest", duration(times[-1])),
            ]
    return figures


def _bounded(name: str, seconds: float, bar: float) -> Figure:
    return Figure(name, duration(seconds), f"≤ {duration(bar)}", seconds <= bar)


def run_parallel() -> list[Figure]:
    """Measure how much longer than its slowest pass an essay takes."""
    with machine_in_mode(ENSEMBLE, latency_seconds=SLOW_SECONDS) as (running, known):
        headers = sign_in(known, "student")
        for number in range(1, SLOW_ESSAYS + 1):
            hand_in(known, headers, count=1, gap_seconds=0)
            wait_completed(running.database_url, number)
        rows = query(
            running.database_url,
            """
            select extract(epoch from s.completed_at - s.created_at), max(extract(epoch from p.finished_at - p.started_at))
            from submissions as s join passes as p on p.submission_id = s.id group by s.id, s.completed_at, s.created_at
            """,
        )
    ratios = sorted(float(whole) / float(slowest) for whole, slowest in rows)
    median, worst = ratios[len(ratios) // 2], ratios[-1]
    name = f"{ENSEMBLE}: received to completed ÷ slowest pass"
    return [
        Figure(f"{name}, median", f"{median:.3f}"),
        Figure(f"{name}, worst of {len(ratios)}", f"{worst:.3f}", f"≤ {PARALLEL_BAR:.2f}", worst <= PARALLEL_BAR),
    ]


def hand_in(known: dict[str, Any], headers: dict[str, str], *, count: int, gap_seconds: float) -> float:
    """Hand in essays one after the other, `gap_seconds` from start to start, and return the rate that was kept."""
    started = time.perf_counter()
    for number in range(count):
        answer = ask(
            "POST", f"{known['ingest']}/v1/submissions", body={"title": "Benchmark", "text": TEXT}, headers=headers
        )
        assert answer.status == 202, answer.body
        time.sleep(max(0.0, started + (number + 1) * gap_seconds - time.perf_counter()))
    return count / (time.perf_counter() - started)


def wait_completed(url: str, count: int) -> list[float]:
    """Wait until so many submissions are completed; return their times from received to completed, oldest first."""
    found = wait_for_rows(
        url,
        "select extract(epoch from completed_at - created_at) from submissions where status = 'completed' order by id",
        count=count,
    )
    return [float(row[0]) for row in found]


def _warm_up(url: str, known: dict[str, Any]) -> dict[str, str]:
    """Let connections open and the engines load; return the headers of a student."""
    headers = sign_in(known, "student")
    hand_in(known, headers, count=WARM_UP_ESSAYS, gap_seconds=0.1)
    wait_completed(url, WARM_UP_ESSAYS)
    return headers


def _times_at(
    rate: int, seconds: int, url: str, known: dict[str, Any], headers: dict[str, str]
) -> tuple[float, list[float]]:
    """Hand in at this rate; return the rate that was kept and the times from received to completed, sorted."""
    progress(f"{rate} essays/s for {seconds} s")
    before = len(wait_completed(url, 0))
    kept = hand_in(known, headers, count=rate * seconds, gap_seconds=1 / rate)
    return kept, sorted(wait_completed(url, before + rate * seconds)[before:])


def _quantile(ordered: list[float], share: float) -> float:
    return ordered[int(len(ordered) * share)]


OVERHEAD = Benchmark(
    name="overhead",
    title="Overhead",
    description=(
        f"The time from received to completed, with a fake provider that answers at once, at {RATE} essays/s for {SECONDS} s "
        f"and, with the local grammar engine, also at {MIX_RATE} essays/s for {MIX_SECONDS} s."
    ),
    run=run_overhead,
)
PARALLEL = Benchmark(
    name="parallel",
    title="Parallel passes",
    description=(
        f"The time from received to completed beside the slowest of the essay's three passes, with a fake provider that "
        f"takes {SLOW_SECONDS:.0f} s a call, one essay at a time."
    ),
    run=run_parallel,
)
