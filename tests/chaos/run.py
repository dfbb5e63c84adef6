"""One chaos run: inject faults one after the other under a steady load, then count everything accepted in the database."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from tests.chaos.faults import USUAL_LATENCY_SECONDS, Disk, Fault, FaultContext, Skipped
from tests.chaos.lms import RETRY_STATUSES, Lms
from tests.chaos.system import new_key
from tests.support.vendor import FakeVendor


@dataclass
class Tally:
    """The results of one kind of fault over all the times it was injected."""

    fault: Fault
    times: int = 0
    accepted: dict[str, str] = field(default_factory=dict)
    lost: int = 0
    doubled: int = 0
    without_result: int = 0
    slowest_seconds: float = 0.0
    calls: int = 0
    needed: int = 0
    violations: list[str] = field(default_factory=list)
    skipped: str = ""

    @property
    def submissions(self) -> int:
        """Return the number of essays that were accepted while the fault was injected."""
        return len(self.accepted)

    @property
    def repeated(self) -> int:
        """Return the number of calls with a usable answer beyond one for each pass that is done."""
        return max(0, self.calls - self.needed)


@dataclass
class Outcome:
    """The results of a whole run for one system."""

    name: str
    tallies: dict[str, Tally]
    submissions: int
    lost: int
    doubled: int
    seconds: float

    @property
    def faults(self) -> int:
        """Return the number of injected faults."""
        return sum(one.times for one in self.tallies.values())

    @property
    def repeated_share(self) -> float:
        """Return repeated calls as a share of the needed ones."""
        needed = sum(one.needed for one in self.tallies.values())
        return sum(one.repeated for one in self.tallies.values()) / needed if needed else 0.0

    @property
    def violations(self) -> list[str]:
        """Return every broken promise, one line each."""
        return [violation for one in self.tallies.values() for violation in one.violations]


def run_faults(
    system: Any,
    vendor: FakeVendor,
    faults: Sequence[Fault],
    *,
    rounds: int,
    per_second: float,
    timeout_seconds: float,
    final_timeout_seconds: float,
    thorough: bool,
    disk: Disk | None = None,
    seed: int = 1,
    log: Callable[[str], None] = lambda _: None,
) -> Outcome:
    """Inject every fault once a round, in a new order each round; return what the database holds at the end.

    After a fault the run waits at most `timeout_seconds` until every accepted submission is final, and at the very end at
    most `final_timeout_seconds`.
    """
    tallies = {one.id: Tally(one) for one in faults}
    order = random.Random(seed)
    lms = Lms(system, new_key=new_key)
    context = FaultContext(system=system, lms=lms, vendor=vendor, thorough=thorough, disk=disk)
    started = time.monotonic()
    vendor.set_latency(USUAL_LATENCY_SECONDS)
    try:
        for number in range(rounds):
            context.thorough = thorough and number == 0
            for fault in order.sample(list(faults), len(faults)) if number else faults:
                tally = tallies[fault.id]
                if not tally.skipped:
                    before = set(lms.accepted)
                    _inject(context, tally, before, per_second=per_second, timeout_seconds=timeout_seconds)
                log(_progress(tally, number + 1, rounds))
        deadline = time.monotonic() + final_timeout_seconds
        while (count := system.count(lms.accepted)).open and time.monotonic() < deadline:
            time.sleep(0.5)
        # Count again: slow submissions may have become final since, and a late loss shows only now.
        for tally in tallies.values():
            last = system.count(tally.accepted)
            tally.lost, tally.doubled, tally.without_result = last.lost + last.open, last.doubled, last.without_result
            if tally.without_result > tally.fault.max_without_result * tally.times:
                tally.violations.append(
                    f"{tally.fault.id}: {tally.without_result} submissions ended without all three results"
                )
    finally:
        lms.close()
    return Outcome(
        name=system.name,
        tallies=tallies,
        submissions=len(lms.accepted),
        lost=count.lost + count.open,
        doubled=count.doubled,
        seconds=time.monotonic() - started,
    )


def _inject(
    context: FaultContext, tally: Tally, before: set[str], *, per_second: float, timeout_seconds: float
) -> None:
    """Inject one fault, wait until everything accepted by its end is final or the time is over, and update the tally."""
    system, lms, vendor, fault = context.system, context.lms, context.vendor, tally.fault
    lms.reset_statistics()
    calls_before = _usable_answers(vendor)
    lms.start_load(per_second=per_second)
    try:
        fault.inject(context)
    except Skipped as reason:
        tally.skipped = str(reason)
    except (AssertionError, TimeoutError) as error:
        tally.violations.append(f"{fault.id}: {error}")
    finally:
        _end_fault(context)
    fault_ended_at = time.time()
    lms.stop_load()
    if tally.skipped:
        return
    deadline = time.monotonic() + timeout_seconds
    while (count := system.count(lms.accepted)).open and time.monotonic() < deadline:
        time.sleep(0.25)
    accepted = {key: submission for key, submission in lms.accepted.items() if key not in before}
    counted = system.count(accepted)
    tally.times += 1
    tally.accepted |= accepted
    tally.lost += counted.lost + counted.open
    tally.doubled += counted.doubled
    tally.needed += counted.passes_done
    tally.calls += _usable_answers(vendor) - calls_before
    recoveries = [final_at - fault_ended_at for final_at in counted.seconds_to_final.values()]
    tally.slowest_seconds = max([tally.slowest_seconds, *recoveries])
    if count.open:
        tally.violations.append(f"{fault.id}: {count.open} not final {timeout_seconds:.0f} s after the fault was over")
    allowed = {202, *(RETRY_STATUSES if fault.may_refuse else ())}
    for status, times in lms.statuses.items():
        if status not in allowed:
            tally.violations.append(f"{fault.id}: {times} attempts to hand in were answered {status or 'not at all'}")


def _end_fault(context: FaultContext) -> None:
    """End whatever the fault did, also when it failed halfway."""
    for proxy in context.system.proxies.values():
        proxy.pass_on()
    context.vendor.forget_script()
    context.vendor.set_latency(USUAL_LATENCY_SECONDS)
    for name in ("postgres", "redis", "web", "worker"):
        with suppress(AssertionError, TimeoutError):
            context.system.wait_until_up(name)


def _usable_answers(vendor: FakeVendor) -> int:
    return int(vendor.counters()["behaviours"].get("ok", 0))


def _progress(tally: Tally, number: int, rounds: int) -> str:
    fault = tally.fault
    if tally.skipped:
        return f"  round {number}/{rounds}  {fault.id} {fault.title}: skipped ({tally.skipped})"
    return (
        f"  round {number}/{rounds}  {fault.id} {fault.title}: {tally.submissions} submissions, lost {tally.lost}, doubled {tally.doubled}, "
        f"slowest {tally.slowest_seconds:.1f} s, repeated {tally.repeated} of {tally.needed} calls"
        + "".join(f"\n    ! {violation}" for violation in tally.violations)
    )
