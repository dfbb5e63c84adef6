"""Start the whole system with `python -m standalone up --json`, and use its HTTP APIs, processes and files."""

from __future__ import annotations

import base64
import json
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil
import psycopg2
from standardwebhooks import Webhook

from tests.support.ports import free_port
from tests.support.races import eventually

ROOT = Path(__file__).resolve().parents[2]
FINAL = ("completed", "partial", "failed", "superseded", "cancelled")
OWN_VARIABLES = ("ANTHROPIC_", "ESSAYCOACH_", "DATABASE_URL", "REDIS_URL", "WORKER_", "WEB_", "PORT", "PROMETHEUS_")
PASSES = ("grammar", "structure", "content")
SENTENCE = "The violet heron of Tomlinson pond distracts everybody"
ESSAY = (
    f"Schools should keep phones out of lessons. {SENTENCE}, and so does a phone.\n\n"
    "First, a phone buzzes 🙂 and everyone look up. Last week our teacher stopped three times because of one phone, "
    "and my friend and me missed the whole explanation.\n\n"
    "Some people say that phones are needed in an emergency. However, the office has a telephone, "
    "so nobody are in danger.\n\n"
    "In conclusion, phones should stay in the bag until the bell rings."
)


@dataclass(frozen=True)
class Answer:
    """An HTTP answer with its whole body."""

    status: int
    headers: Any
    body: Any


def ask(
    method: str, url: str, *, body: Any = None, raw: bytes | None = None, headers: dict[str, str] | None = None
) -> Answer:
    """Send one request and return the answer, whatever its status. Raise OSError when there is no answer."""
    sent = raw if raw is not None or body is None else json.dumps(body).encode()
    request = urllib.request.Request(
        url, data=sent, method=method, headers={"Content-Type": "application/json", **(headers or {})}
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return _read(response.status, response)
    except urllib.error.HTTPError as error:
        with error:
            return _read(error.code, error)


def _read(status: int, response: Any) -> Answer:
    text = response.read().decode()
    return Answer(
        status, response.headers, json.loads(text) if "json" in response.headers.get("Content-Type", "") else text
    )


class Standalone:
    """One running system."""

    def __init__(self, program: subprocess.Popen[str], data_dir: Path, stderr: Path) -> None:
        self.program = program
        self.data_dir = data_dir
        self._stderr = stderr
        assert program.stdout is not None
        # The limit only ends a test that will fail: a system that cannot start ends, and closes its output.
        assert select.select([program.stdout], [], [], 300)[0], self.stderr()
        self.known: dict[str, Any] = json.loads(program.stdout.readline() or "null")
        assert self.known is not None, self.stderr()
        self.pids: dict[str, int] = dict(self.known["pids"])
        self.api: str = self.known["ingest"]
        self.lms = {"Authorization": f"Bearer {self.known['api_key']}"}

    def stderr(self) -> str:
        """Return what the system has printed on standard error."""
        return self._stderr.read_text(encoding="utf-8")

    def logs(self) -> dict[str, str]:
        """Return the text of every log file by its name."""
        return {
            path.name: path.read_text(encoding="utf-8", errors="replace")
            for path in sorted((self.data_dir / "log").iterdir())
        }

    def kill(self, name: str) -> int:
        """Kill a program's process group with SIGKILL, wait until it is restarted, and return its new pid."""
        old = self.pids[name]
        os.killpg(old, signal.SIGKILL)
        restarted = re.compile(
            rf"^standalone: {name} \(pid {old}\) died of SIGKILL; started again as pid (\d+)$", re.MULTILINE
        )
        eventually(lambda: restarted.search(self.stderr()), what=f"{name}'s restart")
        found = restarted.search(self.stderr())
        assert found is not None
        self.pids[name] = int(found[1])
        assert self.pids[name] != old and psutil.pid_exists(self.pids[name])
        return self.pids[name]

    def sql(self, statement: str, *params: object) -> list[tuple[Any, ...]]:
        """Run a query as the superuser, with the URL that the system printed."""
        connection = psycopg2.connect(self.known["database_url"])
        try:
            with connection.cursor() as cursor:
                cursor.execute(statement, params or None)
                return cursor.fetchall()
        finally:
            connection.close()

    def execute(self, statement: str, *params: object) -> None:
        """Run a statement as the superuser and commit it."""
        connection = psycopg2.connect(self.known["database_url"])
        connection.autocommit = True
        try:
            with connection.cursor() as cursor:
                cursor.execute(statement, params or None)
        finally:
            connection.close()

    def pretend_duty(self, name: str, *, hours_ago: float) -> None:
        """Write the row of a duty that succeeded then: nobody makes backups or drills of one machine."""
        self.execute(
            "insert into duty_runs (name, started_at, ended_at, succeeded_at, outcome, found)"
            " select %s, t, t, t, 'ok', 0 from (select now() - %s * interval '1 hour' as t) as past",
            name, hours_ago,
        )  # fmt: skip

    def deliver(self, data: dict[str, Any], *, secret: str | None = None, event_id: str | None = None) -> Answer:
        """Send a webhook that is signed with the Standard Webhooks library."""
        event_id, now = event_id or f"msg_{uuid4().hex}", datetime.now(UTC)
        event = json.dumps({"type": "submission.created", "timestamp": "2026-01-01T00:00:00Z", "data": data})
        signature = Webhook(secret or self.known["source"]["secret"]).sign(event_id, now, event)
        headers = {
            "webhook-id": event_id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": signature,
        }
        return ask("POST", f"{self.api}/v1/webhooks/{self.known['source']['id']}", raw=event.encode(), headers=headers)

    def hand_in(self, *, text: str = ESSAY, student: str | None = None) -> str:
        """Hand in an essay with the API key, retry while the API is unavailable, and return its Location."""
        student = student or f"sis-{uuid4().hex[:8]}"
        body = {"title": "Phones", "text": text, "student": {"external_id": student}}
        headers = {**self.lms, "Idempotency-Key": uuid4().hex}
        deadline = time.monotonic() + 60
        while True:
            try:
                answer = ask("POST", f"{self.api}/v1/submissions", body=body, headers=headers)
            except OSError:
                answer = Answer(0, {}, "no answer")
            if answer.status == 202:
                return str(answer.headers["Location"])
            # While web or PostgreSQL restarts, no answer and 503 are allowed. Nothing else is.
            assert answer.status in (0, 503), answer
            assert time.monotonic() < deadline, answer
            time.sleep(0.1)

    def status(self, location: str) -> dict[str, Any]:
        """Return a submission's state, or "unknown" while a server restarts."""
        try:
            answer = ask("GET", self.api + location, headers=self.lms)
        except OSError:
            return {"status": "unknown", "passes": {}}
        if answer.status == 503:
            return {"status": "unknown", "passes": {}}
        assert answer.status == 200, answer
        found: dict[str, Any] = answer.body
        return found

    def final(self, *locations: str, within_seconds: float = 90) -> list[dict[str, Any]]:
        """Wait until the submissions are final, and return their states."""
        states: dict[str, dict[str, Any]] = {}

        def all_final() -> bool:
            for location in locations:
                if location not in states and (state := self.status(location))["status"] in FINAL:
                    states[location] = state
            return len(states) == len(set(locations))

        eventually(all_final, within_seconds=within_seconds, what="the final state of every submission")
        return [states[location] for location in locations]

    def feedback(self, location: str) -> dict[str, Any]:
        """Return a submission's feedback as its LMS sees it."""
        answer = ask("GET", f"{self.api}{location}/feedback", headers=self.lms)
        assert answer.status == 200, answer
        found: dict[str, Any] = answer.body
        return found

    def metrics(self) -> dict[str, float]:
        """Return every sample of the metrics page by its name and labels."""
        page = ask("GET", self.known["metrics"])
        assert page.status == 200
        lines = [line for line in page.body.splitlines() if line and not line.startswith("#")]
        return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}

    def processes(self) -> list[psutil.Process]:
        """Return every process of the system, including the first one."""
        me = psutil.Process(self.program.pid)
        return [me, *me.children(recursive=True)]

    def stop(self) -> int:
        """Stop the system with SIGTERM and return its exit code."""
        self.program.terminate()
        return self.program.wait(120)


def total(samples: dict[str, float], name: str, *labels: str) -> float:
    """Return the sum of the samples of this name that have all these labels."""
    return sum(
        value
        for sample, value in samples.items()
        if sample.partition("{")[0] == name and all(label in sample for label in labels)
    )


@contextmanager
def standalone(**env: str) -> Iterator[Standalone]:
    """Start a system with its own data directory. Stop it and delete the data afterwards.

    The directory is not in tmp_path, because the database's account must be able to enter it.
    """
    data_dir = Path(tempfile.mkdtemp(prefix="essaycoach-system-"))
    stderr = data_dir / "stderr"
    bare = {name: value for name, value in os.environ.items() if not name.startswith(OWN_VARIABLES)}
    with stderr.open("wb") as errors:
        program = subprocess.Popen(
            [sys.executable, "-m", "standalone", "up", "--json", "--data", str(data_dir / "data"),
             "--port", str(free_port()), "--metrics-port", str(free_port())],
            cwd=ROOT, env={**bare, "PYTHONUNBUFFERED": "1", **env}, stdout=subprocess.PIPE, stderr=errors, text=True,
        )  # fmt: skip
    try:
        yield Standalone(program, data_dir / "data", stderr)
    finally:
        if program.poll() is None:
            program.terminate()
            try:
                program.wait(120)
            except subprocess.TimeoutExpired:
                program.kill()
                program.wait()
        assert program.stdout is not None
        program.stdout.close()
        shutil.rmtree(data_dir, ignore_errors=True)


def in_a_dump(sentence: str) -> list[str]:
    """Return the forms in which a dump would show a text: as it is, in hexadecimal, and in base64 at each offset."""
    raw = sentence.encode()
    encoded = [base64.b64encode(raw[start : start + (len(raw) - start) // 3 * 3]).decode() for start in range(3)]
    return [sentence, raw.hex(), *encoded]
