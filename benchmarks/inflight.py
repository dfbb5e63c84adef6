"""Measure how much of the time of 256 calls in flight a worker loses, beside calls that cost nothing but their waiting."""

from __future__ import annotations

import random
from itertools import cycle, islice
from typing import Any

from benchmarks.ingest_rate import TEXT
from benchmarks.machine import CLAUDE_ALONE, machine, query, sign_in_class, start_worker, vendor
from benchmarks.overhead import wait_completed
from benchmarks.report import Benchmark, Figure, progress
from models.jobs import PassName
from standalone.client import ask
from standalone.machine import Machine
from workers.settings import cores

IN_FLIGHT = 256
STUDENTS = 32
# The mean duration of a call, and how many calls each thread makes, one after the other. Claude takes 5 to 30 seconds an essay.
ROUNDS = {2.0: 12, 20.0: 6}
SHORTEST, LONGEST = 0.5, 1.5  # of the mean: calls that end all at once are not what a provider does
BAR = 0.95
# From when every thread has had its first call until the last pass was claimed: until then no thread lacks work.
_STEADY = """
with span as (select min(started_at) + make_interval(secs => {first_calls}) as since, max(started_at) as until from passes)
select extract(epoch from s.until - s.since), count(*) filter (where p.finished_at between s.since and s.until),
    (select count(*) from ai_responses)
from passes as p cross join span as s group by s.since, s.until
"""


def run() -> list[Figure]:
    """Let essays wait until the worker starts, and measure how many it reads while every thread has work."""
    figures: list[Figure] = []
    for call_seconds, rounds in ROUNDS.items():
        threads = -(-IN_FLIGHT // cores())
        essays = threads * cores() * rounds // len(PassName)
        progress(f"{essays} essays, calls of {call_seconds:.0f} s, {cores()} processes with {threads} threads")
        with vendor() as url, machine(
            ESSAYCOACH_PROVIDER="anthropic", ESSAYCOACH_GRAMMAR_MIX="off", ANTHROPIC_API_KEY="bench", ANTHROPIC_BASE_URL=url,
            WORKER_THREADS=str(threads),
        ) as (running, known):  # fmt: skip
            _set_call_seconds(url, call_seconds, calls=essays * len(PassName))
            seconds, ended, calls = _read_all(running, known, essays, first_calls=LONGEST * call_seconds)
        passes_per_second = ended / seconds
        ratio = passes_per_second * call_seconds / (threads * cores())
        name = f"{CLAUDE_ALONE}, {threads * cores()} calls of {call_seconds:.0f} s in flight"
        calls_per_pass = calls / (essays * len(PassName))
        figures += [
            Figure(f"{name}: passes/s", f"{passes_per_second:.1f}"),
            Figure(f"{name}: throughput ÷ ideal", f"{ratio:.3f}", f"≥ {BAR:.2f}", ratio >= BAR),
            Figure(f"{name}: calls for each pass", f"{calls_per_pass:.3f}", "1.000", calls_per_pass == 1),
        ]
    return figures


def _set_call_seconds(url: str, mean: float, *, calls: int) -> None:
    """Let the fake provider take a time by chance for each call."""
    chance = random.Random(1)
    # As many short calls as long ones, so that the mean is exact.
    lengths = [mean * (SHORTEST + (LONGEST - SHORTEST) * (number + 0.5) / calls) for number in range(calls)]
    chance.shuffle(lengths)
    script = [{"behaviour": "ok", "latency_seconds": one} for one in lengths]
    answer = ask("POST", f"{url}/control", body={"script": script})
    assert answer.status == 200, answer.body


def _read_all(running: Machine, known: dict[str, Any], essays: int, *, first_calls: float) -> tuple[float, int, int]:
    """Return the seconds in which every thread had work, the passes that ended within them, and the number of all calls."""
    students = sign_in_class(running, known, size=STUDENTS)
    running.supervisor.stop_one("worker")
    for student in islice(cycle(students), essays):
        answer = ask(
            "POST", f"{known['ingest']}/v1/submissions", body={"title": "Benchmark", "text": TEXT}, headers=student
        )
        assert answer.status == 202, answer.body
    start_worker(running)
    wait_completed(running.database_url, essays)
    [(seconds, ended, calls)] = query(running.database_url, _STEADY.format(first_calls=first_calls))
    return float(seconds), int(ended), int(calls)


INFLIGHT = Benchmark(
    name="inflight",
    title="Calls in flight",
    description=(
        f"Essays wait, then a worker with {IN_FLIGHT} threads in one process for each core reads them. A call to the fake provider "
        f"takes the given time on average, between {SHORTEST} and {LONGEST} times as long. Measured while every thread has work. Ideal: "
        "calls take their time and nothing else does. 256 calls of 2 s would be 43 essays a second, more than these cores read."
    ),
    run=run,
)
