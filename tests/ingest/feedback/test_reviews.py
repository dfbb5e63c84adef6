"""Tests of reviews, educator comments, saved comments, reactions and release, and of their access rules."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from werkzeug.test import TestResponse

from tests.ingest.conftest import ESSAY, ApiUnderTest, Headers, Refused

UNKNOWN_ID = "0190b5f6-0000-7000-8000-000000000001"  # an id that does not exist
MARKUP = "<script>alert(1)</script> [x](javascript:1) {{7*7}} \u202eevil '; drop table feedback; --"
WORDS = {"message": "Say how many.", "next_step": "Look at the verb.", "suggestions": ["were", "had been"]}
OWN = {
    "pass": "content",
    "type": "evidence",
    "kind": "issue",
    "severity": "major",
    "message": "Which study?",
    "next_step": "Name it.",
}


@pytest.fixture
def essay(shared_api: ApiUnderTest) -> dict[str, Any]:
    """Give the receipt of a released essay of Alice's in Ed's course; two passes are done."""
    receipt = shared_api.hand_in("alice", assignment_id=str(shared_api.school.assignment))
    for name in ("grammar", "content"):
        shared_api.worker.finish(receipt["id"], name)
    return receipt


@pytest.fixture
def held(shared_api: ApiUnderTest) -> dict[str, Any]:
    """Give the receipt of an unreleased essay of Alice's in Ed's course; all passes are done."""
    receipt = shared_api.hand_in("alice", assignment_id=str(shared_api.school.reviewed_assignment))
    for name in ("grammar", "structure", "content"):
        shared_api.worker.finish(receipt["id"], name)
    return receipt


def send(shared_api: ApiUnderTest, method: str, path: str, who: Headers, body: Any = None) -> TestResponse:
    return shared_api.client.open(path, method=method, json=body, headers=who)


@pytest.fixture
def seen(shared_api: ApiUnderTest) -> Callable[..., dict[str, Any]]:
    """`seen(receipt, headers)` returns the feedback as this person reads it."""

    def by(receipt: dict[str, Any], who: Headers) -> dict[str, Any]:
        answer = shared_api.client.get(receipt["links"]["feedback"], headers=who)
        assert answer.status_code == 200, answer.text
        return dict(answer.json)

    return by


def first(body: dict[str, Any], name: str = "grammar") -> dict[str, Any]:
    """Return the first anchored comment of this pass."""
    return next(one for one in body["comments"] if one["pass"] == name and one["span"]["match"] == "exact")


def by_id(body: dict[str, Any], comment: str) -> dict[str, Any] | None:
    """Return the comment with this id, or None."""
    return next((one for one in body["comments"] if one["id"] == comment), None)


def test_newest_review_decision_is_applied_for_each_reader(shared_api: ApiUnderTest, essay, seen) -> None:
    ed, alice, lms = shared_api.signed_in("ed"), shared_api.signed_in("alice"), shared_api.with_key()
    made = first(seen(essay, ed))
    at = f"/v1/feedback/{made['id']}"
    assert made["review"] is None

    edited = send(shared_api, "PATCH", at, ed, WORDS)
    assert edited.status_code == 200, edited.text
    body = edited.json
    assert {name: body[name] for name in WORDS} == WORDS
    assert body["review"]["original"] == {name: made[name] for name in WORDS}
    assert (body["review"]["decision"], body["review"]["educator_id"]) == ("edited", str(shared_api.school.ed))
    assert body["span"] == made["span"]
    assert by_id(seen(essay, shared_api.signed_in("ada")), made["id"]) == body
    for who in (alice, lms):
        theirs = by_id(seen(essay, who), made["id"])
        assert {name: theirs[name] for name in WORDS} == WORDS
        assert "review" not in theirs
        assert not {"notes", "stale"} & set(seen(essay, who))

    # A second edit changes the first one; fields that it does not name stay.
    body = send(shared_api, "PATCH", at, shared_api.signed_in("ada"), {"decision": "edit", "next_step": "Count."}).json
    assert (body["message"], body["next_step"]) == (WORDS["message"], "Count.")
    assert body["review"]["original"]["next_step"] == made["next_step"]

    body = send(shared_api, "PATCH", at, ed, {"decision": "rejected"}).json
    assert (body["message"], body["review"]["decision"], body["review"]["original"]) == (
        made["message"],
        "rejected",
        None,
    )
    assert by_id(seen(essay, ed), made["id"]) == body
    for who in (alice, lms):
        assert by_id(seen(essay, who), made["id"]) is None

    body = send(shared_api, "PATCH", at, ed, {"decision": "accept"}).json
    assert body["review"]["decision"] == "accepted"
    for who in (alice, lms):
        assert {name: by_id(seen(essay, who), made["id"])[name] for name in WORDS} == {
            name: made[name] for name in WORDS
        }
    kept = shared_api.database.sql(
        "select decision from feedback_reviews where feedback_id = %s order by id", made["id"]
    )
    assert kept == [("edited",), ("edited",), ("rejected",), ("accepted",)]


def test_rejected_comment_is_removed_from_evidence_for_the_student(shared_api: ApiUnderTest, essay, seen) -> None:
    ed, alice = shared_api.signed_in("ed"), shared_api.signed_in("alice")
    [criterion] = seen(essay, alice)["criteria"]
    [evidence] = criterion["evidence"]
    assert send(shared_api, "PATCH", f"/v1/feedback/{evidence}", ed, {"decision": "reject"}).status_code == 200
    assert seen(essay, alice)["criteria"][0]["evidence"] == []
    assert seen(essay, ed)["criteria"][0]["evidence"] == [evidence]


def test_review_decisions_are_audited_and_all_texts_are_encrypted(shared_api: ApiUnderTest, essay, seen) -> None:
    ed = shared_api.signed_in("ed")
    made = first(seen(essay, ed))
    send(shared_api, "PATCH", f"/v1/feedback/{made['id']}", ed, {**WORDS, "message": "Sealed message."})
    reaction = {"reaction": "disagree", "note": "Sealed note."}
    send(shared_api, "PUT", f"/v1/feedback/{made['id']}/reaction", shared_api.signed_in("alice"), reaction)
    added = send(
        shared_api, "POST", f"/v1/submissions/{essay['id']}/comments", ed, {**OWN, "quote": "distracting", "save": True}
    ).json
    audit_entries = shared_api.database.sql(
        "select action, actor_id, detail from audit_log where entity_id = any (%s::uuid[]) order by id",
        [made["id"], added["id"]],
    )
    facts = {"submission_id": essay["id"], "user_id": str(shared_api.school.alice)}
    assert audit_entries == [
        ("feedback_reviewed", shared_api.school.ed, {**facts, "decision": "edited"}),
        ("feedback_added", shared_api.school.ed, facts),
    ]
    for table, column in (
        ("feedback_reviews", "body"), ("feedback_reactions", "note"), ("feedback", "body"), ("saved_comments", "body"),
    ):  # fmt: skip
        stored = [
            bytes(one) for (one,) in shared_api.database.sql(f"select {column} from {table} where {column} is not null")
        ]
        assert stored
        assert not [one for one in stored if b"Sealed" in one or b"Which study" in one]


@pytest.mark.parametrize(
    "body",
    [
        {}, {"decision": "edit"}, {"decision": "approve"}, {"decision": None}, {"decision": "accept", "message": "x"},
        {"decision": "reject", "suggestions": []}, {"message": ""}, {"message": " \n"}, {"message": None}, {"message": "x" * 2001},
        {"next_step": "x" * 1001}, {"suggestions": ["x"] * 11}, {"suggestions": [""]}, {"suggestions": ["x" * 501]},
        {"suggestions": "were"}, {"message": "x", "confidence": 1}, {"message": "x", "educator_id": UNKNOWN_ID},
    ],
    ids=lambda body: json.dumps(body)[:40],
)  # fmt: skip
def test_invalid_decision_is_refused_and_changes_nothing(
    shared_api: ApiUnderTest, essay_once, refused: Refused, body
) -> None:
    receipt, comment = essay_once
    refused(
        send(shared_api, "PATCH", f"/v1/feedback/{comment}", shared_api.signed_in("ed"), body), 422, "invalid-payload"
    )
    assert shared_api.database.sql("select count(*) from feedback_reviews where submission_id = %s", receipt["id"]) == [
        (0,)
    ]


@pytest.fixture(scope="module")
def essay_once(shared_api: ApiUnderTest) -> tuple[dict[str, Any], str]:
    """Give the receipt of an essay that no test changes, and the id of its first comment."""
    receipt = shared_api.hand_in("alice", assignment_id=str(shared_api.school.assignment), title="Untouched")
    shared_api.worker.finish(receipt["id"], "grammar")
    body = shared_api.client.get(receipt["links"]["feedback"], headers=shared_api.signed_in("ed")).json
    return receipt, first(body)["id"]


# People who are refused: with 403 for their role, or with 404 as for an unknown id.
REFUSED_PEOPLE = [
    ("alice", 403, "forbidden"), ("bob", 403, "forbidden"), ("key", 403, "forbidden"), ("nell", 404, "not-found"),
    ("other ed", 404, "not-found"), ("other ada", 404, "not-found"), ("other key", 403, "forbidden"),
]  # fmt: skip


def headers_of(shared_api: ApiUnderTest, who: str) -> Headers:
    name, school = who.removeprefix("other "), shared_api.other if who.startswith("other ") else shared_api.school
    return shared_api.with_key(school) if name == "key" else shared_api.signed_in(name, school)


@pytest.mark.parametrize(("who", "status", "slug"), REFUSED_PEOPLE)
def test_others_cannot_review_comment_or_release(
    shared_api: ApiUnderTest, essay_once, refused: Refused, who, status, slug
) -> None:
    receipt, comment = essay_once
    route_requests = (
        ("PATCH", f"/v1/feedback/{comment}", {"decision": "reject"}),
        ("POST", f"/v1/submissions/{receipt['id']}/comments", {**OWN, "quote": "distracting"}),
        ("POST", f"/v1/submissions/{receipt['id']}/release", None),
        ("POST", f"/v1/assignments/{shared_api.school.assignment}/release", None),
    )
    for method, path, body in route_requests:
        document = refused(send(shared_api, method, path, headers_of(shared_api, who), body), status, slug)
        unknown = path.replace(comment, str(uuid4())).replace(receipt["id"], str(uuid4()))
        if path != unknown:  # a foreign id gets exactly the answer of an unknown id
            other = refused(send(shared_api, method, unknown, headers_of(shared_api, who), body), status, slug)
            assert document["detail"] == other["detail"]
    assert shared_api.database.sql("select count(*) from feedback_reviews where submission_id = %s", receipt["id"]) == [
        (0,)
    ]
    assert shared_api.database.sql("select count(*) from feedback where submission_id = %s", receipt["id"]) == [(2,)]


def test_educator_comment_is_last_of_its_pass_with_an_exact_quote(shared_api: ApiUnderTest, essay, seen) -> None:
    ed, alice = shared_api.signed_in("ed"), shared_api.signed_in("alice")
    at = f"/v1/submissions/{essay['id']}/comments"
    start = ESSAY.index("😀 they")
    added = send(
        shared_api, "POST", at, ed, {**OWN, "suggestions": ["a study"], "span": {"start": start, "end": start + 6}}
    )
    assert added.status_code == 201, added.text
    own = added.json
    assert (own["span"]["quote"], own["span"]["match"], own["span"]["start"]) == ("😀 they", "exact", start)
    assert (own["origin"], own["educator_id"], own["provider"], own["model"]) == (
        "educator",
        str(shared_api.school.ed),
        None,
        None,
    )
    assert (own["confidence"], own["confidence_basis"], own["resolution"], own["priority"]) == (
        1,
        "agreement",
        "open",
        3,
    )
    assert {name: own[name] for name in OWN} == OWN
    for body in (seen(essay, alice), seen(essay, shared_api.with_key())):
        theirs = by_id(body, own["id"])
        assert theirs == {name: value for name, value in own.items() if name != "review"}
    assert send(shared_api, "POST", at, ed, {**OWN, "quote": "loud, so"}).json["priority"] == 4
    # An educator withdraws a comment by rejecting it.
    assert send(shared_api, "PATCH", f"/v1/feedback/{own['id']}", ed, {"decision": "reject"}).status_code == 200
    assert by_id(seen(essay, alice), own["id"]) is None


def test_repeated_quote_is_located_by_prefix_or_suffix(shared_api: ApiUnderTest, essay, refused: Refused) -> None:
    ed, at = shared_api.signed_in("ed"), f"/v1/submissions/{essay['id']}/comments"
    assert ESSAY.count("Phones ") == 2
    document = refused(send(shared_api, "POST", at, ed, {**OWN, "quote": "Phones"}), 422, "invalid-payload")
    assert document["errors"] == [
        {"pointer": "/quote", "detail": "is in the text more than once; prefix and suffix can say where"}
    ]
    second = ESSAY.rindex("Phones")
    for around, start in (({"suffix": " was"}, 0), ({"prefix": "distracting. "}, second), ({"suffix": " 😀"}, second)):
        span = send(shared_api, "POST", at, ed, {**OWN, "quote": "Phones", **around}).json["span"]
        assert (span["start"], span["quote"]) == (start, "Phones")
    wrong = {**OWN, "quote": "Phones", "prefix": "loud"}
    document = refused(send(shared_api, "POST", at, ed, wrong), 422, "invalid-payload")
    assert document["errors"][0]["detail"] == "does not stand between this prefix and suffix"


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"quote": None}, ""), ({"quote": "phones were"}, "/quote"), ({"quote": "Phones  was"}, "/quote"), ({"quote": " "}, ""),
        ({"quote": "x" * 2001}, "/quote"), ({"span": {"start": 0, "end": 3}}, ""), ({"quote": None, "span": {"start": 3, "end": 3}}, "/span"),
        ({"quote": None, "span": {"start": 0, "end": len(ESSAY) + 1}}, "/span"), ({"quote": None, "span": {"start": 6, "end": 7}}, "/span"),
        ({"quote": None, "span": {"start": -1, "end": 3}}, "/span/start"), ({"quote": None, "span": {"start": 0, "end": True}}, "/span/end"),
        ({"quote": None, "span": {"start": 0, "end": 3}, "prefix": "x"}, ""), ({"prefix": "x" * 201}, "/prefix"),
        ({"type": "spelling"}, "/type"), ({"type": "no such"}, "/type"), ({"pass": "style"}, "/pass"), ({"pass": None}, "/pass"),
        ({"kind": "order"}, "/kind"), ({"severity": "fatal"}, "/severity"), ({"message": "x" * 2001}, "/message"),
        ({"next_step": "x" * 1001}, "/next_step"), ({"confidence": 0.1}, "/confidence"), ({"save": "yes"}, "/save"),
    ],
    ids=lambda value: json.dumps(value)[:50],
)  # fmt: skip
def test_invalid_comment_is_refused_with_the_field(
    shared_api: ApiUnderTest, essay_once, refused: Refused, change, pointer
) -> None:
    receipt, _ = essay_once
    body = {**OWN, "quote": "distracting", **change}
    sent = {name: value for name, value in body.items() if value is not None}
    answer = send(shared_api, "POST", f"/v1/submissions/{receipt['id']}/comments", shared_api.signed_in("ed"), sent)
    assert pointer in [one["pointer"] for one in refused(answer, 422, "invalid-payload")["errors"]]
    assert shared_api.database.sql("select count(*) from feedback where submission_id = %s", receipt["id"]) == [(2,)]


def test_markup_is_kept_as_plain_text(shared_api: ApiUnderTest, essay, seen, refused: Refused) -> None:
    ed, alice = shared_api.signed_in("ed"), shared_api.signed_in("alice")
    made = first(seen(essay, ed))
    send(shared_api, "PATCH", f"/v1/feedback/{made['id']}", ed, {"message": MARKUP, "suggestions": [MARKUP]})
    own = {**OWN, "quote": "distracting", "message": MARKUP, "next_step": MARKUP}
    added = send(shared_api, "POST", f"/v1/submissions/{essay['id']}/comments", ed, own).json
    note = {"reaction": "disagree", "note": MARKUP}
    assert send(shared_api, "PUT", f"/v1/feedback/{made['id']}/reaction", alice, note).status_code == 200
    answer = shared_api.client.get(essay["links"]["feedback"], headers=alice)
    assert answer.content_type == "application/json"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    edited = by_id(answer.json, made["id"])
    assert (edited["message"], edited["suggestions"], edited["reaction"]["note"]) == (MARKUP, [MARKUP], MARKUP)
    assert by_id(answer.json, added["id"])["next_step"] == MARKUP
    for body in ({"message": "a\0b"}, {"suggestions": ["\ud800"]}):
        raw = json.dumps(body).encode()
        refusal = shared_api.client.patch(
            f"/v1/feedback/{made['id']}", data=raw, headers={**ed, "Content-Type": "application/json"}
        )
        refused(refusal, 422, "invalid-text")


def test_saved_comments_are_private_to_their_owner(shared_api: ApiUnderTest, essay, refused: Refused) -> None:
    ed, nell, ada = (shared_api.signed_in(name) for name in ("ed", "nell", "ada"))
    saved = send(shared_api, "POST", "/v1/saved-comments", ed, {**OWN, "suggestions": ["a", "b"]})
    assert saved.status_code == 201, saved.text
    at = saved.headers["Location"]
    assert at == f"/v1/saved-comments/{saved.json['id']}"
    assert {name: saved.json[name] for name in OWN} == OWN
    assert shared_api.client.get(at, headers=ed).json == saved.json
    second = send(shared_api, "POST", "/v1/saved-comments", ed, {**OWN, "message": "Another."}).json
    page = shared_api.client.get("/v1/saved-comments?limit=1", headers=ed).json
    assert [one["id"] for one in page["items"]] == [second["id"]]
    page = shared_api.client.get(f"/v1/saved-comments?limit=1&cursor={page['next_cursor']}", headers=ed).json
    assert page["items"][0] == saved.json

    # An admin may read every row of the org, but not the saved comments of others, which the owner's key encrypts.
    for other in (nell, ada, shared_api.signed_in("ed", shared_api.other)):
        assert shared_api.client.get("/v1/saved-comments", headers=other).json == {"items": [], "next_cursor": None}
        refused(shared_api.client.get(at, headers=other), 404, "not-found")
        refused(shared_api.client.delete(at, headers=other), 404, "not-found")
    use = {"quote": "distracting", "saved_comment_id": saved.json["id"]}
    refused(send(shared_api, "POST", f"/v1/submissions/{essay['id']}/comments", ada, use), 404, "not-found")
    for who in ("alice", "key"):
        for method, path in (("GET", "/v1/saved-comments"), ("GET", at), ("DELETE", at)):
            refused(send(shared_api, method, path, headers_of(shared_api, who)), 403, "forbidden")
        refused(send(shared_api, "POST", "/v1/saved-comments", headers_of(shared_api, who), OWN), 403, "forbidden")
    for change in (
        {"type": "spelling"},
        {"message": ""},
        {"message": "x" * 2001},
        {"user_id": str(shared_api.school.nell)},
    ):
        refused(send(shared_api, "POST", "/v1/saved-comments", ed, {**OWN, **change}), 422, "invalid-payload")

    assert shared_api.client.delete(at, headers=ed).status_code == 204
    refused(shared_api.client.get(at, headers=ed), 404, "not-found")
    refused(shared_api.client.delete(at, headers=ed), 404, "not-found")


def test_new_comment_can_be_saved_and_used_again(shared_api: ApiUnderTest, essay) -> None:
    ed, at = shared_api.signed_in("ed"), f"/v1/submissions/{essay['id']}/comments"
    added = send(shared_api, "POST", at, ed, {**OWN, "quote": "distracting", "suggestions": ["a"], "save": True}).json
    kept = shared_api.client.get("/v1/saved-comments?limit=1", headers=ed).json["items"][0]
    assert {name: kept[name] for name in OWN} == OWN
    use = {"quote": "loud", "saved_comment_id": kept["id"], "severity": "minor"}
    used = send(shared_api, "POST", at, ed, use).json
    assert used["id"] != added["id"]
    same = ("pass", "type", "kind", "message", "next_step", "suggestions")
    assert {name: used[name] for name in same} == {name: added[name] for name in same}
    assert (used["severity"], used["span"]["quote"]) == ("minor", "loud")
    # Deleting the saved comment changes no comment that was made from it.
    assert shared_api.client.delete(f"/v1/saved-comments/{kept['id']}", headers=ed).status_code == 204
    assert (
        by_id(shared_api.client.get(essay["links"]["feedback"], headers=ed).json, used["id"])["message"]
        == OWN["message"]
    )


def test_only_the_student_reacts_and_staff_see_the_reaction(
    shared_api: ApiUnderTest, essay, seen, refused: Refused
) -> None:
    ed, alice = shared_api.signed_in("ed"), shared_api.signed_in("alice")
    made = first(seen(essay, alice))
    assert made["reaction"] is None
    at = f"/v1/feedback/{made['id']}/reaction"
    answer = send(shared_api, "PUT", at, alice, {"reaction": "helpful"})
    assert (answer.status_code, answer.json["reaction"], answer.json["note"]) == (200, "helpful", None)
    latest = send(shared_api, "PUT", at, alice, {"reaction": "disagree", "note": "It is a quotation."}).json
    for who in (alice, ed, shared_api.signed_in("ada")):
        assert by_id(seen(essay, who), made["id"])["reaction"] == latest
    for who in ("ed", "nell", "ada", "key", "other ed"):
        for method, body in (("PUT", {"reaction": "helpful"}), ("DELETE", None)):
            refused(send(shared_api, method, at, headers_of(shared_api, who), body), 403, "forbidden")
    for who in ("bob", "zoe", "other alice"):
        for method, body in (("PUT", {"reaction": "helpful"}), ("DELETE", None)):
            refused(send(shared_api, method, at, headers_of(shared_api, who), body), 404, "not-found")
    wrong = (
        {},
        {"reaction": "love"},
        {"reaction": "helpful", "note": 7},
        {"reaction": "helpful", "note": "x" * 1001},
        {"note": "x"},
    )
    for body in wrong:
        refused(send(shared_api, "PUT", at, alice, body), 422, "invalid-payload")
    assert by_id(seen(essay, ed), made["id"])["reaction"] == latest
    assert [send(shared_api, "DELETE", at, alice).status_code for _ in range(2)] == [204, 204]
    assert by_id(seen(essay, ed), made["id"])["reaction"] is None


def test_student_cannot_react_to_hidden_comments(shared_api: ApiUnderTest, essay, held, seen, refused: Refused) -> None:
    ed, alice = shared_api.signed_in("ed"), shared_api.signed_in("alice")
    unreleased, rejected, replaced = first(seen(held, ed)), first(seen(essay, ed)), first(seen(essay, ed), "content")
    send(shared_api, "PATCH", f"/v1/feedback/{rejected['id']}", ed, {"decision": "reject"})
    shared_api.database.sql("update feedback set superseded_at = now() where id = %s", replaced["id"])
    for comment in (unreleased, rejected, replaced):
        for method, body in (("PUT", {"reaction": "helpful"}), ("DELETE", None)):
            refused(send(shared_api, method, f"/v1/feedback/{comment['id']}/reaction", alice, body), 404, "not-found")
    refused(send(shared_api, "PATCH", f"/v1/feedback/{replaced['id']}", ed, {"decision": "accept"}), 404, "not-found")


def test_held_feedback_is_reviewed_and_released_once(shared_api: ApiUnderTest, held, seen, refused: Refused) -> None:
    ed, alice = shared_api.signed_in("ed"), shared_api.signed_in("alice")
    made = first(seen(held, ed))
    send(shared_api, "PATCH", f"/v1/feedback/{made['id']}", ed, {"message": "Better said."})
    refused(shared_api.client.get(held["links"]["feedback"], headers=alice), 409, "feedback-not-ready")
    views = "select count(*) from analytics where submission_id = %s"
    before = shared_api.database.sql(views, held["id"])
    answers = [
        send(shared_api, "POST", f"/v1/submissions/{held['id']}/release", who)
        for who in (ed, shared_api.signed_in("ada"))
    ]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json == answers[1].json
    assert (answers[0].json["id"], answers[0].json["released"]) == (held["id"], True)
    assert shared_api.database.sql(views, held["id"]) == before
    assert shared_api.client.get(held["links"]["self"], headers=alice).json["released"] is True
    assert by_id(seen(held, alice), made["id"])["message"] == "Better said."
    audit_entries = shared_api.database.sql(
        "select actor_id, detail from audit_log where action = 'feedback_released' and entity_id = %s", held["id"]
    )
    assert audit_entries == [(shared_api.school.ed, {"user_id": str(shared_api.school.alice)})]


def test_what_people_do_with_feedback_is_recorded(api: ApiUnderTest, refused: Refused) -> None:
    receipt = api.hand_in("alice", assignment_id=str(api.school.reviewed_assignment))
    for name in ("grammar", "structure", "content"):
        api.worker.finish(receipt["id"], name)
    ed, alice = api.signed_in("ed"), api.signed_in("alice")
    made = api.client.get(receipt["links"]["feedback"], headers=ed).json["comments"][0]
    assert send(api, "PATCH", f"/v1/feedback/{made['id']}", ed, {"decision": "accept"}).status_code == 200
    assert send(api, "POST", f"/v1/submissions/{receipt['id']}/release", ed).status_code == 200
    assert send(api, "PUT", f"/v1/feedback/{made['id']}/reaction", alice, {"reaction": "helpful"}).status_code == 200
    assert api.client.get(f"/v1/users/{api.school.alice}/export", headers=api.signed_in("ada")).status_code == 200
    done = api.database.sql(
        "select user_id, event, submission_id::text from analytics where event <> 'submitted' order by id"
    )
    assert done == [
        (api.school.ed, "reviewed", None),
        (api.school.ed, "released", None),
        (api.school.alice, "comment_judged", receipt["id"]),
        (api.school.ada, "exported", None),
    ]


def test_assignment_release_skips_unfinished_submissions(api: ApiUnderTest, refused: Refused) -> None:
    assignment, ed = str(api.school.reviewed_assignment), api.signed_in("ed")
    older = api.hand_in("alice", assignment_id=assignment)
    newer = api.hand_in("alice", assignment_id=assignment, title="Again")
    other = api.hand_in("bob", assignment_id=assignment)
    body = {"title": "t", "text": ESSAY, "assignment_id": assignment, "student": {"external_id": "p-sis"}}
    unread = api.client.post("/v1/submissions", json=body, headers=api.with_key()).json
    elsewhere = api.hand_in("alice", assignment_id=str(api.school.assignment))
    for receipt in (newer, other):
        for name in ("grammar", "structure", "content"):
            api.worker.finish(receipt["id"], name)
    at = f"/v1/assignments/{assignment}/release"
    for who in ("nell", "other ada"):
        refused(send(api, "POST", at, headers_of(api, who)), 404, "not-found")
    for who in ("alice", "key"):
        refused(send(api, "POST", at, headers_of(api, who)), 403, "forbidden")
    assert [send(api, "POST", at, ed).json for _ in range(2)] == [{"released": 2}, {"released": 0}]
    released = dict(api.database.sql("select id::text, released_at is not null from submissions"))
    mine = {one["id"]: released[one["id"]] for one in (older, newer, other, unread)}
    assert mine == {older["id"]: False, newer["id"]: True, other["id"]: True, unread["id"]: False}
    assert released[elsewhere["id"]] is True
    audit_entries = api.database.sql(
        "select entity, entity_id, actor_id, detail from audit_log where action = 'feedback_released'"
    )
    assert audit_entries == [("assignment", api.school.reviewed_assignment, api.school.ed, {"submissions": 2})]
    each = api.database.sql("select entity_id::text from audit_log where entity = 'submission' and action = 'changed'")
    assert sorted(each) == sorted([(newer["id"],), (other["id"],)])
