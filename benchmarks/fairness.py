"""Measure how long one school's essays take with nothing else to do, and behind ten thousand essays of another school."""

from __future__ import annotations

import base64
import json
import time
from itertools import count
from typing import Any
from uuid import uuid4

import psycopg2

from benchmarks.ingest_rate import TEXT
from benchmarks.load import Request, closed_loop
from benchmarks.machine import CLAUDE_ALONE, ENSEMBLE, LOCAL, machine_in_mode
from benchmarks.report import Benchmark, Figure, duration, progress
from models import connections, db, orgs
from models.settings import StoreSettings
from standalone.client import ask
from standalone.machine import Machine

FLOOD = 10_000
ESSAYS, WARM_UP_ESSAYS = 20, 3
CALL_SECONDS = 1.0
BAR = 2.0


def run() -> list[Figure]:
    """Measure one school's waiting times in each mode, quiet and behind another school's essays."""
    figures: list[Figure] = []
    for mode in (CLAUDE_ALONE, ENSEMBLE, LOCAL):
        progress(mode)
        with machine_in_mode(mode, latency_seconds=CALL_SECONDS) as (running, known):
            figures += _compare(running, known, mode)
    return figures


def _compare(running: Machine, known: dict[str, Any], mode: str) -> list[Figure]:
    key = _add_quiet_school(running)
    _measure_waits(running, known, key, essays=WARM_UP_ESSAYS)  # loads the engine and opens connections
    quiet_completed, quiet_claimed = _measure_waits(running, known, key, essays=ESSAYS)
    waiting = _flood(running, known)
    flooded_completed, flooded_claimed = _measure_waits(running, known, key, essays=ESSAYS)
    left = _count_waiting(running)
    ratio = flooded_completed / quiet_completed
    progress(f"{waiting:,} passes of the other school waited at the start, {left:,} at the end")
    assert left > 0, "the flood had run dry before the end: its end was no flood"
    return [
        Figure(f"{mode}: received to completed, nothing else to do", duration(quiet_completed)),
        Figure(f"{mode}: received to completed, behind {waiting:,} passes", duration(flooded_completed)),
        Figure(f"{mode}: the second ÷ the first", f"{ratio:.2f}", f"≤ {BAR:.0f}", ratio <= BAR),
        Figure(f"{mode}: received to first claim, both", f"{duration(quiet_claimed)}, {duration(flooded_claimed)}"),
    ]


def _add_quiet_school(running: Machine) -> str:
    """Add a second school and return its API key."""
    db.connect(
        StoreSettings(database_url=running.url_for("ec_ingest"), program="ec-bench", pool_size=1, pool_wait_seconds=5.0)
    )
    with db.session(role="ec_auth"):
        org = db.new_ids(1)[0]
    with db.session(org=org, role="ec_admin"):
        orgs.add_org("quiet", org=org, name="Quiet School")
        _, key = connections.add_api_key("LMS", org=org, pepper=base64.b64decode(running.keys.api_key_pepper))
    db.database.close_idle()
    return key


def _flood(running: Machine, known: dict[str, Any]) -> int:
    """Hand in ten thousand essays of the demo school and return how many passes are waiting now."""
    numbers = count()

    def make() -> Request:
        body = {"title": "Import", "text": TEXT, "student": {"external_id": f"flood-{next(numbers)}"}}
        headers = {
            "Authorization": f"Bearer {known['api_key']}",
            "Idempotency-Key": uuid4().hex,
            "Content-Type": "application/json",
        }
        return "POST", "/v1/submissions", json.dumps(body).encode(), headers

    while next(numbers) < FLOOD:
        closed_loop(known["ingest"], make, clients=8, seconds=5, expected=202)
    return _count_waiting(running)


def _measure_waits(running: Machine, known: dict[str, Any], key: str, *, essays: int) -> tuple[float, float]:
    """Hand in so many essays, one a second; return the median seconds from received to completed and to the first claim."""
    ids = []
    for _ in range(essays):
        answer = ask(
            "POST", f"{known['ingest']}/v1/submissions",
            body={"title": "Mine", "text": TEXT, "student": {"external_id": f"quiet-{uuid4().hex}"}},
            headers={"Authorization": f"Bearer {key}", "Idempotency-Key": uuid4().hex},
        )  # fmt: skip
        assert answer.status == 202, answer.body
        ids.append(answer.body["id"])
        time.sleep(1)
    while True:
        rows = _query(
            running,
            """
            select extract(epoch from s.completed_at - s.created_at)::float8,
                extract(epoch from min(p.first_claimed_at) - s.created_at)::float8, s.completed_at is null
            from submissions as s join passes as p on p.submission_id = s.id where s.id = any (%s::uuid[])
            group by s.id, s.completed_at, s.created_at
            """,
            ids,
        )
        if not any(is_open for _, _, is_open in rows):
            break
        time.sleep(0.2)
    completed, claimed = sorted(row[0] for row in rows), sorted(row[1] for row in rows)
    return completed[len(completed) // 2], claimed[len(claimed) // 2]


def _count_waiting(running: Machine) -> int:
    return int(_query(running, "select count(*) from passes where state = 'queued'")[0][0])


def _query(running: Machine, statement: str, *params: object) -> list[tuple[Any, ...]]:
    connection = psycopg2.connect(running.database_url)
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement, params or None)
            return cursor.fetchall()
    finally:
        connection.close()


FAIRNESS = Benchmark(
    name="fairness",
    title="Fairness",
    description=(
        f"The median waiting time of {ESSAYS} essays of one school, handed in one a second, behind {FLOOD:,} essays of another "
        f"school, beside the same with nothing else to do; a call to Claude takes {CALL_SECONDS:.0f} s."
    ),
    run=run,
)
