"""The connection pool and the only way to use it: a `session` is one transaction with one identity."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

import peewee
import psycopg2
import psycopg2.extras
from playhouse.pool import PooledPostgresqlDatabase

from models import production
from models.database_errors import Meaning, meaning_of, sqlstate_of
from models.errors import (
    AddressRefused,
    AuthorLimit,
    DatabaseAway,
    DatabaseBusy,
    DatabaseReadOnly,
    KeysMissing,
    NeedsApproval,
    OnHold,
    Unauthorised,
)
from models.log import logger, request_id, trace_id
from models.settings import StoreSettings
from models.statement_watchdog import StatementWatchdog

# The newest migration that this code was written for. /readyz and a starting worker compare it with the database.
SCHEMA = "0072_arrivals_forget_the_erased"
# The server has so many whole seconds to let a program in. Whoever waits for a page waits for this, too.
CONNECT_SECONDS = 1

Role = Literal["ec_auth", "ec_lms", "ec_manager", "ec_student", "ec_educator", "ec_admin", "ec_keys"]

log = logger(__name__)


class _ThreadSession(threading.local):
    """The session of one thread: the opening to send with its first statement (None once sent), and its time limits.

    `unserved` says that the server answered that it cannot serve us now, `single` that the first statement is also the last.
    """

    opening: tuple[str, list[Any]] | None = None
    single: bool = False
    unserved: bool = False
    deadline: float = 0.0
    answer_seconds: float | None = None


_thread_session = _ThreadSession()


class _Unanswered(peewee.OperationalError):
    """The server got the statement and did not answer in time. A new connection would get no answer either."""


_watchdog = StatementWatchdog()


class _OwnRole(peewee.PostgresqlDatabase):
    """In production, connections of the program's own role only. The server says at log-in who it is, without a statement."""

    own_role: str | None = None

    def _connect(self) -> Any:
        connection = super()._connect()  # type: ignore[misc]  # the stubs leave it out
        said = connection.info.parameter_status
        # PgBouncer need not pass these on; the user of the URL was checked at the start.
        is_own = said("session_authorization") in (None, self.own_role) and said("is_superuser") != "on"
        if self.own_role is None or is_own:
            return connection
        connection.close()
        log.error("refused to work with this database role", wanted=self.own_role)
        raise peewee.OperationalError("not the program's own role")


class Pool(PooledPostgresqlDatabase, _OwnRole):  # type: ignore[misc]  # in the stubs the two bases disagree about `init`
    """Peewee's pool, in which the first statement of a session also begins its transaction and sets its identity.

    All of it is one round trip. This statement also notices a connection that died in the pool, so there is no SELECT 1 at
    check-out.
    """

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        self._outdated: set[int] = set()
        super().__init__(*arguments, **settings)

    def _is_closed(self, conn: Any) -> bool:
        return bool(conn.closed)

    def _can_reuse(self, conn: Any) -> bool:
        key = self.conn_key(conn)
        if key in self._outdated:
            self._outdated.discard(key)  # a later connection may get the same key
            return False
        return bool(super()._can_reuse(conn))

    def replace_connections(self) -> None:
        """Close this thread's connection and all idle ones now, and those of other threads when their sessions end.

        They may all lead to a server that is no longer the primary, or have been opened while it was read-only.
        """
        self.manual_close()
        with self._pool_lock:
            self._outdated = set(self._in_use)
            self.close_idle()

    def execute_sql(self, sql: str, params: Any = None) -> Any:
        """Execute a statement, with the session's opening before it when it is the first.

        Raises DatabaseAway, DatabaseBusy, KeysMissing and Unauthorised, as `models/database_errors.py` says. Every statement
        passes through here, also those that Peewee's own classes build.
        """
        with _translate_errors():
            return self._execute_with_opening(sql, params)

    def _execute_with_opening(self, sql: Any, params: Any) -> Any:
        if _thread_session.opening is None:
            _refuse_second_statement()
            return self._execute_watched(sql, params)
        opening, _thread_session.opening = _thread_session.opening, None
        cursor = self.connection().cursor()
        # Peewee passes an empty tuple on, and psycopg2 would then read a % inside a value as a placeholder.
        combined = (cursor.mogrify(*opening) + cursor.mogrify(sql, params or ())).replace(b"%", b"%%")
        try:
            return self._execute_watched(combined)
        except (peewee.OperationalError, peewee.InterfaceError) as error:
            if not self.connection().closed or isinstance(error, _Unanswered):
                raise
        # The server was restarted, so the idle connections of the pool are dead too.
        self.manual_close()
        self.close_idle()
        _connect(_thread_session.deadline)
        return self._execute_watched(combined)

    def _execute_watched(self, sql: Any, params: Any = None) -> Any:
        _watchdog.watch(self.connection(), answer_seconds=_thread_session.answer_seconds)
        try:
            return super().execute_sql(sql, params)
        except (peewee.OperationalError, peewee.InterfaceError) as error:
            if _watchdog.was_cut():
                raise _Unanswered("the server kept silent") from error
            raise
        finally:
            _watchdog.unwatch()


database: Any = Pool(None, autoconnect=False)


class _Limits:
    """How many sessions this process may have open at once, and how long one waits for a free connection.

    Peewee's pool connects under its own lock, without a time limit. Waiting here lets DatabaseAway be raised quickly.
    """

    wait_seconds = 1.5
    slots = threading.BoundedSemaphore(1)
    connecting = threading.Lock()


@dataclass(frozen=True)
class SessionClaims:
    """What an access token claims about its session, and the address it came from (canonical; None when unknown).

    The round trip that sets the identity also checks them.
    """

    session: UUID
    role: str
    token_version: int
    address: str | None = None


def connect(settings: StoreSettings) -> None:
    """Configure the pool of this process. Open no connection yet, unless the log-in role is to be checked.

    Raises SettingsError when the role may do more than a program's role. A database that is away passes: then each log-in
    shows whose it is.
    """
    _Limits.wait_seconds = settings.pool_wait_seconds
    _Limits.slots = threading.BoundedSemaphore(settings.pool_size)
    _watchdog.answer_seconds = settings.answer_seconds
    psycopg2.extras.register_uuid()
    database.init(
        settings.database_url,
        max_connections=settings.pool_size,
        application_name=settings.program,
        connect_timeout=CONNECT_SECONDS,
        # Without a limit, a network that drops packets holds a request until the kernel gives up after a quarter of an hour.
        tcp_user_timeout=1500,
        keepalives_idle=10,
        keepalives_interval=5,
        keepalives_count=2,
    )
    database.own_role = None
    if settings.own_role is not None:
        with suppress(DatabaseAway, DatabaseBusy):
            _require_own_role(settings.own_role)
        database.own_role = settings.own_role


def _require_own_role(name: str) -> None:
    with session():
        found = row(
            """
            select rolname = %s and not (rolsuper or rolbypassrls or rolcreaterole or rolcreatedb or rolreplication) as is_own
            from pg_roles where rolname = session_user
            """,
            (name,),
        )
    if found is None or not found["is_own"]:
        rule = (
            f"log in as {name} without rights over the server (superuser, bypassrls, createrole, createdb, replication)"
        )
        raise production.refusal(
            "DATABASE_URL", rule, "take the rights from the role, as migrations/roles.sql makes it"
        )


@contextmanager
def session(
    *,
    org: UUID | None = None,
    user: UUID | None = None,
    role: Role | None = None,
    live: SessionClaims | None = None,
    actor: UUID | None = None,
    answer_seconds: float | None = None,
    single: bool = False,
) -> Iterator[None]:
    """Run the block in one transaction with one identity and commit; roll back on any error.

    With `single` the block has one statement, which only reads: the opening, the statement and the end of the transaction are then
    one round trip.

    Without a role, the program acts with its own log-in role. `actor` is the actor that the audit trail names when it is
    not a signed-in person: an API key or a source. The identity is local to the transaction, so the next user of the
    connection does not get it. Times are UTC, whatever the server or the environment says. Raises DatabaseAway when no
    connection is available within `pool_wait_seconds`, when a statement gets no answer within `answer_seconds` (default: the
    program's setting), and when the server cannot serve, for example because it is read-only. The first statement raises
    Unauthorised when `live` is no longer valid, AddressRefused when the org does not accept that person from their address, and
    KeysMissing when that person's key was not restored.
    """
    if not database.is_closed():
        raise RuntimeError("sessions do not nest: one session is one transaction is one identity")
    # The one that is taken is given back, also when `connect` makes another one meanwhile.
    slots = _Limits.slots
    if not slots.acquire(timeout=_Limits.wait_seconds):
        raise DatabaseAway("Every database connection of this process stayed busy.")
    try:
        _thread_session.deadline = time.monotonic() + _Limits.wait_seconds
        _connect(_thread_session.deadline)
        _thread_session.opening = _opening_statement(org, user, role, live, actor, single=single)
        _thread_session.single = single
        _thread_session.answer_seconds = answer_seconds
        _thread_session.unserved = False
        yield
        # PostgreSQL answers the commit of a failed transaction with a rollback and reports no error.
        is_open = _thread_session.opening is None and not single
        if is_open and _execute("commit").statusmessage != "COMMIT":
            raise RuntimeError("a failed statement was passed over in this session: nothing was stored")
    except BaseException:
        _roll_back()
        raise
    finally:
        _thread_session.opening = None
        _thread_session.single = False
        # Closing what is closed already would still wait for Peewee's lock, which another thread holds while it connects.
        if not database.is_closed():
            if _thread_session.unserved:
                database.replace_connections()
            else:
                database.close()
        slots.release()


@contextmanager
def maintenance() -> Iterator[Callable[[str], None]]:
    """Yield a function that runs one statement outside every transaction, over a connection of its own that closes at the end.

    For VACUUM, ANALYZE and REINDEX CONCURRENTLY. The role's limits hold. Raises DatabaseAway, DatabaseBusy.
    """
    with _translate_errors():
        connection = _OwnRole._connect(database)  # noqa: SLF001 - ours; the pool's connections always open a transaction
    try:
        connection.autocommit = True

        def execute(statement: str) -> None:
            with _translate_errors(), connection.cursor() as cursor:
                cursor.execute(statement)

        yield execute
    finally:
        connection.close()


def rows(sql: str, params: Sequence[Any] | dict[str, Any] = ()) -> list[dict[str, Any]]:
    """Execute a statement and return its rows as dictionaries. Needs an open session."""
    cursor = _execute(sql, params)
    names = [column.name for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def row(sql: str, params: Sequence[Any] | dict[str, Any] = ()) -> dict[str, Any] | None:
    """Execute a statement and return its first row as a dictionary, or None. Needs an open session."""
    found = rows(sql, params)
    return found[0] if found else None


def run(sql: str, params: Sequence[Any] | dict[str, Any] = ()) -> int:
    """Execute a statement and return how many rows it affected. Needs an open session."""
    return int(_execute(sql, params).rowcount)


def run_many(sql: str, values: Sequence[Sequence[Any]]) -> None:
    """Execute a statement for many rows of values in one round trip; `sql` has one %s for all of them. Needs an open session."""
    if values:
        if _thread_session.opening is not None:
            _execute("select")
        _refuse_second_statement()
        with _translate_errors():
            _watchdog.watch(database.connection(), answer_seconds=_thread_session.answer_seconds)
            try:
                psycopg2.extras.execute_values(database.connection().cursor(), sql, values, page_size=len(values))
            finally:
                _watchdog.unwatch()


def new_ids(count: int) -> list[UUID]:
    """Return new UUIDv7s from the database's clock. Ids decide the partition, and a program's clock may be wrong."""
    return [found["id"] for found in rows("select uuidv7() as id from generate_series(1, %s)", (count,))]


def require_writable() -> None:
    """Check that the server takes writes, and replace the pool's connections when not. Raises DatabaseReadOnly."""
    found = row("select current_setting('transaction_read_only')::boolean as read_only")
    if found and found["read_only"]:
        _thread_session.unserved = True
        raise DatabaseReadOnly("The database cannot write (read-only).")


def schema_version() -> str | None:
    """Return the newest applied migration, or None before the first. Needs an open session."""
    # The table exists before the programs may read it: the migration runner grants the right when everything is applied.
    readable = row(
        """
        select case when to_regclass('public._yoyo_migration') is not null
            then has_table_privilege('public._yoyo_migration', 'select') end as known
        """
    )
    found = row("select max(migration_id) as newest from _yoyo_migration") if readable and readable["known"] else None
    return found["newest"] if found else None


def connection_limit() -> int | None:
    """Return how many connections the server gives the log-in role. None: no limit, or PgBouncer shares them out."""
    found = row("select pg_backend_pid() as pid, rolconnlimit as most from pg_roles where rolname = session_user")
    if found is None or found["pid"] != database.connection().info.backend_pid or found["most"] < 0:
        return None
    return int(found["most"])


def caused_by(error: BaseException, kind: type[Exception]) -> bool:
    """Return whether a Peewee or domain error was caused by this kind of psycopg2 error."""
    current: BaseException | None = error
    while current is not None:
        # Peewee keeps the error that it wraps in `orig`, not as its cause and not among its arguments.
        if isinstance(current, kind) or isinstance(getattr(current, "orig", None), kind):
            return True
        current = current.__cause__
    return False


def _refuse_second_statement() -> None:
    """Raise RuntimeError in a session of one statement. Its transaction is over, so another one would have no identity."""
    if _thread_session.single:
        raise RuntimeError("this session has one statement")


def _opening_statement(
    org: UUID | None,
    user: UUID | None,
    role: Role | None,
    live: SessionClaims | None,
    actor: UUID | None,
    *,
    single: bool,
) -> tuple[str, list[Any]]:
    sql = (
        "select set_config('app.org', %s, true), set_config('app.user', %s, true), set_config('app.actor', %s, true), "
    )
    params: list[Any] = [str(org or ""), str(user or ""), str(actor or "")]
    if single:
        # Statements that are sent together without BEGIN are one transaction too, which ends with the last of them. What only
        # reads may be sent again over a new connection, and needs no request and no trace.
        sql += "set_config('transaction_read_only', 'on', true), "
    else:
        sql = f"begin; {sql}set_config('app.request', %s, true), set_config('app.trace', %s, true), "
        params += [request_id() or "", str(trace_id() or "")]
    sql += "set_config('timezone', 'UTC', true)"
    if live is not None:
        if live.role == "admin":  # only of admins an org names the networks
            sql += ", set_config('app.address', %s, true)"
            params.append(live.address or "")
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
def _translate_errors() -> Iterator[None]:
    try:
        yield
    except (peewee.DatabaseError, peewee.InterfaceError, psycopg2.Error) as error:
        match meaning_of(error):
            case Meaning.AWAY:
                # A connection that was lost concerns nobody else; what the server itself says concerns them all.
                _thread_session.unserved = sqlstate_of(error) is not None
                raise DatabaseAway("The database did not answer, or cannot serve now.") from error
            case Meaning.BUSY:
                raise DatabaseBusy("The database is busy with other work.") from error
            case Meaning.SESSION_ENDED:
                raise Unauthorised("This session has ended. Sign in again.") from None
            case Meaning.ADDRESS_REFUSED:
                raise AddressRefused from None
            case Meaning.KEYS_MISSING:
                raise KeysMissing from None
            case Meaning.ON_HOLD:
                raise OnHold from None
            case Meaning.NEEDS_APPROVAL:
                raise NeedsApproval from None
            case Meaning.AUTHOR_LIMIT:
                raise _author_limit(error) from None
            case _:
                raise


def _author_limit(error: Any) -> AuthorLimit:
    """Return what `count_hand_in` refused: it names the limit, its number and the seconds to wait."""
    # Peewee keeps the error that it wraps in `orig`.
    said = getattr(error, "orig", error).diag
    return AuthorLimit.of_org(said.message_primary, most=int(said.message_detail), wait_seconds=int(said.message_hint))


def _roll_back() -> None:
    was_open = _thread_session.opening is None and not _thread_session.single
    if database.is_closed() or not was_open or _thread_session.unserved:
        return
    # When it fails, the connection is lost: there is nothing to roll back, and `session` closes it.
    with suppress(DatabaseAway):
        _execute("rollback")
