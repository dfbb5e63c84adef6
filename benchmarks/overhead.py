"""What the system adds to the vendor's own time: received to completed, and three passes side by side."""

from __future__ import annotations

import time
from typing import Any

import psycopg2

from benchmarks.ingest_rate import TEXT
from benchmarks.machine import machine, sign_in, vendor
from standalone.client import ask

RATE, SECONDS = 10, 20
SLOW_SECONDS, SLOW_ESSAYS = 2.0, 5


def overhead() -> bool:
    """Print received-to-completed at ten essays a second with an instant vendor; return whether the bars are reached."""
    print(f"\nOverhead: {RATE} essays/s for {SECONDS} s through the real SDK, against a vendor that answers at once")
    with vendor() as url, machine(ANTHROPIC_API_KEY="bench", ANTHROPIC_BASE_URL=url) as (running, known):
        headers = sign_in(known, "student")
        _hand_in(known, headers, count=10, gap=0.1)
        _wait(running.database_url, 10)
        _hand_in(known, headers, count=RATE * SECONDS, gap=1 / RATE)
        spans = _wait(running.database_url, 10 + RATE * SECONDS)[10:]
    spans.sort()
    p50, p99 = spans[len(spans) // 2], spans[int(len(spans) * 0.99)]
    print(
        f"  received to completed: p50 {p50 * 1000:.0f} ms (bar: 100)   p99 {p99 * 1000:.0f} ms (bar: 500)   repeat: python -m benchmarks overhead"
    )
    return p50 < 0.100 and p99 < 0.500


def parallel() -> bool:
    """Print how much longer than the slowest call three passes take; return whether the bar is reached."""
    print(f"\nParallel: a vendor that takes {SLOW_SECONDS:.0f} s a call, one essay at a time")
    with (
        vendor(latency_seconds=SLOW_SECONDS) as url,
        machine(ANTHROPIC_API_KEY="bench", ANTHROPIC_BASE_URL=url) as (running, known),
    ):
        headers = sign_in(known, "student")
        for number in range(1, SLOW_ESSAYS + 1):
            _hand_in(known, headers, count=1, gap=0)
            _wait(running.database_url, number)
        found = _query(
            running.database_url,
            """
            select extract(epoch from s.completed_at - s.created_at), max(extract(epoch from p.finished_at - p.started_at))
            from submissions as s join passes as p on p.submission_id = s.id group by s.id, s.completed_at, s.created_at
            """,
        )
    ratios = sorted(float(whole) / float(slowest) for whole, slowest in found)
    worst = ratios[-1]
    print(
        f"  received to completed ÷ slowest pass: median {ratios[len(ratios) // 2]:.3f}, worst {worst:.3f} (bar: 1.15)   repeat: python -m benchmarks parallel"
    )
    return worst <= 1.15


def _hand_in(known: dict[str, Any], headers: dict[str, str], *, count: int, gap: float) -> None:
    started = time.perf_counter()
    for number in range(count):
        answer = ask(
            "POST", f"{known['ingest']}/v1/submissions", body={"title": "Benchmark", "text": TEXT}, headers=headers
        )
        assert answer.status == 202, answer.body
        time.sleep(max(0.0, started + (number + 1) * gap - time.perf_counter()))


def _wait(url: str, count: int) -> list[float]:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        found = _query(
            url,
            "select extract(epoch from completed_at - created_at) from submissions where status = 'completed' order by id",
        )
        if len(found) >= count:
            return [float(row[0]) for row in found]
        time.sleep(0.2)
    raise AssertionError(f"only {len(found)} of {count} completed")


def _query(url: str, sql: str) -> list[tuple[Any, ...]]:
    connection = psycopg2.connect(url)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchall()
    finally:
        connection.close()
