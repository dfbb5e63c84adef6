"""What a school notices of another school's flood: its own waits with the system quiet, and behind ten thousand essays."""

from __future__ import annotations

import base64
import json
import time
from itertools import count
from typing import Any
from uuid import uuid4

import psycopg2

from benchmarks.ingest_rate import TEXT
from benchmarks.load import closed_loop
from benchmarks.machine import machine, vendor
from models import connections, db, orgs
from models.settings import StoreSettings
from standalone.client import ask
from standalone.machine import Machine

FLOOD = 10_000
PIECES = 20
BAR = 2.0


def run() -> bool:
    """Print another school's waits beside its quiet ones, with Claude and with the local engine; return whether the bar is reached."""
    print(
        f"\nFairness: {PIECES} essays of one school, one a second, with nothing else to do and behind another school's {FLOOD:,}"
    )
    with (
        vendor(latency_seconds=1.0) as url,
        machine(ANTHROPIC_API_KEY="bench", ANTHROPIC_BASE_URL=url) as (running, known),
    ):
        claude = _compare(running, known, "a vendor that takes 1 s")
    with machine(ESSAYCOACH_PROVIDER="local") as (running, known):
        local = _compare(running, known, "the local engine")
    return claude and local


def _compare(running: Machine, known: dict[str, Any], provider: str) -> bool:
    key = _other_school(running)
    _waits(running, known, key, pieces=3)  # the engine is loaded, connections are open
    quiet = _waits(running, known, key, pieces=PIECES)
    left = _flood(running, known)
    crowded = _waits(running, known, key, pieces=PIECES)
    still = _waiting(running)
    ratio = crowded[0] / quiet[0]
    print(
        f"  {provider}: received to completed, median {quiet[0]:.2f} s quiet, {crowded[0]:.2f} s behind {left:,} passes ({still:,} left after): "
        f"{ratio:.2f} times (bar: {BAR:.0f}); until the first claim {quiet[1] * 1000:.0f} ms and {crowded[1] * 1000:.0f} ms"
        "   repeat: python -m benchmarks fairness"
    )
    assert still > 0, "the flood had run dry before the end: its end was no flood"
    return ratio <= BAR


def _other_school(running: Machine) -> str:
    """Return the API key of a school of its own."""
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
    """Ten thousand essays of the demo school wait; returns how many passes that is by now."""
    numbers = count()

    def make() -> tuple[str, str, bytes, dict[str, str]]:
        body = {"title": "Import", "text": TEXT, "student": {"external_id": f"flood-{next(numbers)}"}}
        headers = {
            "Authorization": f"Bearer {known['api_key']}",
            "Idempotency-Key": uuid4().hex,
            "Content-Type": "application/json",
        }
        return "POST", "/v1/submissions", json.dumps(body).encode(), headers

    while next(numbers) < FLOOD:
        closed_loop(known["ingest"], make, clients=8, seconds=5, expected=202)
    return _waiting(running)


def _waits(running: Machine, known: dict[str, Any], key: str, *, pieces: int) -> tuple[float, float]:
    """Return the medians, over so many pieces handed in one a second, of received to completed and to the first claim."""
    ids = []
    for _ in range(pieces):
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
    whole, first = sorted(row[0] for row in rows), sorted(row[1] for row in rows)
    return whole[len(whole) // 2], first[len(first) // 2]


def _waiting(running: Machine) -> int:
    return int(_query(running, "select count(*) from passes where state = 'queued'")[0][0])


def _query(running: Machine, statement: str, *params: object) -> list[tuple[Any, ...]]:
    connection = psycopg2.connect(running.database_url)
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement, params or None)
            return cursor.fetchall()
    finally:
        connection.close()
