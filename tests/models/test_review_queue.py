"""Test that a page of the review lists costs what it shows, and that the rows behind them follow the comments."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID, uuid4

import pytest

from models import db, review_queue
from models.review_queue import Listing, Position
from tests.conftest import Become
from tests.support.schools import session_of
from tests.support.servers import Database, execute
from tests.support.two_schools import TwoSchools

MANY = 30_000
LIMIT = 50
MIDDLE = Position(rank=500, comment=UUID(int=2**127))


@pytest.fixture(scope="module")
def crowded(two_schools: TwoSchools, database: Database) -> TwoSchools:
    """Two schools. In the first, so many comments are listed, half of them decided, and so many reactions, a third disagreements.

    Ed's course has the youngest comments and the oldest reactions, so whoever reads the org's lists for it passes over the others.
    """
    here = two_schools.here
    execute(
        database.admin_url,
        f"""
        set session_replication_role = replica;
        insert into review_items (feedback_id, org_id, essay_id, submission_id, user_id, audience_id, assignment_id, confidence_permille,
            review_id)
        select uuidv7(), '{here.org}', uuidv7(), uuidv7(), '{here.alice}',
            case when n <= {MANY // 3} then '{uuid4()}'::uuid when n <= {2 * MANY // 3} then '{here.other_course}' else '{here.course}' end,
            case when n > {2 * MANY // 3} then '{here.assignment}'::uuid else uuidv7() end, n * 7 % 1000, case when n % 2 = 0 then uuidv7() end
        from generate_series(1, {MANY}) as n;
        insert into feedback_reactions (org_id, feedback_id, user_id, submission_id, audience_id, reaction, created_at)
        select '{here.org}', uuidv7(), '{here.alice}', uuidv7(), case when n > {MANY // 2} then '{here.course}'::uuid else uuidv7() end,
            case n % 3 when 0 then 'disagree' else 'helpful' end, now() - make_interval(secs => n)
        from generate_series(1, {MANY}) as n;
        set session_replication_role = origin;
        analyze review_items;
        analyze feedback_reactions;
        """,
    )
    return two_schools


def listing(two_schools: TwoSchools, who: str, *, after: Position | None = None, **more: Any) -> Listing:
    org = two_schools.here.org
    return Listing(org=org, as_educator=who == "ed", limit=LIMIT, after=after, **more)


def nodes(plan: dict[str, Any]) -> list[dict[str, Any]]:
    return [plan, *(node for below in plan.get("Plans", ()) for node in nodes(below))]


def explain(statement: review_queue.Statement) -> list[dict[str, Any]]:
    """Run the statement in the open session and return the nodes of its plan with the rows that each has really read."""
    sql, values = statement
    found = db.row(f"explain (analyze, timing off, format json) {sql}", values)
    assert found is not None
    [plan] = found["QUERY PLAN"] if not isinstance(found["QUERY PLAN"], str) else json.loads(found["QUERY PLAN"])
    return nodes(plan["Plan"])


def rows_read(plan: list[dict[str, Any]], table: str) -> float:
    """Return how many rows of the table the plan has read, those that it dropped included."""
    return sum(
        node["Actual Loops"]
        * (node["Actual Rows"] + node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0))
        for node in plan
        if node.get("Relation Name") == table
    )


@pytest.mark.parametrize("who", ["ed", "ada"])
@pytest.mark.parametrize("state", ["open", "decided"])
@pytest.mark.parametrize("sort", ["confidence", "age"])
@pytest.mark.parametrize("after", [None, MIDDLE], ids=["first page", "later page"])
@pytest.mark.parametrize("narrowed", ["everything", "course", "assignment"])
def test_page_of_reviews_reads_an_index_in_order_and_no_more_rows_than_it_shows(
    crowded: TwoSchools, become: Become, who: str, state: Any, sort: Any, after: Position | None, narrowed: str
) -> None:
    here = crowded.here
    only = {"everything": {}, "course": {"course": here.course}, "assignment": {"assignment": here.assignment}}[
        narrowed
    ]
    if after is not None and sort == "age":
        after = middle_of("review_items", here.org, where=f"audience_id = '{here.course}'")
    with session_of(here, who):
        statement = review_queue.review_statement(listing(crowded, who, after=after, **only), state=state, sort=sort)
        plan = explain(statement)
        assert len(db.rows(*statement)) == LIMIT + 1
    # An educator's list is merged from one page of each course and one of the educator's own essays.
    assert rows_read(plan, "review_items") <= 2 * (LIMIT + 1), plan
    assert not [
        node for node in plan if node["Node Type"] == "Seq Scan" and node.get("Relation Name") == "review_items"
    ]


@pytest.mark.parametrize("who", ["ed", "ada"])
@pytest.mark.parametrize("narrowed", [False, True], ids=["everything", "assignment"])
def test_neighbours_of_a_comment_are_read_from_an_index_in_both_directions(
    crowded: TwoSchools, become: Become, who: str, narrowed: bool
) -> None:
    here = crowded.here
    only = {"assignment": here.assignment} if narrowed else {}
    found = {}
    with session_of(here, who):
        for backwards in (False, True):
            wanted = listing(crowded, who, after=MIDDLE, backwards=backwards, **only)
            statement = review_queue.review_statement(wanted, state="open", sort="confidence")
            plan = explain(statement)
            found[backwards] = [(one["rank"], one["feedback_id"]) for one in db.rows(*statement)]
            assert rows_read(plan, "review_items") <= 2 * (LIMIT + 1), plan
    middle = (MIDDLE.rank, MIDDLE.comment)
    assert found[False] == sorted(found[False])
    assert found[True] == sorted(found[True], reverse=True)
    assert max(found[True]) < middle < min(found[False])


def middle_of(table: str, org: UUID, *, where: str = "true") -> Position:
    """Return the position in the middle of the table's rows by age."""
    with db.session(org=org, role="ec_admin"):
        found = db.row(
            f"""
            select feedback_id, (extract(epoch from created_at) * 1000000)::bigint as rank from {table}
            where org_id = %(org)s and {where} order by created_at, feedback_id
            offset (select count(*) / 2 from {table} where org_id = %(org)s and {where}) limit 1
            """,
            {"org": org},
        )
    assert found is not None
    return Position(rank=found["rank"], comment=found["feedback_id"])


@pytest.mark.parametrize("who", ["ed", "ada"])
@pytest.mark.parametrize("later", [False, True])
def test_page_of_disagreements_reads_an_index_in_order(
    crowded: TwoSchools, become: Become, who: str, later: bool
) -> None:
    here = crowded.here
    after = (
        middle_of("feedback_reactions", here.org, where=f"reaction = 'disagree' and audience_id = '{here.course}'")
        if later
        else None
    )
    with session_of(here, who):
        statement = review_queue.disagreement_statement(listing(crowded, who, after=after))
        plan = explain(statement)
        assert len(db.rows(*statement)) == LIMIT + 1
    assert rows_read(plan, "feedback_reactions") <= 2 * (LIMIT + 1), plan


def listed(database: Database, where: str = "true") -> set[tuple[Any, ...]]:
    return set(database.sql(f"select feedback_id, review_id from review_items where {where}"))


def test_listed_comments_are_those_of_newest_versions_and_those_decided(
    two_schools: TwoSchools, database: Database
) -> None:
    """The rows that the triggers keep equal what the comments and reviews themselves say."""
    expected = database.sql(
        """
        select f.id, r.id from feedback as f join essays as e on e.id = f.essay_id
        left join lateral (
            select v.id from feedback_reviews as v where v.feedback_id = f.id order by v.id desc limit 1
        ) as r on true
        where f.superseded_at is null and e.trial_until is null
            and (r.id is not null or (f.origin <> 'educator' and e.newest_submission_id = f.submission_id))
        """
    )
    real = "essay_id in (select id from essays)"
    assert listed(database, real) == set(expected)
    assert {review is None for _, review in expected} == {True, False}
    wrong = database.sql(
        f"""
        select q.feedback_id from review_items as q join feedback as f on f.id = q.feedback_id join essays as e on e.id = f.essay_id
        where {real} and (q.org_id, q.essay_id, q.submission_id, q.user_id, q.audience_id, q.confidence_permille)
            is distinct from (f.org_id, f.essay_id, f.submission_id, f.user_id, f.audience_id, f.confidence * 1000)
            or q.assignment_id is distinct from e.assignment_id
        """.replace("essay_id in", "q.essay_id in")
    )
    assert wrong == []


def test_newest_decision_is_listed_whatever_order_they_arrive_in(two_schools: TwoSchools, database: Database) -> None:
    [(comment,)] = database.sql(
        "select feedback_id from review_items where user_id = %s and review_id is not null and essay_id in (select id from essays) limit 1",
        two_schools.here.bob,
    )
    newer, older = database.sql("select uuidv7(interval '1 minute'), uuidv7()")[0]
    for review in (newer, older):
        database.sql(
            "insert into feedback_reviews (id, org_id, feedback_id, submission_id, user_id, audience_id, educator_id, decision)"
            " select %s, org_id, id, submission_id, user_id, audience_id, %s, 'rejected' from feedback where id = %s",
            review, two_schools.here.ed, comment,
        )  # fmt: skip
    assert database.sql("select review_id from review_items where feedback_id = %s", comment) == [(newer,)]
