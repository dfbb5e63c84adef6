"""Start PostgreSQL and Redis for a test run, and clone databases from one migrated template."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

import psycopg2
from psycopg2.extensions import TRANSACTION_STATUS_IDLE

from models import db
from standalone.postgres import EmbeddedPostgres
from standalone.redis_server import RedisServer
from standalone.supervisor import Supervisor

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE = "essaycoach_template"
ROLES = ("ec_ingest", "ec_worker", "ec_clock", "ec_monitor", "ec_backup")
ROLE_PASSWORD = "only-in-tests"
# Of `migrations down` in a test, whose rows nobody misses.
LOSE_ROWS = ("--drop-data", "--without-backup")
ENOUGH_BYTES = 2 << 30
PROGRAMS = ("ec_ingest", "ec_worker", "ec_clock")
PATIENT = ("statement_timeout", "idle_in_transaction_session_timeout")

_numbers = count(1)
# One connection for each database and thread, because opening one takes 5 ms and tests run thousands of statements.
_superusers: dict[tuple[str, int], Any] = {}


@dataclass(frozen=True)
class Servers:
    """The URLs of the running servers of this test session."""

    admin_url: str
    redis: RedisServer

    @property
    def redis_url(self) -> str:
        """Return the operator's URL of Redis. Code under test never uses it."""
        return self.redis.url

    def redis_url_for(self, role: str) -> str:
        """Return the URL of Redis with which a program logs in."""
        return self.redis.url_for(role)

    def url(self, database: str) -> str:
        """Return the superuser's URL of a database."""
        return urlunsplit(urlsplit(self.admin_url)._replace(path=f"/{database}"))


def _memory_folder() -> str | None:
    """Return a folder in memory if it has enough space, or None. Cloning a database is three times faster there."""
    folder = Path("/dev/shm")
    return str(folder) if folder.is_dir() and shutil.disk_usage(folder).free > ENOUGH_BYTES else None


@contextmanager
def run_servers() -> Iterator[Servers]:
    """Start PostgreSQL with a migrated template database, and Redis; stop both afterwards.

    The data folder is not in `tmp_path`, because PostgreSQL's system account must be able to enter it.
    """
    data_dir = Path(tempfile.mkdtemp(prefix="essaycoach-tests-", dir=_memory_folder()))
    with Supervisor(data_dir) as supervisor:
        postgres, redis = EmbeddedPostgres(data_dir, durable=False), RedisServer(data_dir)
        postgres.start(supervisor, timeout_seconds=120.0)
        redis.start(supervisor, timeout_seconds=120.0)
        started = Servers(admin_url=postgres.admin_url, redis=redis)
        execute(started.admin_url, f"create database {TEMPLATE}")
        migrate(started.url(TEMPLATE), "up")
        yield started
    shutil.rmtree(data_dir, ignore_errors=True)


def execute(url: str, sql: str, params: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
    """Run one statement on a new connection, outside every pool, and return its rows."""
    connection = _connect(url)
    try:
        return _rows(connection, sql, params)
    finally:
        connection.close()


def _connect(url: str) -> Any:
    connection = psycopg2.connect(url)
    connection.autocommit = True
    return connection


def _rows(connection: Any, sql: str, params: tuple[object, ...]) -> list[tuple[object, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params or None)
        return cursor.fetchall() if cursor.description is not None else []


def _is_usable(connection: Any) -> bool:
    """Return whether the connection still works. Nothing of its earlier statements stays: no setting, lock or temporary table."""
    try:
        _rows(connection, "discard all", ())
    except psycopg2.Error:
        return False
    return True


def migrate(url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `python -m migrations` against a database in its own process."""
    passwords = {f"ESSAYCOACH_DB_PASSWORD_{role.removeprefix('ec_').upper()}": ROLE_PASSWORD for role in ROLES}
    done = subprocess.run(
        [sys.executable, "-m", "migrations", *arguments],
        env={**os.environ, **passwords, "DATABASE_URL": url}, cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done


@dataclass(frozen=True)
class Database:
    """One migrated database for a test or a test file."""

    admin_url: str

    @property
    def name(self) -> str:
        return self.admin_url.rpartition("/")[2]

    def role_url(self, role: str) -> str:
        """Return the URL with which a role logs in."""
        parts = urlsplit(self.admin_url)
        host = parts.netloc.rpartition("@")[2]
        return urlunsplit(parts._replace(netloc=f"{role}:{quote(ROLE_PASSWORD)}@{host}"))

    def sql(self, statement: str, *params: object) -> list[tuple[object, ...]]:
        """Run a statement as the superuser, whom no policy restricts, and return its rows. Code under test never does this."""
        place = (self.admin_url, threading.get_ident())
        connection = _superusers.pop(place, None)
        if connection is None or not _is_usable(connection):
            connection = _connect(self.admin_url)
        found = _rows(connection, statement, params)
        # A statement that leaves a transaction open ends it by losing the connection.
        if connection.info.transaction_status == TRANSACTION_STATUS_IDLE:
            _superusers[place] = connection
        return found

    def disconnect(self) -> None:
        """Close every idle connection of this process to it, as a database that is cloned or dropped needs."""
        db.database.close_idle()
        for place in [one for one in _superusers if one[0] == self.admin_url]:
            _superusers.pop(place).close()


@contextmanager
def cloned(servers: Servers, *, template: str = TEMPLATE) -> Iterator[Database]:
    """Yield a fresh database, cloned from the migrated template in some 50 ms, and drop it afterwards."""
    name = f"test_{os.getpid()}_{next(_numbers)}"
    execute(servers.admin_url, f"create database {name} template {template} strategy file_copy")
    # A machine that stands still for seconds ends no transaction. How long one waits for a lock stays as it is shipped.
    limits = [f"alter role {role} in database {name} set {limit} = '2min'" for role in PROGRAMS for limit in PATIENT]
    execute(servers.admin_url, "; ".join(limits))
    own = Database(servers.url(name))
    yield own
    own.disconnect()
    execute(servers.admin_url, f"drop database {name} with (force)")


@contextmanager
def away(servers: Servers, database: Database) -> Iterator[None]:
    """Close this database's connections and let PostgreSQL refuse new ones while the block runs."""
    name = database.name
    execute(servers.admin_url, f"alter database {name} with allow_connections false")
    try:
        ended = "select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = %s"
        execute(servers.admin_url, ended, (name,))
        yield
    finally:
        execute(servers.admin_url, f"alter database {name} with allow_connections true")


@contextmanager
def read_only(database: Database, role: str) -> Iterator[None]:
    """Give this role only read-only transactions in this database while the block runs.

    Connections that are opened meanwhile stay read-only afterwards, like those to a former primary.
    """
    database.sql(f"alter role {role} in database {database.name} set default_transaction_read_only = on")
    try:
        ended = "select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = %s and usename = %s"
        database.sql(ended, database.name, role)
        yield
    finally:
        database.sql(f"alter role {role} in database {database.name} reset default_transaction_read_only")
