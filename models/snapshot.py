"""What a backup must bring back: the rows of every table in one snapshot, counted and digested, and what else is compared.

It has a connection of its own, because a snapshot lasts as long as the dump, and reads of millions of rows are streamed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg2
from psycopg2 import errors, sql

from models.errors import DatabaseAway, SettingsError

# The keys of people are stored apart from every dump.
APART = ("user_keys",)
# The same row is the same text on every server.
_PLAIN = "-c timezone=UTC -c datestyle=ISO,YMD -c intervalstyle=iso_8601 -c bytea_output=hex -c search_path=public"
_TABLES = """
select c.relname, coalesce(array_agg(a.attname::text order by k.place) filter (where k.place is not null), '{}'),
    coalesce(array_agg(a.attcollation <> 0 order by k.place) filter (where k.place is not null), '{}')
from pg_class as c
left join pg_index as i on i.indrelid = c.oid and i.indisprimary
left join lateral unnest(i.indkey::int2[]) with ordinality as k (attribute, place) on true
left join pg_attribute as a on a.attrelid = c.oid and a.attnum = k.attribute
where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
group by c.relname order by c.relname
"""
_EMPTY = """
select not exists (
    select from pg_class as c where c.relnamespace = 'public'::regnamespace
        and not exists (select from pg_depend as d where d.objid = c.oid and d.deptype = 'e')
) and not exists (
    select from pg_proc as p where p.pronamespace = 'public'::regnamespace
        and not exists (select from pg_depend as d where d.objid = p.oid and d.deptype = 'e')
)
"""


@dataclass(frozen=True, kw_only=True)
class Table:
    """The rows of one table: how many there are, and the SHA-256 of all of them in the order of the primary key."""

    rows: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What is known about a database when a snapshot begins."""

    taken_at: datetime
    server_version: int
    schema: str | None
    sequences: dict[str, int]


class Snapshot:
    """One read-only transaction that sees the database at one moment. `name` lets pg_dump see the same."""

    def __init__(self, connection: Any, name: str) -> None:
        self.name = name
        self._connection = connection

    def facts(self) -> Facts:
        """Return the time of the snapshot, the versions, and the state of the sequences (numbers drawn by now)."""
        history = self._value("select to_regclass('public._yoyo_migration') is not null")
        sequences = "select sequencename::text, coalesce(last_value, 0) from pg_sequences where schemaname = 'public'"
        return Facts(
            taken_at=self._value("select now()"),
            server_version=self._connection.server_version,
            schema=self._value("select max(migration_id) from public._yoyo_migration") if history else None,
            sequences=dict(self._rows(sequences)),
        )

    def wal_file(self) -> str:
        """Return the name of the file of the write-ahead log that is written now. The log-in needs a superuser's rights."""
        return str(self._value("select pg_walfile_name(pg_current_wal_lsn())"))

    def digest_tables(self, *, tell: Callable[[str, int, int], None] = lambda *_: None) -> dict[str, Table]:
        """Return every table of ours but those kept apart, partitions counted with their parent.

        `tell` is called before each table with its name, its place and how many there are.
        """
        found = [one for one in self._rows(_TABLES) if one[0] not in APART]
        tables: dict[str, Table] = {}
        for place, (name, key, collated) in enumerate(found, start=1):
            tell(name, place, len(found))
            tables[name] = self._digest(name, dict(zip(key, collated, strict=True)))
        return tables

    def _digest(self, name: str, key: dict[str, bool]) -> Table:
        # By code point, so that the order does not depend on the locale of the server.
        terms = [
            sql.SQL('{} collate "C"' if collated else "{}").format(sql.Identifier(column))
            for column, collated in key.items()
        ] or [sql.SQL('{} collate "C"').format(sql.SQL("t::text"))]
        statement = sql.SQL("copy (select t.* from public.{} as t order by {}) to stdout").format(
            sql.Identifier(name), sql.SQL(", ").join(terms)
        )
        digest = _Digest()
        with self._connection.cursor() as cursor:
            cursor.copy_expert(statement, digest)
            return Table(rows=cursor.rowcount, sha256=digest.hash.hexdigest())

    def _value(self, statement: str) -> Any:
        return next(iter(self._rows(statement)))[0]

    def _rows(self, statement: str) -> list[tuple[Any, ...]]:
        with self._connection.cursor() as cursor:
            cursor.execute(statement)
            return list(cursor.fetchall())


class _Digest:
    """Takes what COPY sends and keeps nothing but the hash of it."""

    def __init__(self) -> None:
        self.hash = hashlib.sha256()

    def write(self, data: bytes | str) -> None:
        """Add to the hash."""
        self.hash.update(data.encode() if isinstance(data, str) else data)


@contextmanager
def snapshot(url: str) -> Iterator[Snapshot]:
    """Yield a snapshot of the database. Raises DatabaseAway when it cannot be reached."""
    with _connected(url) as connection:
        connection.set_session(isolation_level="REPEATABLE READ", readonly=True)
        with connection.cursor() as cursor:
            cursor.execute("select pg_export_snapshot()")
            yield Snapshot(connection, cursor.fetchone()[0])
        connection.rollback()


def record_run(url: str, name: str, *, began: datetime, succeeded: bool, found: int, detail: dict[str, int]) -> None:
    """Keep the result of a backup or a drill in `duty_runs`, as `duty_runs.record` does. Raises DatabaseAway.

    The role ec_backup reads only; this one function it may call in a transaction that writes.
    """
    with _connected(url) as connection, connection, connection.cursor() as cursor:
        cursor.execute("set transaction read write")
        outcome = "ok" if succeeded else "failed"
        values = (name, began, outcome, found, json.dumps(detail))
        cursor.execute("select public.record_duty(%s, %s, %s, %s, %s::jsonb)", values)


def is_empty(url: str) -> bool:
    """Return whether the database holds no table and no function of anybody's. Raises DatabaseAway."""
    with _connected(url) as connection, connection.cursor() as cursor:
        cursor.execute(_EMPTY)
        return bool(cursor.fetchone()[0])


def is_superuser(url: str) -> bool:
    """Return whether the log-in is a superuser's. Raises DatabaseAway."""
    with _connected(url) as connection:
        return str(connection.info.parameter_status("is_superuser")) == "on"


@contextmanager
def _connected(url: str) -> Iterator[Any]:
    try:
        connection = psycopg2.connect(url, application_name="ec-backup", connect_timeout=10, options=_PLAIN)
    except psycopg2.OperationalError:
        # libpq's message may name the user and the address, never the password; ours names neither.
        raise DatabaseAway("The database cannot be reached, or refuses this log-in.") from None
    try:
        yield connection
    except errors.InsufficientPrivilege:
        raise SettingsError(
            "DATABASE_URL must log in as ec_backup or as a superuser: this role may not do that."
        ) from None
    except psycopg2.OperationalError:
        raise DatabaseAway("The connection to the database was lost.") from None
    finally:
        connection.close()
