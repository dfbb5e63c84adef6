"""A school with named people for the tests, and sessions as these people."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from models import connections, courses, crypto, db, essays, orgs, users
from models.courses import CriterionDraft
from models.essays import Draft, Receipt
from models.passwords import Passwords
from models.settings import CryptoSettings, StoreSettings
from tests.support.servers import Database

PASSWORD = "correct horse battery"
MASTER_KEY = base64.b64encode(b"m" * 32).decode()
INDEX_KEY = base64.b64encode(b"i" * 32).decode()
PEPPER = base64.b64encode(b"p" * 32).decode()
JWT_SECRET = "the-first-signing-secret-of-the-tests-0123456789"
NO_AUTHOR_LIMITS = {"author_open_limit": None, "author_daily_limit": None, "author_budget_percent": None}
ROUNDS = 1000  # hashing with all rounds would make the tests slow; tests/models checks the real number


def load_keys() -> None:
    """Load the encryption keys of the tests into this process."""
    crypto.load(CryptoSettings(master_keys={"k1": base64.b64decode(MASTER_KEY)}, index_key=base64.b64decode(INDEX_KEY)))


_connected: list[StoreSettings] = []


def connect_as(role: str, database: Database, *, pool_size: int = 12) -> None:
    """Let the pool of this process log in with this role from now on."""
    _connected[:] = [
        StoreSettings(
            database_url=database.role_url(role),
            program=role.replace("_", "-"),
            pool_size=pool_size,
            pool_wait_seconds=30.0,
        )
    ]
    reconnect()


def reconnect() -> None:
    """Connect as `connect_as` did last, for example after other code has replaced the pool of this process."""
    db.database.close_idle()
    if _connected:
        db.connect(_connected[0])


@dataclass(frozen=True)
class School:
    """An org and its people: Alice and Bob are students, Ed teaches them, Ada is the admin.

    Nell teaches another course. Zoe is a student without a course.
    """

    org: UUID
    slug: str
    alice: UUID
    bob: UUID
    zoe: UUID
    ed: UUID
    nell: UUID
    ada: UUID
    course: UUID
    other_course: UUID
    assignment: UUID
    reviewed_assignment: UUID
    rubric: UUID
    api_key: str
    api_key_id: UUID
    source: UUID
    source_secret: str

    def email(self, name: str) -> str:
        return f"{name}@{self.slug}.example"


RUBRIC = (
    CriterionDraft(
        name="thesis",
        description="",
        levels=(("missing", 0, "none"), ("developing", 2, "vague"), ("clear", 4, "clear")),
    ),
    CriterionDraft(name="evidence", description="", levels=(("missing", 0, "none"), ("some", 3, "some"))),
)
PROMPT = "Should schools ban mobile phones during the school day? Take a position and give two reasons."


def make_school(slug: str) -> School:
    """Make an org with people, two courses, two assignments, a rubric, an API key and a source."""
    with db.session(role="ec_auth"):
        org = db.new_ids(1)[0]
    password_hash = Passwords(rounds=ROUNDS).hash(PASSWORD)
    with db.session(org=org, role="ec_admin"):
        # Most tests hand in more for one student than a school would allow.
        orgs.add_org(slug, org=org, name=slug.title(), **NO_AUTHOR_LIMITS)
        people = {
            name: users.add_user(
                role, org=org, name=name.title(), email=f"{name}@{slug}.example",
                external_id=f"{name}-sis" if role == "student" else None, password_hash=password_hash,
            )
            for name, role in (
                ("alice", "student"), ("bob", "student"), ("zoe", "student"), ("ed", "educator"), ("nell", "educator"), ("ada", "admin"),
            )
        }  # fmt: skip
        course, other = courses.add_course("English 9", org=org), courses.add_course("English 10", org=org)
        for name in ("alice", "bob"):
            courses.add_member(people[name], org=org, course=course, role="student")
        courses.add_member(people["ed"], org=org, course=course, role="educator")
        courses.add_member(people["nell"], org=org, course=other, role="educator")
        rubric = courses.add_rubric("Argument", org=org, criteria=RUBRIC)
        assignment = courses.add_assignment(
            "Phones", org=org, course=course, prompt=PROMPT, category="argumentative", rubric=rubric
        )
        reviewed = courses.add_assignment("Reviewed", org=org, course=course, release_policy="after_review")
        key_id, api_key = connections.add_api_key("LMS", org=org, pepper=base64.b64decode(PEPPER))
        source, secret = connections.add_source("LMS", org=org)
    return School(
        org=org, slug=slug, **people, course=course, other_course=other, assignment=assignment, reviewed_assignment=reviewed,
        rubric=rubric, api_key=api_key, api_key_id=key_id, source=source, source_secret=secret,
    )  # fmt: skip


@contextmanager
def session_of(school: School, name: str) -> Iterator[None]:
    """Open a session as one of the school's people, with that person's role."""
    role = {"ed": "ec_educator", "nell": "ec_educator", "ada": "ec_admin"}.get(name, "ec_student")
    with db.session(org=school.org, user=getattr(school, name), role=role):
        yield


def hand_in(school: School, name: str = "alice", *, title: str = "T", text: str = "Words.", **fields: Any) -> Receipt:
    """Hand in an essay as one of the school's people. `fields` are further fields of the draft."""
    with session_of(school, name):
        draft = Draft(title=title, text=text, source="app", **fields)
        return essays.receive(getattr(school, name), draft, org=school.org)
