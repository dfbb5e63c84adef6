"""What row security, the audit trail and encryption cost together, beside the same service without them."""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
import urllib.error
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg2

from benchmarks.load import Measured, Request, closed_loop
from benchmarks.machine import machine, sign_in
from benchmarks.unsecured import OPEN_SCHEMA
from standalone.client import ask
from standalone.machine import ROOT, Machine
from standalone.procfile import procfile_command

CLIENTS, SECONDS, ROUNDS = 8, 4.0, 5
START_SECONDS = 30.0
TEXT = ("The quick brown fox jumps over the lazy dog and thinks about its next sentence. " * 40)[:3000]
BARS = {"handing in": 1.35, "a status poll": 1.15}


def run() -> bool:
    """Print the time of a request with and without protection, and their ratio; return whether the bars are reached."""
    print(f"\nSecurity: {CLIENTS} clients, {ROUNDS} rounds of {SECONDS:.0f} s each, alternating between two machines")
    with machine() as (secured, secured_known), machine() as (unsecured, unsecured_known):
        for one in (secured, unsecured):
            one.supervisor.stop_one("worker")
            one.supervisor.stop_one("clock")
        _take_protection_off(unsecured)
        doors = {
            "with": (secured_known["ingest"], sign_in(secured_known, "student")),
            "without": (unsecured_known["ingest"], sign_in(unsecured_known, "student")),
        }
        # First, while nothing else waits: a place in a long queue is counted, and would drown what is to be compared.
        polling = _compare("a status poll", doors, _poll, expected=200)
        reached = [polling, _compare("handing in", doors, _hand_in, expected=202)]
    print("  repeat: python -m benchmarks security")
    return all(reached)


def _compare(
    what: str,
    doors: dict[str, tuple[str, dict[str, str]]],
    make: Callable[[str, dict[str, str]], Callable[[], Request]],
    *,
    expected: int,
) -> bool:
    requests = {name: make(url, headers) for name, (url, headers) in doors.items()}
    measured: dict[str, list[Measured]] = {name: [] for name in doors}
    for number in range(ROUNDS):
        for name in sorted(doors, reverse=bool(number % 2)):
            measured[name].append(
                closed_loop(doors[name][0], requests[name], clients=CLIENTS, seconds=SECONDS, expected=expected)
            )
    millis = {name: 1000 / statistics.median(one.per_second for one in rounds) for name, rounds in measured.items()}
    wrong = sum(one.wrong for rounds in measured.values() for one in rounds)
    ratio = millis["with"] / millis["without"]
    print(
        f"  {what:14} {millis['with']:6.3f} ms of the machine's time with, {millis['without']:6.3f} ms without: "
        f"{ratio:.2f} times (bar: {BARS[what]:.2f})   wrong answers {wrong}"
    )
    return ratio <= BARS[what] and not wrong


def _hand_in(_url: str, headers: dict[str, str]) -> Callable[[], Request]:
    body = json.dumps({"title": "Benchmark", "text": TEXT}).encode()
    return lambda: ("POST", "/v1/submissions", body, headers)


def _poll(url: str, headers: dict[str, str]) -> Callable[[], Request]:
    answer: Any = ask("POST", f"{url}/v1/submissions", body={"title": "Poll", "text": TEXT}, headers=headers)
    path = answer.body["links"]["self"]
    return lambda: ("GET", path, b"", headers)


def _take_protection_off(running: Machine) -> None:
    """The machine's ingest answers at its address as ever, without row security, audit triggers and encryption."""
    running.supervisor.stop_one("web")
    connection = psycopg2.connect(running.database_url)
    with connection, connection.cursor() as cursor:
        cursor.execute(OPEN_SCHEMA)
    connection.close()
    env = {**running.environment("web"), "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
    text = 'gunicorn --config ingest/gunicorn.py "benchmarks.unsecured:create_app()"'
    running.supervisor.start(procfile_command("unsecured", text=text, env=env, cwd=Path(ROOT)))
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        with suppress(urllib.error.URLError):
            if ask("GET", f"http://127.0.0.1:{running.port}/readyz").status == 200:
                return
        time.sleep(0.1)
    raise RuntimeError("the unsecured ingest did not start")
