"""Tests that a value which the essay does not need costs that value and not the essay, by API key and by webhook."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from werkzeug.test import TestResponse

from tests.ingest.conftest import ApiUnderTest, Refused, piece

Send = Callable[..., TestResponse]


@pytest.fixture(params=["API key", "webhook"])
def by_webhook(request: pytest.FixtureRequest) -> bool:
    """Run the test once for each way in by which an LMS hands in; say whether it is the webhook."""
    return bool(request.param == "webhook")


@pytest.fixture
def send(shared_api: ApiUnderTest, by_webhook: bool) -> Send:
    """`send(language="en_GB")` hands in for a new student with these changes; `student` adds to the student."""

    def hand_in(*, student: dict[str, Any] | None = None, **changes: Any) -> TestResponse:
        data = {**piece(), "student": {"external_id": uuid4().hex, **(student or {})}, **changes}
        if by_webhook:
            return shared_api.lms.deliver(data)
        return shared_api.client.post("/v1/submissions", json=data, headers=shared_api.with_key())

    return hand_in


def stored(api: ApiUnderTest, answer: TestResponse) -> dict[str, Any]:
    """Return the facts that a hand-in leaves behind."""
    assert answer.status_code == 202, answer.text
    [(essay,)] = api.database.sql(
        """
        select json_build_object('language', s.language, 'queue', s.queue, 'external_id', s.external_id, 'category', c.slug,
            'assignment', e.assignment_id, 'name', u.name, 'email', u.email, 'student', u.id,
            'age', extract(epoch from s.created_at - s.submitted_at))
        from submissions as s join essays as e on e.id = s.essay_id join users as u on u.id = s.user_id
        left join categories as c on c.id = e.category_id where s.id = %s
        """,
        answer.json["id"],
    )
    return dict(essay)


EMPTY = {
    "student": {"name": "", "email": ""}, "category": "", "external_id": "", "assignment_id": "", "essay_id": "", "submitted_at": "",
    "language": "", "queue": "",
}  # fmt: skip
NOT_GIVEN = [
    EMPTY,
    *({name: value} for name in EMPTY if name != "student" for value in (" ", "\t\u00a0", "\u200b", None)),
    *({"student": {name: value}} for name in ("name", "email") for value in (" ", "\u200b", None)),
    *({"external_id": value} for value in ('=""', "'")),
]


@pytest.mark.parametrize("changes", NOT_GIVEN, ids=ascii)
def test_blank_or_null_optional_member_is_not_given(
    shared_api: ApiUnderTest, send: Send, changes: dict[str, Any]
) -> None:
    answer = send(**changes)
    found = stored(shared_api, answer)
    assert "warnings" not in answer.json
    assert (found["language"], found["queue"]) == ("en", "interactive")
    assert {found[name] for name in ("external_id", "category", "assignment", "name", "email")} == {None}


BAD_VALUES: list[tuple[dict[str, Any], str, str]] = [
    ({"student": {"email": "none"}}, "/student/email", "must be an e-mail address"),
    ({"student": {"email": "N/A"}}, "/student/email", "must be an e-mail address"),
    ({"student": {"email": "a b@c"}}, "/student/email", "must be an e-mail address"),
    ({"student": {"email": "x" * 255 + "@a.b"}}, "/student/email", "must have at most 254 characters"),
    ({"student": {"email": 7}}, "/student/email", "must be text"),
    ({"student": {"name": "n" * 260}}, "/student/name", "must have at most 200 characters"),
    ({"student": {"name": ["Al"]}}, "/student/name", "must be text"),
    ({"category": "no-such-kind"}, "/category", "is not one of the org's categories"),
    ({"category": 7}, "/category", "must be text"),
    ({"language": "x-pirate"}, "/language", "must name a language"),
    ({"language": "in English"}, "/language", "must name a language"),
    ({"language": False}, "/language", "must be text"),
    ({"submitted_at": "2026-11-22T08:30:00"}, "/submitted_at", "must be an RFC 3339 time"),
    ({"submitted_at": "2026-11-22"}, "/submitted_at", "must be an RFC 3339 time"),
    ({"submitted_at": 1763800200}, "/submitted_at", "must be an RFC 3339 time"),
    ({"submitted_at": "2026-02-30T08:30:00Z"}, "/submitted_at", "must be an RFC 3339 time"),
    ({"submitted_at": "2026-11-22T08:30:00+25:00"}, "/submitted_at", "must be an RFC 3339 time"),
    ({"submitted_at": "0001-01-01T00:00:00+01:00"}, "/submitted_at", "lies outside the calendar"),
    ({"queue": "fast"}, "/queue", "must be one of: interactive, bulk"),
    ({"queue": {}}, "/queue", "must be one of: interactive, bulk"),
]


@pytest.mark.parametrize(("changes", "pointer", "reason"), BAD_VALUES, ids=lambda value: ascii(value)[:60])
def test_bad_value_costs_that_value_and_is_named_in_warnings(
    shared_api: ApiUnderTest, send: Send, by_webhook: bool, changes: dict[str, Any], pointer: str, reason: str
) -> None:
    answer = send(**changes)
    found = stored(shared_api, answer)
    [warning] = answer.json["warnings"]
    assert warning["pointer"] == ("/data" if by_webhook else "") + pointer
    assert warning["detail"].startswith(reason)
    assert warning["detail"].endswith("; this value is not used")
    assert (found["language"], found["queue"], found["category"]) == ("en", "interactive", None)
    assert (found["name"], found["email"]) == (None, None)


def test_several_bad_values_are_all_named(send: Send, by_webhook: bool) -> None:
    answer = send(
        student={"name": 7, "email": "none"}, category="none", language="?", submitted_at="soon", queue="slow"
    )
    start = "/data" if by_webhook else ""
    assert {one["pointer"] for one in answer.json["warnings"]} == {
        start + pointer
        for pointer in ("/student/name", "/student/email", "/category", "/language", "/submitted_at", "/queue")
    }


def test_bad_value_beside_a_needed_one_is_no_error(send: Send, refused: Refused, by_webhook: bool) -> None:
    document = refused(send(title="", language="?"), 422, "invalid-payload")
    assert [one["pointer"] for one in document["errors"]] == ["/data/title" if by_webhook else "/title"]


@pytest.mark.parametrize("title", [None, "", " "])
def test_title_is_needed(send: Send, refused: Refused, title: str | None) -> None:
    refused(send(title=title), 422, "invalid-payload")


@pytest.mark.parametrize("member", ["assignment_id", "essay_id"])
def test_unreadable_id_of_where_the_essay_goes_is_refused(
    send: Send, refused: Refused, by_webhook: bool, member: str
) -> None:
    [error] = refused(send(**{member: "lms-7"}), 422, "invalid-payload")["errors"]
    assert error["pointer"] == f"{'/data' if by_webhook else ''}/{member}"
    assert error["detail"].startswith("must be a UUID")
    refused(send(**{member: str(uuid4())}), 404, "not-found")


@pytest.mark.parametrize(
    "changes", [{"student": {"external_id": 90210000000054321}}, {"external_id": 12345}, {"external_id": 1.5}]
)
def test_number_as_an_id_is_refused_with_what_to_do(send: Send, refused: Refused, changes: dict[str, Any]) -> None:
    [error] = refused(send(**changes), 422, "invalid-payload")["errors"]
    assert "send ids as text; numbers above 2^53 get rounded" in error["detail"]


@pytest.mark.parametrize("changes", [{"student": {"external_id": "9.021e16"}}, {"external_id": "9.021E+16"}])
def test_rounded_id_is_refused_by_name(send: Send, refused: Refused, changes: dict[str, Any]) -> None:
    [error] = refused(send(**changes), 422, "invalid-payload")["errors"]
    assert "is a rounded number" in error["detail"]


@pytest.mark.parametrize("missing", ["", " ", "\u200b", '=""', "'", None])
def test_student_id_of_nothing_is_missing(send: Send, refused: Refused, by_webhook: bool, missing: str | None) -> None:
    [error] = refused(send(student={"external_id": missing}), 422, "invalid-payload")["errors"]
    assert error["pointer"] == ("/data" if by_webhook else "") + "/student/external_id"


@pytest.mark.parametrize("category", ["Argumentative", " ARGUMENTATIVE\n", "argumentative"])
def test_category_is_found_in_any_case(shared_api: ApiUnderTest, send: Send, category: str) -> None:
    answer = send(category=category)
    assert stored(shared_api, answer)["category"] == "argumentative"
    assert "warnings" not in answer.json


def test_unknown_category_leaves_the_one_of_the_assignment(shared_api: ApiUnderTest, send: Send) -> None:
    answer = send(category="essay", assignment_id=str(shared_api.school.assignment))
    assert stored(shared_api, answer)["category"] == "argumentative"
    assert len(answer.json["warnings"]) == 1


@pytest.mark.parametrize(
    ("written", "tag"),
    [
        ("en_GB", "en-GB"),
        ("en_us_wp", "en-US"),
        ("en-US-x-school", "en-US"),
        ("English", "en"),
        ("EN", "en"),
        ("zh_Hant_TW", "zh-Hant-TW"),
    ],
)
def test_language_of_a_platform_is_stored_as_a_tag(
    shared_api: ApiUnderTest, send: Send, written: str, tag: str
) -> None:
    answer = send(language=written)
    assert stored(shared_api, answer)["language"] == tag
    assert "warnings" not in answer.json


@pytest.mark.parametrize(
    "moment",
    ["2026-11-22T08:30:00.000+0000", "2026-11-22T08:30:00+00", "2026-11-22T08:29:60Z", "2026-11-22T09:30+0100"],
)
def test_time_as_other_programs_write_it_is_read(shared_api: ApiUnderTest, send: Send, moment: str) -> None:
    answer = send(submitted_at=moment)
    assert "warnings" not in answer.json
    [(seconds,)] = shared_api.database.sql(
        "select abs(extract(epoch from submitted_at - '2026-11-22T08:30:00Z'::timestamptz)) from submissions where id = %s",
        answer.json["id"],
    )
    assert float(seconds) in (0.0, 0.001)


SPELLINGS = ["{}", "{} ", " {}", "{}\r", "{}\t", "\u00a0{}", "{}\u200b", "\ufeff{}", '="{}"', "'{}"]


def test_one_student_id_in_many_spellings_is_one_student(shared_api: ApiUnderTest, send: Send) -> None:
    plain = f"Jos\u00e9-{uuid4().hex}"
    people = {
        stored(shared_api, send(student={"external_id": spelling.format(name)}))["student"]
        for spelling in SPELLINGS
        for name in (plain, plain.replace("\u00e9", "e\u0301"))
    }
    assert len(people) == 1
    # An admin finds the same student.
    found = shared_api.client.post(
        "/v1/users/search", json={"external_id": f" {plain}\r"}, headers=shared_api.signed_in("ada")
    )
    assert [(one["id"], one["external_id"]) for one in found.json["items"]] == [(next(iter(people)), plain)]


def test_one_essay_id_in_many_spellings_is_one_essay(shared_api: ApiUnderTest, send: Send) -> None:
    student, essay = {"external_id": uuid4().hex}, uuid4().hex
    answers = [send(student=student, external_id=spelling.format(essay)) for spelling in SPELLINGS]
    assert len({one.json["essay_id"] for one in answers}) == 1
    assert {stored(shared_api, one)["external_id"] for one in answers} == {essay}


@pytest.mark.parametrize("moment", [1763800200, "2026-11-22", "2026-11-22T08:30:00", {}, "soon"], ids=ascii)
def test_unreadable_envelope_time_costs_no_essay(shared_api: ApiUnderTest, moment: Any) -> None:
    answer = shared_api.lms.deliver(piece(student={"external_id": uuid4().hex}), timestamp=moment)
    assert stored(shared_api, answer)["age"] < 3600, "the time of arrival counts instead"
    [warning] = answer.json["warnings"]
    assert warning["pointer"] == "/timestamp"


@pytest.mark.parametrize(
    "moment", ["", None, "2026-11-22T08:29:60Z", "2026-11-22T08:30:00+00", "2026-11-22T08:30:00+0000"]
)
def test_envelope_time_is_read_leniently(shared_api: ApiUnderTest, moment: str | None) -> None:
    answer = shared_api.lms.deliver(piece(student={"external_id": uuid4().hex}), timestamp=moment)
    assert answer.status_code == 202
    assert "warnings" not in answer.json


def test_person_who_hands_in_gets_warnings_too(shared_api: ApiUnderTest) -> None:
    receipt = shared_api.hand_in("alice", category="none-such", language="x-pirate")
    assert [one["pointer"] for one in receipt["warnings"]] == ["/language", "/category"]


def test_replay_returns_the_same_warnings(shared_api: ApiUnderTest) -> None:
    body, headers = piece(student={"external_id": uuid4().hex}, category="none-such"), shared_api.with_key()
    first, again = (shared_api.client.post("/v1/submissions", json=body, headers=headers) for _ in range(2))
    assert first.json["warnings"]
    assert again.data == first.data
    name = uuid4().hex
    delivered, repeated = (shared_api.lms.deliver({**body, "language": 7}, event=name) for _ in range(2))
    assert len(delivered.json["warnings"]) == 2
    assert repeated.data == delivered.data
