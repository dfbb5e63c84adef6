"""Read the CSV text of a roster file into rows of checked cells, however a school's system or a spreadsheet wrote it."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from ingest.admin.roster_text import read_text
from models.identifiers import fold_identifier, strip_invisible
from models.roster_rows import Findings

# The columns that are read, spelt as in the standard, and their longest values in characters.
# An address that is too long counts as empty, and user names are only compared.
MAX_LENGTHS: dict[str, dict[str, int | None]] = {
    "users": {
        "sourcedId": 255,
        "status": 20,
        "enabledUser": 20,
        "role": 50,
        "username": None,
        "givenName": 200,
        "familyName": 200,
        "email": None,
    },
    "classes": {"sourcedId": 255, "status": 20, "title": 200},
    "enrollments": {"sourcedId": 255, "status": 20, "classSourcedId": 255, "userSourcedId": 255, "role": 50},
}
REQUIRED_COLUMNS = {
    "users": ("sourcedId", "role", "givenName", "familyName"),
    "classes": ("sourcedId", "title"),
    "enrollments": ("classSourcedId", "userSourcedId", "role"),
}
REQUIRED_IDS = {
    "users": ("sourcedId",),
    "classes": ("sourcedId",),
    "enrollments": ("classSourcedId", "userSourcedId"),
}
MAY_BE_CUT_OFF = {"givenName", "familyName"}
STATUSES = {"active": "active", "tobedeleted": "tobedeleted", "inactive": "tobedeleted"}
DELIMITERS = ",;\t|"
# The first line that Excel wants to read and writes for other delimiters. Spreadsheets do not count it as a row.
DELIMITER_LINE = re.compile(r'"?sep=[^\w\r\n]*(?:\r\n?|\n|\Z)', re.IGNORECASE)
# What a database or a spreadsheet writes where there is no value.
PLACEHOLDERS = frozenset({"n/a", "#n/a", "null", "none", "-", "--", "#name?", "#ref!", "#value!"})
# A cell that a spreadsheet must not change: ="00123".
GUARDED = re.compile(r'="([^"]*)"')
LOST_CHARACTER = "\ufffd"

Cells = dict[str, str]


@dataclass(frozen=True, kw_only=True)
class Row:
    """A row of a file: its number, as a spreadsheet counts from the header on, and its cells by column."""

    number: int
    cells: Cells


@dataclass(kw_only=True)
class Reading:
    """What was found so far. `left_out` holds the source ids of rows that are not imported, by file."""

    findings: Findings = field(default_factory=Findings)
    unreadable: set[str] = field(default_factory=set)
    left_out: dict[str, set[str]] = field(default_factory=lambda: {"users": set(), "classes": set()})
    left_out_counts: Counter[str] = field(default_factory=Counter)


@dataclass(kw_only=True)
class _Header:
    """The places of the columns that are read, and the rows read so far by source id.

    `width` is the number of all columns, `named` the number without the last ones that have no name.
    """

    columns: dict[str, int]
    width: int
    named: int
    seen: dict[str, tuple[int, Cells]] = field(default_factory=dict)


def read_rows(reading: Reading, file: str, content: str | bytes | None) -> Iterator[Row]:
    """Yield the valid rows of a file."""
    if content is None:
        return
    text = read_text(reading.findings, file, content)
    if text is None:
        reading.unreadable.add(file)
        return
    text = DELIMITER_LINE.sub("", text, count=1) if DELIMITER_LINE.match(text) else text
    header: _Header | None = None
    number = 0
    try:
        for number, cells in enumerate(_read_csv(text, delimiter=_find_delimiter(file, text)), start=1):
            if not any(cell.strip() for cell in cells):
                continue
            if header is None:
                header = _read_header(reading, file, number, cells)
                if header is None:
                    return
            elif (row := _read_row(reading, file, number, cells, header=header)) is not None:
                yield row
    except csv.Error as error:
        reading.unreadable.add(file)
        reading.findings.add_fault(
            file, number + 1, "", f"cannot be read as CSV ({error}); check the quotes from here on"
        )


def _read_csv(text: str, *, delimiter: str) -> Iterator[list[str]]:
    return csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)


def _find_delimiter(file: str, text: str) -> str:
    """Return the delimiter with which the header names most of the columns that are read."""

    def count_known(delimiter: str) -> int:
        try:
            header = next(cells for cells in _read_csv(text[: 1 << 16], delimiter=delimiter) if "".join(cells).strip())
        except (csv.Error, StopIteration):
            return 0
        names = {_fold_column(cell) for cell in header}
        return sum(_fold_column(name) in names for name in MAX_LENGTHS[file])

    return max(DELIMITERS, key=count_known)


def _fold_column(name: str) -> str:
    """Return the name of a column without what exports change in it: case, blanks, hyphens and underscores."""
    return re.sub(r"[^\w.]|_", "", name).casefold()


def _read_header(reading: Reading, file: str, number: int, cells: list[str]) -> _Header | None:
    names = [_fold_column(_clean(cell)) for cell in cells]
    known = {name: _fold_column(name) for name in MAX_LENGTHS[file]}
    missing = [name for name in REQUIRED_COLUMNS[file] if known[name] not in names]
    duplicated = [name for name in known if names.count(known[name]) > 1]
    for name in missing:
        reading.findings.add_fault(file, number, name, "this column is missing; the file must have it")
    for name in duplicated:
        reading.findings.add_fault(file, number, name, "this column is there twice; keep one")
    if missing or duplicated:
        reading.unreadable.add(file)
        return None
    return _Header(
        columns={name: names.index(folded) for name, folded in known.items() if folded in names},
        width=len(names),
        named=max(index for index, name in enumerate(names, start=1) if name),
    )


def _clean(cell: str) -> str:
    value = strip_invisible(cell)
    guarded = GUARDED.fullmatch(value)
    return strip_invisible(guarded[1]) if guarded else value


def _read_row(reading: Reading, file: str, number: int, cells: list[str], *, header: _Header) -> Row | None:
    """Return the row, or None when it has a fault or is there already."""
    if not header.named <= len(cells) <= header.width:
        if not _can_be_evened(cells, file=file, header=header):
            what = f"has {len(cells)} cells where the header has {header.width}; check its separators and quotes"
            reading.findings.add_fault(file, number, "", what)
            return None
        end = "ends before the last column; the missing cells count as empty"
        more = "has empty cells after the last column, which are ignored"
        reading.findings.add_warning(file, number, "", end if len(cells) < header.named else more)
    found = {name: _clean(cells[index]) if index < len(cells) else "" for name, index in header.columns.items()}
    # Every check runs, so that the person who mends the file sees all faults at once.
    checks = (_has_storable_cells, _has_valid_ids, _has_valid_status)
    is_valid = not [check for check in checks if not check(reading.findings, file, number, found)]
    key = found.get("sourcedId", "")
    first_number, first = header.seen.setdefault(key, (number, found)) if key else (number, found)
    if first is not found:
        if first == found:
            reading.findings.add_warning(file, number, "", "the same row stands above already, so it is read once")
            return None
        what = f"the same as in row {first_number}, but the rows differ; keep one of the two"
        reading.findings.add_fault(file, number, "sourcedId", what)
        is_valid = False
    if not is_valid and file in reading.left_out:
        reading.left_out[file].add(key)
    return Row(number=number, cells=found) if is_valid else None


def _can_be_evened(cells: list[str], *, file: str, header: _Header) -> bool:
    """Return whether only empty cells are too many, no cell that every row needs is missing, and none is shifted."""
    needed = (header.columns[name] for name in REQUIRED_COLUMNS[file] if name not in MAY_BE_CUT_OFF)
    has_text_after = any(cell.strip() for cell in cells[header.width :])
    return max(needed) < len(cells) and not has_text_after and not _has_shifted_address(cells, header)


def _has_shifted_address(cells: list[str], header: _Header) -> bool:
    """Return whether an address stands beside its column, because of a comma too many or too few before it."""
    place, username = header.columns.get("email"), header.columns.get("username")
    if place is None or any("@" in cell for cell in cells[place : place + 1]):
        return False
    shift = len(cells) - header.width
    beside = range(place + 1, place + 1 + shift) if shift > 0 else range(max(0, place + shift), place)
    return any("@" in cells[index] for index in beside if index < len(cells) and index != username)


def _has_storable_cells(findings: Findings, file: str, number: int, found: Cells) -> bool:
    is_valid = True
    for name, value in found.items():
        limit = MAX_LENGTHS[file][name]
        if "\0" in value:
            findings.add_fault(file, number, name, "holds U+0000; take it out")
            is_valid = False
        elif limit is not None and len(value) > limit:
            findings.add_fault(file, number, name, f"has more than {limit} characters; shorten it")
            is_valid = False
        elif LOST_CHARACTER in value:
            what = (
                f"holds {LOST_CHARACTER}, so a letter was lost before; export the file as UTF-8, or correct the source"
            )
            findings.add_warning(file, number, name, what)
    return is_valid


def _has_valid_ids(findings: Findings, file: str, number: int, found: Cells) -> bool:
    """Fold the ids of the row, and return whether all are usable."""
    is_valid = True
    for name in [name for name in found if name.endswith("ourcedId")]:
        value = found[name]
        try:
            found[name] = fold_identifier(value)
        except ValueError:
            what = f"{value} is no longer the id: Excel rounded it; format the column as text and export the file again"
            findings.add_fault(file, number, name, what)
            is_valid = False
            continue
        if name not in REQUIRED_IDS[file]:
            continue
        if not found[name]:
            findings.add_fault(file, number, name, "is empty; every row needs it")
            is_valid = False
        elif found[name].casefold() in PLACEHOLDERS:
            findings.add_fault(file, number, name, f"{value} is no id; every row needs it")
            is_valid = False
    return is_valid


def _has_valid_status(findings: Findings, file: str, number: int, found: Cells) -> bool:
    """Replace the status by active, tobedeleted or nothing, and return whether it is one of them."""
    written = found.get("status", "")
    folded = _fold_column(written)
    found["status"] = "" if written.casefold() in PLACEHOLDERS else STATUSES.get(folded, folded)
    if folded == "inactive":
        findings.add_warning(file, number, "status", "inactive counts as tobedeleted")
    elif found["status"] not in ("", *STATUSES):
        findings.add_fault(file, number, "status", "must be active, inactive, tobedeleted or empty")
        return False
    return True
