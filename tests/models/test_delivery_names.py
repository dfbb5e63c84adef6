"""Test which values of a body may name its student."""

from __future__ import annotations

import json
import time

import pytest

from models.delivery_names import MAX_VALUES, Named, read_named


def read(value: object) -> Named:
    return read_named(value if isinstance(value, str) else json.dumps(value))


@pytest.mark.parametrize(
    "value",
    [
        {"data": {"student": {"external_id": "s-1"}}},
        {"data": {"student": "s-1"}},
        {"data": {"studentId": "s-1"}},
        {"data": {"sis_user_id": "s-1"}},
        {"learners": [{"key": "s-1"}]},
        {"payload": json.dumps({"author": {"id": "s-1"}})},
        '{"student": {"name": "Kim", "external_id" : "s-1"',
        '{"a": {"b": 1}, "student_id": "s-1", "text": "',
        "student%5Bid%5D=s-1&text=one",
        "text=one&user_login=s-1",
    ],
)
def test_id_of_the_student_is_read(value: object) -> None:
    assert read(value).ids == ("s-1",)


@pytest.mark.parametrize(
    "value",
    [
        {"data": {"course": {"external_id": "s-1"}, "assignment": {"id": "s-1"}, "id": "s-1"}},
        {"data": {"student": {"grade": "s-1", "course": {"id": "s-1"}}}},
        {"user_count": "s-1"},
        '{"student": {"name": "Kim"}, "course": {"external_id": "s-1"',
        '{"student": {"name": "Kim"}, "external_id": "s-1"',
        "course_id=s-1&text=one",
        "",
        "s-1",
    ],
)
def test_ids_of_other_things_are_not(value: object) -> None:
    assert read(value).ids == ()


def test_address_counts_in_place_or_as_a_whole_value_of_well_formed_json() -> None:
    named = read(
        {
            "student": {"email": "mailto:kim@x.example"},
            "from": "Fay <fay@x.example>",
            "text": "Ask bob@x.example or me.",
        }
    )
    assert (named.emails, named.other_emails) == (("kim@x.example",), ("fay@x.example",))


def test_address_counts_anywhere_in_a_body_of_no_known_form() -> None:
    assert read("<a mail='kim@x.example'/> or fay%40y.example.").other_emails == ("kim@x.example", "fay@y.example")


@pytest.mark.parametrize(
    "body",
    [
        "@" * 1_000_000,
        "a@b." * 250_000,
        '"' * 1_000_000,
        '"student":' * 100_000,
        '{"student":{' * 80_000,
        "[" * 1_000_000,
        json.dumps([{"student": {"id": str(number)}} for number in range(30_000)]),
        json.dumps({"student": "x" * 1_000_000}),
        '{"user": ' + "9" * 4_000 + "}",
        '"a"' + " " * 1_000_000,
        "=" + "&a=b" * 250_000,
    ],
)
def test_hostile_body_is_read_in_bounded_work(body: str) -> None:
    started = time.process_time()

    named = read(body)

    assert max(map(len, (named.ids, named.emails, named.other_emails))) <= MAX_VALUES
    # A linear reading takes far less than a second; a quadratic one takes minutes.
    assert time.process_time() - started < 20
