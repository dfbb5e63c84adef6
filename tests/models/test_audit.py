"""The audit trail as the database keeps it: written by whoever acts, chained by the clock, changed by nobody."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from itertools import pairwise
from uuid import UUID, uuid4

import peewee
import psycopg2
import pytest

from models import audit, courses, db
from models.audit import Actor, Entry
from models.connections import find_source
from tests.conftest import Become
from tests.support.schools import School, session_of
from tests.support.servers import ROLES, Database

PEOPLE = ("ec_auth", "ec_lms", "ec_student", "ec_educator", "ec_admin")
SPOIL = {
    "update": "update audit_log set actor_role = 'nobody'",
    "update of the place": "update audit_log set sequence = 1, hash = sha256('x')",
    "delete": "delete from audit_log",
    "truncate": "truncate audit_log",
    "update of a head": "update audit_heads set sequence = 0",
    "delete of a head": "delete from audit_heads",
}
FORGE = "insert into audit_log ({columns}) values ({values})"


@pytest.fixture
def chained(school: School, become: Become) -> School:
    """A school whose audit entries have all taken their places; this process is the ingest program."""
    become("ec_clock")
    with db.session():
        assert audit.chain(10_000) > 0
    become("ec_ingest")
    return school


def attempt(url: str, *statements: str) -> psycopg2.Error | None:
    """Return the error that stops the statements, carried out in one transaction that is rolled back."""
    connection = psycopg2.connect(url)
    try:
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
    except psycopg2.Error as error:
        return error
    finally:
        connection.rollback()
        connection.close()
    return None


def as_person(role: str, school: School) -> str:
    return f"select set_config('role', '{role}', true), set_config('app.org', '{school.org}', true), set_config('app.user', '{school.ada}', true)"


@pytest.mark.parametrize("spoil", SPOIL)
def test_nobody_who_logs_in_may_change_or_delete_an_entry_or_a_head(
    chained: School, database: Database, spoil: str
) -> None:
    org = f"select set_config('app.org', '{chained.org}', true)"
    attempts = [
        *(attempt(database.role_url(role), org, SPOIL[spoil]) for role in ROLES),
        *(attempt(database.role_url("ec_ingest"), as_person(role, chained), SPOIL[spoil]) for role in PEOPLE),
        attempt(database.role_url("ec_worker"), "set local role ec_keys", org, SPOIL[spoil]),
    ]
    codes = {getattr(error, "pgcode", None) for error in attempts}
    # Permission denied; a read-only log-in is told so first.
    assert codes <= {"42501", "25006"}, codes


@pytest.mark.parametrize("spoil", ["update", "update of the place", "delete"])
def test_a_superuser_too_is_refused_while_the_triggers_are_on(chained: School, database: Database, spoil: str) -> None:
    before = database.sql("select to_jsonb(a) from audit_log as a order by id")
    error = attempt(database.admin_url, SPOIL[spoil])
    assert error is not None
    assert (error.pgcode, "append-only" in str(error)) == ("EC002", True)
    assert database.sql("select to_jsonb(a) from audit_log as a order by id") == before


def test_an_entry_without_a_place_is_not_open_to_change_either(school: School, database: Database) -> None:
    for statement in (
        SPOIL["update"],
        "update audit_log set sequence = 1, hash = sha256('x'), detail = '{\"a\": 1}'",
        SPOIL["delete"],
    ):
        error = attempt(database.admin_url, f"{statement} where org_id = '{school.org}'")
        assert error is not None
        assert error.pgcode == "EC002"


@pytest.mark.parametrize(
    "column",
    ["id, uuid7_floor(now() - interval '1 day')", "sequence, 1", "hash, sha256('x')"],
    ids=lambda one: one.split(",")[0],
)
def test_when_something_happened_and_its_place_are_not_for_programs_to_say(
    chained: School, database: Database, column: str
) -> None:
    name, value = column.split(", ", 1)
    forged = FORGE.format(
        columns=f"org_id, actor_id, actor_role, action, entity, entity_id, {name}",
        values=f"'{chained.org}', '{chained.ada}', 'admin', 'read', 'user', uuidv7(), {value}",
    )
    for url, first in (
        (database.role_url("ec_ingest"), as_person("ec_admin", chained)),
        (database.role_url("ec_ingest"), as_person("ec_educator", chained)),
        (database.role_url("ec_clock"), f"select set_config('app.org', '{chained.org}', true)"),
    ):
        error = attempt(url, first, forged)
        assert error is not None
        assert error.pgcode == "42501"


def test_nobody_writes_an_entry_into_another_orgs_trail_nor_an_educator_in_anothers_name(
    chained: School, other_school: School
) -> None:
    someone = Actor(role="educator", id=chained.ed)
    for who, org, actor in (
        ("ada", other_school.org, Actor(role="admin", id=chained.ada)),
        ("ed", other_school.org, someone),
        ("ed", chained.org, Actor(role="educator", id=chained.nell)),
        ("ed", chained.org, Actor(role="educator")),
    ):
        with pytest.raises(peewee.ProgrammingError), session_of(chained, who):
            audit.note("read", org=org, actor=actor, entity="essay", entity_id=uuid4())
    with session_of(chained, "ed"):
        audit.note("read", org=chained.org, actor=someone, entity="essay", entity_id=uuid4())


@pytest.mark.parametrize(
    "call",
    [lambda: audit.chain(1), lambda: audit.list_entries(org=uuid4(), limit=1), lambda: audit.fetch_head(uuid4())],
)
def test_the_chain_is_the_clocks_business(chained: School, call: Callable[[], object]) -> None:
    for name in ("alice", "ed", "ada"):
        with pytest.raises(peewee.ProgrammingError), session_of(chained, name):
            call()


def entries(org: UUID) -> list[Entry]:
    with db.session(org=org):
        return audit.list_entries(org=org, limit=10_000)


def test_every_hash_is_of_the_one_before_and_of_what_the_entry_says(
    chained: School, become: Become, database: Database
) -> None:
    become("ec_clock")
    found = entries(chained.org)
    assert [entry.sequence for entry in found] == list(range(1, len(found) + 1))
    assert found[0].hash == hashlib.sha256(bytes(32) + found[0].says.encode()).digest()
    assert all(
        after.hash == hashlib.sha256(before.hash + after.says.encode()).digest() for before, after in pairwise(found)
    )
    with db.session(org=chained.org):
        head = audit.fetch_head(chained.org)
        assert audit.count_unchained(chained.org) == 0
        assert audit.hashes_at(chained.org, len(found)) == [found[-1].hash]
    assert head == audit.Head(sequence=len(found), hash=found[-1].hash)
    # What is hashed begins with the org and the place, and leaves nothing out that the row says.
    [stored] = database.sql(
        "select actor_id::text, actor_role, request_id, action, entity, entity_id::text, detail from audit_log where id = %s",
        found[0].id,
    )
    assert json.loads(found[0].says) == [str(chained.org), 1, str(found[0].id), *stored]


def test_pages_of_entries_follow_one_another_and_each_org_sees_its_own(
    chained: School, other_school: School, become: Become
) -> None:
    become("ec_clock")
    with db.session():
        audit.chain(10_000)
    whole = entries(chained.org)
    paged: list[Entry] = []
    while True:
        with db.session(org=chained.org):
            page = audit.list_entries(org=chained.org, limit=7, after=paged[-1] if paged else None)
        if not page:
            break
        paged += page
    assert paged == whole
    with db.session(org=other_school.org):
        assert audit.list_entries(org=chained.org, limit=10) == []
        assert audit.fetch_head(chained.org) is None


def test_chaining_goes_on_where_it_stopped_and_twice_is_as_once(chained: School, become: Become) -> None:
    with session_of(chained, "ada"):
        for number in range(5):
            courses.add_course(f"Course {number}", org=chained.org)
    become("ec_clock")
    before = len(entries(chained.org))
    for most, newly in ((3, 3), (3, 2), (3, 0)):
        with db.session():
            assert audit.chain(most) == newly
    assert [entry.sequence for entry in entries(chained.org)] == list(range(1, before + 6))


def test_a_source_is_named_as_the_actor_of_what_it_caused(chained: School, database: Database) -> None:
    with db.session(role="ec_auth"):
        source = find_source(chained.source)
    with db.session(org=chained.org, role="ec_lms", actor=source.id):
        db.run(
            "insert into enrollments (org_id, course_id, user_id, role) values (%s, %s, %s, 'student')",
            (chained.org, chained.other_course, chained.zoe),
        )
    found = database.sql(
        "select actor_id::text, actor_role, action from audit_log where entity_id = %s and entity = 'enrollment'",
        chained.zoe,
    )
    assert found == [(str(chained.source), "lms", "created")]
