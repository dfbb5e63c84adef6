"""The district: schools with teachers, courses, assignments and an LMS, and students with real keys, all with one password."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import psycopg2

from models import connections, courses, db, orgs, users
from models.crypto import AssociatedData, keyring
from models.passwords import Passwords
from models.settings import StoreSettings
from standalone.machine import Machine
from standalone.seed import PROMPT, RUBRIC

PASSWORD = "violet heron of the pond"
# Each sign-in of the compressed day would cost a third of a second of a core: more than the essay.
PASSWORD_ROUNDS = 1000
STUDENTS_OF_A_COURSE = 100
# Schools differ: about a third of the students are in the largest twentieth of them.
SKEW = 0.8


@dataclass(frozen=True, kw_only=True)
class Student:
    """A student, as the LMS and they themselves name them."""

    email: str
    external_id: str


@dataclass(frozen=True, kw_only=True)
class Course:
    """A course: its teacher, an assignment whose feedback is released at once, and one that is held for review."""

    id: UUID
    teacher: str
    assignment: UUID
    held_assignment: UUID
    students: list[Student] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class School:
    """A school and its LMS."""

    org: UUID
    slug: str
    api_key: str
    source: UUID
    source_secret: str
    courses: list[Course]


def school_sizes(schools: int, students: int) -> list[int]:
    """Return how many students each school has, the largest first. The sum is `students`."""
    weights = [(number + 1) ** -SKEW for number in range(schools)]
    sizes = [max(1, int(students * weight / sum(weights))) for weight in weights]
    sizes[0] += students - sum(sizes)
    return sizes


def make_district(
    machine: Machine, *, schools: int, students: int, tell: Callable[[float], None] = lambda _: None
) -> list[School]:
    """Store the district and return it. `tell` hears which share is done."""
    db.connect(
        StoreSettings(database_url=machine.url_for("ec_ingest"), program="ec-day", pool_size=1, pool_wait_seconds=5.0)
    )
    password_hash = Passwords(rounds=PASSWORD_ROUNDS).hash(PASSWORD)
    pepper = base64.b64decode(machine.keys.api_key_pepper)
    district = []
    for number, size in enumerate(school_sizes(schools, students)):
        district.append(_make_school(f"school-{number:03}", size=size, password_hash=password_hash, pepper=pepper))
        tell((number + 1) / schools)
    db.database.close_idle()
    _store_students(machine.database_url, district, password_hash)
    return district


def _make_school(slug: str, *, size: int, password_hash: str, pepper: bytes) -> School:
    with db.session(role="ec_auth"):
        org = db.new_ids(1)[0]
    with db.session(org=org, role="ec_admin"):
        orgs.add_org(slug, org=org, name=slug.title())
        rubric = courses.add_rubric("Argument, short form", org=org, criteria=RUBRIC)
        taught = []
        for first in range(0, size, STUDENTS_OF_A_COURSE):
            number = first // STUDENTS_OF_A_COURSE
            email = f"teacher-{number}@{slug}.example"
            teacher = users.add_user("educator", org=org, name="Teacher", email=email, password_hash=password_hash)
            course = courses.add_course(f"English {number}", org=org)
            courses.add_member(teacher, org=org, course=course, role="educator")
            given: dict[str, Any] = {
                "org": org,
                "course": course,
                "prompt": PROMPT,
                "category": "argumentative",
                "rubric": rubric,
            }
            last = min(first + STUDENTS_OF_A_COURSE, size)
            taught.append(
                Course(
                    id=course,
                    teacher=email,
                    assignment=courses.add_assignment("Phones at school", **given),
                    held_assignment=courses.add_assignment("Phones, graded", release_policy="after_review", **given),
                    students=[
                        Student(email=f"student-{one}@{slug}.example", external_id=f"sis-{one}")
                        for one in range(first, last)
                    ],
                )
            )
        _, api_key = connections.add_api_key("LMS", org=org, pepper=pepper)
        source, secret = connections.add_source("LMS", org=org)
    return School(org=org, slug=slug, api_key=api_key, source=source, source_secret=secret, courses=taught)


def _store_students(database_url: str, district: list[School], password_hash: str) -> None:
    """Copy the students, their keys and their enrolments into the database."""
    learners = [(school, course, one) for school in district for course in school.courses for one in course.students]
    with closing(psycopg2.connect(database_url)) as connection, connection, connection.cursor() as cursor:
        cursor.execute("select uuidv7()::text from generate_series(1, %s)", (len(learners),))
        ids = [UUID(found) for (found,) in cursor.fetchall()]
        people, keys, enrolments = [], [], []
        for user, (school, course, one) in zip(ids, learners, strict=True):
            wrapped, key = keyring().new_data_key(org=school.org, user=user)
            sealed = {
                column: _hex(key.seal(value, place=AssociatedData("users", column, school.org, user)))
                for column, value in (("name", "Student"), ("email", one.email), ("external_id", one.external_id))
            }
            digests = (
                _hex(keyring().email_index(one.email, org=school.org)),
                _hex(keyring().external_id_index(one.external_id, org=school.org)),
            )
            people.append((user, school.org, "student", *sealed.values(), *digests, password_hash))
            keys.append((user, school.org, _hex(wrapped.wrapped), wrapped.master_key_id))
            enrolments.append((school.org, course.id, user, "student"))
        columns = "id, org_id, role, name, email, external_id, email_digest, external_id_digest, password_hash"
        for table, stored in (
            (f"users ({columns})", people),
            ("user_keys (user_id, org_id, wrapped, master_key_id)", keys),
            ("enrollments (org_id, course_id, user_id, role)", enrolments),
        ):
            cursor.copy_expert(f"copy {table} from stdin", _rows(stored))
    with closing(psycopg2.connect(database_url)) as connection:
        connection.autocommit = True
        connection.cursor().execute("analyze")


def _hex(value: bytes) -> str:
    return "\\\\x" + bytes(value).hex()


def _rows(stored: Iterable[tuple[object, ...]]) -> io.StringIO:
    return io.StringIO("".join("\t".join(map(str, one)) + "\n" for one in stored))
