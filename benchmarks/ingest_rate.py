"""Measure `POST /v1/submissions` beside a bare handler under the same gunicorn, PostgreSQL and Redis, in the same run."""

from __future__ import annotations

import itertools
import json
import os
import sys
from pathlib import Path

import psycopg2

from benchmarks.bare import SCHEMA
from benchmarks.load import Measured, Request, closed_loop
from benchmarks.machine import machine, sign_in_class, wait_until_answered
from benchmarks.report import Benchmark, Figure, duration, progress
from standalone.machine import ROOT, Machine
from standalone.procfile import Command, procfile_command

CLIENTS, STUDENTS, SECONDS, ROUNDS = 8, 24, 5.0, 3
TEXT = ("The quick brown fox jumps over the lazy dog and thinks about its next sentence. " * 40)[:3000]
BAR = 0.60


def run() -> list[Figure]:
    """Measure both handlers in alternating rounds and compare the medians of their rates."""
    with machine() as (running, known):
        # The worker and the clock are stopped, so that the cores serve requests alone. The hints stay in Redis.
        running.supervisor.stop_one("worker")
        running.supervisor.stop_one("clock")
        bare_url = f"http://127.0.0.1:{_start_bare(running)}"
        students = itertools.cycle(sign_in_class(running, known, size=STUDENTS))
        body = json.dumps({"title": "Benchmark", "text": TEXT}).encode()

        def essaycoach_request() -> Request:
            return "POST", "/v1/submissions", body, next(students)

        def bare_request() -> Request:
            return "POST", "/bare", body, {"Content-Type": "application/json"}

        essaycoach: list[Measured] = []
        bare: list[Measured] = []
        for number in range(1, ROUNDS + 1):
            progress(f"round {number} of {ROUNDS}")
            bare.append(closed_loop(bare_url, bare_request, clients=CLIENTS, seconds=SECONDS, expected=202))
            essaycoach.append(
                closed_loop(known["ingest"], essaycoach_request, clients=CLIENTS, seconds=SECONDS, expected=202)
            )
    ratio = _median(essaycoach).per_second / _median(bare).per_second
    wrong = sum(one.wrong for one in (*essaycoach, *bare))
    return [
        *_figures("bare handler", bare),
        *_figures("POST /v1/submissions", essaycoach),
        Figure("rate of POST /v1/submissions ÷ rate of the bare handler", f"{ratio:.2f}", f"≥ {BAR:.2f}", ratio >= BAR),
        Figure("answers other than 202", str(wrong), "0", wrong == 0),
    ]


def _median(rounds: list[Measured]) -> Measured:
    """Return the round with the median rate."""
    return sorted(rounds, key=lambda one: one.per_second)[len(rounds) // 2]


def _figures(name: str, rounds: list[Measured]) -> list[Figure]:
    median = _median(rounds)
    p50, p99 = median.quantile(0.5), median.quantile(0.99)
    return [
        Figure(f"{name}, rate", f"{median.per_second:.0f} requests/s"),
        Figure(f"{name}, p50 and p99", f"{duration(p50)}, {duration(p99)}"),
    ]


def _start_bare(running: Machine) -> int:
    """Start the bare handler on the machine's database and Redis, and return its port."""
    connection = psycopg2.connect(running.database_url)
    with connection, connection.cursor() as cursor:
        cursor.execute(SCHEMA)
    connection.close()
    port = running.port + 1
    env = {
        **running.environment("web"),
        "PORT": str(port),
        "BARE_DATABASE_URL": running.database_url,
        "BARE_REDIS_URL": running.redis_url,
        "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path]),
    }
    text = 'gunicorn --config ingest/gunicorn.py "benchmarks.bare:create_app()"'
    command: Command = procfile_command("bare", text=text, env=env, cwd=Path(ROOT))
    running.supervisor.start(command)
    wait_until_answered(f"http://127.0.0.1:{port}/bare", status=405)
    return port


INGEST = Benchmark(
    name="ingest",
    title="Ingest",
    description=(
        f"The rate of `POST /v1/submissions` beside a bare Flask and psycopg2 handler without tokens, row security or encryption "
        f"(`benchmarks/bare.py`): {CLIENTS} clients for {STUDENTS} students, essays of {len(TEXT):,} characters, the median of "
        f"{ROUNDS} alternating rounds of {SECONDS:.0f} s each."
    ),
    run=run,
)
