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
from models.log import logger, request_id
from models.settings import StoreSettings
from models.statement_watchdog import StatementWatchdog

# The newest migration this code was written for. /readyz and the worker's start compare it with the database.
SCHEMA = "0015_trust_checked"

# The error code of require_live_session, in a class SQL leaves to applications.
SESSION_ENDED = "EC001"

Role = Literal["ec_auth", "ec_lms", "ec_student", "ec_educator", "ec_admin", "ec_keys"]

log = logger(__name__)


class _Turn(threading.local):
    """What this thread's session still has to say before its first statement, and until when it may connect."""

    opening: tuple[str, list[Any]] | None = None
    deadline: float = 0.0
    answer_seconds: float | None = None


_turn = _Turn()


class _Silent(peewee.OperationalError):
    """The server had the statement and did not answer in time: a fresh connection would find the same silence."""


_watchdog = StatementWatchdog()


class Pool(PooledPostgresqlDatabase):
    """Peewee's pool, in which a session opens its transaction and takes its identity in one round trip with its first
    statement. That statement also notices a connection that died in the pool, so there is no SELECT 1 at check-out.
    """

    def _is_closed(self, conn: Any) -> bool:
        return bool(conn.closed)

    def execute_sql(self, sql: str, params: Any = None) -> Any:
        """Carry out a statement, after the session's opening when it is the first. Raises DatabaseAway, Unauthorised.

        Every statement comes through here, those that Peewee's own classes make included.
        """
        with _translated():
            return self._opened(sql, params)

    def _opened(self, sql: Any, params: Any) -> Any:
        if _turn.opening is None:
            return self._answered(sql, params)
        opening, _turn.opening = _turn.opening, None
        cursor = self.connection().cursor()
        # Peewee hands an empty tuple on, with which psycopg2 would take a % inside a value for a placeholder.
        whole = (cursor.mogrify(*opening) + cursor.mogrify(sql, params or ())).replace(b"%", b"%%")
        try:
            return self._answered(whole)
        except (peewee.OperationalError, peewee.InterfaceError) as error:
            if not self.connection().closed or isinstance(error, _Silent):
                raise
        # The server was restarted: this connection's idle brothers died with it.
        self.manual_close()
        self.close_idle()
        _connect(_turn.deadline)
        return self._answered(whole)

    def _answered(self, sql: Any, params: Any = None) -> Any:
        _watchdog.watch(self.connection(), answer_seconds=_turn.answer_seconds)
        try:
            return super().execute_sql(sql, params)
        except (peewee.OperationalError, peewee.InterfaceError) as error:
            if _watchdog.was_cut():
                raise _Silent("the server kept silent") from error
            raise
        finally:
            _watchdog.unwatch()


database: Any = Pool(None, autoconnect=False)


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
    _watchdog.answer_seconds = settings.answer_seconds
    psycopg2.extras.register_uuid()
    database.init(
        settings.database_url,
        max_connections=settings.pool_size,
        application_name=settings.program,
        connect_timeout=1,
        # A network that swallows packets must not hold a request for the kernel's quarter of an hour.
        tcp_user_timeout=1500,
        keepalives_idle=10,
        keepalives_interval=5,
        keepalives_count=2,
    )


@contextmanager
def session(
    *,
    org: UUID | None = None,
    user: UUID | None = None,
    role: Role | None = None,
    live: Live | None = None,
    actor: UUID | None = None,
    answer_seconds: float | None = None,
) -> Iterator[None]:
    """Run the block in one transaction as one identity, and commit; any error rolls back.

    Without a role the program acts as its own log-in role. `actor` is whom the audit trail names when it is no signed-in
    person: an API key or a source. Identity is local to the transaction and cannot leak to the
    next borrower. Raises DatabaseAway within `pool_wait_seconds`, and when a statement goes unanswered for
    `answer_seconds` (unless given, the program's own); the first statement raises Unauthorised when `live` no longer holds.
    """
    if not database.is_closed():
        raise RuntimeError("sessions do not nest: one session is one transaction is one identity")
    if not _Limits.slots.acquire(timeout=_Limits.wait_seconds):
        raise DatabaseAway("Every database connection of this process stayed busy.")
    try:
        _turn.deadline = time.monotonic() + _Limits.wait_seconds
        _connect(_turn.deadline)
        _turn.opening = _identity(org, user, role, live, actor)
        _turn.answer_seconds = answer_seconds
        yield
        # PostgreSQL answers the commit of a failed transaction with a rollback, and no error.
        if _turn.opening is None and _execute("commit").statusmessage != "COMMIT":
            raise RuntimeError("a failed statement was passed over in this session: nothing was stored")
    except BaseException:
        _roll_back()
        raise
    finally:
        _turn.opening = None
        # Even an idle close would wait for Peewee's lock, which another thread holds while it connects.
        if not database.is_closed():
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
        if _turn.opening is not None:
            _execute("select")
        with _translated():
            _watchdog.watch(database.connection(), answer_seconds=_turn.answer_seconds)
            try:
                psycopg2.extras.execute_values(database.connection().cursor(), sql, values, page_size=len(values))
            finally:
                _watchdog.unwatch()


def new_ids(count: int) -> list[UUID]:
    """Return fresh UUIDv7s by the database's clock. A program's clock may be wrong; the partitions must not be."""
    return [found["id"] for found in rows("select uuidv7() as id from generate_series(1, %s)", (count,))]


def schema_version() -> str | None:
    """Return the newest applied migration, or None before the first. Needs an open session."""
    # The table is there before the programs may read it: the runner grants that when everything is applied.
    known = row(
        """
        select case when to_regclass('public._yoyo_migration') is not null
            then has_table_privilege('public._yoyo_migration', 'select') end as known
        """
    )
    found = row("select max(migration_id) as newest from _yoyo_migration") if known and known["known"] else None
    return found["newest"] if found else None


def caused_by(error: BaseException, kind: type[Exception]) -> bool:
    """Return whether a Peewee or domain error came from this psycopg2 error."""
    chain: BaseException | None = error
    while chain is not None:
        # Peewee keeps what it wraps in `orig`, neither as a cause nor among the arguments.
        if isinstance(chain, kind) or isinstance(getattr(chain, "orig", None), kind):
            return True
        chain = chain.__cause__
    return False


def _identity(
    org: UUID | None, user: UUID | None, role: Role | None, live: Live | None, actor: UUID | None
) -> tuple[str, list[Any]]:
    sql = (
        "begin; select set_config('app.org', %s, true), set_config('app.user', %s, true), "
        "set_config('app.actor', %s, true), set_config('app.request', %s, true)"
    )
    params: list[Any] = [str(org or ""), str(user or ""), str(actor or ""), request_id() or ""]
    if live is not None:
        sql += ", require_live_session(%s, %s, %s, %s)"
        params += [live.session, user, live.role, live.token_version]
    if role is not None:
        sql += ", set_config('role', %s, true)"
        params.append(role)
    return f"{sql}; ", params


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
    return database.execute_sql(sql, params)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (
        peewee.OperationalError,
        peewee.InterfaceError,
        psycopg2.OperationalError,
        psycopg2.InterfaceError,
    ) as error:
        raise DatabaseAway("The database did not answer.") from error
    except peewee.DatabaseError as error:
        if getattr(getattr(error, "orig", None), "pgcode", None) == SESSION_ENDED:
            raise Unauthorised("This session has ended. Sign in again.") from None
        raise


def _roll_back() -> None:
    if database.is_closed() or _turn.opening is not None:
        return
    try:
        _execute("rollback")
    except DatabaseAway:
        # Nothing to roll back on a connection that is gone; it must not go back to the pool either.
        database.manual_close()
