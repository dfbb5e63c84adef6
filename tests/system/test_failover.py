"""Test that the programs follow when a standby takes the primary's place, and that nothing acknowledged is lost."""

from __future__ import annotations

import os
import signal
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from uuid import uuid4

import psutil
import pytest

from standalone.postgres import EmbeddedPostgres
from standalone.supervisor import Supervisor
from tests.support.one_machine import FINAL, Standalone, ask, standalone
from tests.support.races import eventually
from tests.support.servers import execute
from tests.support.standby import Standby, wait_for_each_commit
from tests.support.vendor import FakeVendor

pytestmark = pytest.mark.slow(reason="starts two database servers and every program")

FOLLOW_SECONDS = 30.0


@dataclass
class Pair:
    """A primary and its standby, each under a supervisor of its own as if on two hosts."""

    primary: EmbeddedPostgres
    standby: Standby
    hosts: tuple[Supervisor, Supervisor]
    url: str = field(init=False)

    def __post_init__(self) -> None:
        password = self.primary.admin_url.partition("@")[0]
        ports = f"127.0.0.1:{self.primary.port},127.0.0.1:{self.standby.port}"
        self.url = f"{password}@{ports}/essaycoach?target_session_attrs=read-write"

    def processes_of_primary(self) -> list[psutil.Process]:
        leader = psutil.Process(self.hosts[0].pids()["postgres"])
        return [leader, *leader.children(recursive=True)]


@pytest.fixture
def pair() -> Iterator[Pair]:
    """A primary that acknowledges a commit only when its standby has it on disk."""
    with (
        tempfile.TemporaryDirectory(prefix="essaycoach-pair-", ignore_cleanup_errors=True) as folder,
        Supervisor(Path(folder) / "one", say=lambda _: None) as one,
        Supervisor(Path(folder) / "two", say=lambda _: None) as two,
    ):
        Path(folder).chmod(0o755)
        primary = EmbeddedPostgres(Path(folder) / "one", durable=False)
        # `stop_one` then is a crash after which nothing starts it again: a host that burnt down.
        one.start(replace(primary.command(), stop_signals=(signal.SIGKILL,)))
        primary.ready(30)
        standby = Standby(Path(folder) / "two", primary=primary)
        standby.start(two)
        wait_for_each_commit(primary)
        eventually(
            lambda: execute(primary.admin_url, "select sync_state from pg_stat_replication") == [("sync",)],
            what="the synchronous standby",
        )
        yield Pair(primary, standby, (one, two))


class Students:
    """Hand in essays one after the other until told to stop, and remember which were acknowledged, and when."""

    def __init__(self, machine: Standalone) -> None:
        self._machine = machine
        self._stop = threading.Event()
        self.acknowledged: list[tuple[float, str]] = []
        self._threads = [threading.Thread(target=self._hand_in, daemon=True) for _ in range(4)]
        for thread in self._threads:
            thread.start()

    def _hand_in(self) -> None:
        while not self._stop.is_set():
            body = {"title": "Phones", "text": "Phones is useful.", "student": {"external_id": uuid4().hex}}
            headers = {**self._machine.lms, "Idempotency-Key": uuid4().hex}
            try:
                answer = ask("POST", f"{self._machine.api}/v1/submissions", body=body, headers=headers)
            except OSError:
                continue
            if answer.status == 202:
                self.acknowledged.append((time.monotonic(), str(answer.headers["Location"])))
            else:
                assert answer.status == 503, answer
                time.sleep(0.1)

    def stop(self) -> list[str]:
        self._stop.set()
        for thread in self._threads:
            thread.join(60)
        return [location for _, location in self.acknowledged]

    def since(self, moment: float) -> int:
        return sum(at > moment for at, _ in self.acknowledged)


@pytest.mark.parametrize("loss", ["killed", "frozen"])
def test_programs_follow_the_new_primary_and_lose_nothing(pair: Pair, loss: str) -> None:
    """The primary's host dies, or answers no more without closing a connection. Then the standby is promoted."""
    with (
        FakeVendor() as vendor,
        standalone(
            DATABASE_URL=pair.url, ANTHROPIC_API_KEY="sk-ant-failover", ANTHROPIC_BASE_URL=vendor.base_url,
            ESSAYCOACH_GRAMMAR_MIX="off", WEB_PROCESSES="1", WORKER_THREADS="8",
        ) as machine,
    ):  # fmt: skip
        students = Students(machine)
        eventually(lambda: len(students.acknowledged) > 20, what="hand-ins before the failover")

        if loss == "killed":
            pair.hosts[0].stop_one("postgres")
        else:
            for process in pair.processes_of_primary():
                os.kill(process.pid, signal.SIGSTOP)
        promoted = time.monotonic()
        pair.standby.promote()

        eventually(lambda: students.since(promoted) > 20, within_seconds=FOLLOW_SECONDS, what="hand-ins after it")
        followed = time.monotonic() - promoted
        acknowledged = students.stop()
        kept = {str(found) for (found,) in execute(pair.standby.admin_url, "select id::text from submissions")}
        assert [one for one in acknowledged if one.rpartition("/")[2] not in kept] == []
        states = machine.final(*acknowledged, within_seconds=60)
        assert {state["status"] for state in states} <= set(FINAL)
        print(f"{loss}: followed after {followed:.1f} s, {len(acknowledged)} acknowledged, 0 lost")
        if loss == "frozen":
            for process in pair.processes_of_primary():
                os.kill(process.pid, signal.SIGKILL)
