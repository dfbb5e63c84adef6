"""Read and write tables as spreadsheet programs do: any usual separator and encoding in, safe CSV out."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from models.spreadsheets import safe_cell

BOM = "\ufeff"
_SEPARATORS = (",", ";", "\t")
_HEADER_WITHIN = 20
# An essay of 100,000 characters fits, also where each of them is a doubled quotation mark.
_LONGEST_CELL = 1_000_000


class ReadError(ValueError):
    """A file cannot be used. The text is one sentence for the person who named it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TableRow:
    """One row below the header. `number` counts from 1 as a spreadsheet program does, blank rows included."""

    number: int
    cells: Mapping[str, str]


def read_bytes(path: Path) -> bytes:
    """Return the bytes of a file. Raises ReadError."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise ReadError(f"{path} cannot be read: {error.strerror}") from error


def read_table(path: Path, *, needed: Sequence[str], also_known_as: Mapping[str, str] | None = None) -> list[TableRow]:
    """Return the rows of a CSV file that are not blank, by column name. Raises ReadError when a needed column is missing.

    The header may be below other rows. Names of columns are compared without case, spaces and signs.
    """
    text = _decode(path)
    fewest: list[str] = list(needed)
    for separator in _SEPARATORS:
        rows = _split(path, text, separator)
        for number, row in enumerate(rows[:_HEADER_WITHIN]):
            names = [_column(cell, also_known_as or {}) for cell in row]
            missing = [name for name in needed if name not in names]
            if not missing:
                return _below(rows, number, names)
            fewest = min(fewest, missing, key=len)
    raise ReadError(f"{path} has no column called {' or '.join(fewest)} in its first {_HEADER_WITHIN} rows")


def _decode(path: Path) -> str:
    raw = read_bytes(path)
    if raw.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise ReadError(f"{path} is a workbook: save the sheet as CSV and name that file")
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return raw.decode("utf-16", errors="replace")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        # What Excel on Windows writes when it is asked for "CSV" without "UTF-8".
        text = raw.decode("cp1252", errors="replace")
    if re.match(r"\s*<(?:!doctype|html)", text, re.IGNORECASE):
        raise ReadError(f"{path} is a web page: press “Save as CSV” in it and name the file that it saves")
    return text


def _split(path: Path, text: str, separator: str) -> list[list[str]]:
    before = csv.field_size_limit(_LONGEST_CELL)
    try:
        return list(csv.reader(io.StringIO(text, newline=""), delimiter=separator))
    except csv.Error as error:
        raise ReadError(f"{path} is not a CSV table ({error})") from error
    finally:
        csv.field_size_limit(before)


def _column(cell: str, also_known_as: Mapping[str, str]) -> str:
    name = re.sub(r"[^a-z0-9]+", "_", cell.lower()).strip("_")
    return also_known_as.get(name, name)


def _below(rows: Sequence[Sequence[str]], header: int, names: Sequence[str]) -> list[TableRow]:
    found: list[TableRow] = []
    for number, row in enumerate(rows[header + 1 :], header + 2):
        if any(cell.strip() for cell in row):
            # The first of two columns of one name counts; cells that a program left out at the end are empty.
            cells = {name: row[at] if at < len(row) else "" for at, name in reversed(list(enumerate(names)))}
            found.append(TableRow(number=number, cells=cells))
    return found


def write_table(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, str]]) -> None:
    """Write rows as UTF-8 with a byte order mark, which Excel needs, and with every cell made safe."""
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(BOM)
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows([safe_cell(row.get(name, "")) for name in columns] for row in rows)


def row_list(numbers: Sequence[int]) -> str:
    """Return row numbers in words, neighbours joined: `row 4` or `rows 4, 9`."""
    runs: list[list[int]] = []
    for number in sorted(set(numbers)):
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    named = ", ".join(str(first) if first == last else f"{first}–{last}" for first, last in runs)
    return f"row {named}" if len(set(numbers)) == 1 else f"rows {named}"
