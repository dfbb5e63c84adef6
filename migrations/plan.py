"""Say what `migrations up` would do: the SQL of each missing migration, and the locks it takes on tables that exist.

Nobody has to guess the locks: the migrations run in an empty database of the same server, which is dropped afterwards. The
database that is asked about is only read.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg2
from psycopg2 import errors, sql

from migrations.errors import MigrationError
from migrations.prepare import SCHEMAS
from migrations.runner import Runner, owner_url, path_of, runs_alone

SCRATCH = "essaycoach_migration_plan"

# From the weakest to the strongest. Weaker ones than these hold up nobody who reads or writes.
BLOCKS = {
    "ShareUpdateExclusiveLock": "vacuum and other changes of the schema",
    "ShareLock": "writes",
    "ShareRowExclusiveLock": "writes",
    "ExclusiveLock": "writes",
    "AccessExclusiveLock": "reads and writes",
}

_LOCKS = """
select coalesce(pg_partition_root(c.oid), c.oid)::regclass::text, l.mode from pg_locks as l join pg_class as c on c.oid = l.relation
where l.pid = pg_backend_pid() and c.relkind in ('r', 'p') and c.relnamespace = 'public'::regnamespace and c.oid = any(%s)
"""
_TABLES = "select oid from pg_class where relkind in ('r', 'p') and relnamespace = 'public'::regnamespace"
_ROWS = """
select coalesce(sum(greatest(reltuples, 0)), 0)::bigint from pg_class
where relkind = 'r' and oid in (select to_regclass(%(table)s) union select relid from pg_partition_tree(to_regclass(%(table)s)))
"""


@dataclass(frozen=True, kw_only=True)
class Lock:
    """The strongest lock that a migration takes on a table, and about how many rows the table has."""

    table: str
    mode: str
    rows: int

    def __str__(self) -> str:
        return f"{self.table} (about {self.rows:,} rows): {self.mode}, blocks {BLOCKS[self.mode]}"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What one missing migration does. `locks` is None for a file that runs outside a transaction, statement by statement."""

    name: str
    sql: str
    locks: list[Lock] | None


def plan(schema: Runner) -> Iterator[Plan]:
    """Yield the plan of each missing migration, in order. Raises MigrationError when the scratch database cannot be made."""
    applied = dict(schema.status())
    missing = [name for name, is_applied in applied.items() if not is_applied]
    if not missing:
        return
    with _scratch(schema.url) as scratch:
        others = Runner(scratch, schema.connection)
        for name in applied:
            path = path_of(name)
            if name in missing and not runs_alone(path):
                yield Plan(name=name, sql=path.read_text(), locks=_measure(schema.url, scratch, path))
            else:
                others.apply(name)
                if name in missing:
                    yield Plan(name=name, sql=path.read_text(), locks=None)


@contextmanager
def _scratch(url: str) -> Iterator[str]:
    """Create an empty database with our schemas on the server of `url`, and drop it afterwards. Yield its URL."""
    scratch = urlunsplit(urlsplit(url)._replace(path=f"/{SCRATCH}"))
    drop = sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(SCRATCH))
    connection = psycopg2.connect(url)
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            cursor.execute("select count(*) from pg_roles where rolname = 'ec_owner'")
            if cursor.fetchone() == (0,):
                raise MigrationError("Nothing has been migrated on this server yet: nothing can be held up. Run: up")
            try:
                cursor.execute(drop)
                cursor.execute(sql.SQL("create database {} template template0").format(sql.Identifier(SCRATCH)))
            except errors.InsufficientPrivilege:
                raise MigrationError("The plan needs a role that may create a database, where it tries them.") from None
            try:
                _run(scratch, SCHEMAS.read_text())
                yield scratch
            finally:
                cursor.execute(drop)
    finally:
        connection.close()


def _measure(url: str, scratch: str, path: Path) -> list[Lock]:
    """Run a migration in the scratch database and return its locks on the tables that were there before."""
    connection = psycopg2.connect(owner_url(scratch))
    try:
        with connection.cursor() as cursor:
            cursor.execute(_TABLES)
            before = [oid for (oid,) in cursor.fetchall()]
            cursor.execute(path.read_text())
            cursor.execute(_LOCKS, (before,))
            found = cursor.fetchall()
        connection.commit()
    except psycopg2.Error as error:
        raise MigrationError(f"{path.stem}: {str(error).strip()}") from error
    finally:
        connection.close()
    strongest: dict[str, str] = {}
    for table, mode in found:
        if mode in BLOCKS and list(BLOCKS).index(mode) >= list(BLOCKS).index(strongest.get(table, mode)):
            strongest[table] = mode
    return [Lock(table=table, mode=mode, rows=_estimate(url, table)) for table, mode in sorted(strongest.items())]


def _estimate(url: str, table: str) -> int:
    rows = _run(url, _ROWS, {"table": f"public.{table}"})
    return int(rows[0][0])


def _run(url: str, statement: str, params: dict[str, Any] | None = None) -> list[Any]:
    connection = psycopg2.connect(url)
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement, params)
            return cursor.fetchall() if cursor.description else []
    finally:
        connection.close()
