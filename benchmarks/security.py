"""Measure what row security, the audit trail and encryption cost together, beside the same service without them."""

from __future__ import annotations

import itertools
import json
import os
import statistics
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg2

from benchmarks.load import Measured, Request, closed_loop
from benchmarks.machine import machine, sign_in_class, wait_until_answered
from benchmarks.report import Benchmark, Figure, duration, progress
from benchmarks.unsecured import OPEN_SCHEMA
from standalone.client import ask
from standalone.machine import ROOT, Machine
from standalone.procfile import procfile_command

CLIENTS, STUDENTS, SECONDS, ROUNDS = 8, 24, 4.0, 5
TEXT = ("The quick brown fox jumps over the lazy dog and thinks about its next sentence. " * 40)[:3000]
BARS = {"handing in": 1.35, "a status poll": 1.15}


def run() -> list[Figure]:
    """Measure handing in and polling on a machine with protection and on one without, in alternating rounds."""
    with machine() as (secured, secured_known), machine() as (unsecured, unsecured_known):
        for one in (secured, unsecured):
            one.supervisor.stop_one("worker")
            one.supervisor.stop_one("clock")
        _remove_protection(unsecured)
        services = {
            "with": (secured_known["ingest"], sign_in_class(secured, secured_known, size=STUDENTS)),
            "without": (unsecured_known["ingest"], sign_in_class(unsecured, unsecured_known, size=STUDENTS)),
        }
        # Polling goes first, while the queue is short: a poll also counts the essays that wait before its own, and in a
        # long queue that would hide the difference that is measured.
        polling = _compare("a status poll", services, _poll_requests, expected=200)
        return _compare("handing in", services, _hand_in_requests, expected=202) + polling


def _compare(
    what: str,
    services: dict[str, tuple[str, list[dict[str, str]]]],
    make_requests: Callable[[str, list[dict[str, str]]], Callable[[], Request]],
    *,
    expected: int,
) -> list[Figure]:
    progress(what)
    requests = {name: make_requests(url, headers) for name, (url, headers) in services.items()}
    measured: dict[str, list[Measured]] = {name: [] for name in services}
    for number in range(ROUNDS):
        for name in sorted(services, reverse=bool(number % 2)):
            measured[name].append(
                closed_loop(services[name][0], requests[name], clients=CLIENTS, seconds=SECONDS, expected=expected)
            )
    seconds = {name: 1 / statistics.median(one.per_second for one in rounds) for name, rounds in measured.items()}
    wrong = sum(one.wrong for rounds in measured.values() for one in rounds)
    ratio = seconds["with"] / seconds["without"]
    return [
        Figure(
            f"{what}: time of a request with and without",
            f"{duration(seconds['with'])}, {duration(seconds['without'])}",
        ),
        Figure(f"{what}: with ÷ without", f"{ratio:.2f}", f"≤ {BARS[what]:.2f}", ratio <= BARS[what]),
        Figure(f"{what}: answers other than {expected}", str(wrong), "0", wrong == 0),
    ]


def _hand_in_requests(_url: str, students: list[dict[str, str]]) -> Callable[[], Request]:
    body = json.dumps({"title": "Benchmark", "text": TEXT}).encode()
    turns = itertools.cycle(students)
    return lambda: ("POST", "/v1/submissions", body, next(turns))


def _poll_requests(url: str, students: list[dict[str, str]]) -> Callable[[], Request]:
    headers = students[0]
    answer: Any = ask("POST", f"{url}/v1/submissions", body={"title": "Poll", "text": TEXT}, headers=headers)
    path = answer.body["links"]["self"]
    return lambda: ("GET", path, b"", headers)


def _remove_protection(running: Machine) -> None:
    """Replace the machine's ingest by one without row security, audit triggers and encryption, at the same address."""
    running.supervisor.stop_one("web")
    connection = psycopg2.connect(running.database_url)
    with connection, connection.cursor() as cursor:
        cursor.execute(OPEN_SCHEMA)
    connection.close()
    env = {**running.environment("web"), "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
    text = 'gunicorn --config ingest/gunicorn.py "benchmarks.unsecured:create_app()"'
    running.supervisor.start(procfile_command("unsecured", text=text, env=env, cwd=Path(ROOT)))
    wait_until_answered(f"http://127.0.0.1:{running.port}/readyz", status=200)


SECURITY = Benchmark(
    name="security",
    title="Security",
    description=(
        "The time that a request takes of the whole machine, with row security, the audit trail and encryption, beside the same "
        f"service without them: {CLIENTS} clients for {STUDENTS} students, the median of {ROUNDS} rounds of {SECONDS:.0f} s each, alternating between "
        "two machines."
    ),
    run=run,
)
