"""Tests of who may read and submit what, for every kind of person and every protected operation."""

from __future__ import annotations

import re
from uuid import uuid4

import pytest

from models.courses import add_assignment, add_member
from tests.support.schools import session_of

PEOPLE = (
    "stranger",
    "alice",
    "bob",
    "zoe",
    "ed",
    "nell",
    "ada",
    "key",
    "other alice",
    "other ed",
    "other ada",
    "other key",
)


@pytest.fixture(scope="module")
def alices(shared_api):
    """Give the receipt of Alice's essay for an assignment in Ed's course; its grammar pass is done and no test changes it."""
    receipt = shared_api.hand_in("alice", assignment_id=str(shared_api.school.assignment))
    shared_api.worker.finish(receipt["id"], "grammar")
    return receipt


@pytest.fixture(scope="module")
def private(shared_api):
    """Give the receipt of Alice's essay without a course, which only she, the admins and the LMS may read."""
    receipt = shared_api.hand_in("alice", title="A diary")
    shared_api.worker.finish(receipt["id"], "grammar")
    release = f"/v1/submissions/{receipt['id']}/release"
    assert shared_api.client.post(release, headers=shared_api.signed_in("ada")).status_code == 200
    return receipt


@pytest.fixture
def headers(shared_api):
    """`headers("other ed")` returns the authorization headers of this person."""

    def of(who: str) -> dict[str, str]:
        if who == "stranger":
            return {}
        name, school = who.removeprefix("other "), shared_api.other if who.startswith("other ") else shared_api.school
        return shared_api.with_key(school) if name == "key" else shared_api.signed_in(name, school)

    return of


READERS = {"alice", "ed", "ada", "key"}
PRIVATE_READERS = {"alice", "ada", "key"}
PATHS = (
    "/v1/submissions/{id}",
    "/v1/submissions/{id}/feedback",
    "/v1/submissions/{id}/text",
    "/v1/submissions/{id}/events",
    "/v1/essays/{essay_id}",
)


@pytest.mark.parametrize("who", PEOPLE)
@pytest.mark.parametrize("path", PATHS)
def test_each_person_reads_only_the_essays_they_may_see(shared_api, alices, private, headers, refused, who, path):
    for receipt, readers in ((alices, READERS), (private, PRIVATE_READERS)):
        answer = shared_api.client.get(path.format(**receipt), headers=headers(who), buffered=False)
        if who == "stranger":
            refused(answer, 401, "unauthorized")
        elif who in readers:
            assert answer.status_code == 200, (who, path, answer.text)
        else:
            # The answer is the same as for an unknown id.
            document = refused(answer, 404, "not-found")
            unknown = {"id": str(uuid4()), "essay_id": str(uuid4())}
            absent = refused(shared_api.client.get(path.format(**unknown), headers=headers(who)), 404, "not-found")
            assert {**document, "instance": ""} == {**absent, "instance": ""}
        answer.close()


@pytest.mark.parametrize("who", PEOPLE)
def test_essay_list_contains_only_essays_the_person_may_see(shared_api, alices, private, headers, refused, who):
    answer = shared_api.client.get("/v1/essays?limit=100", headers=headers(who))
    if who == "stranger":
        refused(answer, 401, "unauthorized")
        return
    listed = {one["id"] for one in answer.json["items"]} & {alices["essay_id"], private["essay_id"]}
    assert listed == {
        one["essay_id"] for one, readers in ((alices, READERS), (private, PRIVATE_READERS)) if who in readers
    }  # fmt: skip


@pytest.mark.parametrize("who", PEOPLE)
def test_only_the_author_and_the_lms_can_add_a_version(shared_api, private, headers, refused, draft, who):
    student = {"external_id": "alice-sis"} if who.endswith("key") else None
    body = draft(essay_id=private["essay_id"], student=student)
    answer = shared_api.client.post("/v1/submissions", json=body, headers=headers(who))
    if who == "stranger":
        refused(answer, 401, "unauthorized")
    elif who in ("alice", "key"):
        assert answer.status_code == 202
    else:
        refused(answer, 404, "not-found")


@pytest.mark.parametrize("who", PEOPLE)
def test_only_members_admins_and_the_lms_can_submit_for_an_assignment(shared_api, headers, refused, draft, who):
    student = {"external_id": "alice-sis"} if who.endswith("key") else None
    body = draft(assignment_id=str(shared_api.school.assignment), student=student)
    answer = shared_api.client.post("/v1/submissions", json=body, headers=headers(who))
    if who == "stranger":
        refused(answer, 401, "unauthorized")
    elif who in ("alice", "bob", "ed", "ada", "key"):
        assert answer.status_code == 202
    else:
        refused(answer, 404, "not-found")


@pytest.mark.parametrize("who", PEOPLE)
def test_only_people_have_a_profile(shared_api, headers, refused, who):
    answer = shared_api.client.get("/v1/me", headers=headers(who))
    if who == "stranger":
        refused(answer, 401, "unauthorized")
    elif who.endswith("key"):
        refused(answer, 403, "forbidden")
    else:
        assert answer.json["email"].startswith(f"{who.removeprefix('other ')}@")


@pytest.mark.parametrize("who", PEOPLE)
def test_credentials_do_not_replace_a_webhook_signature(shared_api, headers, refused, event, draft, who):
    body = event(draft(student={"external_id": "x"}))
    answer = shared_api.client.post(
        f"/v1/webhooks/{shared_api.school.source}",
        data=body,
        headers={**headers(who), "Content-Type": "application/json"},
    )
    refused(answer, 401, "missing-signature")


def test_every_protected_operation_refuses_unauthenticated_requests(shared_api, refused):
    document = shared_api.client.get("/openapi.json").json
    guarded = 0
    for path, item in document["paths"].items():
        for method, operation in item.items():
            source = str(shared_api.school.source)
            address = re.sub(r"\{(\w+)\}", lambda found: source if found[1] == "source_id" else str(uuid4()), path)  # noqa: B023
            answer = shared_api.client.open(address, method=method.upper(), data=b"{", content_type="application/json")
            if operation.get("security"):
                guarded += 1
                assert answer.status_code == 401, address
                refused(answer, 401, "missing-signature" if "webhooks" in path else "unauthorized")
            else:
                assert answer.status_code in (200, 400) or (path.startswith("/lti/") and answer.status_code == 404), (
                    address
                )
    assert guarded >= 9


def test_head_and_options_do_not_reveal_the_owner(shared_api, alices, headers, refused):
    for who in ("bob", "other ada"):
        assert shared_api.client.head(alices["links"]["self"], headers=headers(who)).status_code == 404
    for who in ("alice", "bob", "other ada", "stranger"):
        assert shared_api.client.options(alices["links"]["self"], headers=headers(who)).status_code == 200


def test_same_external_id_in_another_org_is_another_student(shared_api, draft, alices):
    body = draft(student={"external_id": "alice-sis", "email": shared_api.school.email("alice")})
    answer = shared_api.client.post("/v1/submissions", json=body, headers=shared_api.with_key(shared_api.other))
    assert answer.status_code == 202
    essay = shared_api.client.get(answer.json["links"]["essay"], headers=shared_api.with_key(shared_api.other)).json
    assert essay["student_id"] == str(shared_api.other.alice)
    assert shared_api.client.get(answer.json["links"]["self"], headers=shared_api.signed_in("alice")).status_code == 404


def test_educator_cannot_submit_in_a_course_where_they_are_a_student(shared_api, draft, refused):
    with session_of(shared_api.school, "ada"):
        add_member(
            shared_api.school.ed, org=shared_api.school.org, course=shared_api.school.other_course, role="student"
        )
        elsewhere = add_assignment("Elsewhere", org=shared_api.school.org, course=shared_api.school.other_course)
    body = draft(assignment_id=str(elsewhere))
    refused(shared_api.client.post("/v1/submissions", json=body, headers=shared_api.signed_in("ed")), 404, "not-found")
