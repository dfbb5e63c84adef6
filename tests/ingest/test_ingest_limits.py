"""How often one may ask: counted in Redis for all processes together, and alone while Redis is away."""

from __future__ import annotations

import socket
from uuid import uuid4

import pytest
from conftest import PASSWORD


@pytest.fixture
def closed_port():
    """An address of a Redis that is away: bound, so that nobody else takes it, and never listening."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        yield f"redis://127.0.0.1:{holder.getsockname()[1]}/0"


def log_in(client, email: str, *, password: str = "wrong", address: str = "192.0.2.1"):
    return client.post(
        "/v1/auth/login", json={"org": "northside", "email": email, "password": password},
        environ_base={"REMOTE_ADDR": address},
    )  # fmt: skip


def test_past_the_rate_the_answer_is_429_and_says_how_long_to_wait(standing, refused):
    client = standing.make_app(ESSAYCOACH_RATE_LIMIT="3/minute").test_client()
    headers = standing.signed_in("alice")
    assert [client.get("/v1/essays", headers=headers).status_code for _ in range(3)] == [200] * 3
    answer = client.get("/v1/essays", headers=headers)
    refused(answer, 429, "rate-limited")
    assert 0 < int(answer.headers["Retry-After"]) <= 60
    refused(client.post("/v1/submissions", data=b"{", headers=headers), 429, "rate-limited")


def test_each_caller_is_counted_apart(standing):
    client = standing.make_app(ESSAYCOACH_RATE_LIMIT="1/minute").test_client()
    everybody = [standing.signed_in("alice"), standing.signed_in("bob"), standing.with_key(), standing.with_key(standing.other)]
    assert [client.get("/v1/essays", headers=headers).status_code for headers in everybody] == [200] * 4
    assert [client.get("/v1/essays", headers=headers).status_code for headers in everybody] == [429] * 4


def test_two_processes_count_together(standing):
    first = standing.make_app(ESSAYCOACH_RATE_LIMIT="2/minute").test_client()
    second = standing.make_app(ESSAYCOACH_RATE_LIMIT="2/minute").test_client()
    headers = standing.signed_in("alice")
    assert [client.get("/v1/essays", headers=headers).status_code for client in (first, second, first, second)] == [
        200, 200, 429, 429,
    ]  # fmt: skip


def test_a_source_is_limited_too(standing, draft, refused):
    client = standing.make_app(ESSAYCOACH_RATE_LIMIT="1/minute").test_client()
    lms = type(standing.lms)(client, standing.school.source, standing.school.source_secret)
    data = draft(student={"external_id": uuid4().hex})
    assert lms.deliver(data).status_code == 202
    refused(lms.deliver(data), 429, "rate-limited")


def test_refreshing_is_limited(standing, refused):
    client = standing.make_app(ESSAYCOACH_RATE_LIMIT="1/minute").test_client()
    headers = {"Authorization": f"Bearer {standing.sign_in('bob')['refresh_token']}"}
    assert client.post("/v1/auth/refresh", headers=headers).status_code == 200
    refused(client.post("/v1/auth/refresh", headers=headers), 429, "rate-limited")


def test_guessing_one_accounts_password_ends_after_thirty_tries_whatever_the_address(standing, refused):
    client = standing.client
    for number in range(30):
        assert log_in(client, "bob@northside.example", address=f"192.0.2.{number}").status_code == 401
    answer = log_in(client, "bob@northside.example", password=PASSWORD, address="198.51.100.1")
    refused(answer, 429, "rate-limited")
    assert log_in(client, "alice@northside.example", address="198.51.100.1").status_code == 401


@pytest.mark.parametrize(
    "spelling",
    ["BOB@northside.example", " bob@northside.example", "bob@northside.example\u3000", "\uff42ob@northside.example"],
    ids=ascii,
)
def test_no_spelling_of_an_address_starts_a_count_of_its_own(standing, spelling):
    """Every spelling that signs in to the account shares its thirty tries."""
    client = standing.client
    assert log_in(client, spelling, password=PASSWORD).status_code == 200
    for _ in range(29):
        log_in(client, "bob@northside.example")
    assert log_in(client, "bob@northside.example").status_code == 429


def test_redis_learns_no_address_of_anybody(standing, redis_client):
    log_in(standing.client, "bob@northside.example")
    keys = b" ".join(redis_client.keys("*"))
    assert b"sign-in" in keys
    assert b"bob" not in keys


def test_without_redis_essays_are_taken_and_limits_counted_alone(standing, draft, refused, closed_port):
    client = standing.make_app(REDIS_URL=closed_port, ESSAYCOACH_RATE_LIMIT="8/minute").test_client()
    headers = standing.signed_in("alice")
    answers = [client.post("/v1/submissions", json=draft(), headers=headers) for _ in range(3)]
    assert [one.status_code for one in answers] == [202, 202, 429]
    refused(answers[2], 429, "rate-limited")
    queued = standing.database.sql(
        "select count(*) from passes where submission_id = %s and state = 'queued'", answers[0].json["id"]
    )
    assert queued == [(3,)]


def test_without_redis_every_door_answers_as_ever(standing, draft, closed_port):
    client = standing.make_app(REDIS_URL=closed_port).test_client()
    lms = type(standing.lms)(client, standing.school.source, standing.school.source_secret)
    receipt = lms.deliver(draft(student={"external_id": uuid4().hex}))
    assert receipt.status_code == 202
    headers = standing.with_key()
    assert client.get(receipt.headers["Location"], headers=headers).status_code == 200
    assert client.post("/v1/submissions", json=draft(student={"external_id": "x"}), headers=headers).status_code == 202
    assert log_in(client, "alice@northside.example", password=PASSWORD).status_code == 200


def test_a_redis_that_comes_back_is_asked_again(standing, redis_client):
    app = standing.make_app(ESSAYCOACH_RATE_LIMIT="4/minute")
    counters = app.extensions["essaycoach.limits"]
    counters._alone_until = float("inf")
    client, headers = app.test_client(), standing.signed_in("alice")
    assert [client.get("/v1/essays", headers=headers).status_code for _ in range(2)] == [200, 429]
    counters._alone_until = 0.0
    assert [client.get("/v1/essays", headers=headers).status_code for _ in range(5)] == [200] * 4 + [429]
