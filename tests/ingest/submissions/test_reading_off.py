"""Tests of an org in which no machine reads: its submissions have no passes, and everything else works as ever."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest
import redis
from werkzeug.test import TestResponse

from models import db, passes
from tests.ingest.conftest import ESSAY
from tests.support.schools import connect_as

if TYPE_CHECKING:
    from tests.ingest.conftest import ApiUnderTest, Refused

NAMES = ("grammar", "structure", "content")
COMMENT = {
    "pass": "content", "type": "evidence", "kind": "issue", "severity": "minor", "quote": "distracting",
    "message": "Who says so?", "next_step": "Name a source.",
}  # fmt: skip


@pytest.fixture
def off(shared_api: ApiUnderTest) -> Iterator[ApiUnderTest]:
    """The app, with a school in which no machine reads."""
    set_policy(shared_api, "none")
    yield shared_api
    set_policy(shared_api, "anthropic")


def set_policy(api: ApiUnderTest, policy: str) -> None:
    answer = api.client.patch("/v1/org", json={"ai_policy": policy}, headers=api.signed_in("ada"))
    assert (answer.status_code, answer.json["ai_policy"]) == (200, policy)


def get(api: ApiUnderTest, path: str, who: str = "alice", **headers: str) -> TestResponse:
    return api.client.get(path, headers={**api.signed_in(who), **headers})


def post(api: ApiUnderTest, path: str, body: Any = None, who: str = "ed") -> TestResponse:
    return api.client.post(path, json=body, headers=api.signed_in(who))


def comment_by_hand(api: ApiUnderTest, receipt: dict[str, Any], **changes: Any) -> str:
    """Add a comment of the teacher and return its id."""
    answer = post(api, f"/v1/submissions/{receipt['id']}/comments", {**COMMENT, **changes})
    assert answer.status_code == 201, answer.text
    return str(answer.json["id"])


def hand_in(api: ApiUnderTest, **changes: Any) -> dict[str, Any]:
    return api.hand_in(**{"assignment_id": str(api.school.assignment), **changes})


def test_submission_is_completed_at_once_without_passes(off: ApiUnderTest, redis_client: redis.Redis) -> None:
    receipt = hand_in(off)
    assert receipt["status"] == "completed"
    status = get(off, receipt["links"]["self"])
    assert status.status_code == 200
    assert (status.json["status"], status.json["reading"]) == ("completed", "off")
    assert (status.json["passes"], status.json["queue"], status.json["released"]) == ({}, None, True)
    assert status.json["completed_at"] is not None
    assert "Retry-After" not in status.headers
    assert off.database.sql("select 1 from passes where submission_id = %s", receipt["id"]) == []
    assert redis_client.keys("dramatiq:*") == []


def test_status_of_a_read_submission_says_reading_on(shared_api: ApiUnderTest) -> None:
    receipt = shared_api.hand_in()
    assert get(shared_api, receipt["links"]["self"]).json["reading"] == "on"
    for name in NAMES:
        shared_api.worker.finish(receipt["id"], name)
    status = get(shared_api, receipt["links"]["self"]).json
    assert (status["status"], status["reading"]) == ("completed", "on")


@pytest.mark.parametrize("way", ["key", "webhook"])
def test_an_lms_hands_in_without_a_reading(off: ApiUnderTest, way: str) -> None:
    student = {"external_id": f"sis-{uuid4().hex}"}
    if way == "key":
        body = {"title": "Phones", "text": ESSAY, "student": student}
        headers = off.with_key()
        answer = off.client.post("/v1/submissions", json=body, headers=headers)
        again = off.client.post("/v1/submissions", json=body, headers=headers)
        assert (again.status_code, again.json) == (202, answer.json)
    else:
        answer = off.lms.deliver({"title": "Phones", "text": ESSAY, "student": student})
    assert (answer.status_code, answer.json["status"]) == (202, "completed")
    seen = off.client.get(answer.json["links"]["self"], headers=off.with_key())
    assert (seen.status_code, seen.json["reading"], seen.json["passes"]) == (200, "off", {})


def test_waiting_etag_and_event_stream_answer_at_once(off: ApiUnderTest) -> None:
    receipt = off.hand_in()
    first = get(off, receipt["links"]["self"], Prefer="wait=25")
    assert (first.status_code, first.json["status"]) == (200, "completed")
    assert "Preference-Applied" not in first.headers
    tag = first.headers["ETag"]
    assert get(off, receipt["links"]["self"], If_None_Match=tag).status_code in (200, 304)
    unchanged = off.client.get(receipt["links"]["self"], headers={**off.signed_in("alice"), "If-None-Match": tag})
    assert unchanged.status_code == 304
    events = get(off, receipt["links"]["events"]).text.strip().split("\n\n")
    assert [json.loads(event.partition("data: ")[2])["reading"] for event in events] == ["off"]


def test_feedback_is_empty_until_a_teacher_comments(off: ApiUnderTest) -> None:
    receipt = hand_in(off)
    for who in ("alice", "ed", "ada"):
        found = get(off, receipt["links"]["feedback"], who)
        assert (found.status_code, found.json["status"], found.json["comments"]) == (200, "completed", [])
    comment = comment_by_hand(off, receipt)
    found = get(off, receipt["links"]["feedback"])
    assert [(one["id"], one["origin"], one["span"]["quote"]) for one in found.json["comments"]] == [
        (comment, "educator", "distracting")
    ]
    assert found.json["criteria"] == []


def test_feedback_is_held_and_released_as_for_other_submissions(off: ApiUnderTest, refused: Refused) -> None:
    receipt = hand_in(off, assignment_id=str(off.school.reviewed_assignment))
    assert get(off, receipt["links"]["self"]).json["released"] is False
    comment_by_hand(off, receipt)
    refused(get(off, receipt["links"]["feedback"]), 409, "feedback-not-ready")
    released = post(off, f"/v1/assignments/{off.school.reviewed_assignment}/release")
    assert (released.status_code, released.json) == (200, {"released": 1})
    assert len(get(off, receipt["links"]["feedback"]).json["comments"]) == 1


def test_essays_and_versions_are_listed_and_late_versions_superseded(off: ApiUnderTest) -> None:
    name = f"attempt-{uuid4().hex}"
    first = off.hand_in_by_lms("bob", external_id=name, submitted_at="2026-11-20T10:00:00Z")
    second = off.hand_in_by_lms("bob", external_id=name, submitted_at="2026-11-21T10:00:00Z")
    late = off.hand_in_by_lms("bob", external_id=name, submitted_at="2026-11-19T10:00:00Z")
    assert [one["version"] for one in (first, second, late)] == [1, 2, 3]
    assert [one["status"] for one in (first, second, late)] == ["completed", "completed", "superseded"]
    essay = get(off, first["links"]["essay"], "bob").json
    assert (essay["submission_id"], essay["status"]) == (second["id"], "completed")
    assert [one["status"] for one in essay["versions"]] == ["completed", "completed", "superseded"]
    assert get(off, late["links"]["self"], "bob").json["reading"] == "off"
    assert essay["id"] in [one["id"] for one in get(off, "/v1/essays", "bob").json["items"]]


def test_rerun_retry_and_preview_are_refused_with_a_sentence(off: ApiUnderTest, refused: Refused) -> None:
    receipt = hand_in(off)
    for path, body in (
        (f"/v1/submissions/{receipt['id']}/rerun", None), (f"/v1/submissions/{receipt['id']}/retry", None),
        (f"/v1/assignments/{off.school.assignment}/rerun", None), (f"/v1/rubrics/{off.school.rubric}/try", {}),
    ):  # fmt: skip
        document = refused(post(off, path, body), 409, "reading-off")
        assert document["detail"] == "No machine reads the essays of this school, because its ai_policy is none."
    assert off.database.sql("select 1 from essays where trial_until is not null") == []
    assert get(off, receipt["links"]["self"]).json["status"] == "completed"
    refused(post(off, f"/v1/submissions/{uuid4()}/rerun"), 404, "not-found")
    assert post(off, f"/v1/submissions/{receipt['id']}/discard").json == {"discarded": 0}
    assert get(off, f"/v1/assignments/{off.school.assignment}/stale", "ed").json["stale"] == 0


def test_a_later_policy_reads_an_old_version_only_when_asked(off: ApiUnderTest, redis_client: redis.Redis) -> None:
    receipt = off.hand_in("ed")
    set_policy(off, "local")
    assert get(off, receipt["links"]["self"], "ed").json["reading"] == "off"
    assert off.database.sql("select 1 from passes where submission_id = %s", receipt["id"]) == []
    redis_client.flushdb()

    answer = post(off, f"/v1/submissions/{receipt['id']}/rerun")
    assert (answer.status_code, answer.json["status"]) == (202, "processing")
    assert redis_client.llen("dramatiq:interactive") == 3
    assert post(off, f"/v1/submissions/{receipt['id']}/rerun").status_code == 202
    status = get(off, receipt["links"]["self"], "ed").json
    assert (status["reading"], list(status["passes"])) == ("on", list(NAMES))
    for name in NAMES:
        off.worker.finish(receipt["id"], name)
    assert get(off, receipt["links"]["self"], "ed").json["status"] == "completed"
    assert len(get(off, receipt["links"]["feedback"], "ed").json["comments"]) == 6
    entries = off.database.sql(
        "select count(*) from audit_log where action = 'pass_rerun' and detail ->> 'submission_id' = %s", receipt["id"]
    )
    assert entries == [(3,)]


def test_rerun_does_not_read_the_version_of_another_course(off: ApiUnderTest, refused: Refused) -> None:
    receipt = hand_in(off)
    set_policy(off, "local")
    refused(post(off, f"/v1/submissions/{receipt['id']}/rerun", who="nell"), 404, "not-found")
    assert off.database.sql("select 1 from passes where submission_id = %s", receipt["id"]) == []


def test_progress_spans_versions_that_were_not_read(shared_api: ApiUnderTest) -> None:
    """Version 1 is read, version 2 is not, and version 3 is: the comment of version 1 is decided in version 3."""
    name = f"attempt-{uuid4().hex}"
    first = shared_api.hand_in("zoe", external_id=name)
    for one in NAMES:
        shared_api.worker.finish(first["id"], one)
    set_policy(shared_api, "none")
    try:
        second = shared_api.hand_in("zoe", external_id=name)
        progress = get(shared_api, f"/v1/essays/{first['essay_id']}/progress", "zoe")
        assert (progress.status_code, progress.json["version"], progress.json["status"]) == (200, 2, "completed")
        assert {(one["resolution"], one["decided_in_version"]) for one in progress.json["comments"]} == {("open", None)}
    finally:
        set_policy(shared_api, "anthropic")
    third = shared_api.hand_in("zoe", external_id=name)
    assert (second["version"], third["version"]) == (2, 3)
    for one in NAMES:
        shared_api.worker.finish(third["id"], one)
    shared_api.database.sql("update feedback set resolution = 'addressed' where submission_id = %s", first["id"])
    progress = get(shared_api, f"/v1/essays/{first['essay_id']}/progress", "zoe").json
    assert {(one["resolution"], one["decided_in_version"]) for one in progress["comments"]} == {("addressed", 3)}


def test_export_and_erasure_of_the_author_work(api: ApiUnderTest, refused: Refused) -> None:
    set_policy(api, "none")
    receipt = api.hand_in("zoe")
    exported = api.client.get(f"/v1/users/{api.school.zoe}/export", headers=api.signed_in("ada"))
    assert exported.status_code == 200
    assert len(exported.data) > 500
    assert post(api, f"/v1/users/{api.school.zoe}/erase", who="ada").status_code == 202
    api.database.sql("select erase_person(%s)", api.school.zoe)
    assert api.database.sql("select 1 from submissions where id = %s", receipt["id"]) == []
    refused(get(api, receipt["links"]["self"], "ada"), 404, "not-found")


def test_close_finished_completes_an_open_version_without_passes(api: ApiUnderTest) -> None:
    set_policy(api, "none")
    receipt = api.hand_in()
    api.database.sql("update submissions set status = 'queued', completed_at = null where id = %s", receipt["id"])
    connect_as("ec_clock", api.database)
    with db.session():
        assert passes.close_finished(limit=10) == 1
    connect_as("ec_ingest", api.database)
    assert api.database.sql("select status from submissions where id = %s", UUID(receipt["id"])) == [("completed",)]
