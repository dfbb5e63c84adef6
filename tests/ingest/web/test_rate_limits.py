"""Tests of rate limits: counted in Redis for all processes, and by each process alone without Redis."""

from __future__ import annotations

import socket
import time
from functools import partial
from uuid import uuid4

import pytest
import redis

from ingest.web import rate_limits
from ingest.web.problems import Problem
from models.api_key_text import KEY_PREFIX
from tests.support.races import eventually, promptly
from tests.support.schools import PASSWORD


@pytest.fixture
def closed_port():
    """Give the URL of a Redis that is away: the port is bound but not listening."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        yield f"redis://127.0.0.1:{holder.getsockname()[1]}/0"


def log_in(client, email: str, *, password: str = "wrong", address: str = "192.0.2.1"):
    """Try to sign in from this IP address and return the response."""
    return client.post(
        "/v1/auth/login", json={"org": "northside", "email": email, "password": password},
        environ_base={"REMOTE_ADDR": address},
    )  # fmt: skip


def test_request_over_the_limit_gets_429_with_retry_after(shared_api, refused):
    client = shared_api.make_app(ESSAYCOACH_RATE_LIMIT="3/minute").test_client()
    headers = shared_api.signed_in("alice")
    assert [client.get("/v1/essays", headers=headers).status_code for _ in range(3)] == [200] * 3
    answer = client.get("/v1/essays", headers=headers)
    refused(answer, 429, "rate-limited")
    assert 0 < int(answer.headers["Retry-After"]) <= 60
    refused(client.post("/v1/submissions", data=b"{", headers=headers), 429, "rate-limited")


def expire_all(client: redis.Redis, *, seconds: float) -> None:
    for key in client.keys("*"):
        client.pexpire(key, int(seconds * 1000))


def test_retry_after_says_when_the_limit_is_free_again(shared_api, redis_client, refused):
    client = shared_api.make_app(ESSAYCOACH_RATE_LIMIT="1/minute").test_client()
    headers = shared_api.signed_in("alice")
    assert client.get("/v1/essays", headers=headers).status_code == 200

    def ask_before_the_end(left: float):
        expire_all(redis_client, seconds=left)
        return client.get("/v1/essays", headers=headers)

    for left, most in ((600, 60), (40.4, 42), (0.2, 1)):
        answer = promptly(partial(ask_before_the_end, left), seconds=min(left, 0.4))
        refused(answer, 429, "rate-limited")
        assert min(left, 60) - 0.4 <= int(answer.headers["Retry-After"]) <= most
    eventually(lambda: client.get("/v1/essays", headers=headers).status_code == 200, what="the end of the limit")


def test_retry_after_of_the_limit_of_invitations_says_when_it_is_free_again(shared_api, redis_client, refused):
    with shared_api.app.test_request_context():
        for _ in range(5):
            rate_limits.count_invitation("org", "somebody")
        expire_all(redis_client, seconds=1000)
        with pytest.raises(Problem) as caught:
            rate_limits.count_invitation("org", "somebody")
    assert 1000 <= int(caught.value.headers["Retry-After"]) <= 1001


def test_without_redis_retry_after_says_when_the_limit_is_free_again(shared_api, closed_port, monkeypatch):
    app = shared_api.make_app(REDIS_URL=closed_port, ESSAYCOACH_RATE_LIMIT="4/minute")
    client, headers = app.test_client(), shared_api.signed_in("alice")
    now = time.time()
    monkeypatch.setattr(rate_limits.time, "time", lambda: now)
    assert client.get("/v1/essays", headers=headers).status_code == 200
    monkeypatch.setattr(rate_limits.time, "time", lambda: now + 45)
    answer = client.get("/v1/essays", headers=headers)
    assert answer.status_code == 429
    assert answer.headers["Retry-After"] == "15"


def test_retry_after_is_the_whole_window_when_redis_goes_away_in_between(shared_api, monkeypatch):
    app = shared_api.make_app(ESSAYCOACH_RATE_LIMIT="1/minute")
    client, headers = app.test_client(), shared_api.signed_in("alice")
    assert client.get("/v1/essays", headers=headers).status_code == 200

    def go_away(*_: object) -> None:
        raise redis.ConnectionError

    monkeypatch.setattr(app.extensions["essaycoach.limits"]._shared.storage, "get_expiry", go_away)
    assert client.get("/v1/essays", headers=headers).headers["Retry-After"] == "60"


def test_each_caller_has_its_own_limit(shared_api):
    client = shared_api.make_app(ESSAYCOACH_RATE_LIMIT="1/minute").test_client()
    callers = [
        shared_api.signed_in("alice"),
        shared_api.signed_in("bob"),
        shared_api.with_key(),
        shared_api.with_key(shared_api.other),
    ]
    assert [client.get("/v1/essays", headers=headers).status_code for headers in callers] == [200] * 4
    assert [client.get("/v1/essays", headers=headers).status_code for headers in callers] == [429] * 4


def test_two_processes_share_one_limit(shared_api):
    first = shared_api.make_app(ESSAYCOACH_RATE_LIMIT="2/minute").test_client()
    second = shared_api.make_app(ESSAYCOACH_RATE_LIMIT="2/minute").test_client()
    headers = shared_api.signed_in("alice")
    assert [client.get("/v1/essays", headers=headers).status_code for client in (first, second, first, second)] == [
        200, 200, 429, 429,
    ]  # fmt: skip


def test_webhook_source_is_rate_limited(shared_api, draft, refused):
    client = shared_api.make_app(ESSAYCOACH_RATE_LIMIT="1/minute").test_client()
    lms = type(shared_api.lms)(client, shared_api.school.source, shared_api.school.source_secret)
    data = draft(student={"external_id": uuid4().hex})
    assert lms.deliver(data).status_code == 202
    refused(lms.deliver(data), 429, "rate-limited")


def test_token_refresh_is_rate_limited(shared_api, refused):
    client = shared_api.make_app(ESSAYCOACH_RATE_LIMIT="1/minute").test_client()
    headers = {"Authorization": f"Bearer {shared_api.sign_in('bob')['refresh_token']}"}
    assert client.post("/v1/auth/refresh", headers=headers).status_code == 200
    refused(client.post("/v1/auth/refresh", headers=headers), 429, "rate-limited")


def test_sign_in_to_one_account_is_limited_to_30_tries_from_any_ip(shared_api, redis_client, refused):
    client = shared_api.client
    for number in range(30):
        assert log_in(client, "bob@northside.example", address=f"192.0.2.{number}").status_code == 401
        expire_all(redis_client, seconds=60)  # a busy machine needs longer than a minute for all
    answer = log_in(client, "bob@northside.example", password=PASSWORD, address="198.51.100.1")
    refused(answer, 429, "rate-limited")
    assert log_in(client, "alice@northside.example", address="198.51.100.1").status_code == 401


@pytest.mark.parametrize(
    "spelling",
    ["BOB@northside.example", " bob@northside.example", "bob@northside.example\u3000", "\uff42ob@northside.example"],
    ids=ascii,
)
def test_every_spelling_of_an_email_shares_one_limit(shared_api, redis_client, spelling):
    """All spellings that sign in to one account share its 30 tries."""
    client = shared_api.client
    assert log_in(client, spelling, password=PASSWORD).status_code == 200
    for _ in range(29):
        log_in(client, "bob@northside.example")
        expire_all(redis_client, seconds=60)
    assert log_in(client, "bob@northside.example").status_code == 429


def test_redis_keys_contain_no_email(shared_api, redis_client):
    log_in(shared_api.client, "bob@northside.example")
    keys = b" ".join(redis_client.keys("*"))
    assert b"sign-in" in keys
    assert b"bob" not in keys


def test_without_redis_essays_are_accepted_and_limits_are_local(shared_api, draft, refused, closed_port):
    client = shared_api.make_app(REDIS_URL=closed_port, ESSAYCOACH_RATE_LIMIT="8/minute").test_client()
    headers = shared_api.signed_in("alice")
    answers = [client.post("/v1/submissions", json=draft(), headers=headers) for _ in range(3)]
    assert [one.status_code for one in answers] == [202, 202, 429]
    refused(answers[2], 429, "rate-limited")
    queued = shared_api.database.sql(
        "select count(*) from passes where submission_id = %s and state = 'queued'", answers[0].json["id"]
    )
    assert queued == [(3,)]


def test_without_redis_the_main_routes_still_work(shared_api, draft, closed_port):
    client = shared_api.make_app(REDIS_URL=closed_port).test_client()
    lms = type(shared_api.lms)(client, shared_api.school.source, shared_api.school.source_secret)
    receipt = lms.deliver(draft(student={"external_id": uuid4().hex}))
    assert receipt.status_code == 202
    headers = shared_api.with_key()
    assert client.get(receipt.headers["Location"], headers=headers).status_code == 200
    assert client.post("/v1/submissions", json=draft(student={"external_id": "x"}), headers=headers).status_code == 202
    assert log_in(client, "alice@northside.example", password=PASSWORD).status_code == 200


def test_limits_use_redis_again_when_it_returns(shared_api, redis_client):
    app = shared_api.make_app(ESSAYCOACH_RATE_LIMIT="4/minute")
    counters = app.extensions["essaycoach.limits"]
    counters._alone_until = float("inf")
    client, headers = app.test_client(), shared_api.signed_in("alice")
    assert [client.get("/v1/essays", headers=headers).status_code for _ in range(2)] == [200, 429]
    counters._alone_until = 0.0
    assert [client.get("/v1/essays", headers=headers).status_code for _ in range(5)] == [200] * 4 + [429]


def unauthenticated_request(client, route: str, address: str, shared_api):
    """Send one request without valid credentials to this route and return the response."""
    where = {"environ_base": {"REMOTE_ADDR": address}}
    token = {"org": "northside", "token": uuid4().hex, "password": "purple kettle drives"}
    signed = {"webhook-id": "x", "webhook-timestamp": "1", "webhook-signature": "v1,x"}
    unknown_key = KEY_PREFIX + "0" * 36
    return {
        "login": lambda: client.post(
            "/v1/auth/login", json={"org": "x", "email": f"{uuid4()}@x", "password": "x"}, **where
        ),
        "refresh": lambda: client.post("/v1/auth/refresh", headers={"Authorization": "Bearer a.b.c"}, **where),
        "forgot": lambda: client.post("/v1/auth/forgot", json={"org": "x", "email": f"{uuid4()}@x"}, **where),
        "reset": lambda: client.post("/v1/auth/reset", json=token, **where),
        "malformed": lambda: client.post("/v1/auth/login", data=b"{", **where),
        "webhook": lambda: client.post(f"/v1/webhooks/{shared_api.school.source}", data=b"{}", headers=signed, **where),
        "no source": lambda: client.post(f"/v1/webhooks/{uuid4()}", data=b"{}", headers=signed, **where),
        "no bearer": lambda: client.get("/v1/me", **where),
        "bad bearer": lambda: client.get("/v1/me", headers={"Authorization": "Bearer a.b.c"}, **where),
        "bad key": lambda: client.get("/v1/essays", headers={"Authorization": f"Bearer {unknown_key}"}, **where),
    }[route]()


ROUTES = [
    "login",
    "refresh",
    "forgot",
    "reset",
    "malformed",
    "webhook",
    "no source",
    "no bearer",
    "bad bearer",
    "bad key",
]


@pytest.mark.parametrize("route", ROUTES)
def test_unauthenticated_requests_are_limited_by_ip(shared_api, refused, route):
    client = shared_api.make_app(ESSAYCOACH_ADDRESS_RATE_LIMIT="10/minute").test_client()
    codes = [unauthenticated_request(client, route, "192.0.2.1", shared_api).status_code for _ in range(11)]
    assert 429 not in codes[:5]
    answer = unauthenticated_request(client, route, "192.0.2.1", shared_api)
    refused(answer, 429, "rate-limited")
    assert 0 < int(answer.headers["Retry-After"]) <= 60
    assert unauthenticated_request(client, route, "192.0.2.2", shared_api).status_code != 429


def test_unauthenticated_routes_share_one_limit(shared_api, refused):
    client = shared_api.make_app(ESSAYCOACH_ADDRESS_RATE_LIMIT="20/minute").test_client()
    for route in ROUTES * 2:
        unauthenticated_request(client, route, "192.0.2.1", shared_api)
    for route in ROUTES:
        refused(unauthenticated_request(client, route, "192.0.2.1", shared_api), 429, "rate-limited")


def test_limited_ip_does_not_block_authenticated_requests(shared_api):
    """A school may share one IP address; a student who sends many bad tokens must not lock the school out."""
    client = shared_api.make_app(ESSAYCOACH_ADDRESS_RATE_LIMIT="5/minute").test_client()
    for _ in range(8):
        unauthenticated_request(client, "bad bearer", "192.0.2.1", shared_api)
    assert unauthenticated_request(client, "bad bearer", "192.0.2.1", shared_api).status_code == 429
    for headers in (shared_api.signed_in("alice"), shared_api.with_key()):
        answer = client.get("/v1/essays", headers=headers, environ_base={"REMOTE_ADDR": "192.0.2.1"})
        assert answer.status_code == 200


@pytest.mark.parametrize(
    ("addresses", "one"),
    [
        (["2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", "2001:DB8:1:2:0:0:0:9"], True),
        (["2001:db8:1:2::1", "2001:db8:1:3::1", "2001:db8:2:2::1"], False),
        (["192.0.2.1", "::ffff:192.0.2.1", "::ffff:c000:201"], True),
        (["192.0.2.1", "192.0.2.2", "192.0.3.1"], False),
    ],
    ids=["one network", "three networks", "one address, three spellings", "three addresses"],
)  # fmt: skip
def test_ip_limit_is_per_ipv4_address_and_per_ipv6_network(shared_api, addresses, one):
    client = shared_api.make_app(ESSAYCOACH_ADDRESS_RATE_LIMIT="2/minute").test_client()
    codes = [unauthenticated_request(client, "forgot", address, shared_api).status_code for address in addresses]
    assert codes == [202, 202, 429 if one else 202]


@pytest.mark.parametrize("address", ["", "unix:", "not an address", "1.2.3", "::1%eth0"])
def test_invalid_ip_address_is_no_server_error(shared_api, address):
    client = shared_api.make_app().test_client()
    assert unauthenticated_request(client, "forgot", address, shared_api).status_code == 202


def test_forged_forwarding_header_does_not_reset_the_limit(shared_api, refused):
    client = shared_api.make_app(ESSAYCOACH_ADDRESS_RATE_LIMIT="3/minute").test_client()
    answers = [
        client.get("/v1/me", headers={"X-Forwarded-For": f"198.51.100.{number}"}, environ_base={"REMOTE_ADDR": "192.0.2.1"})
        for number in range(5)
    ]  # fmt: skip
    assert [one.status_code for one in answers] == [401, 401, 401, 429, 429]


@pytest.mark.parametrize("route", ["login", "refresh", "forgot", "reset"])
def test_without_redis_the_ip_limit_is_stricter(shared_api, refused, closed_port, route):
    client = shared_api.make_app(REDIS_URL=closed_port, ESSAYCOACH_ADDRESS_RATE_LIMIT="16/minute").test_client()
    codes = [unauthenticated_request(client, route, "192.0.2.1", shared_api).status_code for _ in range(5)]
    assert codes[-1] == 429
    assert codes[0] != 429
