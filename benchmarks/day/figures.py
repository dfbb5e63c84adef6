"""The figures of a day: rates over its hours, percentiles of each queue, and errors by kind."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from benchmarks.day.count import Version
from benchmarks.day.model import DEADLINE
from benchmarks.day.rehearse import Day

BUCKETS_OF_A_DAY = 72
# A drain that takes longer than two more days is cut off in the plots, not in the tables.
MOST_HOURS = 72.0
READ = ("completed", "partial", "failed")
SHARES = (0.5, 0.9, 0.99)
FAULT_SECONDS = 45.0

Points = list[tuple[float, float]]


@dataclass(frozen=True, kw_only=True)
class Spread:
    """How many values there are, their p50, p90, p99 and their maximum, in seconds."""

    count: int
    quantiles: tuple[float, ...]
    most: float


def quantile(values: Iterable[float], share: float) -> float:
    """Return the value below which this share of the values lies, 0 without any."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def spread(values: Sequence[float]) -> Spread:
    """Return the percentiles of the values."""
    return Spread(
        count=len(values), quantiles=tuple(quantile(values, share) for share in SHARES), most=max(values, default=0.0)
    )


def waits(versions: Iterable[Version]) -> list[float]:
    """Return the seconds from the hand-in to the first claim."""
    return [one.claimed - one.received for one in versions if one.claimed is not None]


def readings(versions: Iterable[Version]) -> list[float]:
    """Return the seconds from the hand-in to the final state, of versions that were read to the end."""
    return [one.completed - one.received for one in versions if one.completed is not None and one.status in READ]


def of_queue(day: Day, queue: str) -> list[Version]:
    """Return the versions of one queue."""
    return [one for one in day.counted.versions if one.queue == queue]


def per_minute(day: Day, moments: Iterable[float]) -> Points:
    """Return events a minute of real time over the hours of the day."""
    width = 24 / BUCKETS_OF_A_DAY
    counts = Counter(int(day.hour(moment) // width) for moment in moments)
    minutes = day.plan.seconds / BUCKETS_OF_A_DAY / 60
    last = int(min(MOST_HOURS, max(24.0, day.hour(day.ended))) // width)
    return [((bucket + 0.5) * width, counts[bucket] / minutes) for bucket in range(last + 1)]


def over_the_day(day: Day, values: Iterable[tuple[float, float]], share: float, *, buckets: int = 36) -> Points:
    """Return a percentile of the values over the hours of the day. A value is a moment and a number."""
    width = 24 / buckets
    grouped: dict[int, list[float]] = {}
    for moment, value in values:
        if 0 <= day.hour(moment) < MOST_HOURS:
            grouped.setdefault(int(day.hour(moment) // width), []).append(value)
    return [((bucket + 0.5) * width, quantile(found, share)) for bucket, found in sorted(grouped.items())]


def busiest_minute(day: Day) -> int:
    """Return the most essays that became final within 60 seconds."""
    ends = sorted(one.completed for one in day.counted.versions if one.completed is not None and one.status in READ)
    return max((bisect_right(ends, end) - bisect_right(ends, end - 60.0) for end in ends), default=0)


def errors(day: Day) -> list[tuple[str, str, int]]:
    """Return what was asked, the answer that was no success, and how often, the most frequent first."""
    found = Counter(
        (one.kind, f"{one.status} {one.problem}".strip() if one.status else "no answer")
        for one in day.samples
        if not 200 <= one.status < 400
    )
    return [(kind, answer, times) for (kind, answer), times in found.most_common()]


def hurried(day: Day, one: Version) -> bool:
    """Return whether a version came in the last hour before the deadline, later, or within FAULT_SECONDS after a fault."""
    faults = (day.worker_killed, day.postgres_restarted)
    return day.hour(one.received) > DEADLINE - 1 or any(0 <= one.received - at < FAULT_SECONDS for at in faults)


def estimates(day: Day) -> list[tuple[float, float]]:
    """Return for each essay that was told an estimate half-way what it was told and what was left, in seconds.

    Half-way is the poll nearest to the middle between hand-in and end, and within a fifth of the whole time of it.
    """
    found = []
    versions = {one.id: one for one in day.counted.versions}
    for submission, polls in day.record.estimates.items():
        one = versions.get(submission)
        if one is None or one.completed is None:
            continue
        middle, whole = (one.received + one.completed) / 2, one.completed - one.received
        at, seconds = min(polls, key=lambda poll: abs(poll[0] - middle))
        if abs(at - middle) <= whole / 5:
            found.append((seconds, one.completed - at))
    return found
