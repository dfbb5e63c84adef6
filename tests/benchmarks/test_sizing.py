"""Test the page on scaling: its arithmetic, and that it says what the measured figures say."""

from __future__ import annotations

import pytest

from benchmarks.report import PAGE as FIGURES_PAGE
from benchmarks.sizing import PAGE, Costs, make_page, need_of, read_costs

SECTION = """
<!-- costs -->
| figure                                       | measured |
|----------------------------------------------|----------|
| handing in an essay: web                     | 2.00 ms  |
| a poll: web                                  | 1.00 ms  |
| the three passes of an essay: worker         | 30.00 ms |
| database on disk, an essay with its feedback | 16 KiB   |
<!-- /costs -->
"""
COSTS = Costs(
    milliseconds={
        ("handing in an essay", "web"): 2.0,
        ("a poll", "web"): 1.0,
        ("the three passes of an essay", "worker"): 30.0,
    },
    kib=16.0,
)


def test_costs_are_read_from_their_section() -> None:
    assert read_costs(SECTION) == COSTS


def test_a_page_without_the_section_is_refused() -> None:
    with pytest.raises(ValueError, match="python -m benchmarks costs --write"):
        read_costs("# Benchmarks\n")


def test_need_follows_from_the_costs() -> None:
    # 18,000 students hand in 36,000 versions a week, 7,200 of them in one hour: 2 a second, and 6 in the worst minute.
    need = need_of(18_000, COSTS)
    assert need.versions_a_second == pytest.approx(2.0)
    assert need.in_peak_minute == pytest.approx(6.0)
    assert need.polls_a_second == pytest.approx(36.0)
    assert need.web_cores == pytest.approx(6 * 0.002 + 36 * 0.001)
    assert need.worker_cores == pytest.approx(2 * 0.030)
    assert need.calls == pytest.approx(60.0)
    assert need.worker_processes == 2
    assert need.gib_a_year == pytest.approx(36_000 * 40 * 16 / 2**20)


def test_page_says_what_the_figures_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == make_page(read_costs(FIGURES_PAGE.read_text(encoding="utf-8")))
