"""The rows of a school before any essay: the school itself, its people with their keys, its courses and assignments."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from benchmarks.scale.plan import STUDENTS_OF_A_COURSE, School
from benchmarks.scale.rows import Ids, Rows, bytea, escaped, sealed
from models.crypto import Key, keyring
from models.orgs import STARTING_CATEGORIES


@dataclass(frozen=True, kw_only=True, slots=True)
class Person:
    """A person's id and data key."""

    id: str
    key: Key


@dataclass(frozen=True, kw_only=True)
class MadeSchool:
    """A school whose rows are made: its students by number, and its courses with the educator of each."""

    school: School
    id: str
    students: list[Person]
    courses: list[str]
    educators: list[Person]

    def class_of(self, course: int) -> list[tuple[int, Person]]:
        """Return the students of a course, each with their number among all students."""
        first = course * STUDENTS_OF_A_COURSE
        members = self.students[first : first + STUDENTS_OF_A_COURSE]
        return [(self.school.first_student + first + at, person) for at, person in enumerate(members)]


def add_school(rows: Rows, ids: Ids, school: School, *, password_hash: str, made_at: datetime) -> MadeSchool:
    """Add a school with its people and courses. Everybody has the same password. Its students have no limits."""
    org = ids.at(made_at)
    add_org(rows, org, school.slug, made_at)
    add = _PersonWriter(rows, ids, org, school.slug, password_hash, made_at).add
    add("admin", "admin")
    students = [add("student", student_name(at)) for at in range(school.students)]
    educators = [add("educator", educator_name(course)) for course in range(school.courses)]
    made = MadeSchool(
        school=school,
        id=org,
        students=students,
        courses=[ids.at(made_at) for _ in educators],
        educators=educators,
    )
    for number, (course, educator) in enumerate(zip(made.courses, educators, strict=True)):
        rows.add("courses", course, org, f"English {number + 1}", made_at)
        rows.add("enrollments", org, course, educator.id, "educator", made_at)
        for _, student in made.class_of(number):
            rows.add("enrollments", org, course, student.id, "student", made_at)
    return made


def add_org(rows: Rows, org: str, slug: str, made_at: datetime) -> None:
    """Add a school with the categories that every school starts with."""
    rows.add("orgs", org, slug, slug.replace("-", " ").title(), made_at, None, None, None)
    for category, title in STARTING_CATEGORIES.items():
        rows.add("categories", org, category, title, made_at)


def add_student(
    rows: Rows, ids: Ids, org: str, slug: str, name: str, *, password_hash: str, made_at: datetime
) -> Person:
    """Add one more student to a school."""
    return _PersonWriter(rows, ids, org, slug, password_hash, made_at).add("student", name)


def add_assignment(rows: Rows, ids: Ids, made: MadeSchool, course: int, *, prompt: str, due: datetime) -> str:
    """Add an assignment that was made two weeks before its deadline, and return its id."""
    made_at = due - timedelta(days=14)
    assignment = ids.at(made_at)
    rows.add(
        "assignments", assignment, made.id, made.courses[course], "Essay of the month", escaped(prompt), due, made_at
    )
    return assignment


def student_name(at: int) -> str:
    """Return the first part of the address of a school's student."""
    return f"student-{at}"


def educator_name(course: int) -> str:
    """Return the first part of the address of a course's educator."""
    return f"educator-{course}"


def address(name: str, slug: str) -> str:
    """Return somebody's e-mail address."""
    return f"{name}@{slug}.example"


class _PersonWriter:
    def __init__(self, rows: Rows, ids: Ids, org: str, slug: str, password_hash: str, made_at: datetime) -> None:
        self._rows, self._ids, self._org, self._slug = rows, ids, org, slug
        self._password_hash, self._made_at = password_hash, made_at

    def add(self, role: str, name: str) -> Person:
        """Add a person with a wrapped key of their own."""
        user, org = self._ids.at(self._made_at), self._org
        wrapped, key = keyring().new_data_key(org=UUID(org), user=UUID(user))
        email = address(name, self._slug)
        self._rows.add(
            "users", user, org, role,
            sealed(key, name.replace("-", " ").title().encode(), "users", "name", org, user),
            sealed(key, email.encode(), "users", "email", org, user), bytea(keyring().email_index(email, org=UUID(org))),
            sealed(key, name.encode(), "users", "external_id", org, user),
            bytea(keyring().external_id_index(name, org=UUID(org))), self._password_hash, self._made_at,
        )  # fmt: skip
        self._rows.add("user_keys", user, org, bytea(wrapped.wrapped), wrapped.master_key_id, self._made_at)
        return Person(id=user, key=key)
