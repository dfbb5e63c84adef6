"""Test that every line that any program writes is one JSON object, from its start to its end, and that a trace leads through all."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from standalone.procfile import procfile_command, read_procfile
from tests.support.ports import free_port
from tests.support.races import eventually
from tests.support.schools import INDEX_KEY, JWT_SECRET, MASTER_KEY, PEPPER, School, hand_in
from tests.support.servers import ROOT, Database, Servers

pytestmark = pytest.mark.slow(reason="starts every program")

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
KEYS = {"ESSAYCOACH_MASTER_KEYS": f"k1:{MASTER_KEY}", "ESSAYCOACH_INDEX_KEY": INDEX_KEY}
ROLES = {"web": "ec_ingest", "worker": "ec_worker", "clock": "ec_clock", "metrics": "ec_monitor"}
NAMES = {"web": "ingest", "worker": "worker", "clock": "clock", "metrics": "monitoring"}


@contextmanager
def running(
    database: Database, servers: Servers, folder: Path, *, port: int
) -> Iterator[dict[str, subprocess.Popen[bytes]]]:
    """Run the four lines of the Procfile, each with a log file of its own, and stop them with SIGTERM."""
    shared = {
        "PATH": f"{Path(sys.executable).parent}:{os.defpath}", "ESSAYCOACH_LOG_LEVEL": "debug", "PORT": str(port),
        "ESSAYCOACH_METRICS_PORT": str(free_port()), "WORKER_THREADS": "4", "ESSAYCOACH_MAIL": f"file:{folder / 'mail'}",
        "ESSAYCOACH_AUDIT_KEY": PEPPER, "ESSAYCOACH_AUDIT_HEADS": str(folder / "heads"), "ESSAYCOACH_JWT_SECRET": JWT_SECRET,
        "ESSAYCOACH_API_KEY_PEPPER": PEPPER, "ESSAYCOACH_TYPO": "1", **KEYS,
    }  # fmt: skip
    started = {}
    for name, text in read_procfile(ROOT / "Procfile").items():
        own = {"DATABASE_URL": database.role_url(ROLES[name]), "REDIS_URL": servers.redis_url_for(ROLES[name])}
        command = procfile_command(name, text=text, env={**shared, **own}, cwd=ROOT)
        with (folder / f"{name}.log").open("wb") as output:
            started[name] = subprocess.Popen(
                command.argv, env=command.env, cwd=ROOT, stdout=output, stderr=output, start_new_session=True
            )
    try:
        yield started
        assert {name: process.poll() for name, process in started.items()} == dict.fromkeys(started)
        for process in started.values():
            process.send_signal(signal.SIGTERM)
        assert {name: process.wait(60) for name, process in started.items()} == dict.fromkeys(started, 0)
    finally:
        for process in started.values():
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def lines_of(log: Path) -> list[dict[str, Any]]:
    found = []
    for text in log.read_text(encoding="utf-8").splitlines():
        try:
            found.append(json.loads(text))
        except ValueError:
            raise AssertionError(f"{log.name} holds a line that is not JSON: {text!r}") from None
    return found


def is_ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def test_every_line_of_every_program_is_json_and_one_trace_leads_through_them(
    database: Database, servers: Servers, school: School, tmp_path: Path
) -> None:
    port = free_port()
    with running(database, servers, tmp_path, port=port):
        eventually(lambda: is_ready(port), what="web is ready")
        body = {"title": "Phones", "text": "Phones buzz. " * 20, "student": {"external_id": "s-1"}}
        headers = {
            "Authorization": f"Bearer {school.api_key}", "Idempotency-Key": "trace-me-1", "Content-Type": "application/json",
            "traceparent": f"00-{TRACE}-00f067aa0ba902b7-01",
        }  # fmt: skip
        request = urllib.request.Request(f"http://127.0.0.1:{port}/v1/submissions", json.dumps(body).encode(), headers)
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert answer.headers["traceresponse"].startswith(f"00-{TRACE}-")
            submission = json.load(answer)["id"]
        done = "select count(*) from passes where submission_id = %s and state = 'done'"
        eventually(lambda: database.sql(done, submission) == [(3,)], what="three passes are done")

    logs = {name: lines_of(tmp_path / f"{name}.log") for name in ROLES}
    for name, lines in logs.items():
        assert lines, name
        assert {line["program"] for line in lines} == {NAMES[name]}
        # Security events have fields of their own (docs/security-events.md).
        plain = [line for line in lines if line.get("stream") != "security"]
        assert [line for line in plain if not {"at", "level", "event", "pid"} <= set(line)] == []
        assert [line["variables"] for line in lines if line["event"] == "unknown variables"] == [["ESSAYCOACH_TYPO"]]
    assert any(line["event"].startswith("Starting gunicorn") for line in logs["web"])
    assert any(line["event"].startswith("Booting worker") for line in logs["web"])
    assert any("ready for action" in line["event"] for line in logs["worker"])

    (accepted,) = [line for line in logs["web"] if line["event"] == "hand-in accepted"]
    assert (accepted["trace_id"], accepted["submission_id"]) == (TRACE, submission)
    of_passes = [line for line in logs["worker"] if "pass_id" in line]
    assert {line["event"] for line in of_passes} >= {"pass claimed", "provider called", "pass done"}
    assert {(line["trace_id"], line["submission_id"]) for line in of_passes} == {(TRACE, submission)}
    assert {line["pass"] for line in of_passes if line["event"] == "pass done"} == {"grammar", "structure", "content"}
    assert not re.search(r"Phones|buzz|s-1", "".join((tmp_path / f"{name}.log").read_text() for name in ROLES))


def test_gunicorn_without_a_database_writes_json_only(tmp_path: Path, school: School, database: Database) -> None:
    """A 503, an unusable request and the end of a killed worker process are lines as well."""
    hand_in(school)
    port = free_port()
    env = {
        "PATH": f"{Path(sys.executable).parent}:{os.defpath}", "PORT": str(port), "WEB_PROCESSES": "1", **KEYS,
        "DATABASE_URL": "postgresql://ec_ingest@127.0.0.1:1/none", "REDIS_URL": "redis://127.0.0.1:1", "ESSAYCOACH_MAIL": "file:mail",
        "ESSAYCOACH_JWT_SECRET": JWT_SECRET, "ESSAYCOACH_API_KEY_PEPPER": PEPPER,
    }  # fmt: skip
    log = tmp_path / "log"
    command = procfile_command("web", text=read_procfile(ROOT / "Procfile")["web"], env=env, cwd=ROOT)
    with log.open("wb") as output:
        web = subprocess.Popen(command.argv, env=env, cwd=ROOT, stdout=output, stderr=output, start_new_session=True)
    try:
        eventually(lambda: b"Booting worker" in log.read_bytes(), what="a worker boots")
        eventually(lambda: answers_503(port), what="503")
        (booted,) = [line for line in lines_of(log) if line["event"].startswith("Booting worker")]
        os.kill(booted["pid"], signal.SIGKILL)
        eventually(lambda: log.read_bytes().count(b"Booting worker") == 2, what="another worker boots")
        web.send_signal(signal.SIGTERM)
        assert web.wait(40) == 0
    finally:
        if web.poll() is None:
            os.killpg(web.pid, signal.SIGKILL)
            web.wait()
    events = [line["event"] for line in lines_of(log)]
    assert any("SIGKILL" in event or "was sent" in event for event in events), events
    assert [line["status"] for line in lines_of(log) if line["event"] == "request failed"][:1] == [503]


def answers_503(port: int) -> bool:
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code == 503
    except OSError:
        return False
    return False
