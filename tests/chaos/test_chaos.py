"""The short form of `make chaos`: each kind of fault once, against the real programs, with a lease of four seconds."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.chaos.disk import small_disk
from tests.chaos.faults import FAULTS, Fault
from tests.chaos.run import Outcome, run_faults
from tests.chaos.system import EssayCoach
from tests.support.vendor import FakeVendor


@pytest.fixture(scope="module")
def outcome() -> Iterator[Outcome]:
    """Run every kind of fault once; progress goes to the terminal."""
    with ExitStack() as stack:
        small = small_disk(stack)
        vendor = stack.enter_context(FakeVendor())
        system = EssayCoach(vendor, lease_seconds=4, pause_seconds=3, on_disk=small.path if small else None)
        stack.enter_context(system)
        yield run_faults(
            system, vendor, FAULTS, rounds=1, per_second=3, timeout_seconds=60, final_timeout_seconds=60, thorough=False,
            disk=small.disk if small else None, log=lambda line: print(line, file=sys.__stderr__, flush=True),
        )  # fmt: skip


def test_fault_numbers_are_complete_and_unique() -> None:
    assert [one.id for one in FAULTS] == [f"F{number:02d}" for number in range(1, len(FAULTS) + 1)]


@pytest.mark.slow(reason="starts every program and breaks it in every way")
@pytest.mark.parametrize("fault", FAULTS, ids=lambda one: one.id)
def test_fault_loses_and_doubles_nothing(fault: Fault, outcome: Outcome) -> None:
    tally = outcome.tallies[fault.id]
    if tally.skipped:
        pytest.skip(f"{tally.fault.id}: {tally.skipped}")
    assert (tally.times, tally.lost, tally.doubled) == (1, 0, 0)
    assert tally.submissions > 0
    assert tally.violations == []


@pytest.mark.slow(reason="starts every program and breaks it in every way")
def test_every_accepted_submission_is_final_and_stored_once(outcome: Outcome) -> None:
    assert outcome.submissions > 200
    assert (outcome.lost, outcome.doubled) == (0, 0)
