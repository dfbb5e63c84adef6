"""Measure what an essay costs each program: processor time of a hand-in, a poll and a reading, and the room it takes on disk."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psutil

from benchmarks.ingest_rate import TEXT
from benchmarks.load import Request, closed_loop
from benchmarks.machine import CLAUDE_ALONE, machine_in_mode, query, sign_in_class, start_worker
from benchmarks.overhead import wait_completed
from benchmarks.report import Benchmark, Figure, progress
from standalone.client import ask
from standalone.machine import Machine

STUDENTS, CLIENTS, POLL_SECONDS, ESSAYS = 24, 4, 5.0, 200
BEGUN = 10  # essays that are read before the measurement of readings begins
PROGRAMS = ("web", "worker", "postgres", "redis", "clock")


def run() -> list[Figure]:
    """Measure one phase after the other: hand-ins without a worker, polls of waiting essays, then their reading."""
    with machine_in_mode(CLAUDE_ALONE) as (running, known):
        students = sign_in_class(running, known, size=STUDENTS)
        _hand_in(known, students, count=STUDENTS)
        wait_completed(running.database_url, STUDENTS)
        running.supervisor.stop_one("worker")
        size_before = _size(running)
        progress(f"{ESSAYS} hand-ins")
        with _processor_time(running) as handing_in:
            last = _hand_in(known, students, count=ESSAYS)
        progress("polls")
        # A student may only see their own essay, so all polls are those of the last one's author.
        author = students[(ESSAYS - 1) % STUDENTS]

        def poll() -> Request:
            return "GET", f"/v1/submissions/{last}", b"", author

        with _processor_time(running) as polling:
            polled = closed_loop(known["ingest"], poll, clients=CLIENTS, seconds=POLL_SECONDS, expected=200)
        polls = round(polled.per_second * POLL_SECONDS)
        progress(f"{ESSAYS} essays read")
        start_worker(running)
        # The start of the worker is no part of a reading.
        begun = len(wait_completed(running.database_url, STUDENTS + BEGUN))
        with _processor_time(running) as reading:
            wait_completed(running.database_url, STUDENTS + ESSAYS)
        grown = _size(running) - size_before
    return [
        *_figures("handing in an essay", handing_in, ESSAYS),
        *_figures("a poll", polling, polls),
        *_figures("the three passes of an essay", reading, STUDENTS + ESSAYS - begun),
        Figure("database on disk, an essay with its feedback", f"{grown / ESSAYS / 1024:.0f} KiB"),
        Figure("answers other than 200", str(polled.wrong), "0", polled.wrong == 0),
    ]


def _figures(name: str, seconds: dict[str, float], count: int) -> list[Figure]:
    return [
        Figure(f"{name}: {program}", f"{seconds[program] / count * 1000:.2f} ms")
        for program in PROGRAMS
        if seconds.get(program, 0.0) / count >= 0.000_01
    ]


def _hand_in(known: dict[str, Any], students: list[dict[str, str]], *, count: int) -> str:
    """Hand in so many essays, the students in turn, and return the id of the last one."""
    body: dict[str, Any] = {}
    for author in itertools.islice(itertools.cycle(students), count):
        answer = ask(
            "POST", f"{known['ingest']}/v1/submissions", body={"title": "Benchmark", "text": TEXT}, headers=author
        )
        assert answer.status == 202, answer.body
        body = answer.body
    return str(body["id"])


@contextmanager
def _processor_time(running: Machine) -> Iterator[dict[str, float]]:
    """Yield a dictionary that holds, after the block, the seconds of processor time of each program in it."""
    before = _spent(running)
    found: dict[str, float] = {}
    yield found
    found.update({name: seconds - before.get(name, 0.0) for name, seconds in _spent(running).items()})


def _spent(running: Machine) -> dict[str, float]:
    return {name: _spent_by(psutil.Process(pid)) for name, pid in running.supervisor.pids().items()}


def _spent_by(program: psutil.Process) -> float:
    """Return the processor time of a program, of its processes and of those that have ended."""
    total = 0.0
    for process in (program, *program.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):  # it has ended, so its parent counts its time from now on
            times = process.cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
    return total


def _size(running: Machine) -> int:
    [(size,)] = query(running.database_url, "select pg_database_size(current_database())")
    return int(size)


COSTS = Benchmark(
    name="costs",
    title="What an essay costs",
    description=(
        f"The processor time of each program for one hand-in, one poll of a waiting essay ({CLIENTS} clients for "
        f"{POLL_SECONDS:.0f} s) and one reading (three calls to a fake provider that answers at once), over {ESSAYS} essays of "
        f"{len(TEXT):,} characters, with Claude alone (ESSAYCOACH_GRAMMAR_MIX=off). docs/scaling.md computes with these figures."
    ),
    run=run,
)
