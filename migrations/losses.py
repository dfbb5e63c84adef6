"""Say which rows a rollback would lose, before it happens.

The rollback files run in one transaction that is undone. What has vanished then, and held something, would be lost.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psycopg2
from psycopg2 import sql

from migrations.errors import MigrationError
from migrations.runner import owner_url, retry_while_locked

# A backup that is older than this counts for nothing.
FRESH_HOURS = 24
# More rows than this are not counted.
MOST_ROWS = 1000
# Tables whose rows come with the migrations themselves.
OWN_ROWS = ("feedback_types",)

_COLUMNS = """
select c.relname::text, a.attname::text, pg_get_expr(d.adbin, d.adrelid)
from pg_class as c join pg_attribute as a on a.attrelid = c.oid left join pg_attrdef as d on d.adrelid = c.oid and d.adnum = a.attnum
where c.relkind in ('r', 'p') and not c.relispartition and c.relnamespace = 'public'::regnamespace
    and a.attnum > 0 and not a.attisdropped and a.attgenerated = '' and c.relname !~ 'yoyo' and c.relname <> all(%s)
order by 1, a.attnum
"""
# Rows that the rollback itself deletes or changes. Rows of dropped tables do not count here.
_TOUCHED = """
select coalesce(pg_partition_root(relid), relid)::regclass::text, sum(n_tup_del)::bigint, sum(n_tup_upd)::bigint
from pg_stat_xact_user_tables where schemaname = 'public' and relname !~ 'yoyo' and n_tup_del + n_tup_upd > 0
group by 1 order by 1
"""


def losses(url: str, rollbacks: Sequence[Path]) -> list[str]:
    """Return a sentence for each table and column whose rows these rollback files would lose. Raises MigrationError."""
    try:
        before, after, touched = retry_while_locked(lambda: _rehearse(url, rollbacks), what="the rollback")
    except psycopg2.Error as error:
        raise MigrationError(f"The rollback was tried and fails; nothing has changed: {str(error).strip()}") from error
    connection = psycopg2.connect(url)
    try:
        with connection.cursor() as cursor:
            # It sees every row; the owner of the tables does not.
            cursor.execute("set local role ec_stats")
            tables = sorted({table for table, _ in before} - {table for table, _ in after})
            lost = [f"table {table}: {rows}" for table in tables if (rows := _count(cursor, table))]
            for table, column in sorted(set(before) - set(after)):
                if table not in tables and (rows := _count(cursor, table, column, before[table, column])):
                    lost.append(f"column {table}.{column}: its values in {rows}")
    finally:
        connection.close()
    return lost + [sentence for table, *counts in touched for sentence in _touched(table, *counts)]


def require_backup(connection: Any) -> None:
    """Raise MigrationError unless a backup of the last FRESH_HOURS is on record."""
    with connection.cursor() as cursor:
        cursor.execute("select to_regclass('public.duty_runs') is not null")
        last = None
        if cursor.fetchone() == (True,):
            cursor.execute(
                "select max(succeeded_at), max(succeeded_at) > now() - %s * interval '1 hour' from duty_runs"
                " where name in ('backup', 'base_backup')",
                (FRESH_HOURS,),
            )
            last, is_fresh = cursor.fetchone()
            if is_fresh:
                return
    when = f"the last one on record is of {last:%Y-%m-%d %H:%M %Z}" if last else "none is on record"
    raise MigrationError(
        f"--drop-data needs a backup of the last {FRESH_HOURS} hours, and {when}. Make one (docs/backups.md), or add "
        "--without-backup when another tool made one."
    )


def _rehearse(url: str, rollbacks: Sequence[Path]) -> tuple[dict[Any, Any], dict[Any, Any], list[Any]]:
    """Run the files and undo them. Return the columns with their defaults before and after, and the touched rows."""
    connection = psycopg2.connect(owner_url(url))
    try:
        with connection.cursor() as cursor:
            before = _columns(cursor)
            for path in rollbacks:
                # An index cannot be built or dropped concurrently in a transaction, and this one is undone.
                cursor.execute(re.sub(r"\bconcurrently\b", "", path.read_text(), flags=re.IGNORECASE))
            after = _columns(cursor)
            cursor.execute(_TOUCHED)
            return before, after, cursor.fetchall()
    finally:
        connection.close()


def _columns(cursor: Any) -> dict[tuple[str, str], str | None]:
    cursor.execute(_COLUMNS, (list(OWN_ROWS),))
    return {(table, column): default for table, column, default in cursor.fetchall()}


def _count(cursor: Any, table: str, column: str | None = None, default: str | None = None) -> str:
    """Return how many rows a table has, or of them those with another value than the default, in words; empty for none."""
    wanted: sql.Composable = sql.SQL("true")
    if column is not None:
        wanted = sql.SQL("{} is distinct from {}").format(sql.Identifier(column), sql.SQL(default or "null"))
    cursor.execute(
        sql.SQL("select count(*) from (select from {} where {} limit {}) as found").format(
            sql.Identifier("public", table), wanted, sql.Literal(MOST_ROWS)
        )
    )
    (rows,) = cursor.fetchone()
    return "" if not rows else f"{rows:,} rows or more" if rows == MOST_ROWS else f"{rows:,} row{'s' * (rows > 1)}"


def _touched(table: str, deleted: int, updated: int) -> list[str]:
    counts = (("deletes", deleted), ("changes", updated))
    return [f"table {table}: {verb} {rows:,} row{'s' * (rows > 1)}" for verb, rows in counts if rows]
