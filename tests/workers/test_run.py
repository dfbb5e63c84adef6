"""Test that a worker leaves no engine process behind, however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator

import psutil
import pytest

from tests.support.processes import children_with, is_alive
from tests.support.races import eventually
from tests.support.servers import ROOT


@pytest.fixture
def worker(program_env: Callable[[str], None], monkeypatch: pytest.MonkeyPatch) -> Iterator[psutil.Process]:
    """Give a running worker of the local engine with two engine processes."""
    program_env("ec_worker")
    monkeypatch.setenv("ESSAYCOACH_PROVIDER", "local")
    monkeypatch.setenv("ESSAYCOACH_ENGINE_PROCESSES", "2")
    with subprocess.Popen([sys.executable, "-m", "workers", "run"], cwd=ROOT, start_new_session=True) as started:
        yield psutil.Process(started.pid)
        if started.poll() is None:
            os.killpg(started.pid, signal.SIGKILL)


def engines_of(worker: psutil.Process) -> list[psutil.Process]:
    return children_with("workers.providers.local.engine_process", of=worker)


def workers_of(worker: psutil.Process) -> list[psutil.Process]:
    return list({one.pid: one for engine in engines_of(worker) if (one := engine.parent())}.values())


@pytest.mark.slow(reason="loads the grammar engines twice")
def test_drained_worker_leaves_no_engine_process(worker: psutil.Process) -> None:
    eventually(lambda: len(engines_of(worker)) == 2, within_seconds=30)
    engines = engines_of(worker)
    worker.terminate()
    worker.wait(60)
    eventually(lambda: not any(is_alive(one.pid) for one in engines))


@pytest.mark.slow(reason="loads the grammar engines four times")
def test_killed_worker_process_leaves_no_engine_process(worker: psutil.Process) -> None:
    eventually(lambda: len(engines_of(worker)) == 2, within_seconds=30)
    engines = engines_of(worker)
    (process,) = workers_of(worker)
    process.kill()
    eventually(lambda: not any(is_alive(one.pid) for one in engines))
