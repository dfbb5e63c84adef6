"""The pool of connections and the one way to use it: `session` = one transaction = one identity."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

import peewee
import psycopg2
import psycopg2.extras
from playhouse.pool import PooledPostgresqlDatabase

from models.errors import DatabaseAway, Unauthorised
from models.log import logger
from models.settings import StoreSettings

# The newest migration this code was written for. /readyz and every program's start compare it with the database.
SCHEMA = "0008_queue_place"

Role = Literal["ec_auth", "ec_lms", "ec_student", "ec_educator", "ec_admin"]

log = logger(__name__)


class Pool(PooledPostgresqlDatabase):  # type: ignore[misc]  # playhouse is untyped
    """Peewee's pool without its SELECT 1 at check-out: `session` notices a dead connection by its first statement."""

    def _is_closed(self, conn: Any) -> bool:
        return bool(conn.closed)


database = Pool(None, autoconnect=False)


class _Limits:
    """How many sessions may be open at once in this process, and how long one waits for its turn.

    Peewee's pool connects under its own lock, without a time limit: waiting here keeps "the database is away" quick.
    """

    wait_seconds = 1.5
    slots = threading.BoundedSemaphore(1)
    connecting = threading.Lock()


@dataclass(frozen=True)
class Live:
    """What an access token claims about its session; checked in the same round trip that sets the identity."""

    session: UUID
    role: str
    token_version: int


def connect(settings: StoreSettings) -> None:
    """Make the pool of this process ready; no connection is opened yet."""
    _Limits.wait_seconds = settings.pool_wait_seconds
    _Limits.slots = threading.BoundedSemaphore(settings.pool_size)
    psycopg2.extras.register_uuid()
    database.init(
        settings.database_url,
        max_connections=settings.pool_size,
        application_name=settings.program,
        connect_timeout=2,
        # A network that swallows packets must not hold a request for the kernel's quarter of an hour.
        tcp_user_timeout=5000,
        keepalives_idle=10,
        keepalives_interval=5,
        keepalives_count=2,
    )


@contextmanager
def session(
    *, org: UUID | None = None, user: UUID | None = None, role: Role | None = None, live: Live | None = None
) -> Iterator[None]:
    """Run the block in one transaction as one identity, and commit; any error rolls back.

    Without a role the program acts as its own log-in role. Identity is local to the transaction and cannot leak to the
    next borrower. Raises DatabaseAway within `pool_wait_seconds`, Unauthorised when `live` no longer holds.
    """
    if not database.is_closed():
        raise RuntimeError("sessions do not nest: one session is one transaction is one identity")
    deadline = time.monotonic() + _Limits.wait_seconds
    if not _Limits.slots.acquire(timeout=_Limits.wait_seconds):
        raise DatabaseAway("Every database connection of this process stayed busy.")
    try:
        alive = _begin(*_identity(org, user, role, live), deadline=deadline)
        if not alive:
            raise Unauthorised("This session has ended. Sign in again.")
        yield
        _execute("commit")
    except BaseException:
        _roll_back()
        raise
    finally:
        database.close()
        _Limits.slots.release()


def rows(sql: str, params: Sequence[Any] | dict[str, Any] = ()) -> list[dict[str, Any]]:
    """Return every row of a statement as a dictionary. Needs an open session."""
    cursor = _execute(sql, params)
    names = [column.name for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def row(sql: str, params: Sequence[Any] | dict[str, Any] = ()) -> dict[str, Any] | None:
    """Return the first row of a statement as a dictionary, or None. Needs an open session."""
    found = rows(sql, params)
    return found[0] if found else None


def run(sql: str, params: Sequence[Any] | dict[str, Any] = ()) -> int:
    """Carry out a statement and return how many rows it touched. Needs an open session."""
    return int(_execute(sql, params).rowcount)


def run_many(sql: str, values: Sequence[Sequence[Any]]) -> None:
    """Insert many rows in one round trip; `sql` has one %s where the values go. Needs an open session."""
    if values:
        with _translated():
            psycopg2.extras.execute_values(database.connection().cursor(), sql, values, page_size=len(values))


def new_ids(count: int) -> list[UUID]:
    """Return fresh UUIDv7s by the database's clock. A program's clock may be wrong; the partitions must not be."""
    return [found["id"] for found in rows("select uuidv7() as id from generate_series(1, %s)", (count,))]


def schema_version() -> str | None:
    """Return the newest applied migration, or None before the first. Needs an open session."""
    found = row("select max(migration_id) as newest from _yoyo_migration")
    return found["newest"] if found else None


def caused_by(error: BaseException, kind: type[Exception]) -> bool:
    """Return whether a Peewee or domain error came from this psycopg2 error."""
    chain: BaseException | None = error
    while chain is not None:
        if isinstance(chain, kind) or any(isinstance(part, kind) for part in chain.args):
            return True
        chain = chain.__cause__
    return False


def _identity(org: UUID | None, user: UUID | None, role: Role | None, live: Live | None) -> tuple[str, list[Any]]:
    sql = "begin; select set_config('app.org', %s, true), set_config('app.user', %s, true)"
    params: list[Any] = [str(org or ""), str(user or "")]
    if role is not None:
        sql += ", set_config('role', %s, true)"
        params.append(role)
    if live is None:
        return f"{sql}, true", params
    return f"{sql}, session_is_live(%s, %s, %s, %s)", [*params, live.session, user, live.role, live.token_version]


def _begin(sql: str, params: list[Any], *, deadline: float) -> bool:
    """Open the transaction; a connection that died in the pool (the server was restarted) is replaced once."""
    _connect(deadline)
    try:
        return bool(_execute(sql, params).fetchone()[-1])
    except DatabaseAway:
        database.manual_close()
        # Its idle brothers died with it.
        database.close_idle()
    _connect(deadline)
    return bool(_execute(sql, params).fetchone()[-1])


def _connect(deadline: float) -> None:
    if not _Limits.connecting.acquire(timeout=max(0.0, deadline - time.monotonic())):
        raise DatabaseAway("The database did not answer in time.")
    try:
        database.connect()
    except (peewee.OperationalError, peewee.InterfaceError) as error:
        raise DatabaseAway("The database cannot be reached.") from error
    finally:
        _Limits.connecting.release()


def _execute(sql: str, params: Sequence[Any] | dict[str, Any] = ()) -> Any:
    with _translated():
        return database.execute_sql(sql, params)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (peewee.OperationalError, peewee.InterfaceError, psycopg2.OperationalError, psycopg2.InterfaceError) as error:
        raise DatabaseAway("The database did not answer.") from error


def _roll_back() -> None:
    if database.is_closed():
        return
    try:
        _execute("rollback")
    except DatabaseAway:
        # Nothing to roll back on a connection that is gone; it must not go back to the pool either.
        database.manual_close()
