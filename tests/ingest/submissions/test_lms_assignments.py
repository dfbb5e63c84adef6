"""Tests of essays that an LMS hands in for an assignment by its own id, by API key and by webhook."""

from __future__ import annotations

from dataclasses import replace
from uuid import uuid4

import pytest

from models import courses
from tests.support.schools import session_of


@pytest.fixture
def own():
    """`own(title="Phones")` returns an assignment with new ids of an LMS."""

    def make(**changes):
        name = uuid4().hex
        return {"external_id": f"hw-{name}", "course": {"external_id": f"c-{name}"}, **changes}

    return make


@pytest.fixture
def key(shared_api):
    """Give the headers of an API key that may add courses; each use needs a new Idempotency-Key."""
    body = {"name": "LMS", "creates_courses": True}
    answer = shared_api.client.post("/v1/api-keys", json=body, headers=shared_api.signed_in("ada"))
    assert answer.status_code == 201, answer.text
    return lambda: {"Authorization": f"Bearer {answer.json['key']}", "Idempotency-Key": uuid4().hex}


@pytest.fixture
def lms(shared_api):
    """Give an LMS whose source may add courses."""
    body = {"name": "LMS", "creates_courses": True}
    answer = shared_api.client.post("/v1/sources", json=body, headers=shared_api.signed_in("ada"))
    assert (answer.status_code, answer.json["creates_courses"]) == (201, True)
    return replace(shared_api.lms, source=answer.json["id"], secret=answer.json["secret"])


def student():
    return {"external_id": f"sis-{uuid4().hex}"}


def essay_of(shared_api, receipt):
    return shared_api.client.get(receipt.json["links"]["essay"], headers=shared_api.signed_in("ada")).json


def things(shared_api):
    """Return how many courses, assignments, people and essays there are."""
    counts = (f"(select count(*) from {table})" for table in ("courses", "assignments", "users", "essays"))
    return shared_api.database.sql(f"select {', '.join(counts)}")


def test_api_key_hands_in_by_its_own_ids(shared_api, draft, own, key):
    named = own(title="Phones at school", course={"external_id": f"c-{uuid4().hex}", "name": "English 9"})
    receipt = shared_api.client.post("/v1/submissions", json=draft(student=student(), assignment=named), headers=key())
    assert receipt.status_code == 202, receipt.text

    essay = essay_of(shared_api, receipt)
    assert essay["assignment_external_id"] == named["external_id"]
    ada = shared_api.signed_in("ada")
    assignment = shared_api.client.get(f"/v1/assignments/{essay['assignment_id']}", headers=ada).json
    course = shared_api.client.get(f"/v1/courses/{essay['course_id']}", headers=ada).json
    assert (assignment["title"], assignment["source_id"]) == ("Phones at school", None)
    assert (course["name"], course["external_id"]) == ("English 9", named["course"]["external_id"])
    at = f"/v1/courses/{course['id']}/enrollments/{essay['student_id']}"
    assert shared_api.client.get(at, headers=ada).json["role"] == "student"


def test_webhook_adds_once_and_the_next_draft_is_the_next_version(shared_api, lms, draft, own):
    named, who = own(), student()
    first = lms.deliver(draft(student=who, assignment=named))
    second = lms.deliver(
        draft(student=who, assignment={"external_id": f" {named['external_id']}\t"}, text="Better words.")
    )

    assert [first.status_code, second.status_code] == [202, 202], (first.text, second.text)
    assert (second.json["essay_id"], second.json["version"]) == (first.json["essay_id"], 2)
    essay = essay_of(shared_api, first)
    assignment = shared_api.client.get(
        f"/v1/assignments/{essay['assignment_id']}", headers=shared_api.signed_in("ada")
    ).json
    assert (assignment["title"], assignment["source_id"]) == (named["external_id"], str(lms.source))


def test_assignment_made_by_an_admin_is_found_by_its_folded_id(shared_api, draft):
    """The usual key and source may add nothing, but they use what the school has."""
    name = uuid4().hex
    answer = shared_api.client.post(
        "/v1/assignments",
        json={"course_id": str(shared_api.school.course), "title": "Phones", "external_id": f" hw-{name} "},
        headers=shared_api.signed_in("ed"),
    )
    assert answer.json["external_id"] == f"hw-{name}"

    by_key = shared_api.client.post(
        "/v1/submissions",
        json=draft(student=student(), assignment={"external_id": f"hw-{name}\u200b"}),
        headers=shared_api.with_key(),
    )
    by_webhook = shared_api.lms.deliver(draft(student=student(), assignment={"external_id": f"hw-{name}"}))

    for receipt in (by_key, by_webhook):
        assert receipt.status_code == 202, receipt.text
        assert essay_of(shared_api, receipt)["assignment_id"] == answer.json["id"]


def test_key_and_source_without_the_right_are_refused_and_store_nothing(shared_api, draft, own, refused):
    before = things(shared_api)

    by_key = shared_api.client.post(
        "/v1/submissions", json=draft(student=student(), assignment=own()), headers=shared_api.with_key()
    )
    by_webhook = shared_api.lms.deliver(draft(student=student(), assignment=own()))

    for answer, pointer in ((by_key, "/assignment/external_id"), (by_webhook, "/data/assignment/external_id")):
        [error] = refused(answer, 422, "invalid-payload")["errors"]
        assert error["pointer"] == pointer
        assert "creates_courses" in error["detail"]
    assert things(shared_api) == before


def test_right_applies_from_the_next_delivery_on(shared_api, lms, draft, own, refused):
    ada, at = shared_api.signed_in("ada"), f"/v1/sources/{lms.source}"
    off = shared_api.client.patch(at, json={"creates_courses": False}, headers=ada)
    assert (off.status_code, off.json["creates_courses"]) == (200, False)
    refused(lms.deliver(draft(student=student(), assignment=own())), 422, "invalid-payload")

    assert shared_api.client.patch(at, json={"name": "Renamed"}, headers=ada).json["creates_courses"] is False
    assert shared_api.client.patch(at, json={"creates_courses": True}, headers=ada).json["creates_courses"] is True
    assert lms.deliver(draft(student=student(), assignment=own())).status_code == 202


def test_right_of_a_key_is_changed_and_audited(shared_api, draft, own):
    ada = shared_api.signed_in("ada")
    made = shared_api.client.post("/v1/api-keys", json={"name": "LMS"}, headers=ada).json
    assert made["creates_courses"] is False

    changed = shared_api.client.patch(f"/v1/api-keys/{made['id']}", json={"creates_courses": True}, headers=ada)

    assert (changed.status_code, changed.json["creates_courses"]) == (200, True)
    entries = shared_api.client.get("/v1/audit", query_string={"entity_id": made["id"]}, headers=ada).json["items"]
    assert entries[0]["detail"] == {"changed": ["creates_courses"]}


def test_assignment_id_and_assignment_must_agree(shared_api, lms, draft, own, refused):
    named = own()
    first = lms.deliver(draft(student=student(), assignment=named))
    same = essay_of(shared_api, first)["assignment_id"]
    before = things(shared_api)

    other = lms.deliver(draft(student=student(), assignment=named, assignment_id=str(shared_api.school.assignment)))
    new = lms.deliver(draft(student=student(), assignment=own(), assignment_id=same))
    for answer in (other, new):
        [error] = refused(answer, 422, "invalid-payload")["errors"]
        assert error["pointer"] == "/data/assignment/external_id"
    assert things(shared_api) == before
    assert lms.deliver(draft(student=student(), assignment=named, assignment_id=same)).status_code == 202


BAD_ASSIGNMENTS = {
    "no id": ({}, "/assignment/external_id"),
    "a number": ({"external_id": 7}, "/assignment/external_id"),
    "a blank id": ({"external_id": " "}, "/assignment/external_id"),
    "an invisible id": ({"external_id": "\u200b"}, "/assignment/external_id"),
    "a rounded id": ({"external_id": "9.021E+16"}, "/assignment/external_id"),
    "a long id": ({"external_id": "x" * 256}, "/assignment/external_id"),
    "a text": ("hw-7", "/assignment"),
    "a course that is a text": ({"external_id": "new", "course": "c-1"}, "/assignment/course"),
    "a course without an id": ({"external_id": "new", "course": {"name": "C"}}, "/assignment/course/external_id"),
    "a rounded course": (
        {"external_id": "new", "course": {"external_id": "1.2e16"}}, "/assignment/course/external_id",
    ),
    "no course": ({"external_id": "new"}, "/assignment/course/external_id"),
}  # fmt: skip


@pytest.mark.parametrize(("named", "pointer"), BAD_ASSIGNMENTS.values(), ids=BAD_ASSIGNMENTS)
def test_bad_assignment_is_refused_where_it_is_bad(shared_api, draft, key, refused, named, pointer):
    before = things(shared_api)

    answer = shared_api.client.post("/v1/submissions", json=draft(student=student(), assignment=named), headers=key())

    assert [error["pointer"] for error in refused(answer, 422, "invalid-payload")["errors"]] == [pointer]
    assert things(shared_api) == before


def test_title_and_name_that_are_no_text_cost_themselves_and_not_the_essay(shared_api, lms, draft, own):
    course = f"c-{uuid4().hex}"
    receipt = lms.deliver(
        draft(student=student(), assignment=own(title=7, course={"external_id": course, "name": [1]}))
    )
    assert receipt.status_code == 202, receipt.text
    assert [one["pointer"] for one in receipt.json["warnings"]] == [
        "/data/assignment/title",
        "/data/assignment/course/name",
    ]
    assert shared_api.database.sql("select name from courses where name = %s", course) == [(course,)]


@pytest.mark.parametrize("blank", ["", "  ", None])
def test_blank_title_and_name_are_as_not_given(shared_api, lms, draft, own, blank):
    course = f"c-{uuid4().hex}"
    named = own(title=blank, course={"external_id": course, "name": blank})

    receipt = lms.deliver(draft(student=student(), assignment=named))

    assert receipt.status_code == 202, receipt.text
    found = essay_of(shared_api, receipt)
    labels = "select a.title, c.name from assignments as a join courses as c on c.id = a.course_id where a.id = %s"
    assert shared_api.database.sql(labels, found["assignment_id"]) == [(named["external_id"], course)]


@pytest.mark.parametrize("who", ["alice", "ed", "ada"])
def test_person_may_not_name_an_assignment_by_external_id(shared_api, draft, own, refused, who):
    answer = shared_api.client.post("/v1/submissions", json=draft(assignment=own()), headers=shared_api.signed_in(who))

    assert refused(answer, 422, "invalid-payload")["errors"][0]["pointer"] == "/assignment"


def test_first_sight_with_an_essay_of_another_assignment_adds_nothing(shared_api, draft, own, key, refused):
    who = student()
    first = shared_api.client.post("/v1/submissions", json=draft(student=who, assignment=own()), headers=key())
    before = things(shared_api)

    answer = shared_api.client.post(
        "/v1/submissions",
        json=draft(student=who, assignment=own(), essay_id=first.json["essay_id"]),
        headers=key(),
    )

    refused(answer, 422, "invalid-payload")
    assert things(shared_api) == before


def test_assignment_of_another_org_is_not_found_by_its_external_id(shared_api, draft, refused):
    with session_of(shared_api.other, "ada"):
        name = f"theirs-{uuid4().hex}"
        courses.add_assignment("T", org=shared_api.other.org, course=shared_api.other.course, external_id=name)

    answer = shared_api.lms.deliver(draft(student=student(), assignment={"external_id": name}))

    refused(answer, 422, "invalid-payload")


def test_teacher_of_another_course_cannot_read_what_an_lms_handed_in(shared_api, lms, draft, own, refused):
    receipt = lms.deliver(draft(student=student(), assignment=own()))

    for who in ("ed", "nell", "alice"):
        refused(
            shared_api.client.get(receipt.json["links"]["essay"], headers=shared_api.signed_in(who)), 404, "not-found"
        )


def test_admin_sees_the_source_of_a_course_that_was_added(shared_api, lms, draft, own):
    named = own()
    receipt = lms.deliver(draft(student=student(), assignment=named))
    course = essay_of(shared_api, receipt)["course_id"]

    listed = shared_api.client.get("/v1/courses?limit=100", headers=shared_api.signed_in("ada")).json["items"]

    [mine] = [one for one in listed if one["id"] == course]
    assert (mine["external_id"], mine["source_id"]) == (named["course"]["external_id"], str(lms.source))
