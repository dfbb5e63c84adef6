"""A running machine to measure, and the fake provider beside it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg2

from models import db
from models.passwords import Passwords
from standalone.client import ask
from standalone.machine import ROOT, Machine
from standalone.procfile import procfile_command, read_procfile

# How the essays are read, as the figures name it.
CLAUDE_ALONE = "Claude alone (ESSAYCOACH_GRAMMAR_MIX=off)"
ENSEMBLE = "Claude with the local grammar engine (default)"
LOCAL = "local engine alone (ESSAYCOACH_PROVIDER=local)"
START_SECONDS = 30.0
# With the local grammar engine two cores cannot keep up with ten essays a second, and the rest waits in the queue.
COMPLETION_SECONDS = 600.0
GRAMMAR_MIX = {CLAUDE_ALONE: "off", ENSEMBLE: "on"}


@contextmanager
def vendor(*, latency_seconds: float = 0.0) -> Iterator[str]:
    """Yield the address of the fake provider of the tests, which runs as a process of its own."""
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "tests" / "support" / "vendor.py"), "--port", "0"],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    url = json.loads(process.stdout.readline())["base_url"]
    ask("POST", f"{url}/control", body={"latency_seconds": latency_seconds})
    try:
        yield url
    finally:
        process.terminate()
        process.wait()


@contextmanager
def machine(**env: str) -> Iterator[tuple[Machine, dict[str, Any]]]:
    """Yield a new machine that runs everything, with `env` added for its programs, and its description."""
    data_dir = Path(tempfile.mkdtemp(prefix="essaycoach-bench-"))
    try:
        with machine_in(data_dir, **env) as found:
            yield found
    finally:
        shutil.rmtree(data_dir, ignore_errors=True)


@contextmanager
def machine_in(data_dir: Path, **env: str) -> Iterator[tuple[Machine, dict[str, Any]]]:
    """Yield the machine of a directory, which stays, with `env` added for its programs, and its description."""
    settings = {"ESSAYCOACH_RATE_LIMIT": "10000000/minute", **env}
    with Machine(data_dir, port=0, metrics_port=0, extra_env=settings) as running:
        running.start()
        # This process made the demo org through its own pool. The next machine's must go to another database.
        db.database.close_idle()
        known = running.description()
        _lift_author_limits(known)
        yield running, known


@contextmanager
def machine_in_mode(mode: str, *, latency_seconds: float = 0.0) -> Iterator[tuple[Machine, dict[str, Any]]]:
    """Yield a machine that reads essays as `mode` says, and its description. A call to Claude takes `latency_seconds`."""
    if mode == LOCAL:
        with machine(ESSAYCOACH_PROVIDER="local") as found:
            yield found
        return
    with (
        vendor(latency_seconds=latency_seconds) as url,
        machine(
            ESSAYCOACH_PROVIDER="anthropic",
            ESSAYCOACH_GRAMMAR_MIX=GRAMMAR_MIX[mode],
            ANTHROPIC_API_KEY="bench",
            ANTHROPIC_BASE_URL=url,
        ) as found,
    ):
        yield found


def start_worker(running: Machine) -> None:
    """Start the worker again that a measurement has stopped."""
    text = read_procfile(ROOT / "Procfile")["worker"]
    running.supervisor.start(procfile_command("worker", text=text, env=running.environment("worker"), cwd=ROOT))


def _lift_author_limits(known: dict[str, Any]) -> None:
    """Let one student hand in as often as a measurement needs."""
    lifted = {"author_open_limit": None, "author_daily_limit": None, "author_budget_percent": None}
    answer = ask("PATCH", f"{known['ingest']}/v1/org", body=lifted, headers=sign_in(known, "admin"))
    assert answer.status == 200, answer.body


def sign_in(known: dict[str, Any], role: str) -> dict[str, str]:
    """Return the request headers of a signed-in person."""
    answer = ask("POST", f"{known['ingest']}/v1/auth/login", body={"org": known["org"], **known[role]})
    assert answer.status == 200, answer.body
    return {"Authorization": f"Bearer {answer.body['access_token']}", "Content-Type": "application/json"}


def sign_in_class(running: Machine, known: dict[str, Any], *, size: int) -> list[dict[str, str]]:
    """Add this many students and return the request headers of each, signed in.

    A class hands in together. One student who hands in all of it would wait for themselves: their hand-ins take turns.
    """
    admin = sign_in(known, "admin")
    students = [{**known["student"], "email": f"bench-{number}@bench.example"} for number in range(size)]
    for student in students:
        wanted = {"email": student["email"], "name": "Bench", "role": "student"}
        answer = ask("POST", f"{known['ingest']}/v1/users", body=wanted, headers=admin)
        assert answer.status == 201, answer.body
    # An invitation would be mailed. All have the password of the student whom the demo made.
    password_hash = Passwords().hash(known["student"]["password"])
    with closing(psycopg2.connect(running.database_url)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(
            "update users set password_hash = %s where role = 'student' and password_hash is null", (password_hash,)
        )
    return [sign_in({**known, "student": student}, "student") for student in students]


def wait_until_answered(url: str, *, status: int) -> None:
    """Wait until a server that was just started answers with this status. Raises RuntimeError after START_SECONDS."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        with suppress(urllib.error.URLError):
            if ask("GET", url).status == status:
                return
        time.sleep(0.1)
    raise RuntimeError(f"{url} did not answer with {status}")


def query(url: str, sql: str) -> list[tuple[Any, ...]]:
    """Return the rows of one statement."""
    with closing(psycopg2.connect(url)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall()


def wait_for_rows(url: str, sql: str, *, count: int) -> list[tuple[Any, ...]]:
    """Return the rows of a statement as soon as there are so many. Raises AssertionError after COMPLETION_SECONDS."""
    deadline = time.monotonic() + COMPLETION_SECONDS
    while time.monotonic() < deadline:
        found = query(url, sql)
        if len(found) >= count:
            return found
        time.sleep(0.2)
    raise AssertionError(f"only {len(found)} of {count} rows of: {sql}")


def resident_mib(pid: int) -> float:
    """Return a process's resident memory in MiB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGESIZE") / 2**20
