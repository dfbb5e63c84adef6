"""Test row security with every table, every verb and every kind of stranger: no statement may reach a row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

import peewee
import pytest

from models import db
from models.db import Role
from tests.conftest import Become, Report
from tests.support.good_rows import GOOD
from tests.support.servers import Database
from tests.support.two_schools import KNOWN_BY, TABLES, TwoSchools

VERBS = ("select", "insert", "update", "delete")

# Sign-in and the look-up of a key, a source or a platform come before any identity, so this role finds rows of every org by design.
# It finds them by their digest only (tests/models/test_isolation.py lists the columns).
BEFORE_ANY_IDENTITY = {("ec_auth", table) for table in ("orgs", "api_keys", "sources", "platforms")}
# Tables that all people of an org share.
SHARED = {"orgs", "categories", "rubrics", "rubric_criteria"}
# A classmate also sees the course and its assignments.
CLASSMATES_SHARE = {*SHARED, "courses", "assignments"}
# Any educator may write a rubric for the whole org.
EDUCATORS_WRITE = {("rubrics", "insert"), ("rubric_criteria", "insert")}


@dataclass(frozen=True)
class Stranger:
    """An identity that tries a statement. `mine` says which pairs of table and verb it has a right to."""

    kind: str
    role: Role
    org: UUID | None
    user: UUID | None
    mine: Callable[[str, str], bool]


def strangers(two_schools: TwoSchools) -> list[Stranger]:
    here, there = two_schools.here, two_schools.there

    everybody: list[tuple[Role, UUID]] = [
        ("ec_student", there.alice), ("ec_educator", there.ed), ("ec_admin", there.ada), ("ec_lms", there.api_key_id),
        ("ec_manager", there.api_key_id), ("ec_auth", there.ada),
    ]  # fmt: skip
    found: list[Stranger] = []
    for role, user in everybody:

        def by_design(table: str, _verb: str, *, role: str = role) -> bool:
            return (role, table) in BEFORE_ANY_IDENTITY

        found.append(Stranger("no identity", role, None, None, by_design))
        found.append(Stranger("wrong org", role, there.org, user, by_design))
        # The right user id does not help in the wrong org, and the right org does not help without a user.
        found.append(Stranger("wrong org", role, there.org, here.alice, by_design))
    found.append(Stranger("wrong role", "ec_educator", here.org, here.nell, lambda table, verb: (
        (table in SHARED and verb == "select") or (table, verb) in EDUCATORS_WRITE)))  # fmt: skip
    found.append(
        Stranger("wrong role", "ec_student", here.org, None, lambda table, verb: table in SHARED and verb == "select")
    )
    found.append(Stranger("wrong role", "ec_educator", here.org, None, lambda table, verb: (
        (table in SHARED and verb == "select") or (table, verb) in EDUCATORS_WRITE)))  # fmt: skip
    found.append(
        Stranger(
            "wrong student",
            "ec_student",
            here.org,
            here.bob,
            lambda table, verb: table in CLASSMATES_SHARE and verb == "select",
        )
    )
    found.append(
        Stranger(
            "wrong student", "ec_student", here.org, here.zoe, lambda table, verb: table in SHARED and verb == "select"
        )
    )
    assert {one.kind for one in found} == {"no identity", "wrong org", "wrong role", "wrong student"}
    return found


# Rows that staff alone have, and whose those of a school are.
OF_STAFF = {"second_factors": "ada", "passkeys": "ada", "weekly_summary_readers": "ed", "weekly_summaries": "ed"}


def targets(database: Database, two_schools: TwoSchools, table: str) -> list[str]:
    """Return the keys of the rows that only Alice, her teacher and her school may read or change."""
    org = "id" if table == "orgs" else "org_id"
    columns = {
        str(name)
        for (name,) in database.sql(
            "select attname::text from pg_attribute where attrelid = %s::regclass and attnum > 0", table
        )
    }
    owner_column = next((column for column in ("user_id", "caller_id") if column in columns), None)
    condition = f"{org} = '{two_schools.here.org}'"
    if table == "users":
        condition += f" and id = '{two_schools.here.alice}'"
    elif table == "courses":
        condition += f" and id = '{two_schools.here.course}'"
    elif table == "assignments":
        condition += f" and course_id = '{two_schools.here.course}'"
    elif table in OF_STAFF:
        condition += f" and user_id = '{getattr(two_schools.here, OF_STAFF[table])}'"
    elif owner_column is not None and table != "inbound_events":
        condition += f" and {owner_column} = '{two_schools.here.alice}'"
    return [
        str(key)
        for (key,) in database.sql(f"select ({KNOWN_BY.get(table, 'id')})::text from {table} where {condition}")
    ]


def statement(database: Database, two_schools: TwoSchools, one: Stranger, table: str, verb: str) -> str | None:
    """Return the statement for this stranger, with columns that the role may use, or None if it may use none."""
    known = f"({KNOWN_BY.get(table, 'id')})::text = any (%(targets)s)"
    if verb == "select":
        return f"select from {table} where {known}"
    if verb == "delete":
        return f"delete from {table} where {known}"
    allowed = [
        str(name) for (name,) in database.sql(
            "select attname::text from pg_attribute where attrelid = %s::regclass and attnum > 0 and not attisdropped "
            "and attgenerated = '' and has_column_privilege(%s, attrelid, attnum, %s) order by attnum", table, one.role, verb,
        )
    ]  # fmt: skip
    if not allowed:
        return None
    if verb == "update":
        return f"update {table} set {allowed[0]} = default where {known}"
    mine = {"org_id": f"'{two_schools.here.org}'", "user_id": f"'{two_schools.here.alice}'", "caller_id": f"'{two_schools.here.alice}'",
        "actor_id": f"'{two_schools.here.alice}'", "audience_id": f"'{two_schools.here.course}'", "course_id": f"'{two_schools.here.course}'"}  # fmt: skip
    row = dict(GOOD[table])
    row |= {name: value for name, value in mine.items() if name in row}
    if table == "users":
        row["id"] = f"'{two_schools.here.alice}'"
    if table == "audit_log":
        row["actor_id"] = mine["actor_id"]
    row = {name: value for name, value in row.items() if name in allowed}
    return f"insert into {table} ({', '.join(row)}) values ({', '.join(row.values())})"


def outcome(one: Stranger, sql: str | None, keys: list[str]) -> str:
    """Run the statement, roll it back, and return `refused`, `untouched`, or what it reached."""
    if sql is None:
        return "refused"
    try:
        with db.session(org=one.org, user=one.user, role=one.role):
            touched = db.run(sql, {"targets": keys})
            raise Undone
    except Undone:
        return f"{touched} rows" if touched else "untouched"
    except peewee.ProgrammingError as error:
        refused = "permission denied" in str(error) or "row-level security" in str(error)
        return "refused" if refused else f"reached: {error}"
    except (peewee.IntegrityError, peewee.InternalError, peewee.DataError) as error:
        return f"reached: {error}"


class Undone(Exception):
    """Raised to roll a statement back."""


@pytest.mark.slow(reason="2,480 statements")
def test_strangers_cannot_read_or_write_any_row_of_any_table(
    two_schools: TwoSchools, database: Database, become: Become, report: Report
) -> None:
    """Strangers of four kinds try every verb on every table of a full school. No row is read, inserted or changed."""
    become("ec_ingest")
    keys = {table: targets(database, two_schools, table) for table in TABLES}
    assert [table for table, found in keys.items() if not found] == []
    assert set(TABLES) == {
        str(name) for (name,) in database.sql(
            "select relname::text from pg_class where relrowsecurity and not relispartition and relkind in ('r', 'p')"
        )
    }  # fmt: skip
    leaks: list[str] = []
    outcomes: Counter[str] = Counter()
    for one in strangers(two_schools):
        for table in TABLES:
            for verb in VERBS:
                if one.mine(table, verb):
                    outcomes["theirs by right"] += 1
                    continue
                result = outcome(one, statement(database, two_schools, one, table, verb), keys[table])
                outcomes[result if result in ("refused", "untouched") else "leaked"] += 1
                if result not in ("refused", "untouched"):
                    leaks.append(f"{one.kind}, {one.role}: {verb} {table}: {result}")

    report(
        f"row security: {sum(outcomes.values())} cells ({len(TABLES)} tables x {len(VERBS)} verbs x {len(strangers(two_schools))} strangers): "
        f"{outcomes['refused']} refused, {outcomes['untouched']} found nothing, {outcomes['theirs by right']} shared by design, "
        f"{len(leaks)} leaks"
    )
    assert leaks == []
    assert outcomes["refused"] > 500
    assert outcomes["untouched"] > 100


@pytest.mark.parametrize("verb", VERBS)
def test_the_matrix_would_notice_a_leak(two_schools: TwoSchools, database: Database, become: Become, verb: str) -> None:
    """The same statements reach rows when the org's admin runs them. A matrix of statements with typing errors would pass, too."""
    become("ec_ingest")
    ada = Stranger("nobody", "ec_admin", two_schools.here.org, two_schools.here.ada, lambda _table, _verb: False)
    reached = [
        table for table in TABLES
        if outcome(ada, statement(database, two_schools, ada, table, verb), targets(database, two_schools, table)) not in ("refused", "untouched")
    ]  # fmt: skip

    assert len(reached) >= {"select": 25, "insert": 10, "update": 10, "delete": 6}[verb], reached
