"""Write docs/scaling.md: what school systems of two sizes need, computed from the figures in docs/benchmarks.md.

`python -m benchmarks.sizing` prints the page, `--write` writes it. A test compares the page with what this would write.
"""

from __future__ import annotations

import argparse
import math
import re
import sys
from dataclasses import dataclass

from benchmarks.report import PAGE as FIGURES_PAGE
from benchmarks.report import ROOT

PAGE = ROOT / "docs" / "scaling.md"
TEMPLATE = ROOT / "benchmarks" / "data" / "scaling.md"
SIZES = (100_000, 10_000_000)

# What people do: our assumptions, to be replaced by your own figures. The page names each.
VERSIONS_A_WEEK = 2.0  # of essays, for each student
SHARE_IN_THE_PEAK_HOUR = 0.20  # of a week's versions, in the hour before the deadline of most
PEAK_MINUTE = 3.0  # times the mean of that hour
POLLS_A_VERSION = 6.0  # by the student who waits
CALL_SECONDS = 10.0  # of the vendor, for one pass
SCHOOL_WEEKS = 40
CORES_USED = 0.5  # a machine is full at this share, so that it bears the loss of another one
CORES_A_MACHINE = 8
CALLS_A_PROCESS = 32
POOL_OF_WEB = 10  # connections of one process
TOKENS_A_CALL = 4_000  # input, with the prompt cache; what the vendor's limits count


@dataclass(frozen=True, kw_only=True)
class Costs:
    """Milliseconds of processor time by what is done and by program, and the KiB that an essay takes."""

    milliseconds: dict[tuple[str, str], float]
    kib: float

    def of(self, done: str, *programs: str) -> float:
        """Return the milliseconds that these programs need for it."""
        return sum(self.milliseconds.get((done, program), 0.0) for program in programs)


@dataclass(frozen=True, kw_only=True)
class Need:
    """What a school system of one size needs at its peak."""

    students: int
    versions_a_second: float
    in_peak_minute: float
    polls_a_second: float
    web_cores: float
    worker_cores: float
    postgres_cores: float
    redis_cores: float
    calls: float
    tokens_a_minute: float
    gib_a_year: float

    @property
    def worker_processes(self) -> int:
        """Return how many are wanted for the calls in flight and for the cores, whichever is more."""
        return max(math.ceil(self.calls / CALLS_A_PROCESS), math.ceil(self.worker_cores / CORES_USED))


def read_costs(page: str) -> Costs:
    """Return the measured costs from the section `costs` of the page of figures. Raises ValueError when it has none."""
    found = re.search(r"<!-- costs -->(.*?)<!-- /costs -->", page, re.DOTALL)
    if found is None:
        raise ValueError(f"{FIGURES_PAGE.name} has no section costs. Run: python -m benchmarks costs --write")
    cells = dict(re.findall(r"^\| (.+?)\s+\| (\S+) (?:ms|KiB)\s+\|", found[1], re.MULTILINE))
    times = {
        (done, program): float(cells[name]) for name in cells for done, _, program in [name.partition(": ")] if program
    }
    return Costs(milliseconds=times, kib=float(cells["database on disk, an essay with its feedback"]))


def need_of(students: int, costs: Costs) -> Need:
    """Return what so many students need in the peak minute."""
    week = students * VERSIONS_A_WEEK
    mean = week * SHARE_IN_THE_PEAK_HOUR / 3600
    peak = mean * PEAK_MINUTE
    polls = peak * POLLS_A_VERSION

    def cores(*programs: str) -> float:
        """Hand-ins and polls come as they come; readings may wait, so they count with the mean of the hour."""
        milliseconds = (
            peak * costs.of("handing in an essay", *programs)
            + polls * costs.of("a poll", *programs)
            + mean * costs.of("the three passes of an essay", *programs)
        )
        return milliseconds / 1000

    return Need(
        students=students,
        versions_a_second=mean,
        in_peak_minute=peak,
        polls_a_second=polls,
        web_cores=cores("web"),
        worker_cores=cores("worker"),
        postgres_cores=cores("postgres"),
        redis_cores=cores("redis"),
        calls=mean * 3 * CALL_SECONDS,
        tokens_a_minute=mean * 3 * TOKENS_A_CALL * 60,
        gib_a_year=week * SCHOOL_WEEKS * costs.kib / 2**20,
    )


def make_page(costs: Costs) -> str:
    """Return docs/scaling.md."""
    needs = [need_of(students, costs) for students in SIZES]
    rows = (
        ("versions a second, mean of the peak hour", [_short(one.versions_a_second) for one in needs]),
        ("versions a second, peak minute", [_short(one.in_peak_minute) for one in needs]),
        ("polls a second, peak minute", [_short(one.polls_a_second) for one in needs]),
        ("calls to the vendor in flight", [_short(one.calls) for one in needs]),
        ("input tokens a minute at the vendor", [f"{one.tokens_a_minute / 1e6:,.1f} million" for one in needs]),
        ("web: busy cores", [_short(one.web_cores) for one in needs]),
        (f"web: machines of {CORES_A_MACHINE} cores", [_machines(one.web_cores) for one in needs]),
        ("worker: busy cores", [_short(one.worker_cores) for one in needs]),
        (f"worker: processes of {CALLS_A_PROCESS} calls", [f"{one.worker_processes:,}" for one in needs]),
        ("PostgreSQL primary: busy cores", [_short(one.postgres_cores) for one in needs]),
        ("Redis: busy cores", [_short(one.redis_cores) for one in needs]),
        ("new rows on disk in a school year", [f"{one.gib_a_year:,.0f} GiB" for one in needs]),
    )
    head = ["at the deadline", *(f"{students:,} students" for students in SIZES)]
    needed = [head, *([name, *values] for name, values in rows)]
    carried = [["one core carries", "a second"], *_carried(costs)]
    text = TEMPLATE.read_text(encoding="utf-8")
    for name, table in (("needs", needed), ("carried", carried)):
        text = text.replace(f"<!-- {name} -->", _table(table))
    return text.format_map(
        {
            "versions": f"{VERSIONS_A_WEEK:g}",
            "hour": f"{SHARE_IN_THE_PEAK_HOUR:.0%}",
            "minute": f"{PEAK_MINUTE:g}",
            "polls": f"{POLLS_A_VERSION:g}",
            "call": f"{CALL_SECONDS:g}",
            "weeks": f"{SCHOOL_WEEKS}",
            "used": f"{CORES_USED:.0%}",
            "tokens": f"{TOKENS_A_CALL:,}",
            "pool": f"{POOL_OF_WEB}",
        }
    )


def _carried(costs: Costs) -> list[list[str]]:
    """Return how many of each a core of each program carries, as far as it takes part."""
    done = dict.fromkeys(what for what, _ in costs.milliseconds)
    return [
        [f"{program}: {what}", f"{1000 / costs.of(what, program):,.0f}"]
        for program in ("web", "worker", "postgres")
        for what in done
        if costs.of(what, program) >= 0.05
    ]


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:,.1f}"


def _machines(cores: float) -> str:
    return f"{max(2, math.ceil(cores / CORES_USED / CORES_A_MACHINE)):,}"


def _table(cells: list[list[str]]) -> str:
    widths = [max(len(row[at]) for row in cells) for at in range(len(cells[0]))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in cells
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def main() -> int:
    """Print the page, or write it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sizing", description="Compute docs/scaling.md.")
    parser.add_argument("--write", action="store_true", help="write the page instead of printing it")
    chosen = parser.parse_args()
    page = make_page(read_costs(FIGURES_PAGE.read_text(encoding="utf-8")))
    if chosen.write:
        PAGE.write_text(page, encoding="utf-8")
    else:
        print(page)
    return 0


if __name__ == "__main__":
    sys.exit(main())
