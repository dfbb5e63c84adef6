"""Fixtures of the tests of monitoring: a monitor in this process, one in its own process, and rows to count."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import UUID

import psycopg2
import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from ingest.web import metrics
from models import db
from monitoring import __main__ as program
from monitoring import query
from monitoring.__main__ import make_registry
from monitoring.collector import EssayCoachCollector
from tests.conftest import Become
from tests.support.ports import free_port
from tests.support.servers import ROOT, Servers


class Scrape:
    """The samples of one scrape."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.samples: list[Sample] = [s for family in text_string_to_metric_families(text) for s in family.samples]

    def names(self) -> set[str]:
        return {sample.name for sample in self.samples}

    def all(self, name: str, **labels: str) -> list[Sample]:
        return [s for s in self.samples if s.name == name and labels.items() <= s.labels.items()]

    def one(self, name: str, **labels: str) -> float:
        """Return the value of the only sample with this name and these labels."""
        found = self.all(name, **labels)
        assert len(found) == 1, (name, labels, found)
        return found[0].value


@pytest.fixture(scope="session")
def counted_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory in which a process of ingest has counted requests before it ended. No test changes it."""
    folder = tmp_path_factory.mktemp("counted")
    _count_requests(folder, times=3)
    return folder


@pytest.fixture
def request_counts(counted_once: Path, tmp_path: Path) -> Path:
    """A directory of the test's own, in which a process of ingest has counted requests before it ended."""
    return Path(shutil.copytree(counted_once, tmp_path / "requests"))


@pytest.fixture
def count_requests() -> Callable[..., None]:
    """A function that lets another process count requests in a directory."""
    return _count_requests


def _count_requests(folder: Path, *, times: int, forget: bool = False) -> None:
    """Serve requests in another process with the hooks of ingest. With `forget`, its counts are folded afterwards."""
    program = """
import os, sys
from flask import Flask, g
from ingest.web import metrics
app = Flask("counted")
metrics.register(app)
@app.get("/v1/things/<thing>")
def thing(thing): return "seen"
@app.get("/v1/held")
def held(): g.waited = True; return "at last"
@app.get("/v1/broken")
def broken(): raise RuntimeError("broken")
client = app.test_client()
for number in range(int(sys.argv[1])):
    client.get(f"/v1/things/{number}")
    client.get("/v1/held")
    client.get("/v1/broken")
    client.get(f"/nowhere/{number}")
    client.open("/v1/held", method=f"WORD{number}")
"""
    environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(folder), "PYTHONPATH": str(ROOT)}
    # Popen, because the pid is needed. The errors about /v1/broken on standard error are not needed.
    process = subprocess.Popen([sys.executable, "-c", program, str(times)], env=environment, stderr=subprocess.DEVNULL)
    assert process.wait(timeout=60) == 0
    if forget:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PROMETHEUS_MULTIPROC_DIR", str(folder))
            metrics.fold_dead_process(process.pid)


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a scrape in this process take long: on a busy machine a probe now and then takes more than a scrape usually may."""
    monkeypatch.setitem(EssayCoachCollector.__init__.__kwdefaults__, "scrape_seconds", 60.0)
    monkeypatch.setattr(query, "STATEMENT_LIMIT", "60s")
    monkeypatch.setattr(program, "REDIS_ANSWER_SECONDS", 60.0)
    monkeypatch.setattr(db, "CONNECT_SECONDS", 60)


@pytest.fixture
def scrape(become: Become, servers: Servers, request_counts: Path) -> Callable[[], Scrape]:
    """A function: `scrape()` asks a collector that logs in as ec_monitor. Its counters live as long as the test."""
    become("ec_monitor", pool_size=2)
    registry = make_registry(
        redis_url=servers.redis_url_for("ec_monitor"),
        http_directory=str(request_counts),
        data_directory=str(request_counts),
        web_urls=(f"http://127.0.0.1:{free_port()}",),
    )
    return lambda: Scrape(generate_latest(registry).decode())


class Rows:
    """Writes passes and calls directly, as the superuser."""

    def __init__(self, admin_url: str) -> None:
        self.connection = psycopg2.connect(admin_url)
        self.connection.autocommit = True
        self.org, self.user = (self._id("insert into orgs (slug, name) values ('o', 'O') returning id"), UUID(int=0))
        self.user = self._id(
            "insert into users (org_id, role, external_id, external_id_digest) values (%s, 'student', '\\x00', '\\x00') returning id",
            self.org,
        )

    def _id(self, sql: str, *params: object) -> UUID:
        with self.connection.cursor() as cursor:
            cursor.execute(sql, [str(p) if isinstance(p, UUID) else p for p in params])
            found = cursor.fetchone()
            assert found is not None
            return UUID(str(found[0]))

    def run(self, sql: str, *params: object) -> None:
        with self.connection.cursor() as cursor:
            cursor.execute(sql, [str(p) if isinstance(p, UUID) else p for p in params] or None)

    def submission(self) -> UUID:
        """Insert a version of a new essay and return its id."""
        essay = self._id(
            "insert into essays (org_id, user_id, title, versions, newest_submission_id, newest_submitted_at)"
            " values (%s, %s, '\\x00', 1, uuidv7(), now()) returning id", self.org, self.user,
        )  # fmt: skip
        return self._id(
            "insert into submissions (org_id, essay_id, user_id, audience_id, version, status, queue, source, language, text,"
            " text_sha256, characters, words, submitted_at) values (%s, %s, %s, %s, 1, 'queued', 'interactive', 'app', 'en',"
            " '\\x00', decode(repeat('00', 32), 'hex'), 1, 1, now()) returning id", self.org, essay, self.user, self.user,
        )  # fmt: skip

    def passed(
        self,
        *,
        state: str = "done",
        waited: float = 0.2,
        took: float = 3.0,
        error: str | None = None,
        queue: str = "interactive",
    ) -> UUID:
        """Insert an ended pass and return its submission."""
        submission = self.submission()
        self.run(
            "insert into passes (org_id, submission_id, essay_id, user_id, audience_id, name, state, queue, queued_at, first_claimed_at,"
            " started_at, finished_at, error, comments, summary)"
            " select %s, %s, (select essay_id from submissions where id = %s), %s, %s, 'grammar', %s, %s, t, t + %s * interval"
            " '1 s', t + %s * interval '1 s', t + %s * interval '1 s', %s, %s, %s from (select now() - interval '1 hour' as t)",
            self.org, submission, submission, self.user, self.user, state, queue, waited, waited, waited + took, error,
            1 if state == "done" else None, b"s" if state == "done" else None,
        )  # fmt: skip
        return submission

    def due(self, *, seconds_ago: float, queue: str = "interactive") -> None:
        """Insert a pass that waits for a worker."""
        submission = self.submission()
        self.run(
            "insert into passes (org_id, submission_id, essay_id, user_id, audience_id, name, state, queue, queued_at, next_at)"
            " select %s, %s, (select essay_id from submissions where id = %s), %s, %s, 'content', 'queued', %s, t, t from (select now() - %s * interval '1 s' as t)",
            self.org, submission, submission, self.user, self.user, queue, seconds_ago,
        )  # fmt: skip

    def called(self, submission: UUID, *, outcome: str = "ok", tokens: int = 100, cost_micros: int = 5000) -> None:
        """Insert a completed call to a provider."""
        self.run(
            "insert into ai_responses (org_id, submission_id, user_id, pass, attempt, provider, model, prompt_version,"
            " request_sha256, outcome, raw, input_tokens, cost_micros, latency_ms, completed_at)"
            " values (%s, %s, %s, 'grammar', 1, 'anthropic', 'm', '1', '\\x00', %s, %s, %s, %s, 900, now())",
            self.org, submission, self.user, outcome, b"r", tokens, cost_micros,
        )  # fmt: skip


@pytest.fixture
def rows(admin_url: str) -> Iterator[Rows]:
    """A writer of passes and calls, with an org and a student of its own."""
    writing = Rows(admin_url)
    yield writing
    writing.connection.close()


class Monitor:
    """`python -m monitoring` in its own process."""

    def __init__(self, log: Path, **environment: str) -> None:
        self.port = free_port()
        settings = {"ESSAYCOACH_METRICS_PORT": str(self.port), **environment}
        with log.open("wb") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "monitoring"], env={**os.environ, **settings}, cwd=ROOT, stderr=out
            )

    def scrape(self) -> Scrape:
        """Scrape the monitor, as soon as it listens."""
        deadline = time.monotonic() + 60
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=60) as answer:
                    return Scrape(answer.read().decode())
            except urllib.error.URLError:
                assert self.process.poll() is None, "the monitor has ended"
                assert time.monotonic() < deadline, "the monitor does not listen"
                time.sleep(0.05)


@pytest.fixture
def start_monitor(tmp_path: Path) -> Iterator[Callable[..., Monitor]]:
    """A function: `start_monitor(DATABASE_URL=…, REDIS_URL=…)` starts a monitor, which ends with the test."""
    started: list[Monitor] = []

    def start(**environment: str) -> Monitor:
        started.append(Monitor(tmp_path / f"monitor-{len(started)}.log", **environment))
        return started[-1]

    yield start
    for monitor in started:
        monitor.process.kill()
        monitor.process.wait()
