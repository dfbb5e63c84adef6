"""Test the processes that read grammar: they die, hang, grow and are stopped, and every essay gets its answer or an error."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psutil
import pytest

from models.jobs import PassName
from tests.support.local_engine import shared_provider
from tests.support.processes import children_with, is_alive
from tests.support.races import eventually
from workers.passes.request import Criterion, EarlierComment, Level, PassRequest, PreviousDraft
from workers.providers.contract import GiveUp, Outcome, Pause, Reply, TryAgain
from workers.providers.local.engine_pool import MOST_IN_LINE, ROOT, EnginePool, PooledProvider

STUB = ("-P", "-m", "tests.support.stub_engine")
PATIENCE_SECONDS = 60.0  # to start a process takes seconds on a busy machine
MakePool = Callable[..., EnginePool]


@pytest.fixture
def make_pool() -> Iterator[MakePool]:
    """Give a function that makes a pool of stub processes, ended after the test."""
    made: list[EnginePool] = []

    def make(**settings: Any) -> EnginePool:
        made.append(EnginePool(**{"command": STUB, **settings}))
        return made[-1]

    yield make
    for pool in made:
        pool.close()


def essay(text: str, *, org: UUID | None = None) -> PassRequest:
    return PassRequest(pass_name=PassName.GRAMMAR, text=text, org=org)


def pid_of(reply: Reply) -> int:
    return int(reply.answer.notes[0])


def children() -> list[int]:
    return [one.pid for one in children_with("tests.support.stub_engine", of=psutil.Process())]


@pytest.mark.slow(reason="starts the engines twice")
def test_answer_of_a_process_is_that_of_the_provider_in_this_process() -> None:
    pool = EnginePool()
    request = PassRequest(
        pass_name=PassName.GRAMMAR,
        text="Zo\u00eb recieve many leters \U0001f600 and he go home becuase they was tired.",
        title="Letters",
        language="en-GB",
        criteria=(Criterion(name="Spelling", levels=(Level(name="good", points=2),)),),
        earlier=PreviousDraft(
            unchanged=((0, 4),), doubtful=(EarlierComment(type="spelling", quote="a", message="b", next_step="c"),)
        ),
    )
    assert PooledProvider(pool).ask(request) == shared_provider().ask(request)
    pool.close()


def test_killed_process_is_replaced_and_its_essay_read_all_the_same(make_pool: MakePool, tmp_path: Path) -> None:
    pool = make_pool()
    first = pid_of(pool.begin(essay("first")).result(PATIENCE_SECONDS))
    reply = pool.begin(essay(f"WAIT {tmp_path / 'go'}"))
    eventually(lambda: pool.under_way() == {reply})
    os.kill(first, signal.SIGKILL)
    eventually(lambda: children() not in ([], [first]), what="another process")
    (tmp_path / "go").touch()
    assert pid_of(reply.result(PATIENCE_SECONDS)) != first


def test_essay_that_kills_every_process_is_given_back(make_pool: MakePool) -> None:
    pool = make_pool()
    with pytest.raises(TryAgain) as crashed:
        pool.begin(essay("DIE")).result(PATIENCE_SECONDS)
    assert crashed.value.outcome is Outcome.CRASHED
    assert pool.begin(essay("next")).result(PATIENCE_SECONDS).answer.strengths == ("next",)


def test_hanging_process_is_replaced_after_the_limit(make_pool: MakePool, monkeypatch: pytest.MonkeyPatch) -> None:
    pool = make_pool()
    first = pid_of(pool.begin(essay("first")).result(PATIENCE_SECONDS))
    monkeypatch.setattr(pool, "_reading_seconds", 0.5)  # less than a busy machine needs to start a process
    with pytest.raises(TryAgain) as hung:
        pool.begin(essay("HANG")).result(PATIENCE_SECONDS)
    assert hung.value.outcome is Outcome.TIMEOUT
    assert not is_alive(first)
    monkeypatch.undo()
    assert pid_of(pool.begin(essay("next")).result(PATIENCE_SECONDS)) != first


def test_process_that_has_grown_is_replaced(make_pool: MakePool) -> None:
    pool = make_pool(largest_mib=1.0)
    pids = {pid_of(pool.begin(essay("word")).result(PATIENCE_SECONDS)) for _ in range(3)}
    assert len(pids) == 3


def test_process_has_no_secret_in_its_environment(make_pool: MakePool, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATABASE_URL", "ANTHROPIC_API_KEY", "ESSAYCOACH_MASTER_KEYS", "REDIS_URL"):
        monkeypatch.setenv(name, "SECRET")
    names = make_pool().begin(essay("word")).result(PATIENCE_SECONDS).answer.notes[1:]
    assert set(names) <= {"PYTHONPATH", "LC_CTYPE"}  # Python itself sets the second one


def test_error_of_a_process_is_told_without_a_word_of_the_essay(make_pool: MakePool) -> None:
    with pytest.raises(GiveUp, match=r"ValueError in stub_engine.py:\d+ ask") as broken:
        make_pool().begin(essay("BREAK private words")).result(PATIENCE_SECONDS)
    assert broken.value.outcome is Outcome.CRASHED
    assert "private" not in str(broken.value)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_to_all_processes_of_a_worker_ends_no_reading(
    make_pool: MakePool, tmp_path: Path, number: signal.Signals
) -> None:
    pool = make_pool()
    first = pid_of(pool.begin(essay("first")).result(PATIENCE_SECONDS))
    reply = pool.begin(essay(f"WAIT {tmp_path / 'go'}"))
    eventually(lambda: pool.under_way() == {reply})
    os.kill(first, number)
    (tmp_path / "go").touch()
    assert pid_of(reply.result(PATIENCE_SECONDS)) == first


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_processes_end_with_their_worker(number: signal.Signals) -> None:
    program = f"""
import time
from models.jobs import PassName
from workers.passes.request import PassRequest
from workers.providers.local.engine_pool import EnginePool
pool = EnginePool(command={STUB!r})
print(pool.begin(PassRequest(pass_name=PassName.GRAMMAR, text="word")).result().answer.notes[0], flush=True)
pool.begin(PassRequest(pass_name=PassName.GRAMMAR, text="HANG"))
time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdout is not None
        child = int(worker.stdout.readline())
        assert is_alive(child)
        worker.send_signal(number)
    eventually(lambda: not is_alive(child))


def test_pass_that_waits_too_long_is_paused_and_never_read(make_pool: MakePool, tmp_path: Path) -> None:
    pool = make_pool()
    blocking = pool.begin(essay(f"WAIT {tmp_path / 'go'}"))
    eventually(lambda: pool.under_way() == {blocking})
    with pytest.raises(Pause) as busy:
        PooledProvider(pool, patience_seconds=0.1).ask(essay("DIE"))
    assert busy.value.outcome is Outcome.OVERLOADED
    waiting = [pool.begin(essay("word")) for _ in range(MOST_IN_LINE)]
    with pytest.raises(Pause):
        waiting[-1].result(PATIENCE_SECONDS)
    (tmp_path / "go").touch()
    assert pid_of(blocking.result(PATIENCE_SECONDS)) == pid_of(waiting[0].result(PATIENCE_SECONDS)), "nobody died"


def test_school_with_one_essay_does_not_wait_behind_all_of_another(make_pool: MakePool, tmp_path: Path) -> None:
    pool, large, small = make_pool(), uuid4(), uuid4()
    order: list[str] = []
    blocking = pool.begin(essay(f"WAIT {tmp_path / 'go'}", org=large))
    eventually(lambda: pool.under_way() == {blocking})
    replies = [pool.begin(essay("word", org=large)) for _ in range(5)] + [pool.begin(essay("word", org=small))]
    for name, reply in zip(["large"] * 5 + ["small"], replies, strict=True):
        reply.add_done_callback(lambda _, name=name: order.append(name))
    (tmp_path / "go").touch()
    for reply in replies:
        reply.result(PATIENCE_SECONDS)
    eventually(lambda: len(order) == 6)
    assert order == ["large", "small", *["large"] * 4]


def test_other_passes_are_answered_while_the_engines_are_busy(make_pool: MakePool) -> None:
    pool = make_pool()
    stuck = pool.begin(essay("HANG"))
    eventually(lambda: pool.under_way() == {stuck})
    text = "Phones distract us in class. However, they help us to learn. " * 20
    for name in (PassName.STRUCTURE, PassName.CONTENT):
        assert PooledProvider(pool).ask(PassRequest(pass_name=name, text=text)).answer.not_checked
    first = children()
    os.kill(first[0], signal.SIGKILL)
    eventually(lambda: children() not in ([], first))
    os.kill(children()[0], signal.SIGKILL)
    with pytest.raises(TryAgain):
        stuck.result(PATIENCE_SECONDS)
