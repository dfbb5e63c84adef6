"""Prepare what outlives a database and its migrations: the roles, their passwords, and their limits on connections."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from psycopg2 import errors, sql
from psycopg2.extensions import encrypt_password

from migrations.errors import MigrationError

HERE = Path(__file__).parent
SCHEMAS = HERE / "schemas.sql"
PROGRAMS = ("ec_ingest", "ec_worker", "ec_clock", "ec_monitor", "ec_backup")
# Shares of the connections that are neither a superuser's nor reserved, and the least that a role needs. What is left over is
# for PgBouncer's and an operator's own roles.
CONNECTION_SHARES = {"ec_ingest": 0.45, "ec_worker": 0.2, "ec_clock": 0.2, "ec_monitor": 0.05, "ec_backup": 0.05}
LEAST_CONNECTIONS = {"ec_ingest": 12, "ec_worker": 10, "ec_clock": 12, "ec_monitor": 4, "ec_backup": 3}


def prepare_roles(connection: Any, passwords: dict[str, str]) -> None:
    """Create the missing roles and set the given log-in passwords (role to password). Idempotent.

    The server gets SCRAM verifiers and never sees a password. Each role gets its share of the server's connections, so that
    no program can take those of the others. Also restricts temporary tables to the owners and creates the
    extension pg_stat_statements where it is available. Raises MigrationError when the connection is not a superuser's.
    """
    with connection.cursor() as cursor:
        try:
            cursor.execute((HERE / "roles.sql").read_text())
            cursor.execute(SCHEMAS.read_text())
            limit_connections(cursor)
        except errors.InsufficientPrivilege as error:
            raise MigrationError(
                f"The roles could not be prepared ({str(error).strip()}). Run 'python -m migrations up' once as a superuser."
            ) from None
        # Programs need no temporary tables. The owner does: its row security file creates two procedures in pg_temp. So does the
        # owner of the report views: refreshing one while it is read compares it with a temporary copy.
        database = sql.Identifier(connection.info.dbname)
        cursor.execute(sql.SQL("revoke temporary on database {} from public").format(database))
        cursor.execute(sql.SQL("grant temporary on database {} to ec_owner, ec_reports").format(database))
        for role, password in passwords.items():
            verifier = encrypt_password(password, role, connection, "scram-sha-256")
            cursor.execute(sql.SQL("alter role {} password %s").format(sql.Identifier(role)), (verifier,))
        cursor.execute("select from pg_available_extensions where name = 'pg_stat_statements'")
        if cursor.fetchone() is not None:
            cursor.execute("create extension if not exists pg_stat_statements schema extensions")


def limit_connections(cursor: Any) -> None:
    """Give each program's role its share of the server's connections as its limit."""
    cursor.execute(
        "select sum(case name when 'max_connections' then setting::integer else -setting::integer end) from pg_settings"
        " where name in ('max_connections', 'superuser_reserved_connections', 'reserved_connections')"
    )
    (free,) = cursor.fetchone()
    for role, share in CONNECTION_SHARES.items():
        limit = max(LEAST_CONNECTIONS[role], int(free * share))
        cursor.execute(sql.SQL("alter role {} connection limit %s").format(sql.Identifier(role)), (limit,))
