"""Test that grammar requests of a process take turns at the engines and wait for a limited time."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from models.jobs import PassName
from workers.passes.request import PassRequest
from workers.providers.contract import Outcome, Pause
from workers.providers.local.engines import ENOUGH_FLAGS, Engines
from workers.providers.local.flags import Flag
from workers.providers.local.guards import Block
from workers.providers.local.provider import LocalProvider


class Slow:
    """An engine that blocks until `release` is set."""

    name = "slow"
    version = "1"
    common: frozenset[str] = frozenset()

    def __init__(self) -> None:
        self.reading = threading.Event()
        self.release = threading.Event()
        self.read: list[str] = []

    def flags(self, text: str, blocks: tuple[Block, ...], dialect: str) -> list[Flag]:
        self.read.append(text)
        self.reading.set()
        assert self.release.wait(timeout=60)
        return []


@pytest.fixture
def slow() -> Iterator[Slow]:
    """Give a blocking engine and release it after the test."""
    engine = Slow()
    yield engine
    engine.release.set()


def test_request_that_waits_too_long_for_the_engines_is_paused_unread(slow: Slow) -> None:
    engines = Engines(lingo=lambda: slow, harper=lambda: slow, patience_seconds=0.2)
    first = threading.Thread(target=engines.read_flags, args=("a long essay", "en"))
    first.start()
    assert slow.reading.wait(timeout=60)

    with pytest.raises(Pause) as busy:
        engines.read_flags("a short essay", "en")

    assert busy.value.outcome is Outcome.OVERLOADED
    assert busy.value.retry_after_seconds
    slow.release.set()
    first.join(timeout=60)
    assert "a short essay" not in slow.read


def test_started_reading_is_not_interrupted_by_the_patience(slow: Slow) -> None:
    engines = Engines(lingo=lambda: slow, harper=lambda: slow, patience_seconds=0.1)
    threading.Timer(0.6, slow.release.set).start()
    assert engines.read_flags("a long essay", "en").has("lingotweaker")


class Picky:
    """An engine that flags every letter."""

    name = "picky"
    version = "1"
    common: frozenset[str] = frozenset()

    def flags(self, text: str, blocks: tuple[Block, ...], dialect: str) -> list[Flag]:
        return [
            Flag(
                engine="L",
                rule="X",
                group="L:grammar",
                type="grammar",
                start=at,
                end=at + 1,
                message=dialect,
                suggestions=(),
            )
            for block in blocks
            for at in range(block.start, block.end)
            if text[at].isalpha()
        ]


def test_reading_stops_after_too_many_flags_and_the_answer_says_so() -> None:
    engines = Engines(lingo=Picky, harper=Picky)
    text = "The dog sleeps under the table because it is tired. " * 400
    result = engines.read_flags(text, "en")
    assert result.until is not None
    assert ENOUGH_FLAGS < len(result.lingo) + len(result.harper) < 4 * ENOUGH_FLAGS
    assert max(flag.end for flag in result.lingo) <= result.until < len(text)
    notes = LocalProvider(engines).ask(PassRequest(pass_name=PassName.GRAMMAR, text=text)).answer.not_checked
    assert any(f"after character {result.until:,}" in sentence for sentence in notes)
    assert engines.read_flags(text[:2_000], "en").until is None
