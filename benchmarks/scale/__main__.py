"""Fill a database with two years of work of many schools, and measure it: `python -m benchmarks.scale fill`, then `measure`."""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import report
from benchmarks.__main__ import BENCHMARKS
from benchmarks.scale import measure as measuring
from benchmarks.scale.fill import AlreadyFilled, fill, read_filled, size_of

SMALL = {"submissions": 20_000, "comments": 200_000, "schools": 20}
FULL = {"submissions": 1_000_000, "comments": 10_000_000, "schools": 1000}
# The section stands after those of `python -m benchmarks`.
ORDER = [*BENCHMARKS, "scale"]
DATA_DIR = report.ROOT / "build" / "scale"


def main() -> int:
    """Fill or measure, and return the exit code: 1 when a bar was not reached."""
    chosen = _parser().parse_args()
    return int(chosen.run(chosen))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=__doc__)
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument(
        "--data-dir", type=Path, default=DATA_DIR, help="the directory of the filled machine (default: build/scale)"
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    fill_parser = commands.add_parser("fill", parents=[shared], help="fill a new directory; about 15 GB and 20 minutes")
    for name, amount in FULL.items():
        fill_parser.add_argument(f"--{name}", type=int, help=f"how many {name} (default: {amount:,})")
    fill_parser.add_argument("--seed", type=int, default=1, help="the same seed makes the same work (default: 1)")
    fill_parser.add_argument("--small", action="store_true", help="20,000 submissions of 20 schools, for a quick run")
    fill_parser.set_defaults(run=_fill)
    measure_parser = commands.add_parser(
        "measure", parents=[shared], help="measure a filled directory beside an almost empty one"
    )
    measure_parser.add_argument("--small", action="store_true", help="fewer requests and small backlogs")
    measure_parser.add_argument("--write", action="store_true", help="also write the section of docs/benchmarks.md")
    measure_parser.set_defaults(run=_measure)
    return parser


def _fill(chosen: argparse.Namespace) -> int:
    wanted = SMALL if chosen.small else FULL
    numbers = {name: getattr(chosen, name) or amount for name, amount in wanted.items()}
    try:
        filled = fill(chosen.data_dir, size_of(**numbers, seed=chosen.seed))
    except AlreadyFilled as error:
        sys.stderr.write(f"benchmarks.scale: {error}\n")
        return 2
    print(f"{filled.submissions:,} submissions, {filled.comments:,} comments: {filled.seconds:,.0f} s")
    return 0


def _measure(chosen: argparse.Namespace) -> int:
    environment = report.describe_environment()
    try:
        figures = measuring.measure(chosen.data_dir, measuring.SMALL if chosen.small else measuring.FULL)
    except measuring.NotFilled as error:
        sys.stderr.write(f"benchmarks.scale: {error}\n")
        return 2
    print(f"\n{report.table(figures)}")
    if chosen.write:
        report.write(_section(chosen.data_dir, figures, environment), order=ORDER)
    return 0 if all(one.reached for one in figures) else 1


def _section(data_dir: Path, figures: list[report.Figure], environment: report.Environment) -> report.Section:
    filled = read_filled(data_dir)
    assert filled is not None
    return report.Section(
        name="scale",
        title="On a filled database",
        description=(
            f"{filled.submissions:,} submissions with {filled.comments:,} comments of {filled.schools:,} schools in 24 months, filled in "
            f"{filled.seconds / 60:.0f} minutes, and behind three backlogs more: medians of single requests, sent in turn to this machine "
            "and to one with 200 submissions, both without worker and clock. A duty is carried out by hand; its figures are those of the "
            "filled database and behind each backlog."
        ),
        command="python -m benchmarks.scale fill\npython -m benchmarks.scale measure",
        figures=figures,
        commit=environment.commit,
        date=f"{datetime.now(UTC):%Y-%m-%d}",
        machine=environment.machine,
    )


if __name__ == "__main__":
    sys.exit(main())
