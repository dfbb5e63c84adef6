"""Test the audit trail in the database: roles append entries, the clock chains them, and nobody changes them."""

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
from models.audit import Entry
from models.callers import find_source
from tests.conftest import Become
from tests.support.schools import School, session_of
from tests.support.servers import ROLES, Database

PEOPLE = ("ec_auth", "ec_lms", "ec_student", "ec_educator", "ec_admin")
CHANGES = {
    "update": "update audit_log set actor_role = 'nobody'",
    "update of the sequence": "update audit_log set sequence = 1, hash = sha256('x')",
    "delete": "delete from audit_log",
    "truncate": "truncate audit_log",
    "update of a head": "update audit_heads set sequence = 0",
    "delete of a head": "delete from audit_heads",
}
FORGE = "insert into audit_log ({columns}) values ({values})"


@pytest.fixture
def chained(school: School, become: Become) -> School:
    """A school whose audit entries are all chained. The process is logged in as ingest."""
    become("ec_clock")
    with db.session():
        assert audit.chain(10_000) != []
    become("ec_ingest")
    return school


def attempt(url: str, *statements: str) -> psycopg2.Error | None:
    """Run the statements in one transaction, roll it back, and return the error that stopped them, or None."""
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
    """Return the SQL that gives a session this role, the school's org and Ada as its user."""
    return f"select set_config('role', '{role}', true), set_config('app.org', '{school.org}', true), set_config('app.user', '{school.ada}', true)"


@pytest.mark.parametrize("change", CHANGES)
def test_no_role_can_change_or_delete_audit_entries_or_heads(chained: School, database: Database, change: str) -> None:
    org = f"select set_config('app.org', '{chained.org}', true)"
    attempts = [
        *(attempt(database.role_url(role), org, CHANGES[change]) for role in ROLES),
        *(attempt(database.role_url("ec_ingest"), as_person(role, chained), CHANGES[change]) for role in PEOPLE),
        attempt(database.role_url("ec_worker"), "set local role ec_keys", org, CHANGES[change]),
    ]
    codes = {getattr(error, "pgcode", None) for error in attempts}
    # Permission denied. For a read-only login the read-only error comes first.
    assert codes <= {"42501", "25006"}, codes


@pytest.mark.parametrize("change", ["update", "update of the sequence", "delete"])
def test_triggers_stop_even_a_superuser_from_changing_audit_entries(
    chained: School, database: Database, change: str
) -> None:
    before = database.sql("select to_jsonb(a) from audit_log as a order by id")
    error = attempt(database.admin_url, CHANGES[change])
    assert error is not None
    assert (error.pgcode, "append-only" in str(error)) == ("EC002", True)
    assert database.sql("select to_jsonb(a) from audit_log as a order by id") == before


def test_unchained_audit_entry_cannot_be_changed_or_deleted(school: School, database: Database) -> None:
    for statement in (
        CHANGES["update"],
        "update audit_log set sequence = 1, hash = sha256('x'), detail = '{\"a\": 1}'",
        CHANGES["delete"],
    ):
        error = attempt(database.admin_url, f"{statement} where org_id = '{school.org}'")
        assert error is not None
        assert error.pgcode == "EC002"


def test_no_role_inserts_audit_entries_itself(chained: School, database: Database) -> None:
    forged = FORGE.format(
        columns="org_id, actor_id, actor_role, action, entity, entity_id",
        values=f"'{chained.org}', '{chained.ada}', 'admin', 'read', 'user', uuidv7()",
    )
    org = f"select set_config('app.org', '{chained.org}', true)"
    attempts = [
        *(attempt(database.role_url(role), org, forged) for role in ROLES),
        *(attempt(database.role_url("ec_ingest"), as_person(role, chained), forged) for role in PEOPLE),
    ]
    assert {getattr(error, "pgcode", None) for error in attempts} <= {"42501", "25006"}


@pytest.mark.parametrize(
    ("who", "action", "entity"),
    [
        ("alice", "read", "essay"), ("ed", "roster_imported", "org"), ("ed", "org_closed", "org"), ("ed", "read", "delivery"),
        ("ada", "org_removed", "org"), ("ada", "ai_chosen", "org"), ("ada", "created", "user"), ("ada", "changed", "org"),
        ("ada", "read", "org"), ("alice", "link_made", "essay"), ("ada", "", ""), ("ada", "made up", "essay"),
    ],
)  # fmt: skip
def test_audit_entry_that_a_role_cannot_cause_is_refused(chained: School, who: str, action: str, entity: str) -> None:
    with pytest.raises(peewee.ProgrammingError), session_of(chained, who):
        audit.write_entry(action, entity=entity, entity_id=uuid4())


def test_audit_entry_names_org_actor_and_role_of_its_transaction(chained: School, database: Database) -> None:
    thing, closed, text = uuid4(), uuid4(), uuid4()
    with session_of(chained, "ed"):
        audit.write_entry("read", entity="essay", entity_id=thing)
    with db.session(org=chained.org, role="ec_admin"):
        audit.write_entry("org_closed", entity="org", entity_id=closed)
    with db.session(org=chained.org, role="ec_lms", actor=chained.api_key_id):
        audit.write_entry("read", entity="submission", entity_id=text)
    found = database.sql(
        "select org_id::text, actor_id::text, actor_role from audit_log where entity_id = any (%s::uuid[]) order by id",
        [thing, closed, text],
    )
    assert found == [
        (str(chained.org), str(chained.ed), "educator"),
        (str(chained.org), None, "operator"),
        (str(chained.org), str(chained.api_key_id), "lms"),
    ]


@pytest.mark.parametrize(
    ("call", "refused"),
    [
        (lambda: audit.chain(1), ("alice", "ed", "ada")), (lambda: audit.fetch_head(uuid4()), ("alice", "ed", "ada")),
        (lambda: audit.list_entries(org=uuid4(), limit=1), ("alice", "ed")), (audit.fetch_heads, ("alice", "ed", "ada")),
    ],
)  # fmt: skip
def test_people_cannot_read_or_extend_the_audit_chain(
    chained: School, call: Callable[[], object], refused: tuple[str, ...]
) -> None:
    for name in refused:
        with pytest.raises(peewee.ProgrammingError), session_of(chained, name):
            call()


def test_admin_reads_the_chain_of_their_own_org_only(chained: School, other_school: School) -> None:
    with session_of(chained, "ada"):
        assert audit.list_entries(org=chained.org, limit=10) != []
        assert audit.list_entries(org=other_school.org, limit=10) == []


def entries(org: UUID) -> list[Entry]:
    with db.session(org=org):
        return audit.list_entries(org=org, limit=10_000)


def test_audit_hash_covers_previous_hash_and_whole_entry(chained: School, become: Become, database: Database) -> None:
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
    with db.session():
        assert audit.fetch_heads()[chained.org] == head
    # The hashed text begins with the org and the sequence number and contains every column of the row.
    [stored] = database.sql(
        "select actor_id::text, actor_role, request_id, action, entity, entity_id::text, detail from audit_log where id = %s",
        found[0].id,
    )
    assert json.loads(found[0].says) == [str(chained.org), 1, str(found[0].id), *stored]


def test_audit_pages_have_no_gaps_and_show_only_the_own_org(
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


def test_chaining_resumes_where_it_stopped_and_is_idempotent(chained: School, become: Become) -> None:
    with session_of(chained, "ada"):
        for number in range(5):
            courses.add_course(f"Course {number}", org=chained.org)
    become("ec_clock")
    before = len(entries(chained.org))
    for most, newly in ((3, 3), (3, 2), (3, 0)):
        with db.session():
            assert len(audit.chain(most)) == newly
    assert [entry.sequence for entry in entries(chained.org)] == list(range(1, before + 6))


def test_source_is_the_actor_of_audit_entries_it_causes(chained: School, database: Database) -> None:
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
