"""Measure what each request and duty costs on a filled database, in turn with the same on an almost empty one."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import median

from benchmarks.report import Figure, duration, progress
from benchmarks.scale import backlog, reports
from benchmarks.scale.backlog import Backlog, Waiting
from benchmarks.scale.fill import Filled, fill_running, read_filled, size_of
from benchmarks.scale.sides import Seconds, Side, side
from workers.duties.registry import all_duties

RATIO_BAR, SCRAPE_BAR_SECONDS, DUTY_BAR_SECONDS = 1.5, 0.250, 0.100
# One course that fills a page of essays, so that an answer of the empty side is as long as one of the other.
EMPTY = {"submissions": 200, "comments": 2_000, "schools": 1}
REQUESTS = {
    "status poll, waiting": Side.poll_waiting,
    "status poll, done": Side.poll_done,
    "next_due and claim": Side.claim,
    "list of 50 essays": Side.list_essays,
    "hand-in": Side.hand_in,
    "feedback read": Side.read_feedback,
}
WARM_UP = 3
SCRAPE_SHARE = 0.99


@dataclass(frozen=True, kw_only=True)
class Effort:
    """How often each thing is done on each side at most, for how long at most, and the backlogs to measure behind."""

    requests: int
    scrapes: int
    duties: int
    seconds: float
    backlogs: tuple[Backlog, ...]


FULL = Effort(
    requests=200,
    scrapes=100,
    duties=5,
    seconds=20.0,
    backlogs=(
        Backlog(schools=1, essays=100_000),
        Backlog(schools=1_000, essays=100),
        Backlog(schools=5_000, essays=20),
    ),
)
SMALL = Effort(
    requests=30,
    scrapes=20,
    duties=3,
    seconds=5.0,
    backlogs=(Backlog(schools=1, essays=1_000), Backlog(schools=10, essays=100), Backlog(schools=50, essays=20)),
)

Pair = tuple[list[Seconds], list[Seconds]]


class NotFilled(Exception):
    """The data directory was not filled, or its fill did not end."""


def measure(data_dir: Path, effort: Effort) -> list[Figure]:
    """Return the figures of a filled directory. Raises NotFilled."""
    filled = read_filled(data_dir)
    if filled is None:
        raise NotFilled(f"{data_dir} holds no filled database. Run `python -m benchmarks.scale fill` first.")
    with _empty_side() as (empty, little), side(data_dir) as full:
        comparison = _Comparison(empty=empty, little=little, full=full, filled=filled, effort=effort)
        comparison.clean()  # what an interrupted run left
        comparison.measure(f"{filled.submissions:,} submissions, {filled.comments:,} comments", None)
        comparison.add(reports.measure(full, times=effort.requests))
        for wanted in effort.backlogs:
            comparison.measure(f"{wanted.name} more", backlog.add(full.running, wanted))
        return comparison.figures()


@contextmanager
def _empty_side() -> Iterator[tuple[Side, Filled]]:
    with tempfile.TemporaryDirectory(prefix="essaycoach-bench-") as folder, side(Path(folder)) as empty:
        yield empty, fill_running(empty.running, size_of(**EMPTY, seed=1))


@dataclass(frozen=True, kw_only=True)
class _Comparison:
    """Both sides with what their schools say about themselves, and what was measured so far."""

    empty: Side
    little: Filled
    full: Side
    filled: Filled
    effort: Effort
    _figures: list[Figure] = field(default_factory=list)
    _duties: dict[str, list[Pair]] = field(
        default_factory=lambda: {name: [] for name in all_duties() if name != reports.REFRESH}
    )

    def measure(self, title: str, waiting: Waiting | None) -> None:
        """Measure everything in one situation, and remove what waits afterwards."""
        progress(title)
        self.empty.sign_in(self.little, None)
        self.full.sign_in(self.filled, waiting)
        # First the duties: what they leave for requests (a snapshot of the queue) is there then.
        for name, pairs in self._duties.items():
            carry_out = partial(Side.carry_out, duty=name)
            pairs.append(self._alternate(carry_out, self.effort.duties))
            progress(f"  {name}: {duration(median(pairs[-1][1]))}; empty: {duration(median(pairs[-1][0]))}")
        for name, request in REQUESTS.items():
            self._keep(_ratio_figure(f"{name}: {title}", self._alternate(request, self.effort.requests)))
        self._keep(_scrape_figure(f"scrape, p99: {title}", self._alternate(Side.scrape, self.effort.scrapes)))
        self.clean()

    def add(self, figures: list[Figure]) -> None:
        """Add figures of the filled side alone."""
        self._figures.extend(figures)

    def clean(self) -> None:
        """Remove everything that waits, on both sides."""
        backlog.remove(self.empty.running)
        backlog.remove(self.full.running)

    def figures(self) -> list[Figure]:
        """Return the figures of requests by situation, then one of each duty."""
        return [*self._figures, *(_duty_figure(name, pairs) for name, pairs in self._duties.items())]

    def _keep(self, figure: Figure) -> None:
        progress(f"  {figure.name}: {figure.measured}")
        self._figures.append(figure)

    def _alternate(self, do: Callable[[Side], Seconds], times: int) -> Pair:
        """Do it on both sides in turn, and return how long it took each time: once at least, and no longer than the effort allows."""
        stop_at = time.monotonic() + self.effort.seconds
        found: Pair = ([], [])
        for number in range(WARM_UP + times):
            pair = do(self.empty), do(self.full)
            is_late = time.monotonic() > stop_at
            if number >= WARM_UP or is_late:
                found[0].append(pair[0])
                found[1].append(pair[1])
            if is_late:
                break
        return found


def _ratio_figure(name: str, pair: Pair) -> Figure:
    empty, full = median(pair[0]), median(pair[1])
    ratio = full / empty
    return Figure(
        name, f"{duration(full)} ÷ {duration(empty)} = {ratio:.2f}", f"≤ {RATIO_BAR}", round(ratio, 2) <= RATIO_BAR
    )


def _scrape_figure(name: str, pair: Pair) -> Figure:
    empty, full = (sorted(one)[int(len(one) * SCRAPE_SHARE)] for one in pair)
    return Figure(
        name,
        f"{duration(full)}; empty: {duration(empty)}",
        f"< {duration(SCRAPE_BAR_SECONDS)}",
        full < SCRAPE_BAR_SECONDS,
    )


def _duty_figure(name: str, pairs: list[Pair]) -> Figure:
    """Return the medians of one duty: on the filled side in each situation, then on the empty side."""
    full, empty = [median(pair[1]) for pair in pairs], median(pairs[0][0])
    measured = ", ".join(duration(one) for one in full)
    return Figure(
        f"duty {name}",
        f"{measured}; empty: {duration(empty)}",
        f"< {duration(DUTY_BAR_SECONDS)}",
        max(full) < DUTY_BAR_SECONDS,
    )
