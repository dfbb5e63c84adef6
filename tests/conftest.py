"""Real PostgreSQL and Redis for every test: started once, migrated once, one cloned database a test."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit
from uuid import UUID

import psycopg2
import pytest

from models import connections, courses, crypto, db, orgs, users
from models.courses import CriterionDraft
from models.passwords import Passwords
from models.settings import CryptoSettings, StoreSettings
from standalone.postgres import EmbeddedPostgres
from standalone.redis_server import RedisServer
from standalone.supervisor import Supervisor

ROOT = Path(__file__).resolve().parent.parent
TEMPLATE = "essaycoach_template"
ROLES = ("ec_ingest", "ec_worker", "ec_clock", "ec_monitor", "ec_backup")
ROLE_PASSWORD = "only-in-tests"
PASSWORD = "correct horse battery"
MASTER_KEY = base64.b64encode(b"m" * 32).decode()
INDEX_KEY = base64.b64encode(b"i" * 32).decode()
PEPPER = base64.b64encode(b"p" * 32).decode()
ROUNDS = 1000  # hashing at full cost would only make the tests slow; tests/models checks today's cost itself

_numbers = count(1)


@dataclass(frozen=True)
class Servers:
    """The running servers of this test session."""

    admin_url: str
    redis_url: str

    def url(self, database: str) -> str:
        return urlunsplit(urlsplit(self.admin_url)._replace(path=f"/{database}"))


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    """PostgreSQL and Redis, started once. Not in tmp_path: the database's own account must be able to enter."""
    data_dir = Path(tempfile.mkdtemp(prefix="essaycoach-tests-"))
    with Supervisor(data_dir) as supervisor:
        postgres, redis = EmbeddedPostgres(data_dir, durable=False), RedisServer(data_dir)
        postgres.start(supervisor)
        redis.start(supervisor)
        started = Servers(admin_url=postgres.admin_url, redis_url=redis.url)
        execute(started.admin_url, f"create database {TEMPLATE}")
        migrate(started.url(TEMPLATE), "up")
        yield started
    shutil.rmtree(data_dir, ignore_errors=True)


def execute(url: str, sql: str, params: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
    """Run one statement as the superuser, outside every pool, and return its rows."""
    connection = psycopg2.connect(url)
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            cursor.execute(sql, params or None)
            return cursor.fetchall() if cursor.description is not None else []
    finally:
        connection.close()


def migrate(url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the migrations' own door against a database."""
    passwords = {f"ESSAYCOACH_DB_PASSWORD_{role.removeprefix('ec_').upper()}": ROLE_PASSWORD for role in ROLES}
    done = subprocess.run(
        [sys.executable, "-m", "migrations", *arguments],
        env={**os.environ, **passwords, "DATABASE_URL": url}, cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done


@dataclass(frozen=True)
class Database:
    """One migrated database of a test's own."""

    admin_url: str

    def role_url(self, role: str) -> str:
        """Return the address by which one program logs in."""
        parts = urlsplit(self.admin_url)
        host = parts.netloc.rpartition("@")[2]
        return urlunsplit(parts._replace(netloc=f"{role}:{quote(ROLE_PASSWORD)}@{host}"))

    def sql(self, statement: str, *params: object) -> list[tuple[object, ...]]:
        """Look (or meddle) as the superuser, whom no policy binds. Never how the code under test connects."""
        return execute(self.admin_url, statement, params)


@pytest.fixture
def database(servers: Servers) -> Iterator[Database]:
    """A fresh database, cloned from the migrated template in some 50 ms."""
    name = f"test_{os.getpid()}_{next(_numbers)}"
    execute(servers.admin_url, f"create database {name} template {TEMPLATE}")
    yield Database(servers.url(name))
    db.database.close_idle()
    execute(servers.admin_url, f"drop database {name} with (force)")


@pytest.fixture
def admin_url(database: Database) -> str:
    return database.admin_url


@pytest.fixture
def role_url(database: Database) -> Callable[[str], str]:
    return database.role_url


Become = Callable[..., None]
Report = Callable[[str], None]
_reported: list[str] = []


@pytest.fixture
def report() -> Report:
    """`report("0 of 1,000")` puts a figure a test counted into the summary of the run."""
    return _reported.append


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if _reported:
        terminalreporter.section("counted")
        for line in _reported:
            terminalreporter.line(line)


@pytest.fixture
def become(database: Database) -> Iterator[Become]:
    """`become("ec_worker")` makes this process's pool log in as that program from now on."""
    crypto.load(
        CryptoSettings(master_keys={"k1": base64.b64decode(MASTER_KEY)}, index_key=base64.b64decode(INDEX_KEY))
    )

    def connect(role: str, *, pool_size: int = 12) -> None:
        db.database.close_idle()
        db.connect(
            StoreSettings(
                database_url=database.role_url(role), program=role.replace("_", "-"), pool_size=pool_size, pool_wait_seconds=5.0
            )
        )

    connect("ec_ingest")
    yield connect
    db.database.close_idle()


@dataclass(frozen=True)
class School:
    """An org with people everybody can talk about: Alice and Bob are students, Ed teaches them, Ada is the admin.

    Nell teaches another course; nobody enrolled Zoe anywhere.
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
        name="thesis", description="", levels=(("missing", 0, "none"), ("developing", 2, "vague"), ("clear", 4, "clear"))
    ),
    CriterionDraft(name="evidence", description="", levels=(("missing", 0, "none"), ("some", 3, "some"))),
)
PROMPT = "Should schools ban mobile phones during the school day? Take a position and give two reasons."


def make_school(slug: str) -> School:
    """An org with its people, two courses, two assignments, a rubric, an API key and a webhook source."""
    with db.session(role="ec_auth"):
        org = db.new_ids(1)[0]
    password_hash = Passwords(rounds=ROUNDS).hash(PASSWORD)
    with db.session(org=org, role="ec_admin"):
        orgs.add_org(slug, org=org, name=slug.title())
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


@pytest.fixture
def school(become: Become) -> School:
    return make_school("northside")


@pytest.fixture
def other_school(school: School) -> School:
    return make_school("southside")


@pytest.fixture
def program_env(database: Database, servers: Servers, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """`program_env("ec_ingest")` sets the environment a program of that role starts with."""

    def set_environment(role: str) -> None:
        values = {
            "DATABASE_URL": database.role_url(role), "REDIS_URL": servers.redis_url,
            "ESSAYCOACH_MASTER_KEYS": f"k1:{MASTER_KEY}", "ESSAYCOACH_INDEX_KEY": INDEX_KEY,
            "ESSAYCOACH_JWT_SECRET": "s" * 48, "ESSAYCOACH_API_KEY_PEPPER": PEPPER,
            "ESSAYCOACH_PASSWORD_ROUNDS": str(ROUNDS),
        }  # fmt: skip
        for name, value in values.items():
            monkeypatch.setenv(name, value)

    return set_environment


@contextmanager
def session_of(school: School, name: str) -> Iterator[None]:
    """A session as one of the school's people, with that person's role."""
    role = {"ed": "ec_educator", "nell": "ec_educator", "ada": "ec_admin"}.get(name, "ec_student")
    with db.session(org=school.org, user=getattr(school, name), role=role):
        yield


@contextmanager
def away(servers: Servers, database: Database) -> Iterator[None]:
    """PostgreSQL has closed this database's connections and refuses new ones while the block runs."""
    name = database.admin_url.rpartition("/")[2]
    execute(servers.admin_url, f"alter database {name} with allow_connections false")
    try:
        ended = "select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = %s"
        execute(servers.admin_url, ended, (name,))
        yield
    finally:
        execute(servers.admin_url, f"alter database {name} with allow_connections true")
