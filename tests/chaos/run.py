"""One run: faults one after the other under a steady load, then what the database says of everything that was accepted."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from tests.chaos.faults import Disk, Fault, Skipped, Stage
from tests.chaos.lms import COME_BACK, Lms
from tests.chaos.system import new_key
from tests.support.vendor import FakeVendor


@dataclass
class Tally:
    """What became of one kind of fault, over all the times it was made."""

    fault: Fault
    times: int = 0
    accepted: dict[str, str] = field(default_factory=dict)
    lost: int = 0
    doubled: int = 0
    given_up: int = 0
    slowest_seconds: float = 0.0
    calls: int = 0
    needed: int = 0
    complaints: list[str] = field(default_factory=list)
    skipped: str = ""

    @property
    def submissions(self) -> int:
        """Return how many pieces were accepted while it was made."""
        return len(self.accepted)

    @property
    def repeated(self) -> int:
        """Return how many calls were answered well beyond one for each pass that is done."""
        return max(0, self.calls - self.needed)


@dataclass
class Outcome:
    """What one subject made of a whole run."""

    name: str
    tallies: dict[str, Tally]
    submissions: int
    lost: int
    doubled: int
    seconds: float

    @property
    def faults(self) -> int:
        """Return how many faults were made."""
        return sum(one.times for one in self.tallies.values())

    @property
    def repeated_share(self) -> float:
        """Return repeated calls as a share of those needed."""
        needed = sum(one.needed for one in self.tallies.values())
        return sum(one.repeated for one in self.tallies.values()) / needed if needed else 0.0

    @property
    def complaints(self) -> list[str]:
        """Return everything that was not as promised."""
        return [complaint for one in self.tallies.values() for complaint in one.complaints]


def carry_out(
    subject: Any,
    vendor: FakeVendor,
    faults: Sequence[Fault],
    *,
    rounds: int,
    per_second: float,
    patience_seconds: float,
    last_patience_seconds: float,
    thorough: bool,
    disk: Disk | None = None,
    seed: int = 1,
    tell: Callable[[str], None] = lambda _: None,
) -> Outcome:
    """Make every fault once a round, in a new order each round; return what the database says at the end."""
    tallies = {one.id: Tally(one) for one in faults}
    order = random.Random(seed)
    lms = Lms(subject, new_key=new_key)
    stage = Stage(subject=subject, lms=lms, vendor=vendor, thorough=thorough, disk=disk)
    began = time.monotonic()
    vendor.set_latency(0.2)
    try:
        for number in range(rounds):
            stage.thorough = thorough and number == 0
            for fault in order.sample(list(faults), len(faults)) if number else faults:
                tally = tallies[fault.id]
                if not tally.skipped:
                    before = set(lms.accepted)
                    _make(stage, tally, before, per_second=per_second, patience_seconds=patience_seconds)
                tell(_line(tally, number + 1, rounds))
        deadline = time.monotonic() + last_patience_seconds
        while (count := subject.count(lms.accepted)).open and time.monotonic() < deadline:
            time.sleep(0.5)
        # What was slow may have come in meanwhile, and what was lost shows only now.
        for tally in tallies.values():
            last = subject.count(tally.accepted)
            tally.lost, tally.doubled, tally.given_up = last.lost + last.open, last.doubled, last.given_up
            if tally.given_up > tally.fault.may_give_up * tally.times:
                tally.complaints.append(
                    f"{tally.fault.id}: {tally.given_up} submissions ended without all three results"
                )
    finally:
        lms.close()
    return Outcome(
        name=subject.name,
        tallies=tallies,
        submissions=len(lms.accepted),
        lost=count.lost + count.open,
        doubled=count.doubled,
        seconds=time.monotonic() - began,
    )


def _make(stage: Stage, tally: Tally, before: set[str], *, per_second: float, patience_seconds: float) -> None:
    """Make one fault and wait until all that was accepted by its end is final, or patience ends."""
    subject, lms, vendor, fault = stage.subject, stage.lms, stage.vendor, tally.fault
    lms.forget_answers()
    calls_before = _answered_well(vendor)
    lms.go_steadily(per_second=per_second)
    try:
        fault.inject(stage)
    except Skipped as reason:
        tally.skipped = str(reason)
    except (AssertionError, TimeoutError) as complaint:
        tally.complaints.append(f"{fault.id}: {complaint}")
    finally:
        _heal(stage)
    healed = time.time()
    lms.rest()
    if tally.skipped:
        return
    deadline = time.monotonic() + patience_seconds
    while (count := subject.count(lms.accepted)).open and time.monotonic() < deadline:
        time.sleep(0.25)
    mine = {key: submission for key, submission in lms.accepted.items() if key not in before}
    here = subject.count(mine)
    tally.times += 1
    tally.accepted |= mine
    tally.lost += here.lost + here.open
    tally.doubled += here.doubled
    tally.needed += here.passes_done
    tally.calls += _answered_well(vendor) - calls_before
    ended = [at for submission, at in here.seconds_to_final.items()]
    tally.slowest_seconds = max([tally.slowest_seconds, *(at - healed for at in ended)])
    if count.open:
        tally.complaints.append(f"{fault.id}: {count.open} not final {patience_seconds:.0f} s after the fault was over")
    allowed = {202, *(COME_BACK if fault.may_refuse else ())}
    for status, times in lms.statuses.items():
        if status not in allowed:
            tally.complaints.append(f"{fault.id}: {times} attempts to hand in were answered {status or 'not at all'}")


def _heal(stage: Stage) -> None:
    """Whatever the fault did, or left half done when it failed, is over."""
    for wire in stage.subject.proxies.values():
        wire.pass_on()
    stage.vendor.forget_script()
    stage.vendor.set_latency(0.2)
    for name in ("postgres", "redis", "web", "worker"):
        with suppress(AssertionError, TimeoutError):
            stage.subject.wait_until_up(name)


def _answered_well(vendor: FakeVendor) -> int:
    return int(vendor.counters()["behaviours"].get("ok", 0))


def _line(tally: Tally, number: int, rounds: int) -> str:
    fault = tally.fault
    if tally.skipped:
        return f"  round {number}/{rounds}  {fault.id} {fault.title}: skipped ({tally.skipped})"
    return (
        f"  round {number}/{rounds}  {fault.id} {fault.title}: {tally.submissions} submissions, lost {tally.lost}, doubled {tally.doubled}, "
        f"slowest {tally.slowest_seconds:.1f} s, repeated {tally.repeated} of {tally.needed} calls"
        + "".join(f"\n    ! {complaint}" for complaint in tally.complaints)
    )
