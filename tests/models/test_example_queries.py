"""Test the example queries of the data design: what they return, which months they read, and that they scan no large table."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg2
import pytest

from models import db, essays, submission_counts
from models.essay_filters import EssayFilter
from tests.conftest import Become
from tests.support.schools import School, connect_as, hand_in, load_keys, make_school, session_of
from tests.support.servers import Database

NOW, LATER, EVERY_MINUTES = 5_000, 9_000, 15
# Versions of many other students, each with three comments: of now, and over the three months to come, which have partitions already. Their texts are no ciphertext, and nobody opens them.
FILL = f"""
set session_replication_role = replica;
create temporary table made as
select uuidv7() as essay, uuidv7(greatest(0, n - {NOW}) * interval '{EVERY_MINUTES} minutes') as version, uuidv7() as author, n
from generate_series(1, {NOW + LATER}) as n;
insert into essays (id, org_id, user_id, title, versions, newest_submission_id, newest_submitted_at)
select essay, %(org)s, author, '', 1, version, now() from made;
insert into submissions (id, org_id, essay_id, user_id, audience_id, version, status, queue, source, language, text, text_sha256,
    characters, words, submitted_at, completed_at)
select version, %(org)s, essay, author, author, 1, 'completed', 'bulk', 'api', 'en', '', sha256(''), 1, 1, now(), now() from made;
insert into feedback (id, org_id, submission_id, text_characters, essay_id, user_id, audience_id, pass, type, kind, severity, priority,
    match, span_start, span_end, confidence, confidence_basis, origin, provider, model, body)
select uuidv7(greatest(0, n - {NOW}) * interval '{EVERY_MINUTES} minutes'), %(org)s, version, 1, essay, author, author, 'grammar', 'spelling', 'issue', 'minor', 1,
    'exact', 0, 1, 1, 'model', 'model', 'local', 'm', '' from made cross join generate_series(1, 3);
reset session_replication_role
"""
TOUCHED = """
select relname::text as name, coalesce(seq_scan, 0) as whole, coalesce(seq_tup_read, 0) as rows from pg_stat_xact_user_tables
where schemaname = 'public' and relname ~ '^(submissions|feedback)_' and coalesce(seq_scan, 0) + coalesce(idx_scan, 0) > 0
"""


@pytest.fixture(scope="module")
def filled(database: Database) -> Iterator[School]:
    """Give a school with a quarter of a year of work, in which Alice has two essays, one of them read."""
    load_keys()
    connect_as("ec_ingest", database)
    school = make_school("busy")
    with psycopg2.connect(database.admin_url) as connection, connection.cursor() as cursor:
        cursor.execute(FILL, {"org": str(school.org)})
    connection.close()
    read, _ = hand_in(school, "alice", title="Read"), hand_in(school, "alice", title="Waiting")
    database.sql(
        "set session_replication_role = replica; update passes set state = 'done', comments = 2, summary = '', finished_at = now() "
        "where submission_id = %(v)s; update submissions set status = 'completed', completed_at = now(), released_at = now() where id = %(v)s;"
        "insert into feedback (org_id, submission_id, text_characters, essay_id, user_id, audience_id, pass, type, kind, severity, priority,"
        " match, span_start, span_end, confidence, confidence_basis, origin, provider, model, body)"
        " select org_id, id, characters, essay_id, user_id, audience_id, 'grammar', 'spelling', 'issue', 'minor', n, 'exact', 0, 1, 1, 'model',"
        " 'model', 'local', 'm', '' from submissions cross join generate_series(1, 2) as n where id = %(v)s".replace(
            "%(v)s", f"'{read.submission}'"
        )
    )
    database.sql("analyze")
    yield school
    db.database.close_idle()


def next_month() -> date:
    """Return the first day of the next month."""
    return (datetime.now(UTC).date().replace(day=1) + timedelta(days=32)).replace(day=1)


def month_of(day: date) -> str:
    return f"submissions_{day:%Y_%m}"


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from nodes(child)


def touched() -> dict[str, int]:
    """Return the partitions that this transaction read, each with the number of its rows that were read one after the other."""
    return {one["name"]: one["rows"] for one in db.rows(TOUCHED)}


def test_submissions_per_day_are_counted_and_no_other_month_is_read(filled: School, become: Become) -> None:
    first = next_month() + timedelta(days=9)
    last = first + timedelta(days=6)
    with db.session(org=filled.org, role="ec_admin"):
        found = submission_counts.by_day(org=filled.org, first=first, last=last)
        [explained] = db.rows(
            f"explain (format json) {submission_counts.BY_DAY}",
            {"org": filled.org, **submission_counts.span(first, last)},
        )
    assert found == {first + timedelta(days=n): 24 * 60 // EVERY_MINUTES for n in range(7)}
    scans = [node for node in nodes(explained["QUERY PLAN"][0]["Plan"]) if "Relation Name" in node]
    assert [node["Relation Name"] for node in scans] == [month_of(first)]
    assert scans[0]["Node Type"] != "Seq Scan"


def test_submissions_of_two_months_read_two_months(filled: School, become: Become) -> None:
    asked = {"first": next_month() - timedelta(days=1), "last": next_month()}
    with db.session(org=filled.org, role="ec_admin"):
        found = submission_counts.by_day(org=filled.org, **asked)
        read = touched()
    assert set(found) <= set(asked.values()) and asked["last"] in found
    assert read.keys() == {month_of(asked["first"]), month_of(asked["last"])}


def test_the_admin_of_another_school_counts_nothing(filled: School, become: Become) -> None:
    today = datetime.now(UTC).date()
    asked = {"first": today - timedelta(days=1), "last": today}
    for org, sees in ((filled.org, True), (make_school("quiet").org, False)):
        with db.session(org=org, role="ec_admin"):
            assert (sum(submission_counts.by_day(org=filled.org, **asked).values()) >= NOW) == sees


@pytest.mark.parametrize(
    ("wanted", "counts"),
    [(EssayFilter(), {"Read": 2, "Waiting": 0}), (EssayFilter(status="completed"), {"Read": 2})],
    ids=["all", "completed"],
)
@pytest.mark.parametrize("reader", ["alice", "ada"])
def test_essays_of_a_user_with_their_comment_count(
    filled: School, become: Become, reader: str, wanted: EssayFilter, counts: dict[str, int]
) -> None:
    of_alice = EssayFilter(student=filled.alice, status=wanted.status)
    with session_of(filled, reader):
        found = essays.list_essays(org=filled.org, limit=50, wanted=of_alice, staff=reader == "ada")
        read = touched()
    assert {one["title"]: one["comment_count"] for one in found} == counts
    assert sum(read.values()) == 0, f"read from one end to the other: {read}"
