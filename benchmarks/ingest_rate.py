"""How fast POST /v1/submissions is, beside a bare handler under the same gunicorn, PostgreSQL and Redis, in the same run."""

from __future__ import annotations

import json
import os
import statistics
import sys
from pathlib import Path

import psycopg2

from benchmarks.bare import SCHEMA
from benchmarks.load import Measured, Request, closed_loop
from benchmarks.machine import machine, sign_in
from standalone.machine import ROOT
from standalone.procfile import Command, procfile_command

CLIENTS, SECONDS, ROUNDS = 8, 5.0, 3
TEXT = ("The quick brown fox jumps over the lazy dog and thinks about its next sentence. " * 40)[:3000]
BAR = 0.40


def run() -> bool:
    """Print both rates and their ratio; return whether the bar is reached."""
    print(
        f"\nIngest: {CLIENTS} clients, essays of {len(TEXT)} characters, {ROUNDS} rounds of {SECONDS:.0f} s each, alternating"
    )
    with machine() as (running, known):
        # The workers stand still, so that the two cores serve requests alone; the hints pile up as they would in a rush.
        running.supervisor.stop_one("worker")
        running.supervisor.stop_one("clock")
        bare_port = _start_bare(running)
        headers = sign_in(known, "student")
        body = json.dumps({"title": "Benchmark", "text": TEXT}).encode()

        def ours() -> Request:
            return "POST", "/v1/submissions", body, headers

        def bare() -> Request:
            return "POST", "/bare", body, {"Content-Type": "application/json"}

        rates: dict[str, list[Measured]] = {"bare": [], "ours": []}
        for _ in range(ROUNDS):
            bare_url = f"http://127.0.0.1:{bare_port}"
            rates["bare"].append(closed_loop(bare_url, bare, clients=CLIENTS, seconds=SECONDS, expected=202))
            rates["ours"].append(closed_loop(known["ingest"], ours, clients=CLIENTS, seconds=SECONDS, expected=202))
    medians = {name: statistics.median(one.per_second for one in measured) for name, measured in rates.items()}
    for name, measured in rates.items():
        middle = measured[len(measured) // 2]
        print(
            f"  {name:5} {medians[name]:7.0f} requests/s   p50 {middle.quantile(0.5) * 1000:5.1f} ms   "
            f"p99 {middle.quantile(0.99) * 1000:6.1f} ms   wrong answers {sum(one.wrong for one in measured)}"
        )
    ratio = medians["ours"] / medians["bare"]
    print(f"  ratio {ratio:.2f} (bar: {BAR:.2f})   repeat: python -m benchmarks ingest")
    return ratio >= BAR and not any(one.wrong for measured in rates.values() for one in measured)


def _start_bare(running) -> int:  # type: ignore[no-untyped-def]  # noqa: ANN001
    connection = psycopg2.connect(running.database_url)
    with connection, connection.cursor() as cursor:
        cursor.execute(SCHEMA)
    connection.close()
    port = running.port + 1
    env = {
        **running.environment("web"),
        "PORT": str(port),
        "BARE_DATABASE_URL": running.database_url,
        "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path]),
    }
    text = 'gunicorn --config ingest/gunicorn.py "benchmarks.bare:create_app()"'
    command: Command = procfile_command("bare", text=text, env=env, cwd=Path(ROOT))
    running.supervisor.start(command)
    return port
