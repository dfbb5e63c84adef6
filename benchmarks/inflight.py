"""Measure how much of the time of 256 calls in flight a worker loses, beside calls that cost nothing but their waiting."""

from __future__ import annotations

from contextlib import closing
from itertools import cycle, islice
from typing import Any

import psycopg2

from benchmarks.ingest_rate import TEXT
from benchmarks.machine import CLAUDE_ALONE, machine, sign_in_class, vendor
from benchmarks.overhead import wait_completed
from benchmarks.report import Benchmark, Figure, progress
from models.jobs import PassName
from standalone.client import ask
from standalone.machine import ROOT, Machine
from standalone.procfile import procfile_command, read_procfile
from workers.settings import cores

IN_FLIGHT = 256
STUDENTS = 32
# The duration of a call, and how many calls each thread makes, one after the other. Claude takes 5 to 30 seconds an essay.
ROUNDS = {2.0: 12, 20.0: 3}
BAR = 0.95


def run() -> list[Figure]:
    """Let essays wait until the worker starts, and measure how long it takes for all of them."""
    figures: list[Figure] = []
    for call_seconds, rounds in ROUNDS.items():
        threads = -(-IN_FLIGHT // cores())
        essays = threads * cores() * rounds // len(PassName)
        progress(f"{essays} essays, calls of {call_seconds:.0f} s, {cores()} processes with {threads} threads")
        with vendor(latency_seconds=call_seconds) as url, machine(
            ESSAYCOACH_PROVIDER="anthropic", ESSAYCOACH_GRAMMAR_MIX="off", ANTHROPIC_API_KEY="bench", ANTHROPIC_BASE_URL=url,
            WORKER_THREADS=str(threads),
        ) as (running, known):  # fmt: skip
            took, calls = _read_all(running, known, essays)
        ideal, passes = rounds * call_seconds, essays * len(PassName)
        name = f"{CLAUDE_ALONE}, {threads * cores()} calls of {call_seconds:.0f} s in flight"
        ratio = ideal / took
        figures += [
            Figure(f"{name}: passes/s", f"{passes / took:.1f}"),
            Figure(f"{name}: throughput ÷ ideal", f"{ratio:.3f}", f"≥ {BAR:.2f}", ratio >= BAR),
            Figure(f"{name}: calls for each pass", f"{calls / passes:.3f}", "1.000", calls == passes),
        ]
    return figures


def _read_all(running: Machine, known: dict[str, Any], essays: int) -> tuple[float, int]:
    """Return the seconds from the first claim to the last end, and the number of calls."""
    students = sign_in_class(running, known, size=STUDENTS)
    running.supervisor.stop_one("worker")
    for student in islice(cycle(students), essays):
        answer = ask(
            "POST", f"{known['ingest']}/v1/submissions", body={"title": "Benchmark", "text": TEXT}, headers=student
        )
        assert answer.status == 202, answer.body
    text = read_procfile(ROOT / "Procfile")["worker"]
    running.supervisor.start(procfile_command("worker", text=text, env=running.environment("worker"), cwd=ROOT))
    wait_completed(running.database_url, essays)
    with closing(psycopg2.connect(running.database_url)) as connection, connection.cursor() as cursor:
        cursor.execute(
            "select extract(epoch from max(finished_at) - min(started_at)), (select count(*) from ai_responses) from passes"
        )
        took, calls = cursor.fetchone() or (0, 0)
    return float(took), int(calls)


INFLIGHT = Benchmark(
    name="inflight",
    title="Calls in flight",
    description=(
        f"Essays wait, then a worker with {IN_FLIGHT} threads in one process for each core reads them, with a fake provider that "
        "takes the given time for each call. Ideal: the calls take their time and nothing else does."
    ),
    run=run,
)
