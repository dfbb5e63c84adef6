"""Tests of API keys with the scope `manage`: they manage courses, enrolments and assignments of their org, and nothing else."""

from __future__ import annotations

from uuid import uuid4

import pytest


@pytest.fixture
def make_key(shared_api):
    """`make_key("manage")` creates an API key with these scopes and returns it."""

    def make(*scopes, of=None):
        answer = shared_api.client.post(
            "/v1/api-keys", json={"name": "LMS", "scopes": list(scopes)}, headers=shared_api.signed_in("ada", of)
        )
        assert answer.status_code == 201, answer.text
        return dict(answer.json)

    return make


@pytest.fixture
def ask(shared_api):
    """`ask(key, "POST", "courses", {"name": "x"})` sends a request with this API key."""

    def send(key, method, path, body=None):
        headers = {"Authorization": f"Bearer {key['key']}"}
        return shared_api.client.open(f"/v1/{path}", method=method, json=body, headers=headers)

    return send


def test_manage_key_manages_courses_enrolments_and_assignments(shared_api, make_key, ask):
    key, school, name = make_key("manage"), shared_api.school, uuid4().hex

    course = ask(key, "POST", "courses", {"name": "Science", "external_id": f"sci-{name} "})
    assert (course.status_code, course.json["external_id"]) == (201, f"sci-{name}")
    at = course.headers["Location"].removeprefix("/v1/")
    assert ask(key, "GET", at).json == course.json
    assert ask(key, "PATCH", at, {"name": "Science 9", "archived": True}).json["name"] == "Science 9"
    assert course.json["id"] in ask(key, "GET", "courses?limit=100").text

    for person, role in ((school.bob, "student"), (school.ed, "educator")):
        enrolled = ask(key, "POST", f"{at}/enrollments", {"user_id": str(person), "role": role})
        assert enrolled.status_code == 201, enrolled.text
        assert ask(key, "GET", f"{at}/enrollments/{person}").json["role"] == role
    assert len(ask(key, "GET", f"{at}/enrollments").json["items"]) == 2
    assert ask(key, "POST", f"{at}/enrollments", {"user_id": str(school.bob), "role": "student"}).status_code == 200
    assert ask(key, "DELETE", f"{at}/enrollments/{school.bob}").status_code == 204

    body = {
        "course_id": course.json["id"], "title": "Lab", "external_id": f"lab-{name}", "category": "argumentative",
        "rubric_id": str(school.rubric), "release_policy": "after_review",
    }  # fmt: skip
    assignment = ask(key, "POST", "assignments", body)
    assert assignment.status_code == 201, assignment.text
    assert (assignment.json["category"], assignment.json["rubric_id"]) == ("argumentative", str(school.rubric))
    to_it = assignment.headers["Location"].removeprefix("/v1/")
    assert ask(key, "PATCH", to_it, {"title": "Lab 2", "rubric_id": None}).json["title"] == "Lab 2"
    assert ask(key, "GET", to_it).json["rubric_id"] is None
    assert ask(key, "GET", f"assignments?course_id={course.json['id']}").json["items"][0]["id"] == assignment.json["id"]
    assert ask(key, "DELETE", to_it).status_code == 204
    assert ask(key, "DELETE", at).status_code == 204


def test_essay_is_handed_in_for_what_a_manage_key_added(shared_api, make_key, ask, draft):
    key, name = make_key("manage"), uuid4().hex
    course = ask(key, "POST", "courses", {"name": "Science"}).json
    ask(key, "POST", "assignments", {"course_id": course["id"], "title": "Lab", "external_id": name})

    data = draft(student={"external_id": f"sis-{name}"}, assignment={"external_id": name})
    receipt = shared_api.client.post("/v1/submissions", json=data, headers=shared_api.with_key())

    assert receipt.status_code == 202, receipt.text
    assert ask(key, "DELETE", f"courses/{course['id']}").status_code == 409


def test_changes_by_a_key_are_audited_with_the_key_as_the_actor(shared_api, make_key, ask):
    key = make_key("manage")
    course = ask(key, "POST", "courses", {"name": "Science"}).json
    ask(key, "PATCH", f"courses/{course['id']}", {"name": "Other"})
    ask(key, "POST", f"courses/{course['id']}/enrollments", {"user_id": str(shared_api.school.zoe), "role": "student"})

    entries = shared_api.client.get(
        "/v1/audit", query_string={"actor_id": key["id"]}, headers=shared_api.signed_in("ada")
    ).json["items"]

    assert [(entry["entity"], entry["action"], entry["actor_role"]) for entry in entries] == [
        ("enrollment", "created", "manager"), ("course", "changed", "manager"), ("course", "created", "manager"),
    ]  # fmt: skip


def every_request(shared_api):
    """Return method, path and body of every request that a manage key may send."""
    school, some = shared_api.school, uuid4()
    course, assignment = f"courses/{school.course}", f"assignments/{school.assignment}"
    return [
        ("GET", "courses", None), ("POST", "courses", {"name": "x"}), ("GET", course, None), ("PATCH", course, {"name": "x"}),
        ("DELETE", course, None), ("GET", f"{course}/enrollments", None),
        ("POST", f"{course}/enrollments", {"user_id": str(some), "role": "student"}),
        ("GET", f"{course}/enrollments/{school.alice}", None), ("DELETE", f"{course}/enrollments/{school.alice}", None),
        ("GET", "assignments", None), ("POST", "assignments", {"course_id": str(school.course), "title": "x"}),
        ("GET", assignment, None), ("PATCH", assignment, {"title": "x"}), ("DELETE", assignment, None),
    ]  # fmt: skip


def state(shared_api):
    """Return every row that these requests could change."""
    return [
        shared_api.database.sql(f"select t::text from {table} as t order by 1")
        for table in ("courses", "enrollments", "assignments")
    ]


@pytest.mark.parametrize("scopes", [("submit", "read"), ("read",), ("submit",)], ids=str)
def test_key_without_the_scope_may_do_none_of_it(shared_api, make_key, ask, refused, scopes):
    key, before = make_key(*scopes), state(shared_api)

    for method, path, body in every_request(shared_api):
        document = refused(ask(key, method, path, body), 403, "forbidden")
        assert "manage" in document["detail"]

    assert state(shared_api) == before


def test_key_of_another_org_finds_nothing(shared_api, make_key, ask, refused):
    key, before = make_key("manage", of=shared_api.other), state(shared_api)

    for method, path, body in every_request(shared_api):
        if path == "courses":
            continue
        answer = ask(key, method, path, body)
        if path == "assignments" and method == "GET":
            assert str(shared_api.school.assignment) not in answer.text
        else:
            refused(answer, *((422, "invalid-payload") if path == "assignments" else (404, "not-found")))

    assert state(shared_api) == before
    assert str(shared_api.school.course) not in ask(key, "GET", "courses?limit=100").text


def test_manage_key_can_enrol_nobody_from_another_org_and_no_student_as_educator(shared_api, make_key, ask, refused):
    key, at = make_key("manage"), f"courses/{shared_api.school.other_course}/enrollments"

    for person, role in ((shared_api.other.alice, "student"), (shared_api.school.alice, "educator")):
        refused(ask(key, "POST", at, {"user_id": str(person), "role": role}), 422, "invalid-payload")


@pytest.mark.parametrize(
    "path", ["users", "categories", "rubrics", "org", "api-keys", "sources", "audit", "essays", "me", "given-up"]
)
def test_manage_key_may_use_no_other_route(shared_api, make_key, ask, refused, path):
    refused(ask(make_key("manage"), "GET", path), 403, "forbidden")


def test_manage_key_neither_reads_nor_hands_in_essays(shared_api, make_key, ask, draft, refused):
    key, receipt = make_key("manage"), shared_api.hand_in("alice")
    headers = {"Authorization": f"Bearer {key['key']}", "Idempotency-Key": uuid4().hex}

    for link in receipt["links"].values():
        refused(ask(key, "GET", link.removeprefix("/v1/")), 403, "forbidden")
    data = draft(student={"external_id": "alice-sis"})
    refused(shared_api.client.post("/v1/submissions", json=data, headers=headers), 403, "forbidden")
    release = f"assignments/{shared_api.school.assignment}/release"
    refused(ask(key, "POST", release), 403, "forbidden")


def test_removed_scope_ends_with_the_next_request(shared_api, make_key, ask, refused):
    key, ada = make_key("read", "manage"), shared_api.signed_in("ada")
    assert ask(key, "GET", "courses").status_code == 200

    shared_api.client.patch(f"/v1/api-keys/{key['id']}", json={"scopes": ["read"]}, headers=ada)

    refused(ask(key, "GET", "courses"), 403, "forbidden")
    assert ask(key, "GET", "essays").status_code == 200


def test_course_ids_of_the_school_are_unique(shared_api, make_key, ask, refused):
    key, name = make_key("manage"), uuid4().hex
    assert ask(key, "POST", "courses", {"name": "A", "external_id": name}).status_code == 201

    refused(ask(key, "POST", "courses", {"name": "B", "external_id": f"{name} "}), 409, "conflict")
    assert ask(key, "POST", "courses", {"name": "B"}).status_code == 201
    assert ask(key, "POST", "courses", {"name": "B"}).status_code == 201
