"""Test that a session is one transaction with one identity, also when something in it fails."""

from __future__ import annotations

import ast
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from uuid import UUID, uuid4

import peewee
import psycopg2
import psycopg2.errors
import pytest

from models import db, sessions
from models.db import SessionClaims
from models.errors import DatabaseAway, NotFound, Unauthorised
from models.settings import StoreSettings
from models.tables import Orgs
from tests.conftest import Become
from tests.support.ports import free_port
from tests.support.races import eventually, together
from tests.support.schools import School, session_of
from tests.support.servers import ROOT, Database


def store(url: str, *, pool_size: int = 1, wait_seconds: float = 0.3) -> StoreSettings:
    return StoreSettings(database_url=url, program="test", pool_size=pool_size, pool_wait_seconds=wait_seconds)


def identity() -> dict[str, object]:
    """Return the backend pid, role, login, org and user of the current session."""
    found = db.row(
        """
        select pg_backend_pid() as pid, current_user::text as role, session_user::text as program,
            coalesce(current_setting('app.org', true), '') as org, coalesce(current_setting('app.user', true), '') as user
        """
    )
    assert found is not None
    return found


@pytest.mark.parametrize("statement", [lambda: db.row("select 1"), lambda: list(Orgs.select(Orgs.slug).tuples())])
def test_connection_lost_inside_a_session_raises_database_away(
    school: School, database: Database, statement: Callable[[], object]
) -> None:
    with pytest.raises(DatabaseAway), session_of(school, "ada"):
        pid = db.row("select pg_backend_pid() as pid")
        assert pid is not None
        database.sql("select pg_terminate_backend(%s, 5000)", pid["pid"])
        statement()


def test_session_acts_with_the_given_role_org_and_user(school: School) -> None:
    with session_of(school, "alice"):
        me = identity()

    assert (me["role"], me["org"], me["user"]) == ("ec_student", str(school.org), str(school.alice))


@pytest.mark.parametrize("ending", ["commit", "rollback"])
def test_next_session_on_the_same_connection_has_no_identity(school: School, become: Become, ending: str) -> None:
    """With a pool of one connection, the session after Alice's has no identity, after a commit and after a rollback."""
    become("ec_ingest", pool_size=1)
    with suppress(KeyError), session_of(school, "alice"):
        hers = identity()
        if ending == "rollback":
            raise KeyError
    with db.session():
        mine = identity()

    assert mine["pid"] == hers["pid"]
    assert (mine["role"], mine["org"], mine["user"]) == ("ec_ingest", "", "")


@pytest.mark.parametrize(
    "error", [ValueError, KeyboardInterrupt, SystemExit, GeneratorExit], ids=lambda kind: kind.__name__
)
def test_any_error_rolls_back_and_reaches_the_caller(school: School, error: type[BaseException]) -> None:
    with pytest.raises(error), session_of(school, "ada"):
        db.run("update courses set name = 'changed' where id = %s", (school.course,))
        raise error

    with session_of(school, "ada"):
        assert db.row("select name from courses where id = %s", (school.course,)) == {"name": "English 9"}


def test_next_session_sees_committed_rows(school: School) -> None:
    with session_of(school, "ada"):
        assert db.run("update courses set name = 'changed' where id = %s", (school.course,)) == 1

    with session_of(school, "ada"):
        assert db.row("select name from courses where id = %s", (school.course,)) == {"name": "changed"}


def test_session_that_caught_a_failed_statement_refuses_to_commit(school: School) -> None:
    """When the block catches the error of a failed statement, the commit raises, because nothing was stored."""
    with pytest.raises(RuntimeError, match="nothing was stored"), session_of(school, "ada"):
        db.run("update courses set name = 'changed' where id = %s", (school.course,))
        with suppress(peewee.DatabaseError):
            db.run("update courses set name = ' ' where id = %s", (school.course,))

    with session_of(school, "ada"):
        assert db.row("select name from courses where id = %s", (school.course,)) == {"name": "English 9"}


def test_percent_sign_in_the_first_statement_is_kept(school: School) -> None:
    with session_of(school, "alice"):
        assert db.row("select %s as value, current_user::text as role", ("100% %s",)) == {
            "value": "100% %s",
            "role": "ec_student",
        }
    with session_of(school, "alice"):
        assert db.row("select '100%%' as value") == db.row("select '100%%' as value") == {"value": "100%"}


def test_run_many_as_first_statement_uses_the_session_identity(school: School) -> None:
    with pytest.raises(psycopg2.errors.InsufficientPrivilege), session_of(school, "alice"):
        db.run_many("insert into courses (org_id, name) values %s", [(school.org, "hers")])
    with session_of(school, "ada"):
        db.run_many("insert into courses (org_id, name) values %s", [(school.org, "Music")])
    with session_of(school, "ada"):
        assert db.row("select count(*) as n from courses where name = 'Music'") == {"n": 1}


def test_session_without_statements_leaves_no_identity_behind(school: School, become: Become) -> None:
    """Sessions that end before their first statement, with or without an error, leave no identity to the next session."""
    become("ec_ingest", pool_size=1)
    with session_of(school, "ada"):
        pass
    with suppress(KeyError), session_of(school, "ada"):
        raise KeyError
    with db.session():
        mine = identity()

    assert (mine["role"], mine["org"], mine["user"]) == ("ec_ingest", "", "")


def test_session_of_one_statement_acts_with_its_identity_and_leaves_none(school: School, become: Become) -> None:
    become("ec_ingest", pool_size=1)
    with db.session(org=school.org, user=school.alice, role="ec_student", single=True):
        hers = identity()
    with db.session():
        mine = identity()

    assert (hers["role"], hers["org"], hers["user"]) == ("ec_student", str(school.org), str(school.alice))
    assert (mine["pid"], mine["role"], mine["org"], mine["user"]) == (hers["pid"], mine["program"], "", "")


def test_session_of_one_statement_refuses_another(school: School) -> None:
    with (
        pytest.raises(RuntimeError, match="one statement"),
        db.session(org=school.org, role="ec_admin", single=True),
    ):
        db.row("select 1")
        db.row("select 1")
    with (
        pytest.raises(RuntimeError, match="one statement"),
        db.session(org=school.org, role="ec_admin", single=True),
    ):
        db.run_many("insert into categories (org_id, slug, name) values %s", [(school.org, "poem", "Poem")])


def test_session_of_one_statement_cannot_write(school: School) -> None:
    with pytest.raises(DatabaseAway), db.session(org=school.org, role="ec_admin", single=True):
        db.run("update orgs set name = 'Changed' where id = %s", (school.org,))
    with db.session(org=school.org, role="ec_admin"):
        found = db.row("select name from orgs where id = %s", (school.org,))

    assert found is not None
    assert found["name"] != "Changed"


def test_idle_connection_that_died_is_replaced_for_one_statement(
    school: School, database: Database, become: Become
) -> None:
    become("ec_ingest", pool_size=1)
    with db.session():
        died = identity()["pid"]
    database.sql("select pg_terminate_backend(%s, 5000)", died)
    with db.session(org=school.org, user=school.alice, role="ec_student", single=True):
        assert identity()["pid"] != died


def test_nested_session_is_refused_and_the_outer_one_continues(school: School) -> None:
    with session_of(school, "alice"):
        with pytest.raises(RuntimeError, match="do not nest"), session_of(school, "bob"):
            raise AssertionError("unreachable")
        assert identity()["user"] == str(school.alice)


@pytest.fixture
def live(school: School) -> SessionClaims:
    """What a valid access token of Alice says about her session."""
    with db.session(org=school.org, role="ec_auth"):
        account = sessions.find_account(school.email("alice"), org=school.org)
        assert account is not None
        family = sessions.open_family(account, org=school.org)
    return SessionClaims(session=family.id, role="student", token_version=0)


def test_live_token_is_accepted(school: School, live: SessionClaims) -> None:
    with db.session(org=school.org, user=school.alice, role="ec_student", live=live):
        assert identity()["role"] == "ec_student"


def test_unknown_session_id_is_unauthorised_for_one_statement(school: School, live: SessionClaims) -> None:
    unknown = SessionClaims(session=uuid4(), role=live.role, token_version=live.token_version)
    with (
        pytest.raises(Unauthorised),
        db.session(org=school.org, user=school.alice, role="ec_student", live=unknown, single=True),
    ):
        db.row("select 1")


def test_unknown_session_id_is_unauthorised(school: School, live: SessionClaims) -> None:
    with (
        pytest.raises(Unauthorised),
        db.session(org=school.org, user=school.alice, role="ec_student", live=SessionClaims(uuid4(), "student", 0)),
    ):
        db.row("select 1 as reached")
        raise AssertionError("unreachable")


@pytest.mark.parametrize(
    "ended",
    [
        "update sessions set revoked_at = now(), revoked_reason = 'logout' where org_id = %s",
        "update sessions set expires_at = now() - interval '1 second' where org_id = %s",
        "update users set disabled_at = now() where org_id = %s",
        "update users set token_version = 1 where org_id = %s",
        "update users set role = 'educator' where org_id = %s",
        "delete from sessions where org_id = %s",
    ],
)
def test_token_of_an_ended_session_cannot_run_any_statement(
    school: School, live: SessionClaims, database: Database, ended: str
) -> None:
    database.sql(ended, school.org)

    with pytest.raises(Unauthorised), db.session(org=school.org, user=school.alice, role="ec_student", live=live):
        db.row("select 1 as reached")
        raise AssertionError("unreachable")


def test_session_of_another_user_is_unauthorised(school: School, live: SessionClaims) -> None:
    with pytest.raises(Unauthorised), db.session(org=school.org, user=school.bob, role="ec_student", live=live):
        db.row("select 1 as reached")
        raise AssertionError("unreachable")


def test_idle_connection_that_died_is_replaced(school: School, database: Database, become: Become) -> None:
    """After the server has closed two idle connections, the next sessions get new connections and work."""
    become("ec_ingest", pool_size=2)
    both = threading.Barrier(2, timeout=60)

    def pid_of_one(_: int) -> object:
        with session_of(school, "alice"):
            both.wait()
            return identity()["pid"]

    dead = together(2, pid_of_one)
    for pid in dead:
        database.sql("select pg_terminate_backend(%s)", pid)
    eventually(lambda: not database.sql("select 1 from pg_stat_activity where pid = any (%s)", dead))

    alive = together(2, pid_of_one)

    assert len(set(alive)) == 2
    assert not set(alive) & set(dead)


def test_connection_lost_in_one_session_does_not_affect_the_next(
    school: School, database: Database, become: Become
) -> None:
    become("ec_ingest", pool_size=1)
    with pytest.raises(DatabaseAway), session_of(school, "alice"):
        database.sql("select pg_terminate_backend(%s)", identity()["pid"])
        db.row("select 1")

    with session_of(school, "alice"):
        assert identity()["role"] == "ec_student"


def test_closed_port_raises_database_away_within_two_seconds(become: Become) -> None:
    url = f"postgresql://ec_ingest:secret@127.0.0.1:{free_port()}/nowhere"
    db.connect(store(url, pool_size=4, wait_seconds=1.5))

    def connect(_: int) -> None:
        with db.session():
            raise AssertionError("unreachable")

    def is_refused_in_time() -> bool:
        started = time.monotonic()
        answers = together(8, connect)
        seconds = time.monotonic() - started
        assert [type(answer) for answer in answers] == [DatabaseAway] * 8
        assert not any("secret" in str(answer) for answer in answers)
        return seconds < 2

    # Whatever else runs on the machine may hold up one round, and not each.
    eventually(is_refused_in_time)


@pytest.mark.usefixtures("connects_as_shipped")
def test_silent_server_raises_database_away_for_all_callers_in_time(become: Become) -> None:
    """The port accepts but never answers. One caller waits for the connect timeout, the others for less."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        db.connect(store(f"postgresql://ec_ingest@127.0.0.1:{silent.getsockname()[1]}/nowhere", pool_size=3))

        def connect(_: int) -> float:
            started = time.monotonic()
            with pytest.raises(DatabaseAway), db.session():
                raise AssertionError("unreachable")
            return time.monotonic() - started

        def is_refused_in_time() -> bool:
            waited = sorted(answer for answer in together(3, connect) if isinstance(answer, float))
            assert len(waited) == 3
            return waited[1] < 1.5 and waited[2] < 4

        eventually(is_refused_in_time)


def test_busy_pool_raises_database_away_after_the_wait(school: School, database: Database) -> None:
    db.database.close_idle()
    db.connect(store(database.role_url("ec_ingest")))
    held, release = threading.Event(), threading.Event()

    def hold() -> None:
        with session_of(school, "alice"):
            held.set()
            release.wait(60)

    holder = threading.Thread(target=hold)
    holder.start()
    assert held.wait(60)

    def is_refused_in_time() -> bool:
        started = time.monotonic()
        with pytest.raises(DatabaseAway, match="stayed busy"), session_of(school, "bob"):
            raise AssertionError("unreachable")
        waited = time.monotonic() - started
        assert waited > 0.25
        return waited < 1.5

    try:
        eventually(is_refused_in_time, within_seconds=30)
    finally:
        release.set()
        holder.join()

    with session_of(school, "bob"):
        assert identity()["user"] == str(school.bob)


def _own_error(school: School) -> None:
    with session_of(school, "alice"):
        raise NotFound("x")


def _sql_error(school: School) -> None:
    with session_of(school, "alice"):
        db.row("select 1 / 0")


def _not_allowed(school: School) -> None:
    with session_of(school, "alice"):
        db.row("select * from system_logs")


def _not_live(school: School) -> None:
    with db.session(org=school.org, user=school.alice, role="ec_student", live=SessionClaims(uuid4(), "student", 0)):
        db.row("select 1 as reached")
        raise AssertionError("unreachable")


def _no_such_role(school: School) -> None:
    with db.session(org=school.org, role="ec_owner"):  # type: ignore[arg-type]
        db.row("select 1 as reached")
        raise AssertionError("unreachable")


def test_failed_sessions_release_their_slot_and_connection(school: School, database: Database, become: Become) -> None:
    """After fifty sessions that failed in five ways, the next one works on the pool's only connection."""
    become("ec_ingest", pool_size=1)
    ways: list[Callable[[School], None]] = [_own_error, _sql_error, _not_allowed, _not_live, _no_such_role]
    for number in range(50):
        with pytest.raises((NotFound, Unauthorised, peewee.DatabaseError)):
            ways[number % len(ways)](school)

    with session_of(school, "alice"):
        assert identity()["user"] == str(school.alice)
    open_now = database.sql(
        "select count(*) from pg_stat_activity where datname = current_database() and usename = 'ec_ingest'"
    )
    assert open_now == [(1,)]


def test_session_open_while_the_pool_is_connected_anew_releases_the_slot_it_took(
    school: School, database: Database, become: Become
) -> None:
    become("ec_ingest")
    with session_of(school, "alice"):
        db.connect(store(database.role_url("ec_ingest")))
    become("ec_ingest")


def test_failed_connections_release_their_slot(become: Become) -> None:
    db.connect(store("postgresql://ec_ingest@127.0.0.1:1/nowhere"))
    for _ in range(5):
        with pytest.raises(DatabaseAway), db.session():
            raise AssertionError("unreachable")
    slots = db._Limits.slots

    assert slots.acquire(timeout=0)
    slots.release()


def test_threads_of_two_orgs_never_see_each_others_rows_despite_failures(
    school: School, other_school: School, become: Become
) -> None:
    """Eight threads share three connections and two of three transactions fail. No thread sees a row of the other org."""
    become("ec_ingest", pool_size=3)
    people = [(s, name) for s in (school, other_school) for name in ("alice", "bob", "ed", "ada")]
    org_of = {s.org: {s.alice, s.bob, s.zoe, s.ed, s.nell, s.ada} for s in (school, other_school)}

    def work(number: int) -> tuple[int, set[UUID]]:
        mine, name = people[number]
        seen, foreign = 0, set[UUID]()
        for turn in range(100):
            with suppress(KeyError, psycopg2.Error, peewee.DatabaseError), session_of(mine, name):
                found = {one["id"] for one in db.rows("select id from users")}
                seen += len(found)
                foreign |= found - org_of[mine.org]
                if turn % 3 == 1:
                    raise KeyError
                if turn % 3 == 2:
                    db.row("select 1 / 0")
        return seen, foreign

    answers = together(len(people), work)

    assert [answer[1] for answer in answers if not isinstance(answer, Exception)] == [set()] * 8
    per_turn = {"alice": 1, "bob": 1, "ed": 3, "ada": 6}
    assert [answer[0] for answer in answers if not isinstance(answer, Exception)] == [
        100 * per_turn[n] for _, n in people
    ]


def test_run_many_inserts_all_rows_and_skips_an_empty_list(school: School) -> None:
    with session_of(school, "ada"):
        db.run_many("insert into courses (org_id, name) values %s", [(school.org, f"Course {n}") for n in range(300)])
        db.run_many("this would not even parse %s", [])
        assert db.row("select count(*) as n from courses where name like 'Course %%'") == {"n": 300}


def test_lock_timeout_is_found_as_the_cause_of_a_wrapped_error(school: School, database: Database) -> None:
    holder = psycopg2.connect(database.admin_url)
    try:
        with holder.cursor() as cursor:
            cursor.execute("select from courses where id = %s for update", (school.course,))
        with pytest.raises(DatabaseAway) as refusal, session_of(school, "ada"):
            db.run("set local lock_timeout = '50ms'; update courses set name = 'x' where id = %s", (school.course,))
    finally:
        holder.close()

    assert db.caused_by(refusal.value, psycopg2.errors.LockNotAvailable)
    assert not db.caused_by(refusal.value, psycopg2.errors.UniqueViolation)
    assert not db.caused_by(ValueError("x"), psycopg2.errors.LockNotAvailable)


SESSION_SET = re.compile(r"set\s+(session\s+\w|role\b|[\w.]+\s*(=|\bto\b))", re.IGNORECASE)
SESSION_SET_CONFIG = re.compile(r"set_config\s*\([^()]*(\([^()]*\))?[^()]*,\s*(false|'f|0)", re.IGNORECASE)


def session_level_statements(sql: str) -> list[str]:
    """Return the statements of a text that change a setting for longer than their transaction."""
    statements = [part.strip() for part in re.sub(r"--[^\n]*", "", sql).split(";")]
    return [
        part
        for part in statements
        if SESSION_SET.match(part.removeprefix("begin").strip()) or SESSION_SET_CONFIG.search(part)
    ]


def texts_of(path: Path) -> Iterator[str]:
    """Yield the text of an SQL file, or every string literal of a Python file."""
    if path.suffix == ".sql":
        yield path.read_text()
        return
    tree = ast.parse(path.read_text())
    inner = {id(piece) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for piece in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(piece.value) if isinstance(piece, ast.Constant) else "x" for piece in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inner:
            yield node.value


@pytest.mark.parametrize(
    "sql",
    [
        "set role ec_admin",
        "begin; SET app.org = 'x'",
        "select set_config('app.org', %s, false)",
        "set session authorization x",
    ],
)
def test_check_recognises_session_level_settings(sql: str) -> None:
    assert session_level_statements(sql)


@pytest.mark.parametrize(
    "sql", ["set local role x", "update a set b = 1", "select set_config('app.org', lower('X'), true)"]
)
def test_check_accepts_transaction_level_settings(sql: str) -> None:
    assert not session_level_statements(sql)


def test_no_source_file_changes_a_setting_beyond_its_transaction() -> None:
    """A session-level SET would stay on the connection and affect its next user in the pool."""
    packages = ("models", "ingest", "workers", "documents", "monitoring", "migrations", "outgoing", "standalone")
    paths = [path for package in packages for path in (ROOT / package).rglob("*") if path.suffix in (".py", ".sql")]
    found = {
        str(path.relative_to(ROOT)): bad
        for path in paths
        if path.name != "roles.sql"
        for text in texts_of(path)
        if (bad := session_level_statements(text))
    }

    assert len(paths) > 50
    assert found == {}
