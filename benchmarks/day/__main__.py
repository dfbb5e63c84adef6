"""Rehearse a school district's day and write docs/rehearsal.html and docs/rehearsal.md: `python -m benchmarks.day`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from benchmarks.day import page
from benchmarks.day.rehearse import Plan, rehearse
from benchmarks.report import describe_environment

STEPS = {"start": "starting", "district": "making the district", "alerts": "starting the alerts", "day": "the day"}
SMALL = Plan(minutes=0.75, schools=6, students=120, import_essays=20, batches=False, mix=False)


def main(arguments: Sequence[str] | None = None) -> int:
    """Rehearse, write the page, print the promises, and return 0 when none is broken."""
    chosen = _parse(arguments)
    plan = SMALL if chosen.small else Plan()
    given = {name: value for name, value in vars(chosen).items() if value is not None and hasattr(plan, name)}
    plan = replace(plan, **{name: value == "on" if value in ("on", "off") else value for name, value in given.items()})
    environment = describe_environment()
    with Progress(
        TextColumn("{task.description:20}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn(), TextColumn("{task.fields[text]}"),
        console=Console(stderr=True),
    ) as progress:  # fmt: skip
        tasks = {step: progress.add_task(title, total=1.0, text="", start=False) for step, title in STEPS.items()}

        def tell(step: str, share: float, text: str) -> None:
            for earlier in list(tasks)[: list(tasks).index(step)]:
                progress.update(tasks[earlier], completed=1.0)
                progress.stop_task(tasks[earlier])
            if not progress.tasks[tasks[step]].started:
                progress.start_task(tasks[step])
            progress.update(tasks[step], completed=share, text=text)

        day = rehearse(plan, tell)
    document = page.DOCUMENT
    if chosen.output != page.PAGE:
        document = chosen.output.with_suffix(".md")
        document.write_text(page.DOCUMENT.read_text(encoding="utf-8"), encoding="utf-8")
    found = page.write(day, environment, page=chosen.output, document=document)
    for one in found:
        print(f"{one.verdict:12}  {one.text}\n{'':12}  {one.measured}")
    print(f"\nThe page is {chosen.output}.")
    return 1 if any(one.kept is False for one in found) else 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    usual = Plan()
    parser = argparse.ArgumentParser(prog="python -m benchmarks.day", description=__doc__)
    parser.add_argument("--minutes", type=float, help=f"how long the day takes (default: {usual.minutes:g})")
    parser.add_argument("--seed", type=int, help=f"the same seed draws the same day (default: {usual.seed})")
    parser.add_argument("--schools", type=int, help=f"how many schools (default: {usual.schools})")
    parser.add_argument("--students", type=int, help=f"how many students (default: {usual.students})")
    parser.add_argument(
        "--rate", type=float, help="factor on what people do; 1 is what two cores can bear (default: 1)"
    )
    parser.add_argument(
        "--import-essays", type=int, help=f"essays that one school imports (default: {usual.import_essays})"
    )
    parser.add_argument(
        "--latency-seconds", type=float, help=f"how long a call to Claude takes (default: {usual.latency_seconds:g})"
    )
    parser.add_argument("--mix", choices=("on", "off"), help="whether the local grammar engine reads too (default: on)")
    parser.add_argument("--batches", choices=("on", "off"), help="whether imports go in batches (default: on)")
    parser.add_argument("--small", action="store_true", help="six schools and a day of 45 seconds, for a test")
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        default=page.PAGE,
        help="the page; the tables go into a .md beside it (default: docs/rehearsal.html)",
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
