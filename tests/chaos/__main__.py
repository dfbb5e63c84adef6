"""Break the running system a hundred times, count what was lost or doubled, and measure the recovery: `make chaos`."""

from __future__ import annotations

import argparse
import platform
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from tests.chaos.disk import small_disk
from tests.chaos.faults import FAULTS
from tests.chaos.run import Outcome, run_faults
from tests.chaos.stock.system import StockDramatiq
from tests.chaos.system import EssayCoach, new_key
from tests.support.vendor import FakeVendor

ROOT = Path(__file__).resolve().parent.parent.parent
REPORT = ROOT / "docs" / "reliability.md"
LEASE_SECONDS = 12.0
RECOVERY_BAR_SECONDS = 20.0


def main() -> int:
    """Run the chosen faults; return 0 when nothing was lost or doubled and no promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--rounds", type=int, default=4, help="how often each fault is made (default: 4)")
    parser.add_argument(
        "--per-second", type=float, default=3.0, help="essays handed in a second meanwhile (default: 3)"
    )
    parser.add_argument(
        "--trials", type=int, default=30, help="kills of a worker whose recovery is measured (default: 30)"
    )
    parser.add_argument("--only", default="", help="faults to make, such as F01,F12 (default: all)")
    parser.add_argument("--seed", type=int, default=1, help="order of the faults in the later rounds")
    parser.add_argument("--no-stock", action="store_true", help="leave stock Dramatiq out")
    parser.add_argument("--write", action="store_true", help="write the table into docs/reliability.md")
    chosen = parser.parse_args()
    faults = [one for one in FAULTS if not chosen.only or one.id in chosen.only.split(",")]
    progress(f"EssayCoach: {len(faults)} kinds of faults, {chosen.rounds} rounds, lease {LEASE_SECONDS:.0f} s")
    with ExitStack() as stack:
        small = small_disk(stack)
        vendor = stack.enter_context(FakeVendor())
        system = EssayCoach(
            vendor, lease_seconds=LEASE_SECONDS, pause_seconds=10, on_disk=small.path if small else None
        )
        stack.enter_context(system)
        essaycoach = run_faults(
            system, vendor, faults, rounds=chosen.rounds, per_second=chosen.per_second, timeout_seconds=150,
            final_timeout_seconds=60, thorough=True, disk=small.disk if small else None, seed=chosen.seed, log=progress,
        )  # fmt: skip
        progress(summary(essaycoach))
        recoveries = measure_recovery(system, vendor, kills=chosen.trials, log=progress)
    stock = None if chosen.no_stock else run_stock(wanted_ids={one.id for one in faults}, chosen=chosen)
    table = report(essaycoach, stock, recoveries, command=f"make chaos (seed {chosen.seed})")
    print(table)
    if chosen.write:
        write(table)
    for violation in essaycoach.violations:
        progress(f"! {violation}")
    slow = max(recoveries, default=0.0) > RECOVERY_BAR_SECONDS
    failed = essaycoach.lost or essaycoach.doubled or essaycoach.violations or essaycoach.repeated_share > 0.05
    return int(bool(failed or slow))


def run_stock(*, wanted_ids: set[str], chosen: argparse.Namespace) -> Outcome:
    """Inject the same sequence of faults into stock Dramatiq, as far as they apply."""
    faults = [one for one in FAULTS if one.stock and one.id in wanted_ids]
    progress(f"stock Dramatiq: the {len(faults)} kinds that apply to it, {chosen.rounds} rounds")
    with FakeVendor() as vendor, StockDramatiq(vendor) as stock:
        outcome = run_faults(
            stock, vendor, faults, rounds=chosen.rounds, per_second=chosen.per_second, timeout_seconds=5,
            final_timeout_seconds=150, thorough=True, seed=chosen.seed, log=progress,
        )  # fmt: skip
    progress(summary(outcome))
    return outcome


def measure_recovery(
    system: EssayCoach, vendor: FakeVendor, *, kills: int, log: Callable[[str], None] = lambda _: None
) -> list[float]:
    """Kill a worker with running calls so many times; return the seconds from each kill until the last submission was final."""
    seconds: list[float] = []
    vendor.set_latency(1.0)
    for number in range(kills):
        before = vendor.counters()["calls"]
        keys = [new_key() for _ in range(4)]
        accepted = {key: str(system.hand_in(key, text=f"Phones buzz. Piece {key}.").submission) for key in keys}
        while vendor.counters()["calls"] < before + 12:
            time.sleep(0.01)
        system.kill("worker")
        killed_at = time.time()
        while system.count(accepted).open:
            time.sleep(0.1)
        seconds.append(max(system.count(accepted).seconds_to_final.values()) - killed_at)
        log(f"  kill {number + 1}/{kills}: all final after {seconds[-1]:.1f} s")
    return seconds


def summary(outcome: Outcome) -> str:
    """Return the run in one line."""
    return (
        f"{outcome.name}: {outcome.faults} faults, {outcome.submissions} submissions in {outcome.seconds / 60:.0f} min, "
        f"lost {outcome.lost}, doubled {outcome.doubled}, repeated AI calls {100 * outcome.repeated_share:.1f} %"
    )


def report(essaycoach: Outcome, stock: Outcome | None, recoveries: list[float], *, command: str) -> str:
    """Return the table, the summaries above it and the recovery times below it, in Markdown."""
    lines = [
        (
            f"`{command}` on {platform.system()} with Python {platform.python_version()}, two cores, lease {LEASE_SECONDS:.0f} s, "
            f"{time.strftime('%Y-%m-%d', time.gmtime())}, commit {_commit()}."
        ),
        "",
        f"- {summary(essaycoach)}.",
        *([f"- {summary(stock)} (what does not apply to it was left out)."] if stock else []),
        "",
        "| fault | times | submissions | lost | doubled | without a result | slowest recovery | repeated AI calls | stock: lost, doubled, without a result |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for one in essaycoach.tallies.values():
        same_fault = stock.tallies.get(one.fault.id) if stock else None
        stock_cell = (
            f"{same_fault.lost} of {same_fault.submissions}, {same_fault.doubled}, {same_fault.without_result}"
            if same_fault
            else "does not apply"
            if stock
            else ""
        )
        if one.skipped:
            lines.append(f"| {one.fault.id} {one.fault.title} | skipped: {one.skipped} | | | | | | | {stock_cell} |")
        else:
            lines.append(
                f"| {one.fault.id} {one.fault.title} | {one.times} | {one.submissions} | {one.lost} | {one.doubled} | {one.without_result} "
                f"| {one.slowest_seconds:.1f} s | {one.repeated} of {one.needed} | {stock_cell} |"
            )
    if recoveries:
        ordered = sorted(recoveries)
        lines += [
            "",
            (
                f"Recovery after `kill -9` of the worker with twelve calls under way, {len(ordered)} trials, until the last submission was "
                f"final: median {statistics.median(ordered):.1f} s, slowest {ordered[-1]:.1f} s, fastest {ordered[0]:.1f} s."
            ),
            "",
            "```",
            *_histogram(ordered),
            "```",
        ]
    return "\n".join(lines)


def write(table: str) -> None:
    """Replace the text between the markers of docs/reliability.md."""
    document = REPORT.read_text(encoding="utf-8")
    pattern = re.compile(r"(<!-- table -->\n).*?(<!-- /table -->)", re.DOTALL)
    assert pattern.search(document), f"{REPORT.name} has no place for table"
    REPORT.write_text(pattern.sub(lambda found: f"{found[1]}{table}\n{found[2]}", document), encoding="utf-8")


def progress(line: str) -> None:
    """Print a line of progress at once, to standard error."""
    print(line, file=sys.stderr, flush=True)


def _histogram(ordered: list[float]) -> list[str]:
    counts: dict[int, int] = {}
    for seconds in ordered:
        counts[int(seconds)] = counts.get(int(seconds), 0) + 1
    return [f"{second:3d} s  {'#' * counts.get(second, 0)}" for second in range(int(ordered[0]), int(ordered[-1]) + 1)]


def _commit() -> str:
    done = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return done.stdout.strip() or "unknown"


if __name__ == "__main__":
    sys.exit(main())
