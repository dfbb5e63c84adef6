"""Tests of the two names under which the headers of a signed delivery come."""

from __future__ import annotations

from uuid import uuid4

import pytest

from tests.ingest.conftest import ApiUnderTest, Headers, Refused, envelope, piece

PARTS = ("id", "timestamp", "signature")


@pytest.fixture
def body() -> bytes:
    """Give the body of a delivery for a new student."""
    return envelope(piece(student={"external_id": uuid4().hex}))


def under(family: str, signed: Headers) -> Headers:
    """Return the headers of a delivery with the names of this family."""
    return {**{f"{family}-{part}": signed[f"webhook-{part}"] for part in PARTS}, "Content-Type": "application/json"}


def test_delivery_with_svix_headers_is_accepted_and_its_id_is_the_same(shared_api: ApiUnderTest, body: bytes) -> None:
    signed = shared_api.lms.signed(body, event="msg_svix")
    first = shared_api.lms.send(body, under("svix", signed))
    again = shared_api.lms.send(body, signed)
    assert first.status_code == again.status_code == 202
    assert again.data == first.data


def test_webhook_headers_count_when_both_families_came(shared_api: ApiUnderTest, body: bytes, refused: Refused) -> None:
    good, other = shared_api.lms.signed(body), shared_api.lms.signed(b"{}")
    assert shared_api.lms.send(body, {**under("svix", good), **good}).status_code == 202
    assert shared_api.lms.send(body, {**under("svix", other), **good}).status_code == 202
    refused(shared_api.lms.send(body, {**under("svix", good), **other}), 401, "invalid-signature")


@pytest.mark.parametrize("part", PARTS)
def test_families_are_not_mixed(shared_api: ApiUnderTest, body: bytes, refused: Refused, part: str) -> None:
    signed = shared_api.lms.signed(body)
    headers = under("svix", signed)
    headers[f"webhook-{part}"] = headers.pop(f"svix-{part}")
    detail = refused(shared_api.lms.send(body, headers), 401, "missing-signature")["detail"]
    came = [f"webhook-{part}", *(f"svix-{one}" for one in PARTS if one != part)]
    missing = [f"webhook-{one}" for one in PARTS if one != part]
    assert detail == f"{', '.join(missing)} are missing; {', '.join(came)} came."


def test_missing_headers_are_named_beside_those_that_came(
    shared_api: ApiUnderTest, body: bytes, refused: Refused
) -> None:
    headers = under("svix", shared_api.lms.signed(body))
    del headers["svix-signature"]
    detail = refused(shared_api.lms.send(body, headers), 401, "missing-signature")["detail"]
    assert detail == "svix-signature is missing; svix-id, svix-timestamp came."
    detail = refused(shared_api.lms.send(body, {"Content-Type": "application/json"}), 401, "missing-signature")[
        "detail"
    ]
    assert detail == "webhook-id, webhook-timestamp, webhook-signature are missing."


@pytest.mark.parametrize(
    ("name", "value"), [("svix-id", "a.b"), ("svix-timestamp", "now"), ("svix-signature", "v1,AAAA")]
)
def test_problem_names_the_header_as_it_came(
    shared_api: ApiUnderTest, body: bytes, refused: Refused, name: str, value: str
) -> None:
    headers = {**under("svix", shared_api.lms.signed(body)), name: value}
    assert name in refused(shared_api.lms.send(body, headers), 401, "invalid-signature")["detail"]
