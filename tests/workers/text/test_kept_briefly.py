"""Test that what passes share is worked out once, by few values, and for a short time only."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from workers.text import kept_briefly as module
from workers.text.kept_briefly import SECONDS, forget, kept_briefly


def test_equal_texts_are_worked_out_once() -> None:
    asked: list[str] = []

    @kept_briefly()
    def length(text: str) -> int:
        asked.append(text)
        return len(text)

    assert [length("an essay"), length("".join(("an ", "essay"))), length("another")] == [8, 8, 7]
    assert asked == ["an essay", "another"]


def test_threads_that_ask_at_once_wait_for_one_result() -> None:
    asked: list[str] = []
    barrier = threading.Barrier(3)

    @kept_briefly()
    def length(text: str) -> int:
        asked.append(text)
        return len(text)

    def one_pass(text: str) -> int:
        barrier.wait()
        return length(text)

    with ThreadPoolExecutor(3) as threads:
        assert list(threads.map(one_pass, ["an essay"] * 3)) == [8, 8, 8]
    assert asked == ["an essay"]


def test_the_value_unused_for_longest_is_dropped_first() -> None:
    asked: list[str] = []

    @kept_briefly(most=2)
    def length(text: str) -> int:
        asked.append(text)
        return len(text)

    for text in ("a", "b", "a", "c", "a", "b"):
        length(text)
    assert asked == ["a", "b", "c", "b"]


def test_a_failure_is_not_kept() -> None:
    answers = [0, 1]

    @kept_briefly()
    def divided(text: str) -> float:
        return len(text) / answers.pop(0)

    with pytest.raises(ZeroDivisionError):
        divided("an essay")
    assert divided("an essay") == 8


def test_values_are_forgotten_when_their_time_is_over() -> None:
    asked: list[str] = []

    @kept_briefly()
    def length(text: str) -> int:
        asked.append(text)
        return len(text)

    length("an essay")
    forget(time.monotonic() + SECONDS / 2)
    length("an essay")
    assert asked == ["an essay"]

    assert forget(time.monotonic() + SECONDS) == 0
    length("an essay")
    assert asked == ["an essay", "an essay"]


def test_an_idle_process_forgets_too(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[object] = []

    class Value:
        pass

    @kept_briefly()
    def value(text: str) -> Value:
        made.append(text)
        return Value()

    forget(time.monotonic() + SECONDS)
    for timer in module._sweeper:
        timer.cancel()
        timer.join()
    monkeypatch.setattr(module, "SECONDS", 0.01)
    value("an essay")
    for timer in list(module._sweeper):
        timer.join(60)
    value("an essay")
    assert made == ["an essay", "an essay"]
