"""Test that a prompt prefix is written to the cache once and that callers wait only as long as it saves money."""

from __future__ import annotations

import threading
import time
from types import SimpleNamespace

import pytest

from tests.support.races import eventually
from workers.providers import prompt_cache
from workers.providers.prompt_cache import CacheTurn, PromptCacheGate

LONG = 300.0  # seconds: no call waits through it in a test, so one that is through was let through


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let calls wait for so long that none of them is through only because its patience ended."""
    for name in ("CLASS_SECONDS", "ESSAY_SECONDS", "UNKNOWN_SECONDS"):
        monkeypatch.setattr(prompt_cache, name, LONG)


class Caller:
    """A call on its own thread; `act` sets its next step: `begin` and `end` of the answer, or `fail`."""

    def __init__(self, gate: PromptCacheGate, *, essay: str, course: str = "class") -> None:
        self.through = threading.Event()
        self.left = threading.Event()
        self.turn: CacheTurn | None = None
        self._acts: list[str] = []
        self._acts_changed = threading.Condition()
        self._gate, self._essay, self._course = gate, essay, course
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def act(self, what: str) -> None:
        with self._acts_changed:
            self._acts.append(what)
            self._acts_changed.notify_all()

    def _run(self) -> None:
        try:
            with self._gate.passing(class_key=self._course, essay_key=self._essay) as turn:
                self.turn = turn
                self.through.set()
                while True:
                    with self._acts_changed:
                        self._acts_changed.wait_for(lambda: self._acts, timeout=300)
                        act = self._acts.pop(0) if self._acts else "fail"
                    if act == "fail":
                        return
                    if act == "begin":
                        turn.report_start()
                    else:
                        turn.report_end()
                        return
        finally:
            self.left.set()

    def is_through(self, within: float = 60.0) -> bool:
        return self.through.wait(within)


def with_timing(gate: PromptCacheGate, *, begin: float, whole: float) -> PromptCacheGate:
    """Return the gate after one call whose answer began and ended after these seconds."""
    with gate.passing(class_key="other", essay_key="other") as turn:
        turn.since = prompt_cache.time.monotonic() - begin
        turn.report_start()
        turn.since = prompt_cache.time.monotonic() - whole
        turn.report_end()
    return gate


@pytest.mark.usefixtures("patient")
def test_second_pass_of_an_essay_starts_when_the_first_answer_begins() -> None:
    gate = with_timing(PromptCacheGate(most_seconds=LONG), begin=LONG, whole=10 * LONG)
    first = Caller(gate, essay="a")
    assert first.is_through()
    second = Caller(gate, essay="a")
    assert not second.is_through(0.2)
    first.act("begin")
    assert second.is_through()
    assert Caller(gate, essay="a").is_through()


def test_patience_follows_the_measured_answer_times(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prompt_cache, "time", SimpleNamespace(monotonic=lambda: 1000.0))
    assert PromptCacheGate().patience_seconds() == 0.5
    assert with_timing(PromptCacheGate(), begin=0.4, whole=4.0).patience_seconds() == pytest.approx(0.6)
    assert with_timing(PromptCacheGate(), begin=3.0, whole=30.0).patience_seconds() == 2.0
    assert with_timing(PromptCacheGate(), begin=3.0, whole=4.0).patience_seconds() == 0.0
    gate = PromptCacheGate()
    with gate.passing(class_key="c", essay_key="e") as turn:
        turn.report_end()
    assert gate.patience_seconds() == 0.0


def test_wait_behind_a_silent_writer_ends_after_the_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prompt_cache, "ESSAY_SECONDS", LONG)
    gate = with_timing(PromptCacheGate(), begin=0.2, whole=LONG)
    started = time.monotonic()
    assert Caller(gate, essay="a").is_through()
    assert Caller(gate, essay="a").is_through()
    assert time.monotonic() - started >= gate.patience_seconds() > 0.25


@pytest.mark.usefixtures("patient")
def test_later_callers_do_not_wait_for_the_silent_writer_again() -> None:
    gate = with_timing(PromptCacheGate(most_seconds=LONG), begin=LONG, whole=10 * LONG)
    writer = Caller(gate, essay="a")
    assert writer.is_through()
    assert not Caller(gate, essay="a").is_through(0.2)
    assert writer.turn is not None
    writer.turn.since -= LONG
    assert Caller(gate, essay="a").is_through()


@pytest.mark.usefixtures("patient")
def test_essay_of_the_same_class_waits_until_the_first_begins_or_ends() -> None:
    for act in ("begin", "end"):
        gate = PromptCacheGate(most_seconds=LONG)
        first = Caller(gate, essay="a")
        assert first.is_through()
        other, outsider = Caller(gate, essay="b"), Caller(gate, essay="z", course="another class")
        assert outsider.is_through() and not other.is_through(0.7)
        first.act(act)
        assert other.is_through()


@pytest.mark.usefixtures("patient")
def test_failed_writer_is_replaced_by_one_waiting_caller() -> None:
    gate = with_timing(PromptCacheGate(most_seconds=LONG), begin=LONG, whole=10 * LONG)
    first = Caller(gate, essay="a")
    assert first.is_through()
    waiting = [Caller(gate, essay=essay) for essay in ("b", "c", "d")]
    time.sleep(0.1)
    first.act("fail")
    eventually(lambda: any(one.through.is_set() for one in waiting))
    time.sleep(0.15)
    through = [one for one in waiting if one.through.is_set()]
    assert len(through) == 1
    through[0].act("begin")
    assert all(one.is_through() for one in waiting)


@pytest.mark.usefixtures("patient")
def test_expired_prefix_is_written_again(monkeypatch: pytest.MonkeyPatch) -> None:
    gate = with_timing(PromptCacheGate(most_seconds=LONG), begin=LONG, whole=10 * LONG)
    Caller(gate, essay="a").act("begin")
    last = Caller(gate, essay="a")
    assert last.is_through()
    monkeypatch.setattr(prompt_cache, "CACHE_SECONDS", 0.2)
    for act in ("begin", "fail"):
        last.act(act)
    assert last.left.wait(60)
    time.sleep(0.3)
    assert Caller(gate, essay="a").is_through()
    assert not Caller(gate, essay="a").is_through(0.2)


def test_number_of_remembered_prefixes_is_bounded() -> None:
    gate = PromptCacheGate(prefixes=4)
    for number in range(10):
        with gate.passing(class_key=f"c{number}", essay_key=f"e{number}") as turn:
            turn.report_start()
    assert len(gate) == 4


@pytest.mark.usefixtures("patient")
def test_zero_maximum_wait_lets_every_caller_through() -> None:
    gate = PromptCacheGate(most_seconds=0)
    callers = [Caller(gate, essay=essay) for essay in ("a", "a", "b")]
    assert all(one.is_through() for one in callers)
