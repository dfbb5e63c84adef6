"""Apply and roll back the numbered SQL files as the owner role, one runner at a time.

yoyo reads the files and keeps the history. What it lacks is added here: a lock the server frees when a runner dies,
time limits, a refusal to work through PgBouncer, and checksums of the contents.
"""

from __future__ import annotations

import hashlib
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

import psycopg2
from psycopg2 import errors, sql
from yoyo import get_backend, read_migrations

HERE = Path(__file__).parent
CHECKSUMS = HERE / "checksums.sha256"
LOCK_KEY = 0x45_53_53_41_59  # "ESSAY": any fixed number no other program uses on this database
PROGRAMS = ("ec_ingest", "ec_worker", "ec_clock", "ec_monitor", "ec_backup")
OWNER_OPTIONS = "-c role=ec_owner -c lock_timeout=1s -c statement_timeout=60s"
LOCK_ATTEMPTS = 10


class MigrationError(Exception):
    """The schema was not touched, or the failing file was rolled back; the message says what to do."""


def files() -> list[Path]:
    """Return the forward files in the order they are applied."""
    return sorted(path for path in HERE.glob("[0-9]*.sql") if not path.name.endswith(".rollback.sql"))


def problems() -> list[str]:
    """Return what is wrong with the files themselves: gaps, missing rollbacks, contents that changed after sealing."""
    found: list[str] = []
    sealed = read_checksums()
    for position, path in enumerate(files(), start=1):
        if not path.name.startswith(f"{position:04d}_"):
            found.append(f"{path.name}: expected number {position:04d}")
        rollback = path.with_suffix(".rollback.sql")
        if not rollback.exists():
            found.append(f"{path.name}: {rollback.name} is missing")
        for part in (path, rollback):
            if part.exists() and sealed.get(part.name) != checksum(part):
                known = "changed after it was sealed" if part.name in sealed else "not sealed yet"
                found.append(
                    f"{part.name}: {known}; write a new migration, or run 'python -m migrations seal' if it is new"
                )
    return found


def checksum(path: Path) -> str:
    """Return the SHA-256 of a file's contents in hex."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def read_checksums() -> dict[str, str]:
    """Return the checked-in checksums by file name (the format of sha256sum)."""
    if not CHECKSUMS.exists():
        return {}
    pairs = (line.split() for line in CHECKSUMS.read_text().splitlines() if line.strip())
    return {name: digest for digest, name in pairs}


def seal() -> list[str]:
    """Add the checksums of new files to the list and return their names; a sealed file never changes."""
    sealed = read_checksums()
    every = [part for path in files() for part in (path, path.with_suffix(".rollback.sql"))]
    changed = [part.name for part in every if part.name in sealed and sealed[part.name] != checksum(part)]
    if changed:
        raise MigrationError(
            f"{', '.join(changed)}: changed after sealing. Undo the edit and write a new migration instead."
        )
    new = [part for part in every if part.name not in sealed]
    with CHECKSUMS.open("a") as out:
        out.writelines(f"{checksum(part)}  {part.name}\n" for part in new)
    return [part.name for part in new]


@contextmanager
def runner(url: str, *, wait_seconds: float = 60.0) -> Iterator[Runner]:
    """Hold the only right to change the schema; it ends with the block, or with the process however that dies."""
    try:
        connection = psycopg2.connect(url, application_name="ec-migrations", connect_timeout=10)
    except psycopg2.OperationalError as error:
        raise MigrationError(f"Cannot reach the database: {error}") from None
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            cursor.execute("select pg_backend_pid()")
            if cursor.fetchone() != (connection.info.backend_pid,):
                raise MigrationError(
                    "DATABASE_URL leads through PgBouncer, where the lock that keeps two runners apart is worthless. "
                    "Give the migrations a direct connection."
                )
            _take_lock(cursor, wait_seconds=wait_seconds)
        yield Runner(url, connection)
    finally:
        connection.close()


def _take_lock(cursor: Any, *, wait_seconds: float) -> None:
    deadline = time.monotonic() + wait_seconds
    while True:
        cursor.execute("select pg_try_advisory_lock(%s)", (LOCK_KEY,))
        if cursor.fetchone() == (True,):
            return
        if time.monotonic() > deadline:
            raise MigrationError(
                f"Another runner has held the migration lock for {wait_seconds:.0f} s. Wait for it, or stop it."
            )
        time.sleep(0.2)


class Runner:
    """The schema of one database, while its lock is held."""

    def __init__(self, url: str, connection: Any) -> None:
        self._connection = connection
        self._url = url
        # yoyo would also take the Python files and roles.sql of this folder for migrations.
        self._migrations = read_migrations(str(HERE)).filter(lambda migration: migration.id[:4].isdigit())
        self._opened: Any = None

    def prepare_roles(self, passwords: dict[str, str]) -> None:
        """Make sure every role exists, with the log-in passwords given; needs a superuser connection."""
        with self._connection.cursor() as cursor:
            try:
                cursor.execute((HERE / "roles.sql").read_text())
            except errors.InsufficientPrivilege as error:
                raise MigrationError(
                    f"The roles could not be prepared ({str(error).strip()}). Run 'python -m migrations up' once as a superuser."
                ) from None
            # Programs need no temporary tables; the owner's row security file makes two procedures in that schema.
            database = sql.Identifier(self._connection.info.dbname)
            cursor.execute(sql.SQL("revoke temporary on database {} from public").format(database))
            cursor.execute(sql.SQL("grant temporary on database {} to ec_owner").format(database))
            for role, password in passwords.items():
                cursor.execute(sql.SQL("alter role {} password %s").format(sql.Identifier(role)), (password,))
            cursor.execute("select from pg_available_extensions where name = 'pg_stat_statements'")
            if cursor.fetchone() is not None:
                cursor.execute("create extension if not exists pg_stat_statements schema extensions")

    def status(self) -> list[tuple[str, bool]]:
        """Return every migration with whether it is applied."""
        if not self._has_history():
            return [(migration.id, False) for migration in self._migrations]
        backend = self._backend()
        with backend.transaction():
            return [(migration.id, bool(backend.is_applied(migration))) for migration in self._migrations]

    def up(self) -> Iterator[tuple[str, float]]:
        """Apply what is missing, in order, and yield each name with its seconds."""
        wrong = problems()
        if wrong:
            raise MigrationError("\n".join(wrong))
        backend = self._backend()
        for migration in backend.to_apply(self._migrations):
            yield migration.id, self._one(backend.apply_one, migration)
        with self._connection.cursor() as cursor:
            grantees = sql.SQL(", ").join(map(sql.Identifier, PROGRAMS))
            cursor.execute(sql.SQL("grant select on _yoyo_migration to {}").format(grantees))

    def down(self, steps: int | None) -> Iterator[tuple[str, float]]:
        """Roll back the newest `steps` migrations (all of them for None) and yield each name with its seconds."""
        backend = self._backend()
        applied = list(backend.to_rollback(self._migrations))
        for migration in applied[:steps]:
            yield migration.id, self._one(backend.rollback_one, migration)

    def _one(self, step: Any, migration: Any) -> float:
        """Run one file; another transaction's table lock is waited for politely, a second at a time."""
        started = time.monotonic()
        for attempt in range(1, LOCK_ATTEMPTS + 1):
            try:
                step(migration)
                return time.monotonic() - started
            except errors.LockNotAvailable:
                if attempt == LOCK_ATTEMPTS:
                    raise MigrationError(
                        f"{migration.id}: another transaction kept a table locked through {LOCK_ATTEMPTS} attempts. "
                        "Find it in pg_stat_activity and run this again."
                    ) from None
                time.sleep(random.uniform(0.5, 1.5))  # noqa: S311 - jitter, not a secret
            except psycopg2.Error as error:
                raise MigrationError(f"{migration.id}: {str(error).strip()}") from error
        raise AssertionError("unreachable")

    def _backend(self) -> Any:
        if self._opened is None:
            self._opened = get_backend(_owner_url(self._url), migration_table="_yoyo_migration")
            # yoyo's own lock is a row that outlives kill -9. We hold the real lock, so a row left behind means nothing.
            self._opened.break_lock()
        return self._opened

    def _has_history(self) -> bool:
        with self._connection.cursor() as cursor:
            cursor.execute("select to_regclass('public._yoyo_migration') is not null")
            return bool(cursor.fetchone() == (True,))


def _owner_url(url: str) -> str:
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query))
    query["options"] = OWNER_OPTIONS
    scheme = "postgresql"
    return urlunsplit((scheme, parts.netloc, parts.path, urlencode(query, quote_via=quote), ""))
