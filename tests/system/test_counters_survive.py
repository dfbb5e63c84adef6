"""Test that no counter falls when programs are killed: a rate computed over a fall would show work that never was.

`KILLS=50 make test-slow T=tests/system/test_counters_survive.py` kills fifty times.
"""

from __future__ import annotations

import os
import re
from itertools import cycle, islice

import pytest

from monitoring.catalogue import METRICS
from tests.support.one_machine import Standalone, standalone
from tests.support.races import eventually
from tests.support.vendor import FakeVendor

KILLS = int(os.environ.get("KILLS", "8"))
HISTOGRAMS = {one.name for one in METRICS if one.kind == "histogram"}
# Of the monitor's own process, which begins anew with it; and of the 20 statements that took the most time, which change.
BEGIN_ANEW = ("process_", "python_", "pg_stat_statements_")
TOTALS = {one.name for one in METRICS if one.kind in ("counter", "unknown") and not one.name.startswith(BEGIN_ANEW)}


def counters(machine: Standalone) -> dict[str, float]:
    """Return every sample that must not fall."""
    return {
        sample: value
        for sample, value in machine.metrics().items()
        if re.sub(r"_(bucket|sum|count)$", "", name := sample.partition("{")[0]) in HISTOGRAMS or name in TOTALS
    }


@pytest.mark.slow(reason="kills programs again and again")
def test_no_counter_falls_when_programs_are_killed() -> None:
    with (
        FakeVendor() as vendor,
        standalone(
            ANTHROPIC_API_KEY="sk-ant-kills", ANTHROPIC_BASE_URL=vendor.base_url, ESSAYCOACH_GRAMMAR_MIX="off"
        ) as machine,
    ):
        handed_in, before = [machine.hand_in()], counters(machine)
        assert len(before) > 200
        for name in islice(cycle(("web", "worker", "clock", "metrics")), KILLS):
            handed_in += [machine.hand_in() for _ in range(3)]
            machine.kill(name)

            def answers(now: dict[str, float] = before) -> bool:
                try:
                    return set(now) <= set(counters(machine))
                except (OSError, AssertionError):
                    return False

            eventually(answers, within_seconds=30, what=f"the metrics after {name} was killed")
            after = counters(machine)
            assert {sample: (value, after[sample]) for sample, value in before.items() if after[sample] < value} == {}
            before = after
        states = machine.final(*handed_in, within_seconds=60)
        assert {state["status"] for state in states} == {"completed"}
