"""The two machines that are measured in turn, and for each the processes that call models and duties as its programs do."""

from __future__ import annotations

import http.client
import json
import multiprocessing
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from benchmarks.machine import machine_in, sign_in
from benchmarks.scale.backlog import Waiting
from benchmarks.scale.fill import Filled
from models import db, log, passes, queue, settings
from models.broker import make_broker
from models.errors import DatabaseAway, DatabaseBusy
from models.jobs import Hint, Queue
from standalone.client import ask
from standalone.machine import Machine
from standalone.page_reader import PageReader
from workers.duties import audit_heads, retire
from workers.duties.registry import Tools, all_duties

LEASE_SECONDS = 30.0
ANSWER_SECONDS = 65.0
# These would do the work that is to be measured.
STOPPED = ("worker", "clock")
HAND_IN = json.dumps({"title": "The night before", "text": "My essay is short, because it is late. " * 30}).encode()

Seconds = float


class Side:
    """One machine without worker and clock. Its methods do one thing as a person or a program does it, and return how long it took."""

    def __init__(self, running: Machine, known: dict[str, Any]) -> None:
        self.running = running
        self._known = known
        self._worker, self._clock = _Program(running, "worker"), _Program(running, "clock")
        address = urlsplit(known["ingest"])
        self._connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=120)
        self._turn = 0

    def sign_in(self, filled: Filled, waiting: Waiting | None) -> None:
        """Let a student and an educator of the filled school sign in, and whoever waits: of a backlog, or the student."""
        school = {**self._known, "org": filled.org, "student": filled.student, "educator": filled.educator}
        self._student, self._educator = sign_in(school, "student"), sign_in(school, "educator")
        answer = ask("GET", f"{self._known['ingest']}/v1/essays", headers=self._student)
        self._courses = ask("GET", f"{self._known['ingest']}/v1/courses", headers=self._educator).body["items"]
        self._person = ask("GET", f"{self._known['ingest']}/v1/me", headers=self._student).body["id"]
        self._read_essays = [one["id"] for one in answer.body["items"] if one["status"] == "completed"]
        self._assignments = ask("GET", f"{self._known['ingest']}/v1/assignments", headers=self._educator).body["items"]
        base = self._known["ingest"]
        self._at_home = {"Cookie": PageReader(base, org=filled.org, **filled.student).cookies}
        self._at_the_desk = {"Cookie": PageReader(base, org=filled.org, **filled.educator).cookies}
        self._read_before = [one["submission_id"] for one in answer.body["items"] if one["status"] == "completed"]
        if waiting is None:
            self._waiter = self._student
            self._waiting = self._hand_in()["id"]
        else:
            self._waiter = sign_in({**self._known, "org": waiting.org, "student": waiting.student}, "student")
            self._waiting = waiting.submission

    def poll_waiting(self) -> Seconds:
        """Ask for the status of an essay that waits, which names its place."""
        return self._timed("GET", f"/v1/submissions/{self._waiting}", self._waiter)

    def poll_done(self) -> Seconds:
        """Ask for the status of an essay that was read."""
        return self._timed("GET", f"/v1/submissions/{self._next_read()}", self._student)

    def read_feedback(self) -> Seconds:
        """Read the feedback of an essay as its author."""
        return self._timed("GET", f"/v1/submissions/{self._next_read()}/feedback", self._student)

    def list_essays(self) -> Seconds:
        """List a page of essays as an educator."""
        return self._timed("GET", "/v1/essays?limit=50", self._educator)

    def read_course_report(self) -> Seconds:
        """Read the report about a course as its educator."""
        self._turn += 1
        course = self._courses[self._turn % len(self._courses)]["id"]
        return self._timed("GET", f"/v1/reports/courses/{course}", self._educator)

    def read_student_report(self) -> Seconds:
        """Read the report about the student as their educator."""
        return self._timed("GET", f"/v1/reports/students/{self._person}", self._educator)

    def open_essay(self) -> Seconds:
        """Open the page of an essay as its author."""
        self._turn += 1
        return self._timed("GET", f"/essays/{self._read_essays[self._turn % len(self._read_essays)]}", self._at_home)

    def open_assignment(self) -> Seconds:
        """Open the desk's page of an assignment as its educator."""
        self._turn += 1
        assignment = self._assignments[self._turn % len(self._assignments)]["id"]
        return self._timed("GET", f"/desk/assignments/{assignment}", self._at_the_desk)

    def hand_in(self) -> Seconds:
        """Hand in an essay as the student who waits."""
        return self._timed("POST", "/v1/submissions", self._waiter, HAND_IN, expected=202)

    def scrape(self) -> Seconds:
        """Read the monitor's page."""
        began = time.perf_counter()
        answer = ask("GET", self._known["metrics"])
        took = time.perf_counter() - began
        assert answer.status == 200, answer.status
        return took

    def claim(self) -> Seconds:
        """Ask whose turn it is, and claim that pass, as a worker does. The pass is handed back afterwards."""
        return self._worker.call("claim")

    def carry_out(self, duty: str) -> Seconds:
        """Carry out one duty of the clock."""
        # Duties may take longer than the server keeps an idle connection. The next request opens another.
        self._connection.close()
        return self._clock.call(duty)

    def close(self) -> None:
        """End the processes of this side."""
        self._worker.close()
        self._clock.close()
        self._connection.close()

    def _next_read(self) -> str:
        self._turn += 1
        return str(self._read_before[self._turn % len(self._read_before)])

    def _timed(
        self, method: str, path: str, headers: dict[str, str], body: bytes | None = None, *, expected: int = 200
    ) -> Seconds:
        began = time.perf_counter()
        self._connection.request(method, path, body, headers)
        answer = self._connection.getresponse()
        found = answer.read()
        took = time.perf_counter() - began
        assert answer.status == expected, found
        return took

    def _hand_in(self) -> dict[str, Any]:
        answer = ask("POST", f"{self._known['ingest']}/v1/submissions", raw=HAND_IN, headers=self._waiter)
        assert answer.status == 202, answer.body
        return dict(answer.body)


@contextmanager
def side(data_dir: Path) -> Iterator[Side]:
    """Yield the machine of a directory as a side."""
    with machine_in(data_dir) as (running, known):
        for program in STOPPED:
            running.supervisor.stop_one(program)
        found = Side(running, known)
        try:
            yield found
        finally:
            found.close()


class _Program:
    """A process with the settings of one of the machine's programs, which does one thing at a time when it is told to."""

    def __init__(self, running: Machine, name: str) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, other = context.Pipe()
        self._process = context.Process(target=_serve, args=(other, name, running.environment(name)), daemon=True)
        self._process.start()
        other.close()  # so that the end of the process is noticed

    def call(self, wanted: str) -> Seconds:
        """Return how long it took to do this. Raises EOFError when it failed; the process has said why."""
        self._pipe.send(wanted)
        return float(self._pipe.recv())

    def close(self) -> None:
        """End the process."""
        with suppress(BrokenPipeError):
            self._pipe.send(None)
        self._process.join()


def _serve(pipe: Any, name: str, environment: dict[str, str]) -> None:
    os.environ.clear()
    os.environ.update(environment)
    log.set_up(name, level="ERROR")
    db.connect(settings.read_store(f"ec-{name}", pool_size=2, answer_seconds=ANSWER_SECONDS))
    does = _Actions()
    with suppress(EOFError, BrokenPipeError):  # whoever asks was ended
        while (wanted := pipe.recv()) is not None:
            pipe.send(does.claim() if wanted == "claim" else does.duty(wanted))


class _Actions:
    @cached_property
    def _tools(self) -> Tools:
        broker = make_broker(settings.redis_url(), answer_seconds=1.0)
        return Tools(broker=lambda: broker, seal=audit_heads.read_seal(), retire=retire.read_settings())

    @cached_property
    def _duties(self) -> dict[str, Any]:
        return {name: duty.make(self._tools) for name, duty in all_duties().items()}

    def duty(self, name: str) -> Seconds:
        began = time.perf_counter()
        # A statement that the server cuts off took as long as it may take, which is the figure.
        with suppress(DatabaseBusy, DatabaseAway):
            self._duties[name]()
        return time.perf_counter() - began

    def claim(self) -> Seconds:
        # A hint that leads to no pass, as most do behind a backlog: the pass that it names has ended.
        began = time.perf_counter()
        with db.session():
            turn = queue.next_due(Hint(org_id=UUID(int=0), pass_id=UUID(int=0), queue=Queue.INTERACTIVE))
        assert turn is not None, "nothing waits"
        with db.session(org=turn.org_id):
            claim = passes.claim(turn.pass_id, org=turn.org_id, lease_seconds=LEASE_SECONDS)
        took = time.perf_counter() - began
        assert claim is not None, "somebody else claimed"
        with db.session(org=turn.org_id):
            passes.hand_back(claim)
        return took
