"""Tests of the lists for educators: comments to review, decided comments, and what students disagree with."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import uuid4

import pytest

from models import courses
from tests.ingest.conftest import ESSAY, ApiUnderTest, Refused
from tests.support.schools import session_of

PASSES = ("grammar", "structure", "content")
NOTE = "Ich meinte <b>genau</b> das 😀"


@pytest.fixture
def read(api: ApiUnderTest) -> Callable[..., dict[str, Any]]:
    """`read(assignment_id=…)` hands in an essay, finishes its passes and returns the receipt: two comments for each pass."""

    def essay(who: str = "alice", *, passes: tuple[str, ...] = PASSES, **changes: Any) -> dict[str, Any]:
        receipt = api.hand_in(who, **{"assignment_id": str(api.school.assignment), **changes})
        for name in passes:
            api.worker.finish(receipt["id"], name)
        return receipt

    return essay


def page(api: ApiUnderTest, who: str = "ed", path: str = "/v1/reviews", **query: Any) -> dict[str, Any]:
    answer = api.client.get(path, query_string=query, headers=api.signed_in(who))
    assert answer.status_code == 200, answer.text
    return dict(answer.json)


def every(api: ApiUnderTest, who: str = "ed", path: str = "/v1/reviews", **query: Any) -> list[dict[str, Any]]:
    """Return the items of all pages, and check that no page is too long."""
    items: list[dict[str, Any]] = []
    found = page(api, who, path, **query)
    items += found["items"]
    while found["next_cursor"]:
        assert len(found["items"]) <= int(query.get("limit", 50))
        found = page(api, who, path, cursor=found["next_cursor"], **query)
        items += found["items"]
    return items


def of(items: list[dict[str, Any]], receipt: dict[str, Any]) -> list[dict[str, Any]]:
    return [one for one in items if one["submission_id"] == receipt["id"]]


def comments(api: ApiUnderTest, receipt: dict[str, Any], who: str = "ed") -> list[dict[str, Any]]:
    return list(api.client.get(receipt["links"]["feedback"], headers=api.signed_in(who)).json["comments"])


def decide(api: ApiUnderTest, comment: str, who: str = "ed", **body: Any) -> None:
    answer = api.client.patch(f"/v1/feedback/{comment}", json=body, headers=api.signed_in(who))
    assert answer.status_code == 200, answer.text


def react(api: ApiUnderTest, comment: str, who: str = "alice", **body: Any) -> None:
    answer = api.client.put(f"/v1/feedback/{comment}/reaction", json=body, headers=api.signed_in(who))
    assert answer.status_code == 200, answer.text


def test_open_comments_are_listed_with_what_a_decision_needs(api: ApiUnderTest, read) -> None:
    school, released = api.school, read("alice")
    held = read("bob", assignment_id=str(school.reviewed_assignment), passes=("grammar",))
    items = every(api)
    assert {one["id"] for one in items} == {one["id"] for receipt in (released, held) for one in comments(api, receipt)}
    [anchored, unanchored] = sorted(of(items, held), key=lambda one: one["match"])
    shown = {one["id"]: one for one in comments(api, held)}[anchored["id"]]
    assert anchored == {
        "id": shown["id"], "submission_id": held["id"], "essay_id": held["essay_id"], "assignment_id": str(school.reviewed_assignment),
        "course_id": str(school.course), "student_id": str(school.bob), "student_name": "Bob", "pass": "grammar", "type": "agreement",
        "kind": "issue", "severity": "minor", "quote": "was", "match": "exact", "message": shown["message"],
        "next_step": shown["next_step"], "suggestions": shown["suggestions"], "confidence": 0.9, "confidence_basis": "measured",
        "released": False, "created_at": anchored["created_at"], "decision": None, "decided_by": None, "decided_at": None,
    }  # fmt: skip
    assert (unanchored["match"], unanchored["quote"]) == ("none", "not in the text")
    assert {one["released"] for one in of(items, released)} == {True}


def test_decided_comment_moves_to_the_other_list_with_its_decision(api: ApiUnderTest, read) -> None:
    receipt = read()
    first, second, third = (one["id"] for one in comments(api, receipt)[:3])
    decide(api, first, decision="accept")
    decide(api, second, "ada", message="In my words.")
    decide(api, third, decision="reject")
    decide(api, first, "ada", decision="reject")  # the newest decision counts
    assert {first, second, third} & {one["id"] for one in every(api)} == set()
    assert len(every(api)) == 3
    decided = {one["id"]: one for one in every(api, state="decided")}
    ada, ed = str(api.school.ada), str(api.school.ed)
    assert {name: (one["decision"], one["decided_by"]) for name, one in decided.items()} == {
        first: ("rejected", ada), second: ("edited", ada), third: ("rejected", ed),
    }  # fmt: skip
    assert decided[second]["message"] == "In my words."
    assert all(one["decided_at"] >= one["created_at"] for one in decided.values())


def test_educators_own_comment_waits_for_no_decision(api: ApiUnderTest, read) -> None:
    receipt = read(passes=("grammar",))
    own = {"pass": "content", "type": "evidence", "kind": "issue", "message": "Which study?", "quote": "distracting"}
    added = api.client.post(f"/v1/submissions/{receipt['id']}/comments", json=own, headers=api.signed_in("ed")).json
    assert added["id"] not in {one["id"] for one in every(api)}
    # To withdraw it, its author rejects it; that is a decision.
    decide(api, added["id"], decision="reject")
    assert [one["id"] for one in every(api, state="decided")] == [added["id"]]


def test_only_the_newest_version_waits_and_decisions_on_earlier_ones_stay(api: ApiUnderTest, read) -> None:
    first = read(passes=("grammar",))
    kept = comments(api, first)[0]["id"]
    decide(api, kept, decision="accept")
    second = read(passes=("structure",))
    assert second["essay_id"] == first["essay_id"]
    assert {one["submission_id"] for one in every(api)} == {second["id"]}
    assert [one["id"] for one in every(api, state="decided")] == [kept]
    # A pass of the earlier version that ends late adds nothing to the queue.
    late = read("bob", passes=())
    newer = read("bob", passes=("content",))
    api.database.sql("update submissions set status = 'processing', completed_at = null where id = %s", late["id"])
    api.worker.finish(late["id"], "grammar")
    assert {one["submission_id"] for one in every(api)} == {second["id"], newer["id"]}


def test_row_left_behind_by_a_race_is_not_shown(api: ApiUnderTest, read) -> None:
    """A pass that finishes at the moment when a newer version arrives may list its comments after the older ones were taken off."""
    first = read(passes=("grammar",))
    kept = api.database.sql("select to_jsonb(q) - 'is_open' - 'created_at' from review_items as q")
    second = read(passes=("structure",))
    columns = ", ".join(kept[0][0])
    for (row,) in kept:
        api.database.sql(
            f"insert into review_items ({columns}) select {columns} from jsonb_populate_record(null::review_items, %s)",
            json.dumps(row),
        )
    listed = every(api, limit=1, sort="age")
    assert {one["submission_id"] for one in listed} == {second["id"]}
    assert len(listed) == 2
    read(passes=())
    assert api.database.sql("select count(*) from review_items where submission_id = %s", first["id"]) == [(0,)]


def test_rerun_replaces_the_comments_in_the_queue(api: ApiUnderTest, read) -> None:
    receipt = read(passes=("grammar",))
    before = {one["id"] for one in every(api)}
    decide(api, min(before), decision="accept")
    assert api.client.post(f"/v1/submissions/{receipt['id']}/rerun", headers=api.signed_in("ed")).status_code == 202
    api.worker.finish(receipt["id"], "grammar")
    after = {one["id"] for one in every(api)}
    assert (len(after), before & after) == (2, set())
    assert every(api, state="decided") == []


def test_rubric_preview_is_not_in_the_queue(api: ApiUnderTest) -> None:
    at = f"/v1/rubrics/{api.school.rubric}/try"
    started = api.client.post(at, json={"texts": [ESSAY]}, headers=api.signed_in("ed"))
    assert started.status_code == 202, started.text
    [receipt] = started.json["submissions"]
    api.worker.finish(receipt["id"], "grammar")
    decide(api, comments(api, receipt)[0]["id"], decision="accept")
    for who in ("ed", "ada"):
        assert every(api, who) == every(api, who, state="decided") == []


@pytest.mark.parametrize("who", ["ed", "ada"])
def test_pages_follow_the_sort_order_without_gaps_or_repeats(api: ApiUnderTest, read, who: str) -> None:
    receipts = [read("alice"), read("bob"), read("alice", assignment_id=str(api.school.reviewed_assignment))]
    # Give each comment a confidence of its own, with some equal ones, as the trigger would have listed it.
    api.database.sql(
        "with ranked as (select id, row_number() over (order by id desc) / 2 as n from feedback)"
        " update feedback as f set confidence = ranked.n * 0.05 from ranked where ranked.id = f.id"
    )
    api.database.sql(
        "update review_items as q set confidence_permille = (f.confidence * 1000)::integer from feedback as f where f.id = q.feedback_id"
    )
    by_confidence, by_age = every(api, who), every(api, who, sort="age")
    assert len(by_confidence) == 6 * len(receipts)
    assert by_confidence == sorted(by_confidence, key=lambda one: (one["confidence"], one["id"]))
    assert by_age == sorted(by_age, key=lambda one: one["id"])
    ages = [datetime.fromisoformat(one["created_at"]) for one in by_age]
    assert ages == sorted(ages)
    for limit in (1, 4, 6, 17, 18):
        assert every(api, who, limit=limit) == by_confidence
        assert every(api, who, limit=limit, sort="age") == by_age
    assignment = str(api.school.reviewed_assignment)
    for sort, whole in (("confidence", by_confidence), ("age", by_age)):
        wanted = [one for one in whole if one["assignment_id"] == assignment]
        assert every(api, who, sort=sort, assignment_id=assignment, limit=2) == wanted
        assert every(api, who, sort=sort, course_id=str(api.school.course), limit=5) == whole
        for other in ({"course_id": api.school.other_course}, {"assignment_id": uuid4()}, {"course_id": uuid4()}):
            assert every(api, who, sort=sort, **other) == []


def test_each_reader_sees_only_their_own_courses_and_school(api: ApiUnderTest, read) -> None:
    school = api.school
    with session_of(school, "ada"):
        courses.add_member(school.zoe, org=school.org, course=school.other_course, role="student")
        elsewhere = courses.add_assignment("Elsewhere", org=school.org, course=school.other_course)
    alices, zoes = read("alice"), read("zoe", assignment_id=str(elsewhere))
    private = read("bob", assignment_id=None)
    for receipt, reader in ((alices, "alice"), (zoes, "zoe")):
        react(api, comments(api, receipt, reader)[0]["id"], reader, reaction="disagree", note=NOTE)
    seen = {
        (who, path): {one["submission_id"] for one in every(api, who, path)}
        for who in ("ed", "nell", "ada")
        for path in ("/v1/reviews", "/v1/disagreements")
    }
    assert seen == {
        ("ed", "/v1/reviews"): {alices["id"]}, ("ed", "/v1/disagreements"): {alices["id"]},
        ("nell", "/v1/reviews"): {zoes["id"]}, ("nell", "/v1/disagreements"): {zoes["id"]},
        ("ada", "/v1/reviews"): {alices["id"], zoes["id"], private["id"]},
        ("ada", "/v1/disagreements"): {alices["id"], zoes["id"]},
    }  # fmt: skip
    # A filter opens nothing, and neither does a cursor or a key of another school.
    assert every(api, "nell", course_id=str(school.course)) == every(api, "nell", assignment_id=alices["id"]) == []
    for name in ("ed", "ada"):
        for path in ("/v1/reviews", "/v1/disagreements"):
            answer = api.client.get(
                path, query_string={"course_id": str(school.course)}, headers=api.signed_in(name, api.other)
            )
            assert answer.json == {"items": [], "next_cursor": None}


def test_student_who_left_the_course_is_no_longer_listed(api: ApiUnderTest, read) -> None:
    school, bobs = api.school, read("bob")
    alices = read("alice", passes=("grammar",))
    react(api, comments(api, bobs, "bob")[0]["id"], "bob", reaction="disagree")
    with session_of(school, "ada"):
        courses.remove_member(school.bob, org=school.org, course=school.course)
    found = page(api, limit=2)
    assert {one["submission_id"] for one in found["items"]} == {alices["id"]}
    assert found["next_cursor"] is None
    assert every(api, path="/v1/disagreements") == []
    assert {one["submission_id"] for one in every(api, "ada")} == {alices["id"], bobs["id"]}


@pytest.mark.parametrize("path", ["/v1/reviews", "/v1/disagreements"])
def test_lists_refuse_students_keys_and_bad_parameters(api: ApiUnderTest, refused: Refused, path: str) -> None:
    for headers in (api.signed_in("alice"), api.with_key()):
        refused(api.client.get(path, headers=headers), 403, "forbidden")
    refused(api.client.get(path), 401, "unauthorized")
    bad = [
        {"limit": "0"}, {"course_id": "x"}, {"assignment_id": "x"}, {"cursor": "x"}, {"cursor": "A" * 31}, {"cursor": "_" * 32},
        {"cursor": "A" * 22}, {"cursor": "+" * 32},
    ]  # fmt: skip
    for query in bad + ([{"state": "closed"}, {"sort": "newest"}] if path == "/v1/reviews" else []):
        document = refused(
            api.client.get(path, query_string=query, headers=api.signed_in("ed")), 422, "invalid-payload"
        )
        assert document["errors"][0]["pointer"] == f"?{next(iter(query))}"
    # Any other cursor is a place in the list at which nothing or something stands.
    for cursor in ("A" * 32, "AB" + "_" * 30):
        assert api.client.get(path, query_string={"cursor": cursor}, headers=api.signed_in("ed")).status_code in (
            200,
            422,
        )


def test_disagreements_are_listed_newest_first_with_the_reason(api: ApiUnderTest, read) -> None:
    receipt, bobs = read("alice"), read("bob", passes=("grammar",))
    ids = [one["id"] for one in comments(api, receipt)]
    react(api, ids[0], reaction="disagree", note=NOTE)
    react(api, ids[1], reaction="not_helpful", note="No.")
    react(api, ids[2], reaction="disagree")
    react(api, ids[3], reaction="disagree")
    react(api, comments(api, bobs, "bob")[0]["id"], "bob", reaction="disagree")
    react(api, ids[3], reaction="helpful")
    decide(api, ids[2], decision="accept")
    items = every(api, path="/v1/disagreements")
    assert [one["id"] for one in items] == [comments(api, bobs)[0]["id"], ids[2], ids[0]]
    oldest = items[-1]
    assert (oldest["reaction"], oldest["note"], oldest["student_name"]) == ("disagree", NOTE, "Alice")
    assert oldest["disagreed_at"] > oldest["created_at"]
    assert (items[1]["note"], items[1]["decision"]) == (None, "accepted")
    for limit in (1, 2, 3):
        assert every(api, path="/v1/disagreements", limit=limit) == items
        assert every(api, "ada", path="/v1/disagreements", limit=limit) == items
    assignment = {"assignment_id": str(api.school.assignment)}
    assert every(api, path="/v1/disagreements", limit=1, **assignment) == items
    assert every(api, path="/v1/disagreements", assignment_id=str(api.school.reviewed_assignment)) == []
    assert every(api, path="/v1/disagreements", course_id=str(api.school.course)) == items
    # Who changes their mind, or whose comment is replaced, is not in the list any more.
    assert api.client.delete(f"/v1/feedback/{ids[0]}/reaction", headers=api.signed_in("alice")).status_code == 204
    api.database.sql("update feedback set superseded_at = now() where id = %s", ids[2])
    assert [one["id"] for one in every(api, path="/v1/disagreements")] == [items[0]["id"]]


def test_listing_quotes_is_recorded_as_reading_each_version(api: ApiUnderTest, read) -> None:
    first, second = read("alice"), read("bob", passes=("grammar",))
    react(api, comments(api, first, "alice")[0]["id"], reaction="disagree")
    sql = (
        "select entity_id::text, detail ->> 'user_id' from audit_log where action = 'read' and entity = 'submission'"
        " and actor_id = %s order by id"
    )
    ada, school = api.school.ada, api.school
    assert api.database.sql(sql, ada) == []
    page(api, "ada")
    mine = [(first["id"], str(school.alice)), (second["id"], str(school.bob))]
    assert sorted(api.database.sql(sql, ada)) == sorted(mine)
    page(api, "ada", "/v1/disagreements")
    assert api.database.sql(sql, ada)[2:] == [mine[0]]
    page(api, "ada", course_id=str(uuid4()))
    assert len(api.database.sql(sql, ada)) == 3


def test_queue_of_an_erased_author_is_empty(api: ApiUnderTest, read) -> None:
    read("bob")
    assert api.client.post(f"/v1/users/{api.school.bob}/erase", headers=api.signed_in("ada")).status_code == 202
    for who in ("ed", "ada"):
        assert every(api, who) == []
    api.database.sql("select erase_person(%s)", api.school.bob)
    assert api.database.sql("select count(*) from review_items") == [(0,)]


def test_comment_types_are_listed_by_pass(api: ApiUnderTest) -> None:
    answers = [api.client.get("/v1/feedback-types", headers=api.signed_in(who)) for who in ("alice", "ed", "ada")]
    assert [answer.status_code for answer in answers] == [200] * 3
    assert answers[0].json == answers[1].json == answers[2].json
    items = answers[0].json["items"]
    stored = api.database.sql("select slug, pass, name from feedback_types")
    assert sorted((one["slug"], one["pass"], one["name"]) for one in items) == sorted(stored)
    assert items == sorted(items, key=lambda one: (PASSES.index(one["pass"]), one["name"]))
