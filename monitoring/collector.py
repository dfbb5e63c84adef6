"""Every probe runs under a limit; what did not answer is said to be down, and the rest is served on time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from models.log import logger

# Prometheus waits ten seconds by default; a scrape that hangs would look like a monitor that is down.
SCRAPE_SECONDS = 3.0

log = logger(__name__)


@dataclass(frozen=True, kw_only=True)
class Probe:
    """One question with a name. Any error it raises means that it is down."""

    name: str
    read: Callable[[], list[Metric]]


@dataclass(frozen=True, kw_only=True)
class ProbeGroup:
    """Probes that run one after the other. While the first one fails the others are not tried.

    `up` is the metric that says whether the first one answered.
    """

    probes: Sequence[Probe]
    up: str | None = None


@dataclass
class _Answer:
    families: list[Metric] = field(default_factory=list)
    seconds: float = 0.0
    error: str | None = None


class _Run:
    """One passage through a lane, in a thread of its own: one that hangs costs the scrape its limit, and no more."""

    def __init__(self, lane: ProbeGroup, *, deadline: float) -> None:
        self.lane = lane
        self.answers: dict[str, _Answer] = {}
        self.deadline = deadline
        self.thread = threading.Thread(target=self._go, name=f"probe-{lane.probes[0].name}", daemon=True)
        self.thread.start()

    def _go(self) -> None:
        for number, probe in enumerate(self.lane.probes):
            started = time.monotonic()
            if started >= self.deadline:
                return
            answer = _Answer()
            try:
                answer.families = probe.read()
            except Exception as error:  # noqa: BLE001 - this is the door: the metric that says so must be served
                answer.error = type(error).__name__
            answer.seconds = time.monotonic() - started
            self.answers[probe.name] = answer
            if number == 0 and answer.error:
                return


class EssayCoachCollector(Collector):
    """Answers scrapes. One runs at a time; whoever asked meanwhile gets the same answer."""

    def __init__(self, lanes: Sequence[ProbeGroup], *, scrape_seconds: float = SCRAPE_SECONDS) -> None:
        self._lanes = lanes
        self._limit = scrape_seconds
        self._turn = threading.Lock()
        self._answered_at = 0.0
        self._families: list[Metric] = []
        self._runs: dict[int, _Run] = {}
        self._down: set[str] = set()

    def describe(self) -> list[Metric]:
        """Return nothing: registering must not ask any server."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield every family, within the limit."""
        asked = time.monotonic()
        with self._turn:
            if self._answered_at < asked:
                self._families = self._scrape()
                self._answered_at = time.monotonic()
            families = self._families
        yield from families

    def _scrape(self) -> list[Metric]:
        deadline = time.monotonic() + self._limit
        for number, lane in enumerate(self._lanes):
            held = self._runs.get(number)
            # A lane still hanging from the last scrape is not asked again: hung threads must not pile up.
            if held is None or not held.thread.is_alive():
                self._runs[number] = _Run(lane, deadline=deadline)
        up = GaugeMetricFamily("essaycoach_probe_up", "1 when the probe answered in time.", labels=["probe"])
        seconds = GaugeMetricFamily("essaycoach_probe_seconds", "Time the probe took; 0: not tried.", labels=["probe"])
        families: list[Metric] = [up, seconds]
        for number, lane in enumerate(self._lanes):
            run = self._runs[number]
            run.thread.join(max(0.0, deadline - time.monotonic()))
            late = run.thread.is_alive() and run.deadline != deadline
            answers = {} if late else dict(run.answers)
            for probe in lane.probes:
                answer = answers.get(probe.name, _Answer(error="no answer"))
                self._note(probe.name, error=answer.error)
                up.add_metric([probe.name], 0 if answer.error else 1)
                seconds.add_metric([probe.name], answer.seconds)
                families += answer.families
            if lane.up:
                first = answers.get(lane.probes[0].name)
                answered = first is not None and first.error is None
                families.append(GaugeMetricFamily(lane.up, "1 when the server answered.", value=int(answered)))
        return families

    def _note(self, name: str, *, error: str | None) -> None:
        """A probe's fall and its return are on the log once each."""
        if error and name not in self._down:
            self._down.add(name)
            log.warning("probe is down", probe=name, reason=error)
        elif not error and name in self._down:
            self._down.discard(name)
            log.info("probe is back", probe=name)
