"""Tests of the points of a version: added up by code, and only when every criterion of the rubric has a level."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from models import courses, db, feedback
from tests.ingest.conftest import ApiUnderTest
from tests.support.schools import School, connect_as, session_of


@pytest.fixture
def essay(shared_api: ApiUnderTest) -> dict[str, Any]:
    """Give the receipt of an essay of Bob's with a rubric of two criteria; no pass is done."""
    return shared_api.hand_in("bob", assignment_id=str(shared_api.school.assignment))


def pick(api: ApiUnderTest, receipt: dict[str, Any], name: str, **picked: tuple[int, int, float]) -> None:
    """Store a result of this pass for each criterion: points, the most points, and confidence."""
    school = api.school
    connect_as("ec_worker", api.database)
    try:
        with db.session(org=school.org):
            criteria = {one["name"]: one["id"] for one in courses.fetch_criteria(school.rubric, org=school.org)}
            [owner] = db.rows(
                "select user_id, audience_id, text from submissions where id = %s", (UUID(receipt["id"]),)
            )
            key = feedback.fetch_text(UUID(receipt["id"]), org=school.org)[1]
            for criterion, (points, most, confidence) in picked.items():
                result = db.new_ids(1)[0]
                place = feedback.AssociatedData("criterion_results", "rationale", school.org, result)
                db.run(
                    "insert into criterion_results (id, org_id, submission_id, user_id, audience_id, criterion_id, pass, level, points,"
                    " max_points, confidence, rationale) values (%s, %s, %s, %s, %s, %s, %s, 'level', %s, %s, %s, %s)",
                    (
                        result, school.org, receipt["id"], owner["user_id"], owner["audience_id"], criteria[criterion], name, points,
                        most, confidence, key.seal("Because.", place=place),
                    ),
                )  # fmt: skip
    finally:
        connect_as("ec_ingest", api.database)


def totals(api: ApiUnderTest, receipt: dict[str, Any], who: str = "bob") -> tuple[int | None, int | None]:
    body = api.client.get(receipt["links"]["feedback"], headers=api.signed_in(who)).json
    return body["points"], body["max_points"]


def test_total_appears_when_every_criterion_has_a_level(shared_api: ApiUnderTest, essay: dict[str, Any]) -> None:
    shared_api.worker.finish(essay["id"], "grammar")
    assert totals(shared_api, essay) == (None, None)
    pick(shared_api, essay, "structure", thesis=(2, 4, 0.7))
    assert totals(shared_api, essay) == (None, None)
    pick(shared_api, essay, "content", evidence=(3, 3, 0.6))
    for who in ("bob", "ed", "ada"):
        assert totals(shared_api, essay, who) == (5, 7)
    by_key = shared_api.client.get(essay["links"]["feedback"], headers=shared_api.with_key()).json
    assert (by_key["points"], by_key["max_points"]) == (5, 7)
    assert sum(one["points"] for one in by_key["criteria"]) == 5


def test_zero_points_are_a_level(shared_api: ApiUnderTest, essay: dict[str, Any]) -> None:
    shared_api.worker.finish(essay["id"], "grammar")
    pick(shared_api, essay, "content", thesis=(0, 4, 0.7), evidence=(0, 3, 0.6))
    assert totals(shared_api, essay) == (0, 7)


def test_criterion_that_two_passes_judge_counts_once(shared_api: ApiUnderTest, essay: dict[str, Any]) -> None:
    shared_api.worker.finish(essay["id"], "grammar")
    pick(shared_api, essay, "structure", thesis=(4, 4, 0.5))
    pick(shared_api, essay, "content", thesis=(2, 4, 0.9), evidence=(3, 3, 0.6))
    assert totals(shared_api, essay) == (5, 7)


def test_replaced_results_do_not_count(shared_api: ApiUnderTest, essay: dict[str, Any]) -> None:
    shared_api.worker.finish(essay["id"], "grammar")
    pick(shared_api, essay, "content", thesis=(2, 4, 0.9), evidence=(3, 3, 0.6))
    shared_api.database.sql(
        "update criterion_results set superseded_at = now() where submission_id = %s and points = 3", essay["id"]
    )
    assert totals(shared_api, essay) == (None, None)


def test_results_of_two_rubrics_have_no_total(shared_api: ApiUnderTest, essay: dict[str, Any]) -> None:
    shared_api.worker.finish(essay["id"], "grammar")
    pick(shared_api, essay, "content", thesis=(2, 4, 0.9), evidence=(3, 3, 0.6))
    other = another_rubric(shared_api.school)
    shared_api.database.sql(
        "insert into criterion_results (org_id, submission_id, user_id, audience_id, criterion_id, pass, level, points, max_points,"
        " confidence, rationale) select r.org_id, r.submission_id, r.user_id, r.audience_id, c.id, 'structure', 'strong', 1, 1, 0.9,"
        " r.rationale from criterion_results as r join rubric_criteria as c on c.rubric_id = %s where r.submission_id = %s limit 1",
        other, essay["id"],
    )  # fmt: skip
    with session_of(shared_api.school, "ed"):
        results = db.rows(
            "select r.criterion_id, c.rubric_id, r.points, r.max_points, r.confidence from criterion_results as r"
            " join rubric_criteria as c on c.id = r.criterion_id where r.submission_id = %s", (UUID(essay["id"]),),
        )  # fmt: skip
        assert len({one["rubric_id"] for one in results}) == 2
        assert feedback.rubric_totals.add_up(results, org=shared_api.school.org) == feedback.rubric_totals.NO_TOTAL


def another_rubric(school: School) -> UUID:
    with session_of(school, "ada"):
        levels = (("weak", 0, "weak"), ("strong", 1, "strong"))
        criterion = courses.CriterionDraft(name="style", description="", levels=levels)
        return courses.add_rubric("Another", org=school.org, criteria=(criterion,))


def test_feedback_without_a_rubric_has_no_total(shared_api: ApiUnderTest) -> None:
    receipt = shared_api.hand_in("zoe", title="Alone")
    shared_api.worker.finish(receipt["id"], "content")
    assert totals(shared_api, receipt, "zoe") == (None, None)
