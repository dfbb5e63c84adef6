"""Attacks by a student who wants feedback at once for what a teacher reviews first: the same text without its assignment."""

from __future__ import annotations

from uuid import uuid4

import pytest


@pytest.fixture
def school(api):
    """Give a school where Alice's English course has an assignment with review. Zoe is in no course."""
    return api.school


def status_of(api, receipt, who="alice"):
    return api.client.get(receipt["links"]["self"], headers=api.signed_in(who)).json


def feedback_of(api, receipt, who="alice"):
    return api.client.get(receipt["links"]["feedback"], headers=api.signed_in(who))


def change(api, path, body):
    answer = api.client.patch(f"/v1/{path}", json=body, headers=api.signed_in("ada"))
    assert answer.status_code == 200, answer.text


def by_key(api, draft, **changes):
    body = draft(student={"external_id": "alice-sis"}, **changes)
    return api.client.post("/v1/submissions", json=body, headers=api.with_key())


def test_same_text_without_the_assignment_is_held_until_an_admin_releases_it(api, school, refused):
    api.hand_in("alice", assignment_id=str(school.reviewed_assignment))
    receipt = api.hand_in("alice")
    api.worker.finish(receipt["id"], "grammar")

    assert status_of(api, receipt)["released"] is False
    refused(feedback_of(api, receipt), 409, "feedback-not-ready")
    released = api.client.post(f"/v1/submissions/{receipt['id']}/release", headers=api.signed_in("ada"))

    assert released.status_code == 200
    assert len(feedback_of(api, receipt).json["comments"]) == 2


@pytest.mark.parametrize("way", ["external id", "next version", "key", "key with external id", "webhook", "bulk"])
def test_no_way_round_the_assignment_releases_at_once(api, school, draft, way):
    first = api.hand_in("alice", assignment_id=str(school.reviewed_assignment), external_id="attempt-1")
    if way == "external id":
        receipt = api.hand_in("alice", external_id="attempt-1")
        assert (receipt["essay_id"], receipt["version"]) == (first["essay_id"], 2)
    elif way == "next version":
        receipt = api.hand_in("alice", essay_id=api.hand_in("alice")["essay_id"], text="Words.")
        assert receipt["version"] == 2
    elif way == "key":
        receipt = by_key(api, draft).json
    elif way == "key with external id":
        receipt = by_key(api, draft, external_id="attempt-1").json
    elif way == "webhook":
        receipt = api.lms.deliver(draft(student={"external_id": "alice-sis"})).json
    else:
        receipt = api.hand_in("alice", queue="bulk")

    assert status_of(api, receipt)["released"] is False


def test_version_of_before_the_assignment_is_followed_by_a_held_one(api, school, draft):
    """The unassigned essay is older than the assignment with review."""
    api.database.sql("delete from assignments where id = %s", school.reviewed_assignment)
    first = api.hand_in("alice")
    assert status_of(api, first)["released"] is True
    body = {"course_id": str(school.course), "title": "New", "release_policy": "after_review"}
    assert api.client.post("/v1/assignments", json=body, headers=api.signed_in("ed")).status_code == 201

    second = api.hand_in("alice", essay_id=first["essay_id"], text="Words.")

    assert status_of(api, second)["released"] is False


def test_only_courses_in_which_the_author_learns_count(api, school, draft):
    zoe = api.hand_in("zoe")
    assert status_of(api, zoe, "zoe")["released"] is True
    body = {"user_id": str(school.zoe), "role": "student"}
    at = f"/v1/courses/{school.other_course}/enrollments"
    assert api.client.post(at, json=body, headers=api.signed_in("ada")).status_code == 201
    assert status_of(api, api.hand_in("zoe"), "zoe")["released"] is True

    at = f"/v1/courses/{school.course}/enrollments"
    assert api.client.post(at, json=body, headers=api.signed_in("ada")).status_code == 201
    assert status_of(api, api.hand_in("zoe"), "zoe")["released"] is False


def test_courses_without_review_and_the_assignment_s_own_policy_stay_as_they_are(api, school):
    assert status_of(api, api.hand_in("alice", assignment_id=str(school.assignment)))["released"] is True
    change(api, f"assignments/{school.reviewed_assignment}", {"release_policy": "auto"})
    change(api, "org", {"release_policy": "after_review"})
    assert status_of(api, api.hand_in("alice"))["released"] is False
    change(api, "org", {"release_policy": "auto"})
    assert status_of(api, api.hand_in("alice"))["released"] is True


def test_student_cannot_use_the_assignment_of_another_course(api, school, refused):
    body = {"course_id": str(school.other_course), "title": "Auto", "release_policy": "auto"}
    made = api.client.post("/v1/assignments", json=body, headers=api.signed_in("nell")).json
    essay = {"title": "T", "text": "Words.", "assignment_id": made["id"]}

    refused(api.client.post("/v1/submissions", json=essay, headers=api.signed_in("alice")), 404, "not-found")


def test_essay_cannot_be_moved_to_another_assignment(api, school, refused):
    first = api.hand_in("alice", assignment_id=str(school.reviewed_assignment))
    body = {"title": "T", "text": "W.", "essay_id": first["essay_id"], "assignment_id": str(school.assignment)}

    refused(api.client.post("/v1/submissions", json=body, headers=api.signed_in("alice")), 422, "invalid-payload")


def test_school_may_refuse_essays_without_an_assignment(api, school, draft, refused):
    free = api.hand_in("alice")["essay_id"]
    change(api, "org", {"require_assignment": True})

    for body in ({}, {"external_id": "x"}, {"essay_id": free}):
        answer = api.client.post("/v1/submissions", json=draft(**body), headers=api.signed_in("alice"))
        document = refused(answer, 422, "invalid-payload")
        assert [one["pointer"] for one in document["errors"]] == ["/assignment_id"]
    refused(by_key(api, draft), 422, "invalid-payload")
    delivery = draft(student={"external_id": "alice-sis"})
    document = refused(api.lms.deliver(delivery, event="msg_unassigned"), 422, "invalid-payload")
    assert [one["pointer"] for one in document["errors"]] == ["/data/assignment_id"]

    first = api.hand_in("alice", assignment_id=str(school.assignment))
    assert api.hand_in("alice", essay_id=first["essay_id"], text="Words.")["version"] == 2
    tried = api.client.post(f"/v1/rubrics/{school.rubric}/try", json={}, headers=api.signed_in("ed"))
    assert tried.status_code == 202, tried.text

    # The refused delivery was kept: after the school allows it again, it is carried out.
    change(api, "org", {"require_assignment": False})
    ada, at = api.signed_in("ada"), f"/v1/sources/{school.source}/deliveries"
    [stored] = api.client.get(f"{at}?outcome=refused", headers=ada).json["items"]
    assert api.client.post(f"{at}/{stored['id']}/replay", headers=ada).status_code == 202


def test_new_student_of_a_key_is_refused_with_the_essay(api, draft, refused):
    change(api, "org", {"require_assignment": True})
    name = uuid4().hex
    body = draft(student={"external_id": name})
    refused(api.client.post("/v1/submissions", json=body, headers=api.with_key()), 422, "invalid-payload")

    ada = api.signed_in("ada")
    assert api.client.post("/v1/users/search", json={"external_id": name}, headers=ada).json["items"] == []
