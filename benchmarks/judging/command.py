"""The options `--judge`, `--judged` and `--agree` of `python -m benchmarks.feedback`."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path

from benchmarks.judging.agreement import compare
from benchmarks.judging.essays import decode, read_essays
from benchmarks.judging.figures import add_up
from benchmarks.judging.filled import read_filled
from benchmarks.judging.page import make_page
from benchmarks.judging.readings import EssayReading, read_saved, read_with_local_engine
from benchmarks.judging.report import comparison_as_object, comparison_as_text, figures_as_object, figures_as_text
from benchmarks.judging.sheet import COLUMNS, sheet_rows
from benchmarks.judging.tables import ReadError, write_table


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options for judging by hand to a parser."""
    group = parser.add_argument_group(
        "judging by hand",
        "Write a sheet that a teacher fills in, read it back, and compare two teachers. docs/feedback.md leads through it.",
    )
    group.add_argument(
        "--judge", type=Path, metavar="ESSAYS",
        help="write a sheet (CSV and web page) for the comments on these essays: a folder of .txt files, JSON lines or CSV "
        "with id, text and, where known, title, assignment, category, language; --prompt is the assignment of those without one",
    )  # fmt: skip
    group.add_argument(
        "--saved", type=Path, metavar="FEEDBACK",
        help="with --judge: judge saved answers of GET /v1/submissions/{id}/feedback (a file or a folder) instead of running "
        "the local engine",
    )  # fmt: skip
    group.add_argument("--out", type=Path, metavar="NAME", help="with --judge: write NAME.csv and NAME.html")
    group.add_argument("--judged", type=Path, metavar="SHEET", help="read a filled sheet and print its figures")
    group.add_argument(
        "--agree", type=Path, metavar="OTHER", help="with --judged: compare with the sheet of another judge"
    )


def is_chosen(chosen: argparse.Namespace) -> bool:
    """Return whether one of the options for judging was given."""
    return any(getattr(chosen, name) is not None for name in ("judge", "saved", "out", "judged", "agree"))


def run(parser: argparse.ArgumentParser, chosen: argparse.Namespace) -> int:
    """Do what the options say. Exits with 2 and a sentence when they do not fit, or a file cannot be used."""
    if (chosen.judge is None) == (chosen.judged is None) or chosen.corpus is not None or chosen.essay is not None:
        parser.error("name one of --judge and --judged, and no corpus beside it")
    if chosen.judged is not None and (chosen.saved or chosen.out):
        parser.error("--saved and --out belong to --judge")
    if chosen.judge is not None and chosen.agree:
        parser.error("--agree belongs to --judged")
    try:
        if chosen.judge is not None:
            return _write_sheet(chosen)
        return _print_figures(chosen.judged, other=chosen.agree, as_json=chosen.json)
    except ReadError as error:
        parser.exit(2, f"{error}\n")


def _write_sheet(chosen: argparse.Namespace) -> int:
    path: Path = chosen.judge
    name = chosen.out or Path(f"{path.resolve().name if path.is_dir() else path.stem}-sheet")
    table, page = (name.with_name(f"{name.name}{suffix}") for suffix in (".csv", ".html"))
    for file in (table, page):
        # Somebody may have spent hours on it.
        if file.exists():
            raise ReadError(f"{file} exists and may be filled in: choose another name with --out")
    essays, said = read_essays(path)
    essays = essays[: chosen.limit]
    if chosen.prompt is not None:
        prompt = decode(chosen.prompt).strip()
        essays = [replace(essay, assignment=essay.assignment or prompt) for essay in essays]
    if chosen.saved is None:
        readings = read_with_local_engine(essays, _progress)
    else:
        readings, wrong = read_saved(chosen.saved, essays)
        said += wrong
    _say(said)
    try:
        write_table(table, COLUMNS, sheet_rows(readings))
        page.write_text(make_page(readings, name.name), encoding="utf-8", newline="")
    except OSError as error:
        raise ReadError(f"{error.filename} cannot be written: {error.strerror}") from error
    print(_done(readings, table, page))
    return 0


def _done(readings: list[EssayReading], table: Path, page: Path) -> str:
    comments = sum(len(reading.comments) for reading in readings)
    return (
        f"Comments: {comments}, essays: {len(readings)}. Open {page} in a browser, or fill in {table}.\n"
        "Afterwards: python -m benchmarks.feedback --judged FILE"
    )


def _progress(number: int, of: int, essay: str) -> None:
    print(f"reading essay {number} of {of}: {essay}", file=sys.stderr, flush=True)


def _say(sentences: list[str]) -> None:
    for sentence in sentences:
        print(sentence, file=sys.stderr)


def _print_figures(path: Path, *, other: Path | None, as_json: bool) -> int:
    rows, said = read_filled(path)
    figures = add_up(rows)
    if not figures.judged and not figures.next_steps.real.whole:
        raise ReadError("\n".join([f"{path}: no row has a verdict that can be read", *said]))
    comparison = None
    if other is not None:
        theirs, wrong = read_filled(other)
        comparison = compare(rows, theirs)
        said = [f"{file}: {one}" for file, own in ((path, said), (other, wrong)) for one in own]
    if as_json:
        found = figures_as_object(figures) | {"problems": said}
        if comparison is not None:
            found["agreement"] = comparison_as_object(comparison)
        print(json.dumps(found, ensure_ascii=False))
        return 0
    print(figures_as_text(figures))
    if comparison is not None:
        print(f"\n{comparison_as_text(comparison)}")
    if said:
        print(f"\nMissing or unreadable (row 1 is the first line of the file):\n{chr(10).join(said)}")
    return 0
