"""Test that a page of essays reads about as many rows as it shows, whatever it is filtered and sorted by."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg2
import pytest

from models import db
from models.crypto import keyring
from models.essay_filters import EssayFilter, Position, Sort, to_sql
from models.essays import _ESSAYS
from tests.conftest import Become
from tests.support.schools import School, connect_as, load_keys, make_school
from tests.support.servers import Database

ESSAYS, LIMIT = 6_000, 20

# Six thousand essays of 300 students, ten for one assignment and the others for another one.
FILL = """
with ids as (
    select n, uuidv7() as essay, uuidv7() as submission, %(people)s::uuid[] as people from generate_series(1, %(count)s) as n
),
pieces as (
    insert into essays (id, org_id, user_id, course_id, assignment_id, external_id, title, versions, newest_submission_id,
        newest_submitted_at, created_at, updated_at)
    select essay, %(org)s, people[1 + (n / 13) %% cardinality(people)], case when n %% 600 = 0 then %(course)s::uuid end,
        case when n %% 600 = 0 then %(assignment)s::uuid end, 'piece-' || n, '', 1, submission, now(), '2026-01-01',
        timestamptz '2026-01-01' + n * interval '1 minute'
    from ids
    on conflict do nothing
    returning id, org_id, user_id, audience_id, newest_submission_id
)
insert into submissions (id, org_id, essay_id, user_id, audience_id, version, status, queue, source, language, text, text_sha256,
    characters, words, submitted_at)
select newest_submission_id, org_id, id, user_id, audience_id, 1, 'queued', 'bulk', 'api', 'en', '', sha256(''), 1, 1, now() from pieces
"""


@pytest.fixture(scope="module")
def filled(database: Database) -> Iterator[School]:
    """Give a school with six thousand essays, and statistics of them."""
    load_keys()
    connect_as("ec_ingest", database)
    school = make_school("large")
    with db.session(org=school.org, role="ec_admin"):
        people = [db.row("select uuidv7() as id")["id"] for _ in range(300)]  # type: ignore[index]
        for person in people:
            wrapped, _ = keyring().new_data_key(org=school.org, user=person)
            db.run(
                "insert into users (id, org_id, role, external_id, external_id_digest) values (%s, %s, 'student', '', %s)",
                (person, school.org, keyring().external_id_index(str(person), org=school.org)),
            )
            db.run(
                "insert into user_keys (user_id, org_id, wrapped, master_key_id) values (%s, %s, %s, %s)",
                (person, school.org, wrapped.wrapped, wrapped.master_key_id),
            )
    values = {
        "people": [str(one) for one in people], "count": ESSAYS, "org": str(school.org), "course": str(school.course),
        "assignment": str(school.assignment),
    }  # fmt: skip
    with psycopg2.connect(database.admin_url) as connection, connection.cursor() as cursor:
        cursor.execute(FILL, values)
    connection.close()
    database.sql("analyze")
    yield school
    db.database.close_idle()


def rows_read(plan: dict[str, Any]) -> float:
    """Return how many rows the scans of a plan read, those that a filter dropped included."""
    read = (plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)) * plan["Actual Loops"]
    own = read if "Scan" in plan["Node Type"] and plan.get("Relation Name", "").startswith("essays") else 0.0
    return own + sum(rows_read(child) for child in plan.get("Plans", ()))


def student_of(school: School) -> Any:
    with db.session(org=school.org, role="ec_lms"):
        found = db.row("select user_id from essays where external_id = 'piece-5'")
    assert found is not None
    return found["user_id"]


def list_sql(wanted: EssayFilter, school: School, *, sort: Sort, after: Position | None) -> tuple[str, dict[str, Any]]:
    """Return the statement of a page and its values. The titles of these essays are no ciphertext, so it is not run through models."""
    conditions, order, values = to_sql(wanted, org=school.org, sort=sort, after=after)
    sql = _ESSAYS.format(
        keys="inner", versions="", conditions=" and ".join(["e.trial_until is null", *conditions]), order=order
    )
    return sql, {**values, "org": school.org, "limit": LIMIT, "staff": False}


# The first added of those that changed last: no index answers both, so `since` with `oldest` is left out.
LISTS = [
    (name, sort)
    for name in ("none", "student", "student_external_id", "assignment", "course", "external_id", "since")
    for sort in ("newest", "oldest", "updated")
    if (name, sort) != ("since", "oldest")
]


@pytest.mark.parametrize(("name", "sort"), LISTS)
@pytest.mark.parametrize("page", ["first", "later"])
def test_page_reads_no_more_essays_than_it_needs(
    filled: School, become: Become, name: str, sort: Sort, page: str
) -> None:
    student = student_of(filled)
    last_hour = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=ESSAYS - 60)
    wanted = {
        "none": EssayFilter(), "student": EssayFilter(student=student), "course": EssayFilter(course=filled.course),
        "student_external_id": EssayFilter(student_external_id=str(student)),
        "assignment": EssayFilter(assignment=filled.assignment), "external_id": EssayFilter(external_id="piece-77"),
        "since": EssayFilter(since=last_hour),
    }[name]  # fmt: skip
    with db.session(org=filled.org, role="ec_lms"):
        first = db.rows(*list_sql(wanted, filled, sort=sort, after=None))
        assert first
        middle = first[len(first) // 2]
        after = None if page == "first" else Position(id=middle["id"], updated_at=middle["updated_at"])
        sql, values = list_sql(wanted, filled, sort=sort, after=after)
        [found] = db.rows(f"explain (analyze, format json) {sql}", values)

    [explained] = found["QUERY PLAN"]
    assert rows_read(explained["Plan"]) <= 5 * LIMIT, explained
