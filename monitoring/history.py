"""What the monitor remembers of the last hour: one reading a minute, in memory, so that its page needs no Prometheus."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from prometheus_client.core import Metric

from monitoring.samples import Samples

MINUTES = 60
# A page that is asked for more often than this shows the same reading, so that asking costs the stores nothing.
FRESH = timedelta(seconds=5)


@dataclass(frozen=True, kw_only=True)
class Series:
    """One number that is remembered. With `is_total` it only rises, and its line shows how much in each minute."""

    name: str
    shows: str
    read: Callable[[Samples], float | None]
    is_total: bool = False


SERIES = (
    Series(
        name="in_time", shows="essays in time each minute", is_total=True,
        read=lambda seen: seen.total("essaycoach_feedback_seconds_bucket", queue="interactive", le="60.0"),
    ),
    Series(
        name="finished", shows="essays finished each minute", is_total=True,
        read=lambda seen: seen.total("essaycoach_feedback_seconds_count", queue="interactive"),
    ),
    Series(
        name="oldest", shows="seconds that the oldest waits",
        read=lambda seen: seen.highest("essaycoach_queue_oldest_age_seconds", queue="interactive"),
    ),
    Series(name="programs", shows="processes alive", read=lambda seen: seen.total("essaycoach_program_processes")),
    Series(name="connections", shows="connections", read=lambda seen: seen.total("pg_stat_activity_count")),
    Series(name="hints", shows="hints in Redis", read=lambda seen: seen.total("essaycoach_redis_depth")),
    Series(
        name="calls", shows="calls each minute", is_total=True,
        read=lambda seen: seen.total("essaycoach_ai_requests_total"),
    ),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Point:
    """The numbers of one minute by the name of their series, and when they were read. A missing number is None."""

    at: datetime
    numbers: dict[str, float | None]


@dataclass(frozen=True, kw_only=True)
class Reading:
    """One scrape with its time, and the points of the hour before it, the oldest first, its own as the last."""

    at: datetime
    samples: Samples
    points: tuple[Point, ...]

    def line(self, series: Series) -> list[tuple[datetime, float | None]]:
        """Return the times and values of a series; of a total, its rise in each minute."""
        if not series.is_total:
            return [(point.at, point.numbers[series.name]) for point in self.points]
        pairs = zip(self.points, self.points[1:], strict=False)
        return [(later.at, _rise(series.name, earlier, later)) for earlier, later in pairs]

    def rise(self, name: str) -> float | None:
        """Return by how much a total has risen since the first point that has it, or None when no two have it."""
        known = [point for point in self.points if point.numbers[name] is not None]
        if len(known) < 2:
            return None
        return (known[-1].numbers[name] or 0.0) - (known[0].numbers[name] or 0.0)


def _rise(name: str, earlier: Point, later: Point) -> float | None:
    before, after = earlier.numbers[name], later.numbers[name]
    minutes = (later.at - earlier.at) / timedelta(minutes=1)
    # Over a few seconds one essay would look like many a minute.
    if before is None or after is None or minutes < 0.5:
        return None
    return max(0.0, after - before) / minutes


class History:
    """The readings of the last hour. Thread-safe."""

    def __init__(
        self, collect: Callable[[], Iterable[Metric]], *, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._collect = collect
        self._now = now
        self._points: deque[Point] = deque(maxlen=MINUTES)
        self._lock = threading.Lock()
        self._newest: Reading | None = None

    def keep(self) -> None:
        """Take a reading and remember its point."""
        with self._lock:
            self._points.append(self._read().points[-1])

    def keep_each_minute(self, stopped: threading.Event) -> None:
        """Keep a reading now and at the begin of each minute, until `stopped` is set."""
        while True:
            self.keep()
            if stopped.wait(60 - self._now().timestamp() % 60):
                return

    def reading(self) -> Reading:
        """Return a reading that is at most five seconds old."""
        with self._lock:
            if self._newest is None or not timedelta(0) <= self._now() - self._newest.at < FRESH:
                self._read()
            assert self._newest is not None
            return self._newest

    def _read(self) -> Reading:
        samples, at = Samples(self._collect()), self._now()
        point = Point(at=at, numbers={series.name: series.read(samples) for series in SERIES})
        self._newest = Reading(at=at, samples=samples, points=(*self._points, point))
        return self._newest
