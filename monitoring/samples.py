"""The samples of one scrape, found by name and labels."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from prometheus_client.core import Metric
from prometheus_client.samples import Sample


class Samples:
    """All samples of one scrape. A metric that was not scraped has none, and its sum is None."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._by_name: dict[str, list[Sample]] = defaultdict(list)
        for family in families:
            for sample in family.samples:
                self._by_name[sample.name].append(sample)

    def find(self, name: str, **labels: str) -> list[Sample]:
        """Return the samples of this name that have these labels."""
        return [one for one in self._by_name.get(name, ()) if labels.items() <= one.labels.items()]

    def total(self, name: str, **labels: str) -> float | None:
        """Return the sum of those samples, or None when there is none."""
        found = self.find(name, **labels)
        return sum(one.value for one in found) if found else None

    def highest(self, name: str, **labels: str) -> float | None:
        """Return the largest of those values, or None when there is none."""
        return max((one.value for one in self.find(name, **labels)), default=None)

    def lowest(self, name: str, **labels: str) -> float | None:
        """Return the smallest of those values, or None when there is none."""
        return min((one.value for one in self.find(name, **labels)), default=None)
