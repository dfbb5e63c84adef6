"""How long reports and pages take on a filled database, and the refresh of what reports show."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing

from benchmarks.report import Figure, duration, progress
from benchmarks.scale.fill import connect
from benchmarks.scale.sides import Seconds, Side

REFRESH = "refresh_reports"
REFRESH_BAR_SECONDS, COURSE_BAR_SECONDS, STUDENT_BAR_SECONDS, PAGE_BAR_SECONDS = 300.0, 0.300, 0.100, 0.150
WARM_UP = 3


def measure(full: Side, *, times: int) -> list[Figure]:
    """Return the time of refreshing all views while they can be read, and the slowest of so many reports of each kind."""
    _refresh(full)
    found = [_figure("refresh of all report views", [_refresh(full)], REFRESH_BAR_SECONDS)]
    kinds: tuple[tuple[str, Callable[[], Seconds], float], ...] = (
        ("course report", full.read_course_report, COURSE_BAR_SECONDS),
        ("student report", full.read_student_report, STUDENT_BAR_SECONDS),
        ("page of an essay", full.open_essay, PAGE_BAR_SECONDS),
        ("desk, essays of an assignment", full.open_assignment, PAGE_BAR_SECONDS),
    )
    for name, read, bar in kinds:
        found.append(_figure(f"{name}, slowest of {times}", [read() for _ in range(WARM_UP + times)][WARM_UP:], bar))
    for one in found:
        progress(f"  {one.name}: {one.measured}")
    return found


def _refresh(full: Side) -> Seconds:
    """Carry out the duty as if the last round were long ago."""
    with closing(connect(full.running.database_url)) as connection, connection.cursor() as cursor:
        cursor.execute("update report_refreshes set refreshed_at = '-infinity'")
    return full.carry_out(REFRESH)


def _figure(name: str, took: list[Seconds], bar: Seconds) -> Figure:
    slowest = max(took)
    return Figure(name, duration(slowest), f"< {duration(bar)}", slowest < bar)
