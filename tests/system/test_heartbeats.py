"""Test with real programs what the monitor says when one of them is frozen, killed, or alive and stuck."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import pytest

from models.version import version
from tests.conftest import Report
from tests.support.one_machine import Standalone, eventually, standalone
from tests.support.vendor import FakeVendor

pytestmark = pytest.mark.slow(reason="starts every program and waits for heartbeats to end")


@pytest.fixture(scope="module")
def vendor() -> Iterator[FakeVendor]:
    with FakeVendor() as vendor:
        yield vendor


@pytest.fixture(scope="module")
def machine(vendor: FakeVendor) -> Iterator[Standalone]:
    with standalone(
        ANTHROPIC_API_KEY="sk-ant-only-for-this-test", ANTHROPIC_BASE_URL=vendor.base_url, ESSAYCOACH_GRAMMAR_MIX="off",
        WORKER_PROCESSES="1", WORKER_THREADS="4", WEB_PROCESSES="2",
    ) as machine:  # fmt: skip
        yield machine


def of(machine: Standalone, name: str, program: str, **labels: str) -> float:
    """Return the value of a program's metric."""
    inside = ",".join(f'{label}="{value}"' for label, value in {"program": program, **labels}.items())
    return machine.metrics()[f"essaycoach_program_{name}{{{inside}}}"]


def living(machine: Standalone) -> dict[str, float]:
    return {name: of(machine, "processes", name) for name in ("web", "worker", "clock")}


@contextmanager
def frozen(*pids: int) -> Iterator[None]:
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


ALL = {"web": 2.0, "worker": 1.0, "clock": 1.0}


def test_every_process_is_seen_with_its_version_and_web_is_ready(machine: Standalone) -> None:
    eventually(lambda: living(machine) == ALL, within_seconds=30, what="every heartbeat")
    assert of(machine, "version_info", "web", version=version()) == 2
    assert of(machine, "threads", "worker", state="alive") == 4
    seen = machine.metrics()
    assert seen["essaycoach_web_ready"] == 1
    assert 0 < seen["essaycoach_web_probe_seconds"] < 1
    assert seen["essaycoach_leases_overdue"] == 0


def test_a_frozen_process_of_web_is_one_less(machine: Standalone, report: Report) -> None:
    eventually(lambda: living(machine) == ALL, within_seconds=40, what="every heartbeat")
    worker = psutil.Process(machine.pids["web"]).children()[0]
    began = time.monotonic()
    with frozen(worker.pid):
        eventually(lambda: of(machine, "processes", "web") == 1, within_seconds=45, what="one process less")
        report(f"heartbeats: a frozen process of web was missing after {time.monotonic() - began:.0f} s")
    eventually(lambda: living(machine) == ALL, within_seconds=40, what="its return")


def test_a_frozen_web_is_not_ready_and_a_frozen_clock_grows_old(machine: Standalone, report: Report) -> None:
    eventually(lambda: living(machine) == ALL, within_seconds=40, what="every heartbeat")
    everything = [machine.pids["web"], *(child.pid for child in psutil.Process(machine.pids["web"]).children())]
    began = time.monotonic()
    with frozen(*everything, machine.pids["clock"]):
        eventually(lambda: machine.metrics()["essaycoach_web_ready"] == 0, within_seconds=10, what="web not ready")
        report(f"heartbeats: a frozen web was not ready after {time.monotonic() - began:.1f} s")
        eventually(
            lambda: living(machine) == {"web": 0, "worker": 1, "clock": 0}, within_seconds=45, what="only the worker"
        )
        report(f"heartbeats: a frozen clock was missing after {time.monotonic() - began:.0f} s")
        assert of(machine, "heartbeat_age_seconds", "clock") >= 30
        assert of(machine, "heartbeat_age_seconds", "worker") < 15
    eventually(lambda: living(machine) == ALL, within_seconds=60, what="their return")
    assert machine.metrics()["essaycoach_web_ready"] == 1


def test_a_worker_that_is_alive_and_stuck_makes_no_progress(machine: Standalone, vendor: FakeVendor) -> None:
    """The provider takes the calls and never answers: heartbeats go on, and say that nothing moves."""
    vendor.always("hang")
    try:
        machine.hand_in()
        eventually(
            lambda: of(machine, "progress_age_seconds", "worker") > 15, within_seconds=45, what="an old progress"
        )
        assert of(machine, "processes", "worker") == 1
        assert of(machine, "threads", "worker", state="busy") == 3
        assert of(machine, "progress_age_seconds", "clock") < 15
    finally:
        vendor.forget_script()


def test_passes_of_a_killed_worker_are_due_and_overdue_while_no_clock_frees_them(
    machine: Standalone, vendor: FakeVendor
) -> None:
    eventually(lambda: living(machine) == ALL, within_seconds=60, what="every heartbeat")
    vendor.always("hang")
    machine.hand_in()
    running = "select count(*) from passes where state = 'running' and lease_until > now()"
    eventually(lambda: machine.sql(running)[0][0] >= 3, within_seconds=30, what="running passes")
    with frozen(machine.pids["clock"]):
        machine.kill("worker")
        eventually(
            lambda: machine.metrics()["essaycoach_leases_overdue"] >= 3, within_seconds=70, what="overdue leases"
        )
        assert machine.metrics()['essaycoach_queue_oldest_age_seconds{queue="interactive"}'] >= 30
        vendor.forget_script()
    eventually(lambda: machine.metrics()["essaycoach_leases_overdue"] == 0, within_seconds=60, what="freed leases")
