"""Essays that wait: made by COPY in schools of their own before a measurement, and removed after it."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from benchmarks.scale.fill import PASSWORD, connect
from benchmarks.scale.people import Person, add_org, add_student, address, student_name
from benchmarks.scale.rows import Ids, Rows, sealed
from benchmarks.scale.texts import EssayText, essay_texts
from models import crypto
from models.jobs import PassName
from models.passwords import Passwords
from standalone.machine import Machine
from standalone.seed import crypto_settings

PREFIX = "backlog"
ESSAYS_OF_A_STUDENT = 20
LAST_TURN = 15  # later essays of an author have the same turn (count_hand_in)
ROWS_AT_ONCE = 5_000

_OPEN = """
select coalesce(array_agg(distinct submission_id), '{}'), coalesce(array_agg(distinct essay_id), '{}')
from passes where state in ('queued', 'running')
"""
_REMOVE_OPEN = (
    "delete from passes where submission_id = any (%(submissions)s::uuid[])",
    "delete from analytics where id >= uuid7_floor(now() - interval '2 days') and submission_id = any (%(submissions)s::uuid[])",
    "delete from submissions where id = any (%(submissions)s::uuid[])",
    "delete from essays where id = any (%(essays)s::uuid[])",
)
# In the order in which the tables refer to each other. What else such a school has comes from one student who signed in.
_OF_SCHOOLS = ("audit_log", "audit_heads", "sessions", "author_use", "user_keys", "users", "categories")
_SCHOOLS = f"select id from orgs where slug like '{PREFIX}-%%'"


@dataclass(frozen=True, kw_only=True)
class Backlog:
    """So many schools, each with so many essays that wait."""

    schools: int
    essays: int

    @property
    def name(self) -> str:
        """Return it in words."""
        return f"{self.schools:,} × {self.essays:,} waiting essays"


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """A student of the first school, who waits for the last essay of a backlog, and that submission."""

    org: str
    student: dict[str, str]
    submission: str


def add(running: Machine, backlog: Backlog) -> Waiting:
    """Let the essays of a backlog wait since the last half hour."""
    crypto.load(crypto_settings(running.keys))
    now = datetime.now(UTC)
    writer = _Writer(password_hash=Passwords().hash(PASSWORD), now=now, total=backlog.schools * backlog.essays)
    with closing(connect(running.database_url)) as connection:
        for number in range(backlog.schools):
            writer.add_school(f"{PREFIX}-{number:04}", essays=backlog.essays)
            if writer.is_full:
                writer.copy(connection)
        writer.copy(connection)
    slug = f"{PREFIX}-0000"
    return Waiting(
        org=slug,
        student={"email": address(student_name(0), slug), "password": PASSWORD},
        submission=writer.submission_of_first_student,
    )


def remove(running: Machine) -> None:
    """Remove everything that waits, and the schools of a backlog. What a filled database is made of does not wait."""
    with closing(connect(running.database_url)) as connection, connection.cursor() as cursor:
        cursor.execute(_OPEN)
        submissions, essays = cursor.fetchone()
        for statement in _REMOVE_OPEN:
            cursor.execute(statement, {"submissions": submissions, "essays": essays})
        for table in _OF_SCHOOLS:
            cursor.execute(f"delete from {table} where org_id in ({_SCHOOLS})", ())
        cursor.execute(f"delete from orgs where id in ({_SCHOOLS})", ())
        # Else the next backlog would wait behind the dead rows of this one.
        cursor.execute("vacuum (analyze) passes, submissions, essays, users, user_keys, orgs")


class _Writer:
    def __init__(self, *, password_hash: str, now: datetime, total: int) -> None:
        self._rows, self._ids, self._texts = Rows(), Ids("backlog"), essay_texts()
        self._password_hash, self._now = password_hash, now
        self._step = timedelta(minutes=30) / total
        self._made = self._made_at_copy = 0
        self.submission_of_first_student = ""

    @property
    def is_full(self) -> bool:
        """Return whether enough rows wait for `copy`."""
        return self._made - self._made_at_copy >= ROWS_AT_ONCE

    def add_school(self, slug: str, *, essays: int) -> None:
        """Add a school whose students wait for so many essays together."""
        made_at = self._now - timedelta(days=1)
        org = self._ids.at(made_at)
        add_org(self._rows, org, slug, made_at)
        for first in range(0, essays, ESSAYS_OF_A_STUDENT):
            name = student_name(first // ESSAYS_OF_A_STUDENT)
            student = add_student(
                self._rows, self._ids, org, slug, name, password_hash=self._password_hash, made_at=made_at
            )
            for at in range(min(ESSAYS_OF_A_STUDENT, essays - first)):
                submission = self._add_essay(org, student, self._texts[self._made % len(self._texts)], turn=at)
                if first == 0 and slug.endswith("-0000"):
                    self.submission_of_first_student = submission

    def _add_essay(self, org: str, student: Person, text: EssayText, *, turn: int) -> str:
        moment = self._now - timedelta(minutes=30) + self._made * self._step
        self._made += 1
        essay, submission = self._ids.at(moment), self._ids.at(moment)
        title = sealed(student.key, text.title, "essays", "title", org, essay)
        self._rows.add("essays", essay, org, student.id, None, None, title, 1, submission, moment, moment, moment, True)
        self._rows.add(
            "submissions", submission, org, essay, student.id, student.id, 1, "queued", "interactive", "app", "en",
            sealed(student.key, text.text, "submissions", "text", org, submission), rf"\\x{text.sha256}", text.characters,
            text.words, moment, moment, None, None, False, None,
        )  # fmt: skip
        for name in PassName:
            self._rows.add(
                "passes", self._ids.at(moment), org, submission, essay, student.id, student.id, name, "queued", "interactive",
                min(turn, LAST_TURN), moment, moment, moment, 0, 0, None, None, None, None, None, None, None, None, False,
            )  # fmt: skip
        return submission

    def copy(self, connection: Any) -> None:
        """Write what waits."""
        self._rows.copy(connection)
        self._made_at_copy = self._made
