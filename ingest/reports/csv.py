"""A report as CSV: one line for each figure, so that every report has the same four columns."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from models.spreadsheets import safe_cell

COLUMNS = ("part", "about", "figure", "value")
Line = tuple[str, str, str, str]


def to_csv(report: BaseModel) -> str:
    """Return the report as CSV with a header line. No cell is a formula to a spreadsheet program."""
    written = io.StringIO()
    writer = csv.writer(written)
    writer.writerow(COLUMNS)
    for line in _lines(report.model_dump(mode="json", by_alias=True)):
        writer.writerow([safe_cell(cell) for cell in line])
    return written.getvalue()


def _lines(report: dict[str, Any]) -> Iterator[Line]:
    for name, value in report.items():
        if isinstance(value, list):
            for item in value:
                yield from _of_item(item, part=name, about=())
        elif isinstance(value, dict):
            yield from _of_item(value, part=name, about=())
        else:
            yield "", "", name, _cell(value)


def _of_item(item: dict[str, Any], *, part: str, about: tuple[str, ...]) -> Iterator[Line]:
    """Yield the figures of an item. What it is about are its texts, after those of the item that it is a part of."""
    texts = (*about, *(value for value in item.values() if isinstance(value, str)))
    figures = {name: value for name, value in item.items() if not isinstance(value, str | list | dict)}
    for name, value in figures.items():
        yield part, " / ".join(texts), name, _cell(value)
    inner = [(name, value) for name, value in item.items() if isinstance(value, list | dict)]
    for name, value in inner:
        for one in value if isinstance(value, list) else [value]:
            yield from _of_item(one, part=f"{part}.{name}", about=texts)
    if not figures and not inner:
        yield part, " / ".join(texts), "", ""


def _cell(value: Any) -> str:
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
