"""Figures, sections and the page docs/benchmarks.md that they are written into."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
import textwrap
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psycopg2

from standalone.postgres import POSTGRES_BIN_PATH

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "benchmarks.md"
NO_BAR = "–"
WIDTH = 100
# The page before any section. Sections go before the first heading.
TEMPLATE = """\
# Benchmarks

This page shows how fast EssayCoach is and how much memory it needs when everything runs on one
machine. The benchmarks write it: each section names its command, its commit, its date and its
machine.

```sh
make bench                               # all of them, up to an hour on two cores; writes this page
python -m benchmarks overhead memory     # only these two; prints their tables
python -m benchmarks overhead --write    # also writes the section of this page
```

The programs, PostgreSQL, Redis, the clients and the fake provider (`tests/support/vendor.py`) share
the cores of the machine. A bar is the limit that a figure must keep; a figure without one has `–`.

## Other programs

`make bench` leaves these programs out. Those about comments need the packages of the extra `local`;
the texts of our own are in `benchmarks/data/`.

| command | what it does | what it needs |
|---|---|---|
| `python -m benchmarks.feedback FILE.jsonl` | measures the grammar comments of the local engine: precision, recall, GLEU, calibration error, words a second | a corpus of corrected texts: JSON lines of `text`, `refs` and `edits` |
| `python -m benchmarks.feedback --own` | measures the comments on essays of our own by type of mistake, kind of comment and band of confidence | nothing |
| `python -m benchmarks.own_essays` | prints the comments on these essays that nobody has judged yet | nothing |
| `python -m benchmarks.right_english` | prints every comment on right English, where there should be none | nothing |
| `python -m benchmarks.feedback --essay FILE` | shows the comments of the local engine on one essay | an essay as a text file; `--prompt FILE` adds its assignment |
| `python -m benchmarks.feedback --judge ESSAYS` | writes a sheet on which a teacher judges the comments; `--judged` adds it up ([judge it yourself](feedback.md#judge-it-yourself)) | a folder of texts, JSON lines or CSV; `--saved FILE` judges saved feedback of the API instead |
| `python -m benchmarks.calibrate FILE.jsonl -o FILE` | fits the table of `workers/providers/local/confidence.json` again | such corpora; `--counts FILE` adds counts from other corpora |
| `python -m benchmarks.calibrate --own -o FILE` | fits it on the essays of our own that may be used for fitting | nothing |
| `python -m benchmarks.scale fill` | fills a directory with two years of work of many schools, by COPY: a million submissions, ten million comments, a thousand schools (`--submissions`, `--comments`, `--schools`, `--seed`) | 20 GB and 20 minutes on two cores; `--small` for a quick look |
| `python -m benchmarks.scale measure` | measures requests, scrapes and the clock's duties there, in turn with an almost empty machine, also behind 100,000 waiting essays; `--write` writes the section of this page | such a directory (`--data-dir`) |
"""


@dataclass(frozen=True)
class Figure:
    """One measured figure beside its bar. Without a bar, `reached` is None."""

    name: str
    measured: str
    bar: str = NO_BAR
    reached: bool | None = None


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """A benchmark: its name on the command line, the text of its section, and the function that measures."""

    name: str
    title: str
    description: str
    run: Callable[[], list[Figure]]

    @property
    def command(self) -> str:
        """Return the command that repeats this benchmark."""
        return f"python -m benchmarks {self.name}"


@dataclass(frozen=True, kw_only=True)
class Environment:
    """The commit that is measured and the machine that it runs on."""

    commit: str
    machine: str


@dataclass(frozen=True, kw_only=True)
class Section:
    """The section of one benchmark: what was measured, how to repeat it, the figures, and where and when they were measured."""

    name: str
    title: str
    description: str
    command: str
    figures: list[Figure]
    commit: str
    date: str
    machine: str

    def markdown(self) -> str:
        """Return the section between its markers."""
        source = f"Commit {self.commit}, {self.date} (UTC), {self.machine}."
        parts = (
            f"<!-- {self.name} -->",
            f"## {self.title}",
            _wrap(self.description),
            f"```sh\n{self.command}\n```",
            table(self.figures),
            _wrap(source),
            f"<!-- /{self.name} -->",
        )
        return "\n\n".join(parts)


def make_section(benchmark: Benchmark, figures: list[Figure], environment: Environment) -> Section:
    """Return the section of a benchmark that has just run."""
    return Section(
        name=benchmark.name,
        title=benchmark.title,
        description=benchmark.description,
        command=benchmark.command,
        figures=figures,
        commit=environment.commit,
        date=f"{datetime.now(UTC):%Y-%m-%d}",
        machine=environment.machine,
    )


def table(figures: Sequence[Figure]) -> str:
    """Return the figures as a Markdown table with aligned columns."""
    reached = {True: "yes", False: "**no**", None: NO_BAR}
    rows = [("figure", "measured", "bar", "reached")]
    rows += [(one.name, one.measured, one.bar, reached[one.reached]) for one in figures]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows
    ]
    return "\n".join([lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]])


def write(section: Section, *, order: Sequence[str], page: Path = PAGE) -> None:
    """Replace a section of the page, or add it at its place in `order`. Everything else on the page stays."""
    document = page.read_text(encoding="utf-8") if page.exists() else TEMPLATE
    start, end = f"<!-- {section.name} -->", f"<!-- /{section.name} -->"
    if start in document and end in document:
        before, rest = document.split(start, 1)
        document = before + section.markdown() + rest.split(end, 1)[1]
    else:
        at = _place(document, section.name, order)
        document = f"{document[:at].rstrip()}\n\n{section.markdown()}\n\n{document[at:].lstrip()}".rstrip() + "\n"
    page.write_text(document, encoding="utf-8")


def describe_environment() -> Environment:
    """Return the commit and the machine. Call it before `write`, which changes the working tree."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    memory_gib = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    machine = (
        f"{_cpu_model()}, {cores} cores, {memory_gib:.1f} GiB of memory, {_operating_system()}, "
        f"Python {platform.python_version()}, PostgreSQL {_postgresql_version()}"
    )
    return Environment(commit=_commit(), machine=machine)


def duration(seconds: float) -> str:
    """Return a time for a table: seconds from one second on, else milliseconds."""
    if seconds >= 1:
        return f"{seconds:.2f} s"
    return f"{seconds * 1000:.0f} ms" if seconds >= 0.01 else f"{seconds * 1000:.2f} ms"


def progress(line: str) -> None:
    """Show at once what is being measured. Standard output is for the figures."""
    print(f"  {line}", file=sys.stderr, flush=True)


def _place(document: str, name: str, order: Sequence[str]) -> int:
    """Return where a section that is missing goes: after the nearest earlier one, else before what follows the sections."""
    for earlier in reversed(order[: order.index(name)]):
        marker = f"<!-- /{earlier} -->"
        if marker in document:
            return document.index(marker) + len(marker)
    later = "|".join(order)
    found = re.search(rf"^(<!-- ({later}) -->|## )", document, re.MULTILINE)
    return found.start() if found else len(document)


def _wrap(text: str) -> str:
    return textwrap.fill(text, WIDTH, break_long_words=False, break_on_hyphens=False)


def _commit() -> str:
    """Return the short commit, with "+ changes" when files other than the page differ from it."""
    commit = _git("rev-parse", "--short", "HEAD")
    if commit is None:
        return "unknown"
    changes = _git("status", "--porcelain", "--", ".", f":(exclude){PAGE.relative_to(ROOT)}")
    return f"{commit} + changes" if changes else commit


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _cpu_model() -> str:
    try:
        found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(encoding="utf-8"), re.MULTILINE)
    except OSError:
        found = None
    return found[1].strip() if found else platform.machine()


def _operating_system() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return platform.system()


def _postgresql_version() -> str:
    """Return the version of the server that the benchmarks start, or of the one that DATABASE_URL names."""
    if url := os.environ.get("DATABASE_URL"):
        with closing(psycopg2.connect(url)) as connection:
            return str(connection.info.parameter_status("server_version"))
    done = subprocess.run([POSTGRES_BIN_PATH / "postgres", "--version"], capture_output=True, text=True, check=True)
    return done.stdout.split()[-1]
