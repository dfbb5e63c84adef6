"""Tests of invalid input to POST /v1/submissions, and of wrong methods and unknown paths."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

MIB = 1024 * 1024


@pytest.fixture
def post(shared_api):
    """`post(body, Content_Type="text/plain")` sends bytes as JSON with an API key; None removes a header."""

    def send(body: bytes, **headers: str | None):
        all_headers = {**shared_api.with_key(), "Content-Type": "application/json"}
        all_headers |= {name.replace("_", "-"): value for name, value in headers.items()}
        return shared_api.client.post(
            "/v1/submissions",
            data=body,
            headers={name: value for name, value in all_headers.items() if value is not None},
        )

    return send


def essays_stored(shared_api) -> int:
    return shared_api.database.sql("select count(*) from submissions")[0][0]


def with_student(piece: dict[str, Any]) -> bytes:
    """Return a body with these fields and a student."""
    return json.dumps({"student": {"external_id": "sis-1"}, **piece}).encode()


GOOD = with_student({"title": "Phones", "text": "They were loud."})


def nested(containers: int) -> bytes:
    """Return a body whose containers, with the outermost one, are nested this deep."""
    return (
        b'{"title": "t", "text": "x", "student": {"external_id": "sis-1"}, "extra": '
        + b"[" * (containers - 1)
        + b"]" * (containers - 1)
        + b"}"
    )


INVALID_JSON = {
    "an empty body": b"",
    "only whitespace": b"  \n ",
    "an open brace": b"{",
    "a trailing comma": b'{"title": "t",}',
    "single quotes": b"{'title': 't'}",
    "a comment": b'{"title": "t" /* hm */}',
    "a byte order mark": b"\xef\xbb\xbf" + GOOD,
    "UTF-16 with a mark": GOOD.decode().encode("utf-16"),
    "UTF-16 without a mark": GOOD.decode().encode("utf-16-le"),
    "UTF-32": GOOD.decode().encode("utf-32-le"),
    "Latin-1": '{"title": "café", "text": "x"}'.encode("latin-1"),
    "an overlong encoding": b'{"title": "\xc0\xaf"}',
    "a surrogate in UTF-8": b'{"title": "\xed\xa0\x80"}',
    "a truncated sequence": b'{"title": "\xe2\x82"}',
    "NaN": GOOD[:-1] + b', "n": NaN}',
    "Infinity": GOOD[:-1] + b', "n": Infinity}',
    "minus Infinity": GOOD[:-1] + b', "n": [-Infinity]}',
    "a member twice": b'{"title": "a", "title": "b", "text": "x"}',
    "an escaped member twice": b'{"title": "a", "t\\u0069tle": "b", "text": "x"}',
    "a nested member twice": b'{"title": "a", "text": "x", "student": {"external_id": "1", "external_id": "2"}}',
    "a member twice inside a list": GOOD[:-1] + b', "n": [{"a": 1, "a": 1}]}',
    "two values": GOOD + GOOD,
    "trailing text": GOOD + b" and more",
    "a trailing NUL": GOOD + b"\0",
    "a raw control character": b'{"title": "a\nb", "text": "x"}',
    "a leading zero": GOOD[:-1] + b', "n": 01}',
    "hexadecimal": GOOD[:-1] + b', "n": 0x10}',
    "a number of 5,000 digits": GOOD[:-1] + b', "n": ' + b"9" * 5000 + b"}",
    "33 levels": nested(33),
    "34 levels": nested(34),
    "10,000 levels": nested(10_000),
    "100,000 open brackets": b"[" * 100_000,
    "100,000 open objects": b'{"a":' * 100_000,
}


@pytest.mark.parametrize("body", INVALID_JSON.values(), ids=INVALID_JSON.keys())
def test_invalid_json_is_refused_and_stores_nothing(post, refused, shared_api, body):
    before = essays_stored(shared_api)
    answer = post(body)
    refused(answer, 400, "malformed-json")
    assert "sys." not in answer.json["detail"]
    assert essays_stored(shared_api) == before


def test_json_with_32_levels_is_accepted(post):
    assert post(nested(32)).status_code == 202
    as_objects = GOOD[:-1] + b', "extra": ' + b'{"a":' * 31 + b"1" + b"}" * 31 + b"}"
    assert post(as_objects).status_code == 202


def test_unusual_but_valid_json_is_accepted(post):
    for body in (
        b" \n\t" + GOOD + b"\r\n ",
        GOOD[:-1] + b', "n": ' + b"9" * 4000 + b"}",
        GOOD[:-1] + b', "n": [1e999, -0, 1E400]}',
        GOOD[:-1] + b', "": {"": ""}}',
        rb'{"title": "\ud83d\ude00", "text": "\u00e9\ud83d\ude00", "student": {"external_id": "sis-1"}}',
        GOOD[:-1] + b', "unknown": {"field": [null, true]}}',
    ):
        assert post(body).status_code == 202, body[:80]


UNSTORABLE_TEXT = {
    "U+0000 in the text": (rb'{"title": "t", "text": "a\u0000b", "student": {"external_id": "s"}}', "/text"),
    "U+0000 in the title": (rb'{"title": "\u0000", "text": "x", "student": {"external_id": "s"}}', "/title"),
    "a high surrogate in the text": (rb'{"title": "t", "text": "a\ud83d", "student": {"external_id": "s"}}', "/text"),
    "a low surrogate first": (rb'{"title": "t", "text": "\ude00\ud83d", "student": {"external_id": "s"}}', "/text"),
    "a surrogate in a nested field": (rb'{"title": "t", "text": "x", "student": {"external_id": "\udfff"}}', "/student/external_id"),
    "U+0000 in a nested field": (rb'{"title": "t", "text": "x", "student": {"external_id": "\u0000"}}', "/student/external_id"),
    "a surrogate in the language": (rb'{"title": "t", "text": "x", "language": "\ud800"}', "/language"),
    "a surrogate in the category": (rb'{"title": "t", "text": "x", "category": "\ud800"}', "/category"),
    "a surrogate in the date": (rb'{"title": "t", "text": "x", "submitted_at": "\ud800"}', "/submitted_at"),
    "a surrogate in an id": (rb'{"title": "t", "text": "x", "essay_id": "\ud800"}', "/essay_id"),
    "U+0000 in an unknown field": (rb'{"title": "t", "text": "x", "extra": ["a", "\u0000"]}', "/extra/1"),
    "a surrogate in a name": (rb'{"title": "t", "text": "x", "\ud800": 1}', ""),
    "U+0000 in a nested name": (rb'{"title": "t", "text": "x", "extra": {"\u0000": 1}}', "/extra"),
    "below a name with a slash and a tilde": (rb'{"a/b~c": ["\u0000"]}', "/a~1b~0c/0"),
}  # fmt: skip


@pytest.mark.parametrize(("body", "pointer"), UNSTORABLE_TEXT.values(), ids=UNSTORABLE_TEXT.keys())
def test_unstorable_text_is_refused_in_any_field(post, refused, body, pointer):
    document = refused(post(body), 422, "invalid-text")
    assert [one["pointer"] for one in document["errors"]] == [pointer]


@pytest.mark.parametrize("value", [[], "text", 1, 1.5, True, None, [GOOD.decode()]], ids=repr)
def test_body_that_is_not_an_object_is_refused(post, refused, value):
    document = refused(post(json.dumps(value).encode()), 422, "invalid-payload")
    assert document["errors"] == [{"pointer": "", "detail": "must be an object"}]


INVALID_FIELDS = {
    "no title": ({"title": None}, "/title"),
    "no text": ({"text": None}, "/text"),
    "a title that is a number": ({"title": 7}, "/title"),
    "a text that is a list": ({"text": ["x"]}, "/text"),
    "a text that is false": ({"text": False}, "/text"),
    "a blank title": ({"title": " \t"}, "/title"),
    "an empty title": ({"title": ""}, "/title"),
    "a title of 501 characters": ({"title": "x" * 501}, "/title"),
    "a student that is a text": ({"student": "sis-1"}, "/student"),
    "a student without an id": ({"student": {"name": "Al"}}, "/student/external_id"),
    "a student whose id is a number": ({"student": {"external_id": 4711}}, "/student/external_id"),
    "a blank student id": ({"student": {"external_id": "  "}}, "/student/external_id"),
    "a student id of 256 characters": ({"student": {"external_id": "x" * 256}}, "/student/external_id"),
    "a student id that was rounded": ({"student": {"external_id": "9.021E+16"}}, "/student/external_id"),
    "a student id that is only a guard": ({"student": {"external_id": '=""'}}, "/student/external_id"),
    "an essay id that is no UUID": ({"essay_id": "7"}, "/essay_id"),
    "an essay id that is a number": ({"essay_id": 7}, "/essay_id"),
    "an assignment id that is an object": ({"assignment_id": {}}, "/assignment_id"),
    "an assignment id that is no UUID": ({"assignment_id": "lms-7"}, "/assignment_id"),
    "an external id that is a number": ({"external_id": 4711}, "/external_id"),
    "an external id that was rounded": ({"external_id": "9.021e16"}, "/external_id"),
    "an external id of 256 characters": ({"external_id": "x" * 256}, "/external_id"),
    "an external id that is a list": ({"external_id": []}, "/external_id"),
}  # fmt: skip


@pytest.mark.parametrize(("changes", "pointer"), INVALID_FIELDS.values(), ids=INVALID_FIELDS.keys())
def test_invalid_field_is_named_in_the_answer(post, refused, draft, changes, pointer):
    body = draft(**{"student": {"external_id": "sis-1"}, **changes})
    document = refused(post(json.dumps(body).encode()), 422, "invalid-payload")
    assert [one["pointer"] for one in document["errors"]] == [pointer]
    assert document["errors"][0]["detail"]


def test_all_invalid_fields_are_named_in_one_answer(post, refused):
    document = refused(post(b'{"title": 1, "external_id": 2, "student": {}}'), 422, "invalid-payload")
    assert {one["pointer"] for one in document["errors"]} == {"/title", "/text", "/external_id", "/student/external_id"}


@pytest.mark.parametrize("text", ["", " ", "\n\t\r ", "\u00a0", "\u2003\u3000\u2028", "\u0085\x1f"], ids=ascii)
def test_blank_text_is_refused_as_an_empty_essay(post, refused, draft, text):
    body = json.dumps(draft(text=text, student={"external_id": "sis-1"})).encode()
    document = refused(post(body), 422, "essay-empty")
    assert document["errors"][0]["pointer"] == "/text"


@pytest.mark.parametrize("character", ["a", "é", "😀", "\u200b"], ids=ascii)
def test_essay_limit_is_exactly_100000_characters(post, refused, draft, shared_api, character):
    at_the_limit = draft(text="a" + character * 99_999, student={"external_id": f"long-{character!a}"})
    answer = post(json.dumps(at_the_limit, ensure_ascii=False).encode())
    assert answer.status_code == 202
    stored = shared_api.database.sql("select characters from submissions where id = %s", answer.json["id"])
    assert stored == [(100_000,)]
    beyond = {**at_the_limit, "text": "a" + character * 100_000}
    document = refused(post(json.dumps(beyond, ensure_ascii=False).encode()), 422, "essay-too-long")
    assert document["errors"][0]["pointer"] == "/text"


def of_size(size: int) -> bytes:
    """Return a valid body of exactly this many bytes."""
    body = GOOD[:-1] + b', "padding": "'
    return body + b"x" * (size - len(body) - 2) + b'"}'


def test_body_of_exactly_one_mebibyte_is_accepted(post):
    body = of_size(MIB)
    assert len(body) == MIB
    assert post(body).status_code == 202
    assert post(of_size(MIB - 1)).status_code == 202


def test_body_over_one_mebibyte_is_refused(post, refused):
    refused(post(of_size(MIB + 1)), 413, "payload-too-large")
    refused(post(b"\xff" * (3 * MIB)), 413, "payload-too-large")


@pytest.mark.parametrize(
    "content_type",
    [None, "", "text/plain", "text/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x",
     "application/xml", "application/jsonp", "application/vnd.api+json", "json", "application/json, text/plain"],
)  # fmt: skip
def test_other_content_type_is_refused(post, refused, content_type):
    refused(post(GOOD, Content_Type=content_type), 415, "unsupported-media-type")


@pytest.mark.parametrize(
    "content_type", ["application/json; charset=utf-8", "APPLICATION/JSON", "application/json;x=y"]
)
def test_content_type_parameters_and_case_do_not_matter(post, content_type):
    assert post(GOOD, Content_Type=content_type).status_code == 202


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate", "zstd", "gzip, identity", "x" * 2000])
def test_content_encoding_is_refused(post, refused, encoding):
    refused(post(GOOD, Content_Encoding=encoding), 415, "unsupported-content-encoding")


@pytest.mark.parametrize("encoding", ["identity", " Identity ", ""])
def test_identity_encoding_is_accepted(post, encoding):
    assert post(GOOD, Content_Encoding=encoding).status_code == 202


def test_authentication_is_checked_before_the_body(shared_api, refused):
    """An unauthenticated client learns nothing about its body, however invalid it is."""
    for body in (b"{", b"x" * (2 * MIB), b""):
        refused(shared_api.client.post("/v1/submissions", data=body), 401, "unauthorized")


def test_student_is_required_from_an_api_key_and_refused_from_a_person(shared_api, refused, draft):
    document = refused(
        shared_api.client.post(
            "/v1/submissions", json=draft(student={"external_id": "bob-sis"}), headers=shared_api.signed_in("alice")
        ),
        422, "invalid-payload",
    )  # fmt: skip
    assert document["errors"][0]["pointer"] == "/student"
    document = refused(
        shared_api.client.post("/v1/submissions", json=draft(), headers=shared_api.with_key()), 422, "invalid-payload"
    )
    assert document["errors"][0]["pointer"] == "/student"


def test_unknown_or_foreign_essay_or_assignment_is_not_found(shared_api, refused, draft):
    theirs = shared_api.hand_in("bob")["essay_id"]
    elsewhere = shared_api.hand_in("alice", shared_api.other)["essay_id"]
    nowhere = "01a20000-0000-7000-8000-000000000000"
    client, alice = shared_api.client, shared_api.signed_in("alice")
    answers = [
        refused(client.post("/v1/submissions", json=draft(**{field: value}), headers=alice), 404, "not-found")
        for field, value in (
            ("essay_id", theirs), ("essay_id", elsewhere), ("essay_id", nowhere),
            ("assignment_id", str(shared_api.other.assignment)), ("assignment_id", nowhere),
        )
    ]  # fmt: skip
    assert len({(one["title"], one["detail"]) for one in answers[:3]}) == 1
    assert len({(one["title"], one["detail"]) for one in answers[3:]}) == 1
    zoe = shared_api.signed_in("zoe")
    unenrolled = draft(assignment_id=str(shared_api.school.assignment))
    refused(client.post("/v1/submissions", json=unenrolled, headers=zoe), 404, "not-found")


def test_essay_of_another_assignment_is_refused(shared_api, refused, draft):
    essay = shared_api.hand_in("bob", assignment_id=str(shared_api.school.assignment))["essay_id"]
    body = draft(essay_id=essay, assignment_id=str(shared_api.school.reviewed_assignment))
    answer = shared_api.client.post("/v1/submissions", json=body, headers=shared_api.signed_in("bob"))
    assert refused(answer, 422, "invalid-payload")["errors"][0]["pointer"] == "/assignment_id"


def routes(shared_api) -> list[tuple[str, set[str]]]:
    """Return path and methods of every rule of the app."""
    some_id = "01a20000-0000-7000-8000-000000000000"
    rules = shared_api.app.url_map.iter_rules()
    return [(re.sub(r"<uuid:\w+>", some_id, rule.rule).replace("<slug>", "x"), set(rule.methods)) for rule in rules]


def test_wrong_method_is_refused_with_the_allowed_ones(shared_api, refused):
    known: dict[str, set[str]] = {}
    for path, methods in routes(shared_api):
        known.setdefault(path, set()).update(methods)
    assert len(known) > 10
    for path, methods in known.items():
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "BREW"} - methods:
            answer = shared_api.client.open(path, method=method)
            refused(answer, 405, "method-not-allowed")
            assert {one.strip() for one in answer.headers["Allow"].split(",")} == methods, path


@pytest.mark.parametrize(
    "path",
    ["/v1", "/v1/", "/v2/submissions", "/v1/submissions/", "/v1/submissions/not-a-uuid", "/v1/submissions/%00",
     "/v1/essays/1", "/v1/webhooks/x", "/favicon.ico", "/metrics", "/static/../../etc/passwd", "/problems/no-such-kind", "/é"],
)  # fmt: skip
def test_unknown_path_is_answered_with_a_problem(shared_api, refused, path):
    for method in ("GET", "POST"):
        answer = shared_api.client.open(path, method=method)
        if answer.status_code == 405:
            assert path.startswith("/problems/")
        else:
            refused(answer, 404, "not-found")


def test_every_problem_type_has_a_page(shared_api):
    from ingest.web.problems import PROBLEM_TYPES

    assert len(PROBLEM_TYPES) >= 20
    for slug, kind in PROBLEM_TYPES.items():
        page = shared_api.client.get(f"/problems/{slug}")
        assert page.status_code == 200
        assert kind.title in page.text
        assert kind.advice in page.text


def test_valid_submission_returns_the_documented_receipt(shared_api, draft):
    answer = shared_api.client.post(
        "/v1/submissions", json=draft(category="argumentative"), headers=shared_api.signed_in("alice")
    )
    assert answer.status_code == 202
    receipt = answer.json
    assert set(receipt) == {"id", "essay_id", "version", "status", "links"}
    assert receipt["version"] == 1
    assert receipt["status"] == "queued"
    at = f"/v1/submissions/{receipt['id']}"
    assert receipt["links"] == {
        "self": at, "feedback": f"{at}/feedback", "text": f"{at}/text", "events": f"{at}/events",
        "essay": f"/v1/essays/{receipt['essay_id']}",
    }  # fmt: skip
    assert answer.headers["Location"] == at
    assert int(answer.headers["Retry-After"]) > 0
    assert answer.content_type == "application/json"
