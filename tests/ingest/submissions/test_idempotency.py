"""Tests of the Idempotency-Key header: format, replays, conflicts and concurrent requests."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest

from tests.support.patient_apps import short_lock_waits


@pytest.fixture
def post(shared_api, draft):
    """`post(key, text="…")` submits an essay with an API key and this Idempotency-Key, or several of them."""

    def send(key, *, of=None, client=None, **changes):
        headers = [("Authorization", f"Bearer {(of or shared_api.school).api_key}")]
        headers += [("Idempotency-Key", one) for one in ([key] if isinstance(key, str) else key)]
        body = draft(**{"student": {"external_id": "sis-1"}, **changes})
        return (client or shared_api.client).post("/v1/submissions", json=body, headers=headers)

    return send


def stored(shared_api, key: str) -> int:
    """Return the number of stored keys with this text."""
    return shared_api.database.sql("select count(*) from idempotency_keys where key = %s", key)[0][0]


def test_api_key_without_an_idempotency_key_is_refused(post, refused):
    refused(post([]), 400, "idempotency-key-missing")


def test_person_needs_no_idempotency_key(shared_api, draft):
    answer = shared_api.client.post("/v1/submissions", json=draft(), headers=shared_api.signed_in("bob"))
    assert answer.status_code == 202


@pytest.mark.parametrize(
    "key",
    ["", " ", '""', '"', '"a', 'a"', '"a"b"', "a b", "a" * 256, '"' + "a" * 256 + '"', "cl\u00e9", "\u00a0", "a\tb",
     '"a\u00e9"', "a\x7f"],
    ids=ascii,
)  # fmt: skip
def test_malformed_idempotency_key_is_refused(post, refused, key):
    refused(post(key), 400, "idempotency-key-invalid")


@pytest.mark.parametrize("keys", [("one", "two"), ('"one"', '"two"'), ("one", "one")], ids=str)
def test_two_idempotency_keys_in_one_request_are_refused(post, refused, keys):
    refused(post(list(keys)), 400, "idempotency-key-invalid")


@pytest.mark.parametrize("length", [1, 255])
def test_bare_and_quoted_idempotency_keys_are_equal(post, shared_api, length):
    key = (uuid4().hex * 8)[:length]
    first, second, third = post(key), post(f'"{key}"'), post(f"  {key} ")
    assert [one.status_code for one in (first, second, third)] == [202] * 3
    assert first.data == second.data == third.data
    assert stored(shared_api, key) == 1


def test_quoted_idempotency_key_may_contain_spaces_and_commas(post, shared_api):
    key = f"a, b {uuid4()}"
    assert post(f'"{key}"').status_code == 202
    assert stored(shared_api, key) == 1


def test_replayed_request_gets_the_same_answer(post):
    key = uuid4().hex
    first, second = post(key), post(key)
    assert second.status_code == first.status_code == 202
    assert second.data == first.data
    for header in ("Location", "Content-Type", "Retry-After"):
        assert second.headers[header] == first.headers[header]
    assert second.headers["X-Request-Id"] != first.headers["X-Request-Id"]


def test_reused_idempotency_key_with_another_body_is_refused(post, refused, shared_api):
    key = uuid4().hex
    first = post(key)
    before = shared_api.database.sql("select count(*) from submissions")
    refused(post(key, text="Another essay altogether."), 422, "idempotency-key-reused")
    assert shared_api.database.sql("select count(*) from submissions") == before
    assert post(key).data == first.data


def test_idempotency_key_of_a_refused_request_can_be_used_again(post, refused):
    key = uuid4().hex
    for blank in (" ", "\u200b\u2060 \ufeff\u00ad"):
        refused(post(key, text=blank), 422, "essay-empty")
    refused(post(key, external_id=4711), 422, "invalid-payload")
    assert post(key).status_code == 202


def test_equal_idempotency_keys_of_two_callers_are_independent(post, shared_api, draft):
    key = uuid4().hex
    mine, elsewhere = post(key), post(key, of=shared_api.other)
    assert mine.status_code == elsewhere.status_code == 202
    assert mine.json["id"] != elsewhere.json["id"]
    people = [
        shared_api.client.post(
            "/v1/submissions", json=draft(), headers={**shared_api.signed_in(name), "Idempotency-Key": key}
        )
        for name in ("alice", "bob", "ed", "alice")
    ]
    assert [one.status_code for one in people] == [202] * 4
    assert people[0].json == people[3].json
    assert len({one.json["id"] for one in people}) == 3


def test_idempotency_keys_are_case_sensitive(post):
    key = f"Key-{uuid4().hex}"
    assert post(key).json["id"] != post(key.lower()).json["id"]


def test_repeated_request_is_in_progress_while_the_first_one_runs(post, refused, shared_api):
    """The transaction of the first request stays open; the second request waits only for the lock timeout."""
    import psycopg2

    key = uuid4().hex
    holder = psycopg2.connect(shared_api.database.admin_url)
    try:
        with holder.cursor() as cursor:
            cursor.execute(
                "insert into idempotency_keys (org_id, caller_id, key, request_sha256) values (%s, %s, %s, %s)",
                (str(shared_api.school.org), str(shared_api.school.api_key_id), key, b"x" * 32),
            )
            with short_lock_waits(shared_api.database):
                answer = post(key)
        refused(answer, 409, "request-in-progress")
        assert int(answer.headers["Retry-After"]) > 0
    finally:
        holder.rollback()
        holder.close()
    assert post(key).status_code == 202


def test_fifty_equal_concurrent_requests_create_one_submission(shared_api, post):
    app = shared_api.make_app(ESSAYCOACH_POOL_WAIT_SECONDS="30")
    key, barrier = uuid4().hex, threading.Barrier(50)

    def send(_number: int):
        client = app.test_client()
        barrier.wait(timeout=60)
        answer = post(key, client=client, external_id="fifty")
        return answer.status_code, answer.data, answer.headers["Location"]

    with ThreadPoolExecutor(50) as pool:
        answers = set(pool.map(send, range(50)))
    assert len(answers) == 1, answers
    assert next(iter(answers))[0] == 202
    assert shared_api.database.sql("select count(*) from submissions where external_id = 'fifty'") == [(1,)]
    assert shared_api.database.sql(
        "select count(*) from passes p join submissions s on s.id = p.submission_id where s.external_id = 'fifty'"
    ) == [(3,)]


def test_concurrent_first_versions_become_versions_of_one_essay(shared_api, post):
    """With different keys, one student and one assignment, no version is lost and the numbers have no gap."""
    app = shared_api.make_app(ESSAYCOACH_POOL_WAIT_SECONDS="30")
    barrier = threading.Barrier(12)

    def send(number: int):
        client = app.test_client()
        barrier.wait(timeout=60)
        return post(
            uuid4().hex, client=client, assignment_id=str(shared_api.school.assignment), text=f"Version {number}.",
            student={"external_id": "newcomer"},
        )  # fmt: skip

    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(send, range(12)))
    assert {one.status_code for one in answers} == {202}, [one.text for one in answers]
    assert {one.json["essay_id"] for one in answers} == {answers[0].json["essay_id"]}
    assert sorted(one.json["version"] for one in answers) == list(range(1, 13))
