"""Read a roster: from OneRoster 1.1 CSV files to people, courses and enrolments, and a fault for each reason why not."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

from ingest.admin.roster_table import PLACEHOLDERS, Reading, Row, read_rows
from models.roster_rows import CourseRow, EnrollmentRow, Findings, PersonRow, Roster
from models.users import PersonRole

MAX_NAME_LENGTH = 200
MAX_EMAIL_LENGTH = 254
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
ENABLED = {
    "true": True, "1": True, "yes": True, "y": True, "t": True,
    "false": False, "0": False, "no": False, "n": False, "f": False,
    "": None, **dict.fromkeys(PLACEHOLDERS),
}  # fmt: skip
EMAIL = re.compile(r"[^\s@<>,;:\"()\[\]\\\x00-\x1f\x7f]+@[^\s@<>,;:\"()\[\]\\\x00-\x1f\x7f]+")
BETWEEN_EMAILS = re.compile(r"[\s,;]+")


def read_roster(contents: Mapping[str, str | bytes]) -> Roster:
    """Return the roster in these files. The keys are users, classes and enrollments; each may be missing.

    A file is a text, or bytes in an encoding that is then found. Invalid rows do not raise: the roster lists them as faults.
    """
    reading = Reading()
    people, courses, enrollments = (
        read_rows(reading, file, contents.get(file)) for file in ("users", "classes", "enrollments")
    )
    roster_people = [person for row in people if (person := _person(reading, row))]
    roster_courses = [course for row in courses if (course := _course(reading, row))]
    roster_enrollments = [enrollment for row in enrollments if (enrollment := _enrollment(reading, row))]
    for text, count in reading.left_out_counts.items():
        reading.findings.add_summary(f"{text}: {count} row(s) left out")
    return Roster(
        people=roster_people,
        courses=roster_courses,
        enrollments=roster_enrollments,
        left_out_people=frozenset(reading.left_out["users"]),
        left_out_courses=frozenset(reading.left_out["classes"]),
        unreadable=frozenset(reading.unreadable),
        findings=reading.findings,
    )


def _person(reading: Reading, row: Row) -> PersonRow | None:
    cells = row.cells
    external_id, role, enabled = cells["sourcedId"], cells["role"].casefold(), cells.get("enabledUser", "").casefold()
    if role in IGNORED_ROLES:
        reading.left_out_counts[f"users with role {role}"] += 1
        reading.left_out["users"].add(external_id)
        return None
    if cells["status"] == "tobedeleted" or ENABLED.get(enabled) is False:
        email = _read_email(Findings(), row)
        return PersonRow(row=row.number, external_id=external_id, email=email, enabled=False)
    name = " ".join(part for part in (cells["givenName"], cells["familyName"]) if part)
    email = _read_email(reading.findings, row)
    faults = [
        (column, what)
        for column, what, wrong in (
            ("role", "must be student, teacher, aide or administrator", role not in ROLES),
            ("enabledUser", "must be true, false or empty", enabled not in ENABLED),
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
        reading.findings.add_fault("users", row.number, column, what)
    if faults:
        reading.left_out["users"].add(external_id)
        return None
    return PersonRow(
        row=row.number,
        external_id=external_id,
        role=ROLES[role],
        name=name,
        email=email,
        username=cells.get("username") or None,
        enabled=ENABLED[enabled],
    )


def _read_email(findings: Findings, row: Row) -> str | None:
    """Return the first address of the cell. A cell that holds anything else counts as empty, with a warning."""
    value = row.cells.get("email", "")
    if not value:
        return None
    emails = [part for part in BETWEEN_EMAILS.split(value) if part]
    if not emails or not all(EMAIL.fullmatch(email) and len(email) <= MAX_EMAIL_LENGTH for email in emails):
        what = "is not an e-mail address, so none is stored; write it like name@school.example"
        findings.add_warning("users", row.number, "email", what)
        return None
    if len(emails) > 1:
        what = "holds more than one address; the first one is stored"
        findings.add_warning("users", row.number, "email", what)
    return emails[0]


def _course(reading: Reading, row: Row) -> CourseRow | None:
    external_id, name, status = row.cells["sourcedId"], row.cells["title"], row.cells["status"]
    if status != "tobedeleted" and not name:
        reading.findings.add_fault("classes", row.number, "title", "is empty; every class needs a title")
        reading.left_out["classes"].add(external_id)
        return None
    kept = {"": None, "active": True, "tobedeleted": False}[status]
    return CourseRow(row=row.number, external_id=external_id, name=name, kept=kept)


def _enrollment(reading: Reading, row: Row) -> EnrollmentRow | None:
    role = row.cells["role"].casefold()
    if role in IGNORED_ROLES or role == "administrator":
        reading.left_out_counts[f"enrollments with role {role}"] += 1
        return None
    if role not in ENROLLMENT_ROLES:
        reading.findings.add_fault("enrollments", row.number, "role", "must be student, teacher or aide")
        return None
    return EnrollmentRow(
        row=row.number,
        course=row.cells["classSourcedId"],
        person=row.cells["userSourcedId"],
        role=ENROLLMENT_ROLES[role],
        removed=row.cells["status"] == "tobedeleted",
    )
