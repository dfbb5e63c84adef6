"""Read a roster: from the text of OneRoster 1.1 CSV files to validated rows, and a fault for each reason why a row is invalid."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Literal

from models.roster_plan import MOST_FAULTS, CourseRow, EnrollmentRow, Fault, PersonRow, Roster
from models.users import PersonRole

# The columns that are read, spelt as in the standard, and their longest values in characters.
MAX_LENGTHS = {
    "users": {
        "sourcedId": 255,
        "status": 20,
        "enabledUser": 20,
        "role": 50,
        "givenName": 200,
        "familyName": 200,
        "email": 254,
    },
    "classes": {"sourcedId": 255, "status": 20, "title": 200},
    "enrollments": {"sourcedId": 255, "status": 20, "classSourcedId": 255, "userSourcedId": 255, "role": 50},
}
REQUIRED_COLUMNS = {
    "users": ("sourcedId", "role", "givenName", "familyName"),
    "classes": ("sourcedId", "title"),
    "enrollments": ("classSourcedId", "userSourcedId", "role"),
}
MAX_NAME_LENGTH = 200
ROLES: dict[str, PersonRole] = {
    "student": "student",
    "teacher": "educator",
    "aide": "educator",
    "administrator": "admin",
}
ENROLLMENT_ROLES: dict[str, Literal["student", "educator"]] = {
    "student": "student",
    "teacher": "educator",
    "aide": "educator",
}
# Roles of the standard (1.1 and 1.2) whose people neither write nor teach here. Their rows are left out with a warning.
IGNORED_ROLES = {
    "guardian", "parent", "relative", "proctor", "counselor", "principal", "districtadministrator", "siteadministrator",
    "systemadministrator",
}  # fmt: skip
EMAIL = re.compile(r"[^\s@<>,;:\"()\[\]\\\x00-\x1f\x7f]+@[^\s@<>,;:\"()\[\]\\\x00-\x1f\x7f]+")

Cells = dict[str, str]


class _Parser:
    """The faults and warnings found so far.

    Keeps MOST_FAULTS faults and only counts the rest. `left_out` holds the source ids of rows that are not imported, by file.
    """

    def __init__(self) -> None:
        self.faults: list[Fault] = []
        self.more_faults = 0
        self.unreadable: set[str] = set()
        self.left_out: dict[str, set[str]] = {"users": set(), "classes": set()}
        self.left_out_counts: Counter[str] = Counter()

    def add_fault(self, file: str, row: int, column: str, what: str) -> None:
        """Record why a row cannot be imported."""
        if len(self.faults) < MOST_FAULTS:
            self.faults.append(Fault(file=file, row=row, column=column, what=what))
        else:
            self.more_faults += 1


def read_roster(texts: Mapping[str, str]) -> Roster:
    """Return the roster in these texts. The keys are users, classes and enrollments; each may be missing.

    Invalid rows do not raise: the roster lists them as faults.
    """
    parser = _Parser()
    people = [person for row, cells in _rows(parser, "users", texts) if (person := _person(parser, row, cells))]
    courses = [course for row, cells in _rows(parser, "classes", texts) if (course := _course(parser, row, cells))]
    enrollments = [
        enrollment
        for row, cells in _rows(parser, "enrollments", texts)
        if (enrollment := _enrollment(parser, row, cells))
    ]
    return Roster(
        people=people,
        courses=courses,
        enrollments=enrollments,
        left_out_people=frozenset(parser.left_out["users"]),
        left_out_courses=frozenset(parser.left_out["classes"]),
        unreadable=frozenset(parser.unreadable),
        faults=parser.faults,
        more_faults=parser.more_faults,
        warnings=[f"{text}: {count} row(s) left out" for text, count in parser.left_out_counts.items()],
    )


def _rows(parser: _Parser, file: str, texts: Mapping[str, str]) -> Iterator[tuple[int, Cells]]:
    """Yield the valid rows, each with its number. Row 1 is the header, as a spreadsheet counts."""
    text = texts.get(file)
    if text is None:
        return
    lines = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    columns: dict[str, int] | None = None
    seen: dict[str, int] = {}
    width = row = 0
    try:
        for row, cells in enumerate(lines, start=1):
            if columns is None:
                columns, width = _header(parser, file, cells), len(cells)
                if columns is None:
                    return
            elif any(cell.strip() for cell in cells):
                values = _read_row(parser, file, row, cells, columns=columns, width=width, seen=seen)
                if values is not None:
                    yield row, values
    except csv.Error as error:
        parser.unreadable.add(file)
        parser.add_fault(file, row + 1, "", f"cannot be read as CSV ({error}); check the quotes from here on")
    if columns is None and file not in parser.unreadable:
        parser.unreadable.add(file)
        parser.add_fault(file, 1, "", "there is no header; the first row must name the columns")


def _header(parser: _Parser, file: str, cells: list[str]) -> dict[str, int] | None:
    names = [cell.strip().casefold() for cell in cells]
    known = {name: name.casefold() for name in MAX_LENGTHS[file]}
    missing = [name for name in REQUIRED_COLUMNS[file] if known[name] not in names]
    duplicated = [name for name in known if names.count(known[name]) > 1]
    for name in missing:
        parser.add_fault(file, 1, name, "this column is missing; the file must have it")
    for name in duplicated:
        parser.add_fault(file, 1, name, "this column is there twice; keep one")
    if missing or duplicated:
        parser.unreadable.add(file)
        return None
    return {name: names.index(folded) for name, folded in known.items() if folded in names}


def _read_row(
    parser: _Parser,
    file: str,
    row: int,
    cells: list[str],
    *,
    columns: dict[str, int],
    width: int,
    seen: dict[str, int],
) -> Cells | None:
    """Return the values of the columns that are read, or None when the row has a fault. `seen` maps source ids to rows."""
    if len(cells) != width:
        parser.add_fault(
            file, row, "", f"has {len(cells)} cells where the header has {width}; check its commas and quotes"
        )
        return None
    found = {name: cells[index].strip() for name, index in columns.items()}
    key = found.get("sourcedId", "")
    is_valid = True
    for name, value in found.items():
        if "\0" in value:
            parser.add_fault(file, row, name, "holds U+0000; take it out")
            is_valid = False
        elif len(value) > MAX_LENGTHS[file][name]:
            parser.add_fault(file, row, name, f"has more than {MAX_LENGTHS[file][name]} characters; shorten it")
            is_valid = False
    if key and key in seen:
        parser.add_fault(file, row, "sourcedId", f"the same as in row {seen[key]}; each row needs its own")
        is_valid = False
    seen.setdefault(key, row)
    for name in ("sourcedId",) if file != "enrollments" else ("classSourcedId", "userSourcedId"):
        if not found[name]:
            parser.add_fault(file, row, name, "is empty; every row needs it")
            is_valid = False
    status = found.get("status", "").casefold()
    if status not in ("", "active", "tobedeleted"):
        parser.add_fault(file, row, "status", "must be active, tobedeleted or empty")
        is_valid = False
    if not is_valid and file in parser.left_out:
        parser.left_out[file].add(key)
    return {**found, "status": status} if is_valid else None


def _person(parser: _Parser, row: int, cells: Cells) -> PersonRow | None:
    external_id, enabled = cells["sourcedId"], cells.get("enabledUser", "").casefold()
    role, email = cells["role"].casefold(), cells.get("email", "")
    email_is_valid = bool(EMAIL.fullmatch(email)) and len(email) >= 3
    if role in IGNORED_ROLES:
        parser.left_out_counts[f"users with role {role}"] += 1
        parser.left_out["users"].add(external_id)
        return None
    if cells["status"] == "tobedeleted" or enabled == "false":
        return PersonRow(row=row, external_id=external_id, email=email if email_is_valid else None, enabled=False)
    name = " ".join(part for part in (cells["givenName"], cells["familyName"]) if part)
    faults = [
        (column, what)
        for column, what, wrong in (
            ("role", "must be student, teacher, aide or administrator", role not in ROLES),
            (
                "email",
                "is not an e-mail address; write it like name@school.example, or leave it empty",
                bool(email) and not email_is_valid,
            ),
            ("enabledUser", "must be true, false or empty", enabled not in ("", "true")),
            ("givenName", "there is no name; fill in givenName, familyName or both", not name),
            (
                "familyName",
                f"the whole name has more than {MAX_NAME_LENGTH} characters; shorten it",
                len(name) > MAX_NAME_LENGTH,
            ),
        )
        if wrong
    ]
    for column, what in faults:
        parser.add_fault("users", row, column, what)
    if faults:
        parser.left_out["users"].add(external_id)
        return None
    return PersonRow(
        row=row,
        external_id=external_id,
        role=ROLES[role],
        name=name,
        email=email or None,
        enabled=True if enabled == "true" else None,
    )


def _course(parser: _Parser, row: int, cells: Cells) -> CourseRow | None:
    external_id, name, status = cells["sourcedId"], cells["title"], cells["status"]
    if status != "tobedeleted" and not name:
        parser.add_fault("classes", row, "title", "is empty; every class needs a title")
        parser.left_out["classes"].add(external_id)
        return None
    return CourseRow(
        row=row, external_id=external_id, name=name, kept={"": None, "active": True, "tobedeleted": False}[status]
    )


def _enrollment(parser: _Parser, row: int, cells: Cells) -> EnrollmentRow | None:
    role = cells["role"].casefold()
    if role in IGNORED_ROLES or role == "administrator":
        parser.left_out_counts[f"enrollments with role {role}"] += 1
        return None
    if role not in ENROLLMENT_ROLES:
        parser.add_fault("enrollments", row, "role", "must be student, teacher or aide")
        return None
    return EnrollmentRow(
        row=row,
        course=cells["classSourcedId"],
        person=cells["userSourcedId"],
        role=ENROLLMENT_ROLES[role],
        removed=cells["status"] == "tobedeleted",
    )
