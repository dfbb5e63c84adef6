"""`make chaos`: break it a hundred times, count, measure recovery, and write the table into docs/reliability.md and the README."""

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
from tests.chaos.run import Outcome, carry_out
from tests.chaos.stock.system import Stock
from tests.chaos.system import EssayCoach, new_key
from tests.support.vendor import FakeVendor

ROOT = Path(__file__).resolve().parent.parent.parent
REPORT = ROOT / "docs" / "reliability.md"
README = ROOT / "README.md"
LEASE_SECONDS = 12.0
RECOVERY_BAR_SECONDS = 20.0


def main() -> int:
    """Run everything that was asked for and return 0 when nothing was lost or doubled and nobody complained."""
    parser = argparse.ArgumentParser(prog="python -m chaos", description=__doc__)
    parser.add_argument("--rounds", type=int, default=4, help="how often each fault is made (default: 4)")
    parser.add_argument(
        "--per-second", type=float, default=3.0, help="pieces handed in a second meanwhile (default: 3)"
    )
    parser.add_argument(
        "--trials", type=int, default=30, help="kills of a worker whose recovery is measured (default: 30)"
    )
    parser.add_argument("--only", default="", help="faults to make, such as F01,F12 (default: all)")
    parser.add_argument("--seed", type=int, default=1, help="order of the faults in the later rounds")
    parser.add_argument("--no-stock", action="store_true", help="leave stock Dramatiq out")
    parser.add_argument("--write", action="store_true", help="write the table into docs/reliability.md and the README")
    chosen = parser.parse_args()
    wanted = [one for one in FAULTS if not chosen.only or one.id in chosen.only.split(",")]
    say(f"EssayCoach: {len(wanted)} kinds of faults, {chosen.rounds} rounds, lease {LEASE_SECONDS:.0f} s")
    with ExitStack() as stack:
        disk = small_disk(stack)
        vendor = stack.enter_context(FakeVendor())
        town = EssayCoach(vendor, lease_seconds=LEASE_SECONDS, pause_seconds=10, on_disk=disk.path if disk else None)
        stack.enter_context(town)
        ours = carry_out(
            town, vendor, wanted, rounds=chosen.rounds, per_second=chosen.per_second, patience_seconds=150,
            last_patience_seconds=60, thorough=True, disk=disk.filling if disk else None, seed=chosen.seed, tell=say,
        )  # fmt: skip
        say(summary(ours))
        recoveries = measure_recovery(town, vendor, trials=chosen.trials, tell=say)
    stock = None if chosen.no_stock else run_stock(wanted_ids={one.id for one in wanted}, chosen=chosen)
    table = report(ours, stock, recoveries, command=f"make chaos (seed {chosen.seed})")
    print(table)
    if chosen.write:
        write(REPORT, "table", table)
        write(README, "faults", headline(ours, stock))
    for complaint in ours.complaints:
        say(f"! {complaint}")
    slow = max(recoveries, default=0.0) > RECOVERY_BAR_SECONDS
    return int(bool(ours.lost or ours.doubled or ours.complaints or slow or ours.repeated_share > 0.05))


def run_stock(*, wanted_ids: set[str], chosen: argparse.Namespace) -> Outcome:
    """The same sequence of faults, those that apply, made to stock Dramatiq."""
    applying = [one for one in FAULTS if one.stock and one.id in wanted_ids]
    say(f"stock Dramatiq: the {len(applying)} kinds that apply to it, {chosen.rounds} rounds")
    with FakeVendor() as vendor, Stock(vendor) as stock:
        outcome = carry_out(
            stock, vendor, applying, rounds=chosen.rounds, per_second=chosen.per_second, patience_seconds=5,
            last_patience_seconds=150, thorough=True, seed=chosen.seed, tell=say,
        )  # fmt: skip
    say(summary(outcome))
    return outcome


def measure_recovery(
    town: EssayCoach, vendor: FakeVendor, *, trials: int, tell: Callable[[str], None] = lambda _: None
) -> list[float]:
    """Return, for each of so many kills of a worker with calls under way, the seconds until the last of them was final."""
    seconds: list[float] = []
    vendor.set_latency(1.0)
    for number in range(trials):
        before = vendor.counters()["calls"]
        keys = [new_key() for _ in range(4)]
        accepted = {key: str(town.hand_in(key, text=f"Phones buzz. Piece {key}.").submission) for key in keys}
        while vendor.counters()["calls"] < before + 12:
            time.sleep(0.01)
        town.kill("worker")
        killed = time.time()
        while town.count(accepted).open:
            time.sleep(0.1)
        seconds.append(max(town.count(accepted).seconds_to_final.values()) - killed)
        tell(f"  kill {number + 1}/{trials}: all final after {seconds[-1]:.1f} s")
    return seconds


def summary(outcome: Outcome) -> str:
    """Return the run in a line."""
    return (
        f"{outcome.name}: {outcome.faults} faults, {outcome.submissions} submissions in {outcome.seconds / 60:.0f} min, "
        f"lost {outcome.lost}, doubled {outcome.doubled}, repeated AI calls {100 * outcome.repeated_share:.1f} %"
    )


def survived(outcome: Outcome) -> tuple[int, int]:
    """Return how many faults cost nothing, of how many."""
    made = [one for one in outcome.tallies.values() if one.times]
    clean = sum(one.times for one in made if not one.lost and not one.doubled)
    return clean, sum(one.times for one in made)


def headline(ours: Outcome, stock: Outcome | None) -> str:
    """Return the README's line."""
    clean, made = survived(ours)
    line = f"**Faults survived {clean} of {made}, lost {ours.lost}, doubled {ours.doubled}** ({ours.submissions:,} submissions; `make chaos`)."
    if stock is None:
        return line
    # Kinds, not times: once stock Dramatiq has lost a job it stays lost while the next faults are made.
    return (
        f"{line} Stock Dramatiq with `Retries` and `group`, under the {len(stock.tallies)} kinds that apply to it, same harness:\n"
        f"lost {stock.lost} of {stock.submissions:,} submissions, doubled {stock.doubled} results."
    )


def report(ours: Outcome, stock: Outcome | None, recoveries: list[float], *, command: str) -> str:
    """Return the table and what goes with it, in Markdown."""
    lines = [
        (
            f"`{command}` on {platform.system()} with Python {platform.python_version()}, two cores, lease {LEASE_SECONDS:.0f} s, "
            f"{time.strftime('%Y-%m-%d', time.gmtime())}, commit {_commit()}."
        ),
        "",
        f"- {summary(ours)}.",
        *([f"- {summary(stock)} (what does not apply to it was left out)."] if stock else []),
        "",
        "| fault | times | submissions | lost | doubled | without a result | slowest recovery | repeated AI calls | stock: lost, doubled, without a result |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for one in ours.tallies.values():
        beside = stock.tallies.get(one.fault.id) if stock else None
        said = (
            f"{beside.lost} of {beside.submissions}, {beside.doubled}, {beside.given_up}"
            if beside
            else "does not apply"
            if stock
            else ""
        )
        if one.skipped:
            lines.append(f"| {one.fault.id} {one.fault.title} | skipped: {one.skipped} | | | | | | | {said} |")
        else:
            lines.append(
                f"| {one.fault.id} {one.fault.title} | {one.times} | {one.submissions} | {one.lost} | {one.doubled} | {one.given_up} "
                f"| {one.slowest_seconds:.1f} s | {one.repeated} of {one.needed} | {said} |"
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


def write(path: Path, name: str, text: str) -> None:
    """The part of a document between its two markers is this text."""
    document = path.read_text(encoding="utf-8")
    pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
    assert pattern.search(document), f"{path.name} has no place for {name}"
    path.write_text(pattern.sub(lambda found: f"{found[1]}{text}\n{found[2]}", document), encoding="utf-8")


def say(line: str) -> None:
    """Show progress at once."""
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
