"""Tests of the filters and orders of the list of essays, for API keys and for people."""

from __future__ import annotations

from datetime import datetime
from urllib.parse import quote
from uuid import uuid4

import pytest


@pytest.fixture
def ask(shared_api):
    """`ask(name="ed", status="queued")` requests a page of essays; without a name the LMS's API key asks."""

    def request(name=None, **query):
        headers = shared_api.with_key() if name is None else shared_api.signed_in(name)
        return shared_api.client.get("/v1/essays", query_string=query, headers=headers)

    return request


@pytest.fixture
def listed(ask):
    """`listed(status="queued")` returns the ids of all pages of two essays, and checks that no page is too long."""

    def request(name=None, **query):
        found, cursor = [], {}
        while True:
            answer = ask(name, limit=2, **query, **cursor)
            assert answer.status_code == 200, answer.text
            assert len(answer.json["items"]) <= 2
            found += [one["id"] for one in answer.json["items"]]
            if answer.json["next_cursor"] is None:
                return found
            cursor = {"cursor": answer.json["next_cursor"]}

    return request


@pytest.fixture
def by_key(shared_api, draft):
    """`by_key("sis-1", text="…")` hands in as the LMS and returns the receipt."""

    def hand_in(student, **changes):
        answer = shared_api.client.post(
            "/v1/submissions", json=draft(student={"external_id": student}, **changes), headers=shared_api.with_key()
        )
        assert answer.status_code == 202, answer.text
        return answer.json

    return hand_in


@pytest.fixture
def five(by_key):
    """Give a new student's external id and the ids of their five essays, oldest first."""
    student = f"sis-{uuid4().hex}"
    return student, [by_key(student, title=f"Number {number}")["essay_id"] for number in range(5)]


def test_lms_finds_the_essays_of_its_student(ask, listed, five):
    student, essays = five

    assert listed(student_external_id=student) == essays[::-1]
    assert listed(student_external_id=f" {student}\u200b") == essays[::-1]
    first = ask(student_external_id=student).json["items"][0]
    assert first["student_external_id"] == student
    assert (first["assignment_external_id"], first["comment_count"]) == (None, 0)
    assert listed(student_id=first["student_id"]) == essays[::-1]
    assert listed(student_external_id=student.upper()) == []
    assert listed(student_external_id="nobody", student_id=first["student_id"]) == []


def test_each_order_lists_every_essay_once(shared_api, by_key, listed, five):
    student, essays = five
    by_key(student, essay_id=essays[1], text="Another draft.")
    by_key(student, essay_id=essays[3], text="Another draft.")

    assert listed(student_external_id=student, sort="newest") == essays[::-1]
    assert listed(student_external_id=student, sort="oldest") == essays
    assert listed(student_external_id=student, sort="updated") == [essays[one] for one in (3, 1, 4, 2, 0)]


def test_essays_changed_in_the_same_microsecond_are_not_lost_between_pages(shared_api, listed, five):
    student, essays = five
    shared_api.database.sql(
        "update essays set created_at = '2026-01-01', updated_at = '2026-01-02 03:04:05.000001Z' where id = any (%s::uuid[])", essays
    )  # fmt: skip

    assert listed(student_external_id=student, sort="updated") == essays[::-1]


def test_since_is_compared_with_updated_at(shared_api, ask, by_key, listed, five):
    student, essays = five
    by_key(student, essay_id=essays[0], text="Another draft.")
    times = {one["id"]: one["updated_at"] for one in ask(student_external_id=student).json["items"]}

    assert listed(student_external_id=student, since=times[essays[3]]) == [essays[4], essays[3], essays[0]]
    assert listed(student_external_id=student, since=times[essays[0]]) == [essays[0]]
    in_paris = datetime.fromisoformat(times[essays[4]]).isoformat().replace("Z", "+00:00")
    assert listed(student_external_id=student, since=in_paris, sort="oldest") == [essays[0], essays[4]]


def test_filters_by_assignment_and_course(shared_api, by_key, listed):
    one, two, none = (f"sis-{uuid4().hex}" for _ in range(3))
    school = shared_api.school
    first = by_key(one, assignment_id=str(school.assignment))["essay_id"]
    second = by_key(two, assignment_id=str(school.reviewed_assignment))["essay_id"]
    third = by_key(none)["essay_id"]

    of_first = listed(assignment_id=str(school.assignment))
    of_course = listed(course_id=str(school.course))

    assert first in of_first
    assert not {second, third} & set(of_first)
    assert {first, second} <= set(of_course)
    assert third not in of_course
    assert listed(course_id=str(school.other_course)) == []
    assert listed(course_id=str(school.course), assignment_id=str(school.assignment)) == of_first


def test_user_id_as_course_finds_nothing(ask, listed, five):
    student, _ = five
    user = ask(student_external_id=student).json["items"][0]["student_id"]

    assert listed(course_id=user) == []


def test_filters_by_status_and_external_id(shared_api, by_key, listed):
    student = f"sis-{uuid4().hex}"
    waiting = by_key(student, external_id=f"attempt-{student}")
    done = by_key(student)
    for name in ("grammar", "structure", "content"):
        shared_api.worker.finish(done["id"], name)

    assert listed(student_external_id=student, status="queued") == [waiting["essay_id"]]
    assert listed(student_external_id=student, status="completed") == [done["essay_id"]]
    assert listed(student_external_id=student, status="failed") == []
    assert listed(external_id=f"attempt-{student}") == [waiting["essay_id"]]
    assert listed(external_id="attempt-") == []


def test_comment_count_is_what_this_reader_gets(shared_api, ask, by_key):
    """Held feedback counts for the teacher only; a rejected comment counts for nobody but staff."""
    school = shared_api.school
    student = f"sis-{uuid4().hex}"
    receipt = by_key(student, assignment_id=str(school.reviewed_assignment))
    for name in ("grammar", "structure", "content"):
        shared_api.worker.finish(receipt["id"], name)
    ed = shared_api.signed_in("ed")

    def counted(name=None):
        # An educator cannot find a student by external id in another course, but here they teach them.
        [essay] = ask(name, student_external_id=student).json["items"]
        one = shared_api.client.get(
            f"/v1/essays/{essay['id']}", headers=shared_api.signed_in(name) if name else shared_api.with_key()
        )
        assert one.json["comment_count"] == essay["comment_count"]
        return essay["comment_count"]

    def shown(headers):
        answer = shared_api.client.get(receipt["links"]["feedback"], headers=headers)
        return len(answer.json["comments"]) if answer.status_code == 200 else 0

    assert (counted(), counted("ed")) == (0, shown(ed)) == (0, 6)
    shared_api.client.post(f"/v1/submissions/{receipt['id']}/release", headers=ed)
    assert counted() == shown(shared_api.with_key()) == 6
    comment = shared_api.client.get(receipt["links"]["feedback"], headers=ed).json["comments"][0]["id"]
    shared_api.client.patch(f"/v1/feedback/{comment}", json={"decision": "reject"}, headers=ed)
    assert counted() == shown(shared_api.with_key()) == 5
    assert counted("ed") == shown(ed) == 6
    shared_api.client.patch(f"/v1/feedback/{comment}", json={"decision": "accept"}, headers=ed)
    assert counted() == 6


def test_filters_show_nobody_more_than_they_may_see(shared_api, by_key, listed, five):
    student, _ = five
    in_class = f"sis-{uuid4().hex}"
    essay = by_key(in_class, assignment_id=str(shared_api.school.assignment))["essay_id"]

    assert listed("ed", student_external_id=in_class) == [essay]
    for name in ("alice", "bob", "zoe", "nell"):
        assert listed(name, student_external_id=in_class) == []
        assert essay not in listed(name, assignment_id=str(shared_api.school.assignment))
    assert listed("ed", student_external_id=student) == []
    theirs = shared_api.with_key(shared_api.other)
    for query in (f"student_external_id={student}", f"course_id={shared_api.school.course}"):
        assert shared_api.client.get(f"/v1/essays?{query}", headers=theirs).json["items"] == []


def test_cursor_of_another_order_is_refused(ask, five, refused):
    student, _ = five
    by_id = ask(student_external_id=student, limit=1).json["next_cursor"]
    by_time = ask(student_external_id=student, limit=1, sort="updated").json["next_cursor"]

    for sort, cursor in (("updated", by_id), ("newest", by_time), ("oldest", by_time)):
        document = refused(ask(sort=sort, cursor=cursor), 422, "invalid-payload")
        assert document["errors"][0]["pointer"] == "?cursor"
    refused(ask(sort="updated", cursor="_" * 32), 422, "invalid-payload")


BAD = [
    ("student_id", "x"), ("student_id", ""), ("assignment_id", "1' or '1'='1"), ("course_id", "0" * 31), ("status", "done"),
    ("status", ""), ("status", "Completed"), ("sort", "title"), ("sort", ""), ("since", "yesterday"), ("since", "2026-11-23"),
    ("since", "2026-11-23T08:30:00"), ("since", "2026-11-23T08:30:00 01:00"), ("since", ""), ("since", "2026-02-30T00:00:00Z"),
    ("external_id", ""), ("external_id", "\u200b"), ("external_id", "a\0b"), ("external_id", "x" * 256),
    ("student_external_id", " "), ("student_external_id", "\0"), ("student_external_id", "9.021E+16"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value"), BAD, ids=[f"{name}={ascii(value)[:20]}" for name, value in BAD])
def test_bad_filter_is_refused_by_its_name(shared_api, refused, name, value):
    answer = shared_api.client.get(f"/v1/essays?{name}={quote(value)}", headers=shared_api.with_key())

    document = refused(answer, 422, "invalid-payload")
    assert [error["pointer"] for error in document["errors"]] == [f"?{name}"]
    assert document["errors"][0]["detail"]


@pytest.mark.parametrize("value", ["%FF%FE", "%ED%A0%80", "' or 1=1 --", "%25s", "\u202e", "😀"])
def test_strange_external_id_finds_nothing(shared_api, value):
    for name in ("external_id", "student_external_id"):
        answer = shared_api.client.get(f"/v1/essays?{name}=a{value}b", headers=shared_api.with_key())
        assert (answer.status_code, answer.json["items"]) == (200, [])


def test_key_without_the_scope_read_finds_nothing(shared_api, refused):
    made = shared_api.client.post(
        "/v1/api-keys", json={"name": "LMS", "scopes": ["submit"]}, headers=shared_api.signed_in("ada")
    )

    answer = shared_api.client.get("/v1/essays", headers={"Authorization": f"Bearer {made.json['key']}"})

    refused(answer, 403, "forbidden")
