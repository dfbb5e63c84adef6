"""Tests that a repeated request is one that says the same, and not one with the same bytes."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from werkzeug.test import TestResponse

from tests.ingest.conftest import ApiUnderTest, Refused, piece
from tests.support.races import together


def reversed_members(value: Any) -> Any:
    """Return the same JSON value with the members of each object in the other order."""
    if isinstance(value, dict):
        return {name: reversed_members(value[name]) for name in reversed(value)}
    return [reversed_members(one) for one in value] if isinstance(value, list) else value


REWRITTEN: dict[str, Callable[[Any], bytes]] = {
    "other order": lambda value: json.dumps(reversed_members(value)).encode(),
    "no white space": lambda value: json.dumps(value, separators=(",", ":")).encode(),
    "much white space": lambda value: json.dumps(value, indent=4).encode() + b"\n",
    "no escapes": lambda value: json.dumps(value, ensure_ascii=False).encode(),
}


def event_of(data: Any, *, timestamp: str = "2026-11-22T08:30:00Z", **more: Any) -> dict[str, Any]:
    return {"type": "submission.created", "timestamp": timestamp, "data": data, **more}


def submission() -> dict[str, Any]:
    return piece(student={"external_id": uuid4().hex, "name": "Zo\u00eb"}, external_id="attempt-1")


@pytest.mark.parametrize("rewrite", REWRITTEN.values(), ids=REWRITTEN.keys())
def test_delivery_that_was_built_anew_gets_the_first_answer(
    shared_api: ApiUnderTest, rewrite: Callable[[Any], bytes]
) -> None:
    lms, name, data = shared_api.lms, f"msg_{uuid4().hex}", submission()
    first = lms.send(body := json.dumps(event_of(data)).encode(), lms.signed(body, event=name))
    again = rewrite(event_of(data, timestamp="2026-11-22T08:31:00Z", attempt=2))
    answer = lms.send(again, lms.signed(again, event=name))
    assert (answer.status_code, answer.data, answer.headers["Location"]) == (202, first.data, first.headers["Location"])
    stored = shared_api.database.sql("select count(*) from inbound_events where event_id = %s", name)
    assert stored == [(1,)]


def test_delivery_that_says_something_else_is_refused(shared_api: ApiUnderTest, refused: Refused) -> None:
    lms, name, data = shared_api.lms, f"msg_{uuid4().hex}", submission()
    assert lms.deliver(data, event=name).status_code == 202
    for other in ({**data, "title": "Other"}, {**data, "category": None}, {**data, "text": data["text"] + " "}):
        refused(lms.deliver(other, event=name), 422, "idempotency-key-reused")
    refused(lms.deliver(data, event_type="submission.updated", event=name), 422, "idempotency-key-reused")


def test_ignored_event_that_was_built_anew_is_ignored_again(shared_api: ApiUnderTest) -> None:
    name = f"msg_{uuid4().hex}"
    first, again = (
        shared_api.lms.deliver({"a": 1}, event_type="ping", timestamp=moment, event=name)
        for moment in ("2026-11-22T08:30:00Z", "2026-11-22T08:31:00Z")
    )
    assert again.data == first.data


def test_delivery_from_before_the_digest_of_meaning_is_compared_by_its_bytes(
    shared_api: ApiUnderTest, refused: Refused
) -> None:
    lms, name, data = shared_api.lms, f"msg_{uuid4().hex}", submission()
    first = lms.deliver(data, event=name)
    shared_api.database.sql("update seen_events set canonical_sha256 = null where event_id = %s", name)
    assert lms.deliver(data, event=name).data == first.data
    refused(lms.deliver(data, event=name, timestamp="2026-11-22T08:31:00Z"), 422, "idempotency-key-reused")


@pytest.fixture
def post(shared_api: ApiUnderTest) -> Callable[..., TestResponse]:
    """`post(body, key)` sends bytes with an API key and this Idempotency-Key."""

    def send(body: bytes, key: str) -> TestResponse:
        headers = {**shared_api.with_key(), "Idempotency-Key": key, "Content-Type": "application/json"}
        return shared_api.client.post("/v1/submissions", data=body, headers=headers)

    return send


@pytest.mark.parametrize("rewrite", REWRITTEN.values(), ids=REWRITTEN.keys())
def test_request_that_was_built_anew_gets_the_first_answer(
    post: Callable[..., TestResponse], rewrite: Callable[[Any], bytes]
) -> None:
    key, data = uuid4().hex, submission()
    first, again = post(json.dumps(data).encode(), key), post(rewrite(data), key)
    assert first.status_code == 202
    assert (again.status_code, again.data) == (202, first.data)


def test_request_that_says_something_else_is_refused(
    shared_api: ApiUnderTest, post: Callable[..., TestResponse], refused: Refused
) -> None:
    key, data = uuid4().hex, submission()
    first = post(json.dumps(data).encode(), key)
    refused(post(json.dumps({**data, "queue": "bulk"}).encode(), key), 422, "idempotency-key-reused")
    shared_api.database.sql("update idempotency_keys set canonical_sha256 = null where key = %s", key)
    assert post(json.dumps(data).encode(), key).data == first.data
    refused(post(json.dumps(reversed_members(data)).encode(), key), 422, "idempotency-key-reused")


def test_concurrent_deliveries_of_one_event_in_other_words_create_one_submission(shared_api: ApiUnderTest) -> None:
    app, name, data = shared_api.make_app(ESSAYCOACH_POOL_WAIT_SECONDS="30"), f"msg_{uuid4().hex}", submission()
    rewrites = list(REWRITTEN.values())

    def deliver(number: int) -> tuple[int, bytes]:
        body = rewrites[number % len(rewrites)](event_of(data, timestamp=f"2026-11-22T08:30:{number:02}Z"))
        answer = app.test_client().post(
            f"/v1/webhooks/{shared_api.lms.source}", data=body, headers=shared_api.lms.signed(body, event=name)
        )
        return answer.status_code, answer.data

    answers = set(together(24, deliver))
    assert len(answers) == 1, answers
    [(status, receipt)] = answers
    assert status == 202
    user = shared_api.database.sql("select user_id from submissions where id = %s", json.loads(receipt)["id"])[0][0]
    assert shared_api.database.sql("select count(*) from submissions where user_id = %s", str(user)) == [(1,)]
