"""The short form of `make chaos`: every kind of fault once, against the real programs, with a lease of four seconds."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.chaos.disk import small_disk
from tests.chaos.faults import FAULTS
from tests.chaos.run import Outcome, carry_out
from tests.chaos.system import EssayCoach
from tests.support.vendor import FakeVendor


@pytest.fixture(scope="module")
def outcome() -> Iterator[Outcome]:
    """What the database said after every kind of fault; progress goes to the terminal."""
    with ExitStack() as stack:
        disk = small_disk(stack)
        vendor = stack.enter_context(FakeVendor())
        town = EssayCoach(vendor, lease_seconds=4, pause_seconds=3, on_disk=disk.path if disk else None)
        stack.enter_context(town)
        yield carry_out(
            town, vendor, FAULTS, rounds=1, per_second=3, patience_seconds=60, last_patience_seconds=60, thorough=False,
            disk=disk.filling if disk else None, tell=lambda line: print(line, file=sys.__stderr__, flush=True),
        )  # fmt: skip


def test_every_kind_of_fault_is_on_the_scoreboard_once() -> None:
    assert [one.id for one in FAULTS] == [f"F{number:02d}" for number in range(1, 27)]


@pytest.mark.slow(reason="starts every program and breaks it in 26 ways")
@pytest.mark.parametrize("fault", FAULTS, ids=lambda one: one.id)
def test_nothing_is_lost_or_doubled_by(fault: object, outcome: Outcome) -> None:
    tally = outcome.tallies[fault.id]  # type: ignore[attr-defined]
    if tally.skipped:
        pytest.skip(f"{tally.fault.id}: {tally.skipped}")
    assert (tally.times, tally.lost, tally.doubled) == (1, 0, 0)
    assert tally.submissions > 0
    assert tally.complaints == []


@pytest.mark.slow(reason="starts every program and breaks it in 26 ways")
def test_everything_that_was_accepted_is_final_at_the_end_and_there_once(outcome: Outcome) -> None:
    assert outcome.submissions > 200
    assert (outcome.lost, outcome.doubled) == (0, 0)
