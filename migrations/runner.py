"""Apply and roll back the numbered SQL files with the owner role, one runner at a time.

yoyo reads the files and keeps the history. This module adds what yoyo lacks: a lock that the server releases when a
runner dies, time limits, a refusal to work through PgBouncer, and checksums of the file contents.
"""

from __future__ import annotations

import hashlib
import io
import os
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

import psycopg2
from psycopg2 import errors, sql
from yoyo import get_backend, read_migrations

from migrations.errors import MigrationError
from migrations.prepare import PROGRAMS

HERE = Path(__file__).parent
CHECKSUMS = HERE / "checksums.sha256"
LOCK_KEY = 0x45_53_53_41_59  # "ESSAY" in ASCII; no other program uses this number on this database
OWNER_OPTIONS = "-c role=ec_owner -c lock_timeout=1s -c statement_timeout=60s -c timezone=UTC"
LOCK_ATTEMPTS = 10

T = TypeVar("T")


def files() -> list[Path]:
    """Return the forward files in the order in which they are applied."""
    return sorted(path for path in HERE.glob("[0-9]*.sql") if not path.name.endswith(".rollback.sql"))


def path_of(name: str, *, rollback: bool = False) -> Path:
    """Return the file of a migration, or the one that rolls it back."""
    return HERE / f"{name}{'.rollback' if rollback else ''}.sql"


def runs_alone(path: Path) -> bool:
    """Return whether a file runs outside a transaction, one statement at a time."""
    return path.read_text().startswith("-- transactional: false")


def problems() -> list[str]:
    """Return the problems of the files: gaps in the numbers, missing rollback files, files that changed after sealing."""
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
                state = "changed after it was sealed" if part.name in sealed else "not sealed yet"
                found.append(
                    f"{part.name}: {state}; write a new migration, or run 'python -m migrations seal' if it is new"
                )
    return found


def checksum(path: Path) -> str:
    """Return the SHA-256 of a file's contents in hex."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def read_checksums() -> dict[str, str]:
    """Return the committed checksums by file name (the file has the format of sha256sum)."""
    if not CHECKSUMS.exists():
        return {}
    pairs = (line.split() for line in CHECKSUMS.read_text().splitlines() if line.strip())
    return {name: digest for digest, name in pairs}


def seal() -> list[str]:
    """Add the checksums of new files to the list and return their names.

    Raises MigrationError when a sealed file has changed.
    """
    sealed = read_checksums()
    parts = [part for path in files() for part in (path, path.with_suffix(".rollback.sql"))]
    changed = [part.name for part in parts if part.name in sealed and sealed[part.name] != checksum(part)]
    if changed:
        raise MigrationError(
            f"{', '.join(changed)}: changed after sealing. Undo the edit and write a new migration instead."
        )
    new = [part for part in parts if part.name not in sealed]
    with CHECKSUMS.open("a") as out:
        out.writelines(f"{checksum(part)}  {part.name}\n" for part in new)
    return [part.name for part in new]


@contextmanager
def runner(url: str, *, wait_seconds: float = 60.0) -> Iterator[Runner]:
    """Take the migration lock of a database and yield a `Runner`; wait up to `wait_seconds` for the lock.

    The server releases the lock when the block ends, and also when the process dies in any way. Raises MigrationError
    when the database cannot be reached, when `url` leads through PgBouncer, or when another runner keeps the lock.
    """
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
        yield Runner(_reached_url(url, connection), connection)
    finally:
        connection.close()


def _take_lock(cursor: Any, *, wait_seconds: float) -> None:
    """Take the advisory lock; raises MigrationError when another runner still holds it after `wait_seconds`."""
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


def retry_while_locked(step: Callable[[], T], *, what: str) -> T:
    """Return the step's result. While another transaction holds a lock that it needs, repeat it up to LOCK_ATTEMPTS times.

    The pause of about one second between two attempts lets that table's other users go on. Raises MigrationError.
    """
    for attempt in range(1, LOCK_ATTEMPTS + 1):
        try:
            return step()
        except errors.LockNotAvailable:
            if attempt == LOCK_ATTEMPTS:
                raise MigrationError(
                    f"{what}: another transaction kept a table locked through {LOCK_ATTEMPTS} attempts. "
                    "Find it in pg_stat_activity and run this again."
                ) from None
            time.sleep(random.uniform(0.5, 1.5))  # noqa: S311 - jitter, not a secret
    raise AssertionError("unreachable")


class Runner:
    """Changes the schema of one database while the migration lock is held."""

    def __init__(self, url: str, connection: Any) -> None:
        self.connection = connection
        self.url = url
        # Without the filter yoyo would treat the Python files and roles.sql of this folder as migrations too.
        self._migrations = read_migrations(str(HERE)).filter(lambda migration: migration.id[:4].isdigit())
        self._by_name = {migration.id: migration for migration in self._migrations}
        self._yoyo: Any = None

    def status(self) -> list[tuple[str, bool]]:
        """Return the name of every migration and whether it is applied."""
        if not self._has_history():
            return [(migration.id, False) for migration in self._migrations]
        backend = self._backend()
        with backend.transaction():
            return [(migration.id, bool(backend.is_applied(migration))) for migration in self._migrations]

    def up(self) -> Iterator[tuple[str, float]]:
        """Apply the missing migrations in order and yield the name and the duration in seconds of each.

        Raises MigrationError when a file has a problem or fails.
        """
        found = problems()
        if found:
            raise MigrationError("\n".join(found))
        backend = self._backend()
        for migration in backend.to_apply(self._migrations):
            yield migration.id, self._execute(backend.apply_one, migration)
        with self.connection.cursor() as cursor:
            self._forget_statements(cursor)
            grantees = sql.SQL(", ").join(map(sql.Identifier, PROGRAMS))
            cursor.execute(sql.SQL("grant select on _yoyo_migration to {}").format(grantees))

    def _forget_statements(self, cursor: Any) -> None:
        """Reset the statistics on statements of this database, where the role may: a setting may let them keep values."""
        cursor.execute("select to_regclass('extensions.pg_stat_statements') is not null")
        if cursor.fetchone() != (True,):
            return
        try:
            cursor.execute(
                "select extensions.pg_stat_statements_reset(0, oid, 0) from pg_database where datname = current_database()"
            )
        except (errors.InsufficientPrivilege, errors.ObjectNotInPrerequisiteState):
            return  # not a superuser, or the library is not loaded and keeps nothing

    def apply(self, name: str) -> None:
        """Apply one migration, whatever else is applied. Raises MigrationError when it fails."""
        self._execute(self._backend().apply_one, self._by_name[name])

    def down(self, names: list[str]) -> Iterator[tuple[str, float]]:
        """Roll back these migrations in this order and yield the name and the duration in seconds of each."""
        for name in names:
            yield name, self._execute(self._backend().rollback_one, self._by_name[name])

    def newest(self, steps: int | None) -> list[str]:
        """Return the names of the newest `steps` applied migrations (all for None), newest first."""
        return [name for name, is_applied in reversed(self.status()) if is_applied][:steps]

    def _execute(self, step: Any, migration: Any) -> float:
        """Run one file and return its duration in seconds. Raises MigrationError when the file fails."""
        started = time.monotonic()
        try:
            # yoyo prints what a select of a file returns.
            with redirect_stdout(io.StringIO()):
                retry_while_locked(lambda: step(migration), what=migration.id)
        except psycopg2.Error as error:
            raise MigrationError(f"{migration.id}: {str(error).strip()}") from error
        return time.monotonic() - started

    def _backend(self) -> Any:
        """Return the yoyo backend; the first call connects it with the owner role."""
        if self._yoyo is None:
            # libpq would send it after the options, and the files before 0016 made partitions in the time zone of the session.
            os.environ.pop("PGTZ", None)
            try:
                self._yoyo = get_backend(owner_url(self.url), migration_table="_yoyo_migration")
            except psycopg2.OperationalError as error:
                raise MigrationError(f"Cannot act as the owner of the schema: {str(error).strip()}") from None
            # yoyo's own lock is a row that stays after kill -9. This runner holds the advisory lock, so such a row is stale.
            self._yoyo.break_lock()
        return self._yoyo

    def _has_history(self) -> bool:
        """Return whether the history table of yoyo exists."""
        with self.connection.cursor() as cursor:
            cursor.execute("select to_regclass('public._yoyo_migration') is not null")
            return bool(cursor.fetchone() == (True,))


def _reached_url(url: str, connection: Any) -> str:
    """Return `url` with the one host that the connection reached: yoyo understands only one."""
    parts = urlsplit(url)
    user, at, hosts = parts.netloc.rpartition("@")
    if "," not in hosts:
        return url
    host = connection.info.host
    return urlunsplit(parts._replace(netloc=f"{user}{at}{f'[{host}]' if ':' in host else host}:{connection.info.port}"))


def owner_url(url: str) -> str:
    """Return `url` with the owner role and the time limits as connection options."""
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query))
    query["options"] = OWNER_OPTIONS
    scheme = "postgresql"
    return urlunsplit((scheme, parts.netloc, parts.path, urlencode(query, quote_via=quote), ""))
