"""Test that a worker ends itself when its threads hang, and goes on as before after it was frozen."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from models import essays
from models.broker import HintBroker
from models.essays import Draft, Receipt
from models.jobs import PassName
from tests.conftest import Become
from tests.support.races import eventually
from tests.support.schools import School, session_of
from tests.support.servers import ROOT, Database, Servers

LEASE_SECONDS = 1.0
MESSAGE_SECONDS = 2.2
THREADS = 8
EXIT_STUCK = 70

Start = Callable[[str], subprocess.Popen[bytes]]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


@pytest.fixture
def start(
    log: Path, database: Database, servers: Servers, broker: HintBroker, become: Become,
    program_env: Callable[[str], None], monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Start]:  # fmt: skip
    """Give a function that starts a worker with the stubborn provider, or the clock."""
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-test")  # a worker of the local engine would run four passes at a time
    monkeypatch.setenv("ESSAYCOACH_GRAMMAR_MIX", "off")
    monkeypatch.setenv("ESSAYCOACH_PROVIDER_TIMEOUT_SECONDS", "1")
    monkeypatch.setenv("ESSAYCOACH_MESSAGE_LIMIT_SECONDS", str(MESSAGE_SECONDS))
    monkeypatch.setenv("ESSAYCOACH_LEASE_SECONDS", str(LEASE_SECONDS))
    worker = ["dramatiq", "tests.support.stubborn_worker:boot", "--processes", "1", "--threads", str(THREADS)]
    commands = {"worker": [*worker, "--worker-shutdown-timeout", "500"], "clock": ["workers", "clock"]}
    started: list[subprocess.Popen[bytes]] = []

    def start(program: str) -> subprocess.Popen[bytes]:
        program_env(f"ec_{program}")
        with log.open("ab") as output:
            command = [sys.executable, "-m", *commands[program]]
            started.append(
                subprocess.Popen(command, cwd=ROOT, env=dict(os.environ), stderr=output, start_new_session=True)
            )
        return started[-1]

    yield start
    for one in started:
        if one.poll() is None:
            os.killpg(one.pid, signal.SIGKILL)
        one.wait()


def hand_in(school: School, broker: HintBroker, text: str) -> Receipt:
    with session_of(school, "alice"):
        receipt = essays.receive(school.alice, Draft(title="", text=text, source="app"), org=school.org)
    broker.send(receipt.hints)
    return receipt


def states(database: Database, receipt: Receipt) -> list[tuple[Any, ...]]:
    """Return the state, the attempt and the error of each of the three passes."""
    return database.sql(
        "select state, attempt, error from passes where submission_id = %s order by name", receipt.submission
    )


def keep_only(database: Database, receipt: Receipt) -> None:
    """Cancel all passes of the submission but one."""
    database.sql(
        "update passes set state = 'cancelled', finished_at = now() where submission_id = %s and name <> %s",
        receipt.submission, PassName.CONTENT,
    )  # fmt: skip


def lines(log: Path, event: str) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
    return [line for line in found if line.get("event") == event]


@pytest.mark.slow(reason="starts worker programs")
def test_worker_with_hanging_passes_hands_the_others_back_and_ends(
    start: Start, database: Database, school: School, broker: HintBroker, log: Path
) -> None:
    hanging = hand_in(school, broker, "HANG until the end.")
    worker = start("worker")
    eventually(lambda: {one[0] for one in states(database, hanging)} == {"running"})
    old = "select 1 from passes where state = 'running' and now() > first_claimed_at + interval '1 second'"
    eventually(lambda: database.sql(old))
    long = hand_in(school, broker, "LONG is the call.")
    assert worker.wait(30) == EXIT_STUCK
    assert states(database, long) == [("queued", 0, None)] * 3
    assert states(database, hanging) == [("running", 1, None)] * 3
    (line,) = lines(log, "worker stuck")
    assert (line["level"], line["what"], line["stuck"]) == ("critical", "pass", 3)
    assert any("stubborn_worker.py" in place and "ask" in place for place in line["where"])
    assert "until the end" not in log.read_text()


@pytest.mark.slow(reason="starts worker programs")
def test_essay_that_hangs_three_workers_is_given_up(
    start: Start, database: Database, school: School, broker: HintBroker
) -> None:
    hanging = hand_in(school, broker, "HANG until the end.")
    keep_only(database, hanging)
    start("clock")
    for attempt in range(1, 4):
        assert start("worker").wait(60) == EXIT_STUCK, f"attempt {attempt}"
    eventually(lambda: states(database, hanging)[0] == ("gave_up", 3, "worker_lost"))


@pytest.mark.slow(reason="starts worker programs")
@pytest.mark.parametrize(("text", "what"), [("DIE now.", "dead thread"), ("DEAF from now on.", "consumer")])
def test_worker_that_loses_a_thread_ends(
    start: Start, database: Database, school: School, broker: HintBroker, log: Path, text: str, what: str
) -> None:
    receipt = hand_in(school, broker, text)
    keep_only(database, receipt)
    assert start("worker").wait(60) == EXIT_STUCK
    assert lines(log, "worker stuck")[0]["what"] == what
    assert states(database, receipt)[0][0] == "done"


@pytest.mark.slow(reason="starts worker programs")
def test_worker_whose_computation_lets_no_other_thread_run_is_ended_by_the_kernel(
    start: Start, database: Database, school: School, broker: HintBroker
) -> None:
    receipt = hand_in(school, broker, "COMPUTE for ever.")
    keep_only(database, receipt)
    assert start("worker").wait(60) != 0
    assert states(database, receipt)[0][:2] == ("running", 1)


@pytest.mark.slow(reason="starts worker programs")
def test_worker_that_is_told_to_stop_ends_although_the_engine_hangs(
    start: Start, database: Database, school: School, broker: HintBroker, log: Path
) -> None:
    receipt = hand_in(school, broker, "ENGINE hangs.")
    worker = start("worker")
    eventually(lambda: {one[0] for one in states(database, receipt)} == {"done"})
    worker.terminate()
    assert worker.wait(30) == 0
    assert lines(log, "worker stuck") == []


@pytest.mark.slow(reason="freezes a worker program")
def test_frozen_worker_goes_on_with_all_threads(
    start: Start, database: Database, school: School, broker: HintBroker, log: Path
) -> None:
    """Freeze a worker for longer than every limit while its threads wait for one lock, as they do for a pool of connections."""
    start("clock")
    worker = start("worker")
    waiting = [hand_in(school, broker, f"LINE {number}.") for number in range(4)]
    # A renewed lease is surely held. A claim that is not read yet begins after the thaw, and rightly loses its lease then.
    renewed = "select id from passes where state = 'running' and lease_until > started_at + %s * interval '1 second'"
    eventually(lambda: database.sql(renewed, LEASE_SECONDS))
    os.killpg(worker.pid, signal.SIGSTOP)
    held = {str(one) for (one,) in database.sql(renewed, LEASE_SECONDS)}
    assert held
    # The clock frees the expired leases: by then the worker has been frozen for longer than a pass may be held.
    thawed_after = "select now() > max(first_claimed_at) + %s * interval '1 second' from passes"
    eventually(lambda: database.sql(thawed_after, 2 * (MESSAGE_SECONDS + LEASE_SECONDS))[0][0])
    os.killpg(worker.pid, signal.SIGCONT)
    later = [hand_in(school, broker, f"LINE again {number}.") for number in range(4)]
    for receipt in (*waiting, *later):
        eventually(lambda receipt=receipt: {one[0] for one in states(database, receipt)} == {"done"}, within_seconds=30)
    assert worker.poll() is None
    assert lines(log, "worker stuck") == []
    lost = {(line["pass_id"], line["attempt"]) for line in lines(log, "lease lost")}
    assert not lost & {(one, 1) for one in held}
