"""Reading a roster: the text of OneRoster 1.1 CSV files to checked rows, and every reason why one is not acceptable."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Literal

from models.roster_plan import MOST_FAULTS, CourseRow, EnrollmentRow, Fault, PersonRow, Roster
from models.users import PersonRole

# The columns we read, spelt as the standard does, and how much each may hold.
LONGEST = {
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
NEEDED = {
    "users": ("sourcedId", "role", "givenName", "familyName"),
    "classes": ("sourcedId", "title"),
    "enrollments": ("classSourcedId", "userSourcedId", "role"),
}
LONGEST_NAME = 200
ROLES: dict[str, PersonRole] = {
    "student": "student",
    "teacher": "educator",
    "aide": "educator",
    "administrator": "admin",
}
TEACHING: dict[str, Literal["student", "educator"]] = {"student": "student", "teacher": "educator", "aide": "educator"}
# Roles of the standard (1.1 and 1.2) for people who neither write nor teach here.
OTHERS = {
    "guardian", "parent", "relative", "proctor", "counselor", "principal", "districtadministrator", "siteadministrator",
    "systemadministrator",
}  # fmt: skip
EMAIL = re.compile(r"[^\s@<>,;:\"()\[\]\\\x00-\x1f\x7f]+@[^\s@<>,;:\"()\[\]\\\x00-\x1f\x7f]+")

Cells = dict[str, str]


class _Reading:
    """What was found so far."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []
        self.more_faults = 0
        self.unreadable: set[str] = set()
        self.left_out: dict[str, set[str]] = {"users": set(), "classes": set()}
        self.counted: Counter[str] = Counter()

    def blame(self, file: str, row: int, column: str, what: str) -> None:
        """This row cannot be imported."""
        if len(self.faults) < MOST_FAULTS:
            self.faults.append(Fault(file=file, row=row, column=column, what=what))
        else:
            self.more_faults += 1


def read_roster(texts: Mapping[str, str]) -> Roster:
    """Return the roster in these texts, by file: users, classes and enrollments, any of which may be missing."""
    reading = _Reading()
    people = [one for row, cells in _rows(reading, "users", texts) if (one := _person(reading, row, cells))]
    courses = [course for row, cells in _rows(reading, "classes", texts) if (course := _course(reading, row, cells))]
    enrollments = [
        enrollment
        for row, cells in _rows(reading, "enrollments", texts)
        if (enrollment := _enrollment(reading, row, cells))
    ]
    return Roster(
        people=people,
        courses=courses,
        enrollments=enrollments,
        left_out_people=frozenset(reading.left_out["users"]),
        left_out_courses=frozenset(reading.left_out["classes"]),
        unreadable=frozenset(reading.unreadable),
        faults=reading.faults,
        more_faults=reading.more_faults,
        warnings=[f"{text}: {count} row(s) left out" for text, count in reading.counted.items()],
    )


def _rows(reading: _Reading, file: str, texts: Mapping[str, str]) -> Iterator[tuple[int, Cells]]:
    """Yield the rows that are whole, each with its number; row 1 is the header, as a spreadsheet counts."""
    text = texts.get(file)
    if text is None:
        return
    lines = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    places: dict[str, int] | None = None
    seen: dict[str, int] = {}
    width = row = 0
    try:
        for row, cells in enumerate(lines, start=1):
            if places is None:
                places, width = _header(reading, file, cells), len(cells)
                if places is None:
                    return
            elif any(cell.strip() for cell in cells):
                whole = _whole(reading, file, row, cells, places=places, width=width, seen=seen)
                if whole is not None:
                    yield row, whole
    except csv.Error as error:
        reading.unreadable.add(file)
        reading.blame(file, row + 1, "", f"cannot be read as CSV ({error}); check the quotes from here on")
    if places is None and file not in reading.unreadable:
        reading.unreadable.add(file)
        reading.blame(file, 1, "", "there is no header; the first row must name the columns")


def _header(reading: _Reading, file: str, cells: list[str]) -> dict[str, int] | None:
    names = [cell.strip().casefold() for cell in cells]
    known = {name: name.casefold() for name in LONGEST[file]}
    missing = [name for name in NEEDED[file] if known[name] not in names]
    twice = [name for name in known if names.count(known[name]) > 1]
    for name in missing:
        reading.blame(file, 1, name, "this column is missing; the file must have it")
    for name in twice:
        reading.blame(file, 1, name, "this column is there twice; keep one")
    if missing or twice:
        reading.unreadable.add(file)
        return None
    return {name: names.index(folded) for name, folded in known.items() if folded in names}


def _whole(
    reading: _Reading,
    file: str,
    row: int,
    cells: list[str],
    *,
    places: dict[str, int],
    width: int,
    seen: dict[str, int],
) -> Cells | None:
    """Return the cells we read, or None when they cannot be what was meant."""
    if len(cells) != width:
        reading.blame(
            file, row, "", f"has {len(cells)} cells where the header has {width}; check its commas and quotes"
        )
        return None
    found = {name: cells[place].strip() for name, place in places.items()}
    key = found.get("sourcedId", "")
    ok = True
    for name, value in found.items():
        if "\0" in value:
            reading.blame(file, row, name, "holds U+0000; take it out")
            ok = False
        elif len(value) > LONGEST[file][name]:
            reading.blame(file, row, name, f"has more than {LONGEST[file][name]} characters; shorten it")
            ok = False
    if key and key in seen:
        reading.blame(file, row, "sourcedId", f"the same as in row {seen[key]}; each row needs its own")
        ok = False
    seen.setdefault(key, row)
    for name in ("sourcedId",) if file != "enrollments" else ("classSourcedId", "userSourcedId"):
        if not found[name]:
            reading.blame(file, row, name, "is empty; every row needs it")
            ok = False
    status = found.get("status", "").casefold()
    if status not in ("", "active", "tobedeleted"):
        reading.blame(file, row, "status", "must be active, tobedeleted or empty")
        ok = False
    if not ok and file in reading.left_out:
        reading.left_out[file].add(key)
    return {**found, "status": status} if ok else None


def _person(reading: _Reading, row: int, cells: Cells) -> PersonRow | None:
    external_id, enabled = cells["sourcedId"], cells.get("enabledUser", "").casefold()
    role, email = cells["role"].casefold(), cells.get("email", "")
    sound = bool(EMAIL.fullmatch(email)) and len(email) >= 3
    if role in OTHERS:
        reading.counted[f"users with role {role}"] += 1
        reading.left_out["users"].add(external_id)
        return None
    if cells["status"] == "tobedeleted" or enabled == "false":
        return PersonRow(row=row, external_id=external_id, email=email if sound else None, enabled=False)
    name = " ".join(part for part in (cells["givenName"], cells["familyName"]) if part)
    faults = [
        (column, what)
        for column, what, wrong in (
            ("role", "must be student, teacher, aide or administrator", role not in ROLES),
            (
                "email",
                "is not an e-mail address; write it like name@school.example, or leave it empty",
                bool(email) and not sound,
            ),
            ("enabledUser", "must be true, false or empty", enabled not in ("", "true")),
            ("givenName", "there is no name; fill in givenName, familyName or both", not name),
            (
                "familyName",
                f"the whole name has more than {LONGEST_NAME} characters; shorten it",
                len(name) > LONGEST_NAME,
            ),
        )
        if wrong
    ]
    for column, what in faults:
        reading.blame("users", row, column, what)
    if faults:
        reading.left_out["users"].add(external_id)
        return None
    return PersonRow(
        row=row,
        external_id=external_id,
        role=ROLES[role],
        name=name,
        email=email or None,
        enabled=True if enabled == "true" else None,
    )


def _course(reading: _Reading, row: int, cells: Cells) -> CourseRow | None:
    external_id, name, status = cells["sourcedId"], cells["title"], cells["status"]
    if status != "tobedeleted" and not name:
        reading.blame("classes", row, "title", "is empty; every class needs a title")
        reading.left_out["classes"].add(external_id)
        return None
    return CourseRow(
        row=row, external_id=external_id, name=name, kept={"": None, "active": True, "tobedeleted": False}[status]
    )


def _enrollment(reading: _Reading, row: int, cells: Cells) -> EnrollmentRow | None:
    role = cells["role"].casefold()
    if role in OTHERS or role == "administrator":
        reading.counted[f"enrollments with role {role}"] += 1
        return None
    if role not in TEACHING:
        reading.blame("enrollments", row, "role", "must be student, teacher or aide")
        return None
    return EnrollmentRow(
        row=row,
        course=cells["classSourcedId"],
        person=cells["userSourcedId"],
        role=TEACHING[role],
        removed=cells["status"] == "tobedeleted",
    )
