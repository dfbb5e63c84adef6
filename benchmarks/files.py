"""Measure how long the child process takes to read a file of each format, and to refuse a bomb."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

from benchmarks.report import Benchmark, Figure
from documents.convert import convert
from documents.sandbox import CPU_SECONDS
from models.errors import FileRefused
from tests.documents import hostile_files
from tests.documents.hostile_files import SAMPLES

ROUNDS = 9
_READ = ("pandoc.docx", "pandoc.odt", "pandoc.rtf", "libreoffice.pdf", "essay.md")
_BOMBS: dict[str, Callable[[], bytes]] = {
    "zip": hostile_files.docx_bomb,
    "flate PDF": hostile_files.flate_pdf_bomb,
    "PDF of 3 million operators": hostile_files.pdf_of_operators,
    "entities": hostile_files.docx_of_entities,
    "500,000 nested divs": hostile_files.nested_divs,
    "CDATA": hostile_files.cdata_html,
}


def run() -> list[Figure]:
    """Return the figures. A bomb that is read is a failure."""
    figures = []
    for name in _READ:
        data = (SAMPLES / name).read_bytes()
        seconds = median(_seconds(data) for _ in range(ROUNDS))
        figures.append(Figure(f"read an essay: {name.replace('essay.md', 'plain text')}", f"{seconds * 1000:.0f} ms"))
    for name, make in _BOMBS.items():
        seconds = _seconds(make(), refused=True)
        figures.append(
            Figure(f"refuse a bomb: {name}", f"{seconds:.1f} s", f"≤ {CPU_SECONDS} s", seconds <= CPU_SECONDS)
        )
    return figures


def _seconds(data: bytes, *, refused: bool = False) -> float:
    started, was_refused = time.perf_counter(), False
    try:
        convert(data)
    except FileRefused:
        was_refused = True
    assert was_refused is refused
    return time.perf_counter() - started


FILES = Benchmark(
    name="files",
    title="Reading files",
    description=(
        "The time of one file of a page from `tests/documents/samples/`, with the start of the child process that reads it "
        "(median of 9), and of six files that are made to harm."
    ),
    run=run,
)
