"""Provoke one fault after the other, and measure when each alert fires, who is told, and when it resolves."""

from __future__ import annotations

import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.alert_drill.fault import LOAD_PER_SECOND, Drill, Fault
from tests.alert_drill.rules import metrics_of, read_rules
from tests.alert_drill.stack import running_stack
from tests.alert_drill.store_faults import record_upkeep
from tests.alert_drill.watch import Watch
from tests.chaos.lms import Lms
from tests.chaos.system import EssayCoach, new_key
from tests.support.vendor import FakeVendor

LEASE_SECONDS = 4.0
PAUSE_SECONDS = 10.0
WARM_UP_SECONDS = 20.0
SETTINGS = {
    "ESSAYCOACH_PROVIDER_TIMEOUT_SECONDS": "40", "ESSAYCOACH_MESSAGE_LIMIT_SECONDS": "90", "ESSAYCOACH_GRAMMAR_MIX": "off",
    "ESSAYCOACH_PASSWORD_ROUNDS": "1000", "WORKER_THREADS": "32",
}  # fmt: skip


@dataclass(frozen=True)
class Row:
    """What one alert did for one fault, in seconds from the beginning of the fault (`resolved`: from the mend)."""

    alert: str
    fault: Fault
    fired: float | None = None
    notified: float | None = None
    receiver: str = ""
    silenced_by: tuple[str, ...] = ()
    resolved: float | None = None

    @property
    def complete(self) -> bool:
        """Return whether the alert fired, somebody was told or another alert said it already, and it resolved."""
        return None not in (self.fired, self.resolved) and (self.notified is not None or bool(self.silenced_by))


@dataclass
class Result:
    """The result of a drill."""

    rows: list[Row] = field(default_factory=list)
    followed: dict[str, list[str]] = field(
        default_factory=dict
    )  # by fault: alerts that fired too, with what silenced them
    early: set[str] = field(default_factory=set)
    quiet_seconds: float = 0.0
    seconds: float = 0.0
    missing: dict[str, set[str]] = field(default_factory=dict)  # by alert: metrics that the monitor does not serve
    errors: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Return whether no alert was early, and each that was provoked fired, was told and resolved."""
        return not self.early and not self.errors and all(row.complete for row in self.rows)


def run_drill(
    faults: Sequence[Fault],
    *,
    quiet_seconds: float,
    warm_up_seconds: float = WARM_UP_SECONDS,
    log: Callable[[str], None] = lambda _: None,
) -> Result:
    """Start everything, wait a quiet minute, and provoke each fault."""
    result, started = Result(quiet_seconds=quiet_seconds), time.monotonic()
    with _running_drill(result, warm_up_seconds, log) as (drill, watch):
        log(f"quiet for {quiet_seconds:.0f} s under a light load")
        watch.reset()
        time.sleep(quiet_seconds)
        result.early = set(watch.courses())
        log(f"quiet: {', '.join(sorted(result.early)) or 'no alert'} fired")
        for number, fault in enumerate(faults, start=1):
            alerts = [alert for alert in fault.alerts if alert not in result.missing]
            if not alerts:
                log(f"  {number}/{len(faults)} {fault.name}: left out, the monitor does not serve its metrics")
                continue
            _provoke(drill, watch, fault, alerts, result)
            log(f"  {number}/{len(faults)} {fault.name}: {_summary(result, fault)}")
    result.seconds = time.monotonic() - started
    return result


def missing_metrics(metrics_url: str) -> dict[str, set[str]]:
    """Return by alert the metrics that the monitor does not serve. Such an alert cannot be provoked."""
    with urllib.request.urlopen(metrics_url, timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    served = {line.split("{")[0].split(" ")[0] for line in lines if line[:1] != "#"}
    # A metric without a sample, such as that of replication slots on a server that has none.
    served |= {line.split(" ")[2] for line in lines if line.startswith("# TYPE ")}
    wanted = {rule["alert"]: metrics_of(rule["expr"]) for rule in read_rules()}
    return {alert: names - served for alert, names in wanted.items() if names - served}


def _provoke(drill: Drill, watch: Watch, fault: Fault, alerts: list[str], result: Result) -> None:
    """Provoke a fault, wait for its alerts, mend it, and wait until no alert fires."""
    watch.reset()
    began = time.monotonic()
    # A fault that cannot be made, or does not mend, must not end the drill.
    try:
        with fault.provoke(drill):
            watch.wait_until_settled(alerts, since=began, within_seconds=fault.fires_within)
    except Exception as error:
        result.errors.append(f"{fault.name}: {type(error).__name__}: {str(error).strip().splitlines()[:1]}")
    mended = time.monotonic()
    watch.wait_until_quiet(within_seconds=fault.resolves_within)
    courses = watch.courses()
    for alert in alerts:
        course = courses.get(alert)
        notified = watch.notified_at(alert, status="firing", since=began)
        result.rows.append(
            Row(
                alert, fault,
                fired=course.fired_at - began if course else None,
                notified=notified[0] - began if notified else None,
                receiver=notified[1] if notified else "",
                silenced_by=tuple(sorted(course.silenced_by)) if course else (),
                resolved=max(0.0, course.resolved_at - mended) if course and course.resolved_at else None,
            )
        )  # fmt: skip
    result.followed[fault.name] = [
        f"{alert} (silenced by {', '.join(sorted(course.silenced_by))})" if course.silenced_by else alert
        for alert, course in sorted(courses.items())
        if alert not in alerts
    ]


@contextmanager
def _running_drill(result: Result, warm_up_seconds: float, log: Callable[[str], None]) -> Iterator[tuple[Drill, Watch]]:
    with tempfile.TemporaryDirectory(prefix="essaycoach-drill-") as folder, FakeVendor() as vendor:
        system = EssayCoach(vendor, lease_seconds=LEASE_SECONDS, pause_seconds=PAUSE_SECONDS, settings=SETTINGS)
        log("starting PostgreSQL, Redis and every program")
        with system:
            lms = Lms(system, new_key=new_key)
            drill = Drill(system=system, lms=lms, vendor=vendor)
            machine = system.machine
            # On one machine the monitor serves the counts of web too.
            targets = {"essaycoach": f"127.0.0.1:{machine.metrics_port}"}
            record_upkeep(drill)
            vendor.set_latency(0.1)
            lms.start_load(per_second=LOAD_PER_SECOND)
            try:
                log("starting Prometheus and Alertmanager")
                time.sleep(warm_up_seconds)  # the first essays of a machine are slower than any after them
                # An alert for the absence of a metric that nothing serves would never resolve.
                result.missing = missing_metrics(f"http://{targets['essaycoach']}/metrics")
                with (
                    running_stack(Path(folder), targets=targets) as stack,
                    Watch(stack, ignored=result.missing) as watch,
                ):
                    # What fired before the first scrape ends now.
                    watch.wait_until_quiet(within_seconds=20)
                    yield drill, watch
            finally:
                with suppress(Exception):
                    lms.stop_load()
                lms.close()


def _summary(result: Result, fault: Fault) -> str:
    """Return what happened with one fault, in one line."""
    parts = []
    for row in result.rows:
        if row.fault is fault:
            fired = "did not fire" if row.fired is None else f"fired after {row.fired:.0f} s"
            resolved = "did not resolve" if row.resolved is None else f"resolved after {row.resolved:.0f} s"
            parts.append(f"{row.alert} {fired}, {resolved}")
    followed = result.followed.get(fault.name)
    return "; ".join(parts) + (f"; followed: {', '.join(followed)}" if followed else "")
