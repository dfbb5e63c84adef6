"""Tests of the feedback document: when it is ready, what it contains, and who may read it."""

from __future__ import annotations

import pytest


@pytest.fixture
def ask(shared_api):
    """`ask(receipt, headers)` requests the feedback of a submission."""
    return lambda receipt, headers: shared_api.client.get(receipt["links"]["feedback"], headers=headers)


def test_feedback_is_not_ready_before_a_pass_is_done(shared_api, ask, refused):
    receipt = shared_api.hand_in()
    answer = ask(receipt, shared_api.signed_in("alice"))
    refused(answer, 409, "feedback-not-ready")
    assert int(answer.headers["Retry-After"]) > 0


def test_no_retry_after_header_when_every_pass_gave_up(shared_api, ask, refused):
    receipt = shared_api.hand_in("zoe", title="Nobody could read it")
    for name in ("grammar", "structure", "content"):
        shared_api.worker.give_up(receipt["id"], name)
    answer = ask(receipt, shared_api.signed_in("zoe"))
    refused(answer, 409, "feedback-not-ready")
    assert "Retry-After" not in answer.headers


def test_feedback_of_a_done_pass_is_shown_while_others_run(shared_api, ask):
    receipt = shared_api.hand_in("zoe")
    shared_api.worker.finish(receipt["id"], "structure")
    body = ask(receipt, shared_api.signed_in("zoe")).json
    assert list(body) == [
        "submission_id", "version", "status", "summary", "criteria", "points", "max_points", "comments",
    ]  # fmt: skip
    assert (body["submission_id"], body["version"], body["status"]) == (receipt["id"], 1, "processing")
    assert {one["pass"] for one in body["comments"]} == {"structure"}
    assert body["summary"]["next_steps"] == ["structure"]
    shared_api.worker.finish(receipt["id"], "grammar")
    body = ask(receipt, shared_api.signed_in("zoe")).json
    # Anchored comments come first, in the order of the passes; comments without a place come last.
    assert [(one["pass"], one["span"]["match"] == "none") for one in body["comments"]] == [
        ("grammar", False), ("structure", False), ("grammar", True), ("structure", True),
    ]  # fmt: skip
    # In reading order the sense comes first.
    in_order = sorted(body["comments"], key=lambda one: one["order"])
    assert [(one["pass"], one["order"]) for one in in_order] == [
        ("structure", 1), ("grammar", 2), ("structure", 3), ("grammar", 4),
    ]  # fmt: skip
    assert all(one["shown_first"] for one in in_order)


def test_next_steps_are_one_of_each_pass_sense_first(shared_api, ask):
    receipt = shared_api.hand_in("zoe")
    for name in ("grammar", "content", "structure"):
        shared_api.worker.finish(receipt["id"], name)
    body = ask(receipt, shared_api.signed_in("zoe")).json
    assert body["summary"]["next_steps"] == ["structure", "content", "grammar"]


@pytest.fixture(scope="module")
def completed(shared_api):
    """Give the receipt and the text of a completed essay of Bob's for an assignment with a rubric."""
    text = "\ufeffPhones 😀 e\u0301 was loud.\r\nPhones was 👩\u200d👩\u200d👧 distracting."
    receipt = shared_api.hand_in("bob", assignment_id=str(shared_api.school.assignment), text=text)
    for name, quote in (("grammar", "was 👩\u200d👩\u200d👧"), ("structure", "e\u0301 was"), ("content", "loud.\r\n")):
        shared_api.worker.finish(receipt["id"], name, quote=quote)
    return receipt, text


def test_quote_equals_the_text_between_its_code_point_offsets(shared_api, ask, completed):
    receipt, text = completed
    comments = ask(receipt, shared_api.signed_in("bob")).json["comments"]
    anchored = [one["span"] for one in comments if one["span"]["match"] != "none"]
    assert len(anchored) == 3
    for span in anchored:
        assert text[span["start"] : span["end"]] == span["quote"]
        assert span["unit"] == "code_points"
        assert text[: span["start"]].endswith(span["prefix"])
        assert text[span["end"] :].startswith(span["suffix"])
    assert {span["quote"] for span in anchored} == {"was 👩\u200d👩\u200d👧", "e\u0301 was", "loud.\r\n"}


def test_quote_not_in_the_text_is_not_anchored(shared_api, ask, completed):
    receipt, text = completed
    unanchored = [
        one["span"]
        for one in ask(receipt, shared_api.signed_in("bob")).json["comments"]
        if one["span"]["match"] == "none"
    ]
    assert len(unanchored) == 3
    for span in unanchored:
        assert span["quote"] not in text
        assert (span["start"], span["end"]) == (0, 0)


def test_completed_feedback_has_all_documented_fields(shared_api, ask, completed):
    body = ask(completed[0], shared_api.signed_in("bob")).json
    assert body["status"] == "completed"
    assert set(body["summary"]) >= {"strengths", "next_steps"}
    assert body["summary"]["strengths"] == ["clear"]
    comment = body["comments"][0]
    assert set(comment) >= {
        "id", "pass", "type", "kind", "severity", "priority", "span", "message", "next_step", "suggestions", "confidence",
        "confidence_basis", "origin", "provider", "model", "resolution", "carried_from", "order", "shown_first",
    }  # fmt: skip
    assert comment["suggestions"] == ["were"]
    [criterion] = body["criteria"]
    assert criterion["criterion"] == "thesis"
    assert (criterion["level"], criterion["points"], criterion["max_points"]) == ("developing", 2, 4)
    assert criterion["rationale"] == "Vague."
    assert set(criterion["evidence"]) <= {one["id"] for one in body["comments"]}
    assert criterion["evidence"]


def test_failed_passes_leave_partial_feedback(shared_api, ask):
    receipt = shared_api.hand_in("zoe")
    shared_api.worker.finish(receipt["id"], "content")
    for name in ("grammar", "structure"):
        shared_api.worker.give_up(receipt["id"], name)
    body = ask(receipt, shared_api.signed_in("zoe")).json
    assert body["status"] == "partial"
    assert {one["pass"] for one in body["comments"]} == {"content"}


def test_unreleased_feedback_is_visible_to_staff_only(shared_api, ask, refused):
    receipt = shared_api.hand_in("alice", assignment_id=str(shared_api.school.reviewed_assignment))
    shared_api.worker.finish(receipt["id"], "grammar")
    status = shared_api.client.get(receipt["links"]["self"], headers=shared_api.signed_in("alice")).json
    assert status["released"] is False
    for headers in (shared_api.signed_in("alice"), shared_api.with_key()):
        document = refused(ask(receipt, headers), 409, "feedback-not-ready")
        assert "was" not in document.get("quote", "")
    for name in ("ed", "ada"):
        assert len(ask(receipt, shared_api.signed_in(name)).json["comments"]) == 2
    shared_api.database.sql("update submissions set released_at = now() where id = %s", receipt["id"])
    for headers in (shared_api.signed_in("alice"), shared_api.with_key()):
        assert len(ask(receipt, headers).json["comments"]) == 2


def test_only_the_student_view_of_final_feedback_is_counted(shared_api, ask, completed):
    receipt, _ = completed

    def views() -> int:
        return shared_api.database.sql(
            "select count(*) from analytics where event = 'feedback_viewed' and submission_id = %s", receipt["id"]
        )[0][0]

    before = views()
    ask(receipt, shared_api.signed_in("ed"))
    ask(receipt, shared_api.with_key())
    assert views() == before
    ask(receipt, shared_api.signed_in("bob"))
    assert views() == before + 1
