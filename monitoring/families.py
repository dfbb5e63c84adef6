"""Turn rows into the metric families that Prometheus expects."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
    UnknownMetricFamily,
)

Row = dict[str, Any]
LabelledCounts = dict[tuple[str, ...], float]


@dataclass(frozen=True, kw_only=True)
class Column:
    """One metric, read from one column of a query.

    `kind` is None for a running total whose name, taken from postgres_exporter, lacks the suffix _total.
    """

    name: str
    column: str
    help: str
    kind: type[GaugeMetricFamily | CounterMetricFamily] | None = GaugeMetricFamily


class MonotonicCounter:
    """Totals that never fall: what a total loses (rows deleted, a partition dropped) is added to it from then on.

    Prometheus takes a falling counter for a restart and would count everything again.
    """

    def __init__(self) -> None:
        self._seen: dict[tuple[str, ...], tuple[float, float]] = {}

    def __call__(self, key: tuple[str, ...], value: float) -> float:
        """Return the total to publish for a key whose rows now add up to `value`."""
        previous, lost = self._seen.get(key, (0.0, 0.0))
        lost += max(0.0, previous - value)
        self._seen[key] = (value, lost)
        return value + lost


class Remembered:
    """A probe whose answer is used again for a while, because it costs more than a scrape should and changes slowly."""

    def __init__(self, read: Callable[[], list[Metric]], *, seconds: float) -> None:
        self._read, self._seconds = read, seconds
        self._families: list[Metric] = []
        self._until = 0.0

    def __call__(self) -> list[Metric]:
        """Return what `read` returned last, or ask it when that is older than `seconds`. An error is not remembered."""
        if time.monotonic() >= self._until:
            self._families = self._read()
            self._until = time.monotonic() + self._seconds
        return self._families


def spread(rows: Iterable[Row], *, columns: Sequence[Column], labels: Sequence[str] = ()) -> list[Metric]:
    """Return one family for each column, with one sample for each row where the column is not NULL."""
    all_rows = list(rows)
    families: list[Metric] = []
    for column in columns:
        family = (column.kind or UnknownMetricFamily)(column.name, column.help, labels=labels)
        for row in all_rows:
            if row[column.column] is not None:
                family.add_metric([str(row[label] or "") for label in labels], float(row[column.column]))
        families.append(family)
    return families


def counter(name: str, text: str, *, labels: Sequence[str], counts: LabelledCounts) -> Metric:
    """Return a counter family with one sample for each set of label values."""
    family = CounterMetricFamily(name, text, labels=labels)
    for values, count in sorted(counts.items()):
        family.add_metric(values, count)
    return family


def gauge(name: str, text: str, *, labels: Sequence[str], counts: LabelledCounts) -> Metric:
    """Return a gauge family with one sample for each set of label values."""
    family = GaugeMetricFamily(name, text, labels=labels)
    for values, count in sorted(counts.items()):
        family.add_metric(values, count)
    return family


def histogram(
    name: str, text: str, *, labels: Sequence[str], rows: dict[tuple[str, ...], Row], bounds: Sequence[float],
    monotonic: Callable[[tuple[str, ...], float], float],
) -> Metric:  # fmt: skip
    """Return a histogram family from rows of monitor_totals. The count of a row is its bucket le="+Inf".

    Each bucket passes through `monotonic` on its own before the buckets are summed, so that they stay cumulative.
    """
    family = HistogramMetricFamily(name, text, labels=labels)
    for values, row in sorted(rows.items()):
        cumulative = [*(row["buckets"] or [0] * len(bounds)), row["count"]]
        buckets, running_total = [], 0.0
        for bound, upper, lower in zip([*bounds, float("inf")], cumulative, [0, *cumulative], strict=False):
            le = "+Inf" if bound == float("inf") else str(float(bound))
            running_total += monotonic((name, *values, le), upper - lower)
            buckets.append((le, running_total))
        family.add_metric(values, buckets=buckets, sum_value=monotonic((name, *values, "sum"), row["total"]))
    return family
