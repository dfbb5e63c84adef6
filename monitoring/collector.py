"""Answer scrapes: run every probe under a time limit, report those that did not answer as down, and serve the rest on time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from models.log import logger

# Prometheus waits ten seconds by default. A scrape that hangs would look as if the monitor were down.
SCRAPE_SECONDS = 3.0

log = logger(__name__)


@dataclass(frozen=True, kw_only=True)
class Probe:
    """A named function that returns metrics. Any error that `read` raises marks the probe as down."""

    name: str
    read: Callable[[], list[Metric]]


@dataclass(frozen=True, kw_only=True)
class ProbeGroup:
    """Probes that run one after the other. While the first one fails, the others are not tried.

    `up` is the name of a metric that is 1 when the first one answered.
    """

    probes: Sequence[Probe]
    up: str | None = None


@dataclass
class _ProbeResult:
    families: list[Metric] = field(default_factory=list)
    seconds: float = 0.0
    error: str | None = None


class _GroupRun:
    """One run of a probe group in a thread of its own. A probe that hangs delays the scrape until its time limit, no longer."""

    def __init__(self, group: ProbeGroup, *, deadline: float) -> None:
        self.group = group
        self.results: dict[str, _ProbeResult] = {}
        self.deadline = deadline
        self.thread = threading.Thread(target=self._run_probes, name=f"probe-{group.probes[0].name}", daemon=True)
        self.thread.start()

    def _run_probes(self) -> None:
        for number, probe in enumerate(self.group.probes):
            started = time.monotonic()
            if started >= self.deadline:
                return
            result = _ProbeResult()
            try:
                result.families = probe.read()
            except Exception as error:  # noqa: BLE001 - whatever fails, the metric that reports it must be served
                result.error = type(error).__name__
            result.seconds = time.monotonic() - started
            self.results[probe.name] = result
            if number == 0 and result.error:
                return


class EssayCoachCollector(Collector):
    """The collector that answers scrapes. One scrape runs at a time; requests that come meanwhile share its result."""

    def __init__(self, groups: Sequence[ProbeGroup], *, scrape_seconds: float = SCRAPE_SECONDS) -> None:
        self._groups = groups
        self._scrape_seconds = scrape_seconds
        self._scrape_lock = threading.Lock()
        self._scraped_at = 0.0
        self._families: list[Metric] = []
        self._runs: dict[int, _GroupRun] = {}
        self._down: set[str] = set()

    def describe(self) -> list[Metric]:
        """Return an empty list, so that registering the collector runs no probe."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield every family within the time limit of a scrape."""
        requested_at = time.monotonic()
        with self._scrape_lock:
            if self._scraped_at < requested_at:
                self._families = self._scrape()
                self._scraped_at = time.monotonic()
            families = self._families
        yield from families

    def _scrape(self) -> list[Metric]:
        deadline = time.monotonic() + self._scrape_seconds
        for number, group in enumerate(self._groups):
            previous = self._runs.get(number)
            # A group that still hangs from an earlier scrape is not started again, so that hung threads do not pile up.
            if previous is None or not previous.thread.is_alive():
                self._runs[number] = _GroupRun(group, deadline=deadline)
        up = GaugeMetricFamily("essaycoach_probe_up", "1 when the probe answered in time.", labels=["probe"])
        seconds = GaugeMetricFamily("essaycoach_probe_seconds", "Time the probe took; 0: not tried.", labels=["probe"])
        families: list[Metric] = [up, seconds]
        for number, group in enumerate(self._groups):
            run = self._runs[number]
            run.thread.join(max(0.0, deadline - time.monotonic()))
            hangs_from_earlier_scrape = run.thread.is_alive() and run.deadline != deadline
            results = {} if hangs_from_earlier_scrape else dict(run.results)
            for probe in group.probes:
                result = results.get(probe.name, _ProbeResult(error="no answer"))
                self._log_change(probe.name, error=result.error)
                up.add_metric([probe.name], 0 if result.error else 1)
                seconds.add_metric([probe.name], result.seconds)
                families += result.families
            if group.up:
                first = results.get(group.probes[0].name)
                answered = first is not None and first.error is None
                families.append(GaugeMetricFamily(group.up, "1 when the server answered.", value=int(answered)))
        return families

    def _log_change(self, name: str, *, error: str | None) -> None:
        """Log once when a probe goes down, and once when it is back."""
        if error and name not in self._down:
            self._down.add(name)
            log.warning("probe is down", probe=name, reason=error)
        elif not error and name in self._down:
            self._down.discard(name)
            log.info("probe is back", probe=name)
