"""Test that a report reads the rows of its own course or student, however large the school is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import psycopg2
import pytest

from models import db, report_figures
from models.report_figures import Reader
from tests.conftest import Become
from tests.support.report_views import refresh_all
from tests.support.schools import School, connect_as, load_keys, make_school
from tests.support.servers import Database

COURSES, STUDENTS, TYPES = 200, 20, 10
# In each course every student has one version with a comment of each of ten types and a level.
FILL = f"""
set session_replication_role = replica;
create temporary table made as
select uuidv7() as essay, uuidv7() as version, uuidv7() as author, case c when 1 then %(course)s::uuid else md5(c::text)::uuid end as course
from generate_series(1, {COURSES}) as c cross join generate_series(1, {STUDENTS}) as n;
insert into courses (id, org_id, name) select distinct course, %(org)s::uuid, 'Large' from made on conflict do nothing;
insert into essays (id, org_id, user_id, course_id, assignment_id, title, versions, newest_submission_id, newest_submitted_at)
select essay, %(org)s, author, course, %(assignment)s, '', 1, version, now() from made;
insert into submissions (id, org_id, essay_id, user_id, audience_id, version, status, queue, source, language, text, text_sha256,
    characters, words, submitted_at, completed_at, released_at, feedback_seconds)
select version, %(org)s, essay, author, course, 1, 'completed', 'bulk', 'api', 'en', '', sha256(''), 1, 1, now(), now(), now(), 3 from made;
insert into feedback (org_id, submission_id, text_characters, essay_id, user_id, audience_id, pass, type, kind, severity, priority, match,
    span_start, span_end, confidence, confidence_basis, origin, provider, model, body)
select %(org)s, version, 1, essay, author, course, t.pass, t.slug, 'issue', 'minor', 1, 'exact', 0, 1, 1, 'model', 'model', 'local', 'm', ''
from made cross join (select slug, pass from feedback_types order by slug limit {TYPES}) as t;
insert into criterion_results (org_id, submission_id, user_id, audience_id, criterion_id, pass, level, points, max_points, confidence,
    rationale)
select %(org)s, version, author, course, %(criterion)s, 'content', 'level ' || (hashtext(version::text) & 15), 4, 4, 1, '' from made;
reset session_replication_role
"""
READ = """
select relname::text as name, (coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0))::bigint as rows from pg_stat_xact_user_tables
where schemaname = 'public' and relname ~ '^report_' and relname <> 'report_refreshes'
"""


@pytest.fixture(scope="module")
def filled(database: Database) -> Iterator[School]:
    """Give a school with two hundred courses, one of which Ed teaches."""
    load_keys()
    connect_as("ec_ingest", database)
    school = make_school("large")
    [(criterion,)] = database.sql(
        "select id from rubric_criteria where rubric_id = %s order by position limit 1", school.rubric
    )
    values = {"org": school.org, "course": school.course, "assignment": school.assignment, "criterion": criterion}
    with psycopg2.connect(database.admin_url) as connection, connection.cursor() as cursor:
        cursor.execute(FILL, {name: str(value) for name, value in values.items()})
    connection.close()
    database.sql("analyze")
    refresh_all(database)
    yield school
    db.database.close_idle()


COURSE: dict[str, Callable[..., Any]] = {
    "report_types": report_figures.struggles,
    "report_comments": report_figures.follow_through,
    "report_progress": report_figures.not_revised,
    "report_criteria": report_figures.criteria,
    "report_submissions": report_figures.days,
}


def rows_read() -> dict[str, int]:
    return {one["name"]: one["rows"] for one in db.rows(READ) if one["rows"]}


@pytest.mark.parametrize("role", ["ec_educator", "ec_admin"])
@pytest.mark.parametrize("view", COURSE)
def test_a_course_report_reads_the_rows_of_its_course(filled: School, become: Become, view: str, role: Any) -> None:
    user = filled.ed if role == "ec_educator" else filled.ada
    with db.session(org=filled.org, user=user, role=role):
        found = COURSE[view](filled.course, reader=Reader(org=filled.org, role=role))
        read = rows_read()
    assert found or view == "report_comments"  # every comment is still open
    assert set(read) <= {view}
    assert sum(read.values()) <= STUDENTS


@pytest.mark.parametrize("role", ["ec_educator", "ec_admin", "ec_student"])
def test_a_student_report_reads_the_rows_of_its_student(
    filled: School, database: Database, become: Become, role: Any
) -> None:
    [(student,)] = database.sql("select user_id from essays where course_id = %s limit 1", filled.course)
    user = {"ec_educator": filled.ed, "ec_admin": filled.ada}.get(role, student)
    with db.session(org=filled.org, user=user, role=role):
        [version] = report_figures.versions(student, reader=Reader(org=filled.org, role=role))  # type: ignore[arg-type]
        read = rows_read()
    assert (version["comments"], len(version["levels"])) == (TYPES, 1)
    assert read == {"report_progress": 1}


def test_how_many_have_handed_in_is_counted_in_the_course(filled: School, become: Become) -> None:
    with db.session(org=filled.org, user=filled.ed, role="ec_educator"):
        reader = Reader(org=filled.org, role="ec_educator")
        assert report_figures.handed_in(filled.course, reader=reader) == STUDENTS
        assert rows_read() == {"report_progress": STUDENTS}
