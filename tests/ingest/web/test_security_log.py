"""Tests from an attacker's side: what is refused leaves one security event with the right fields, and no secret."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import jwt
import pytest

from ingest.web import metrics
from ingest.web.identity import key_id
from models import security_events, security_sinks
from models.security_events import EVENTS, FIELDS
from tests.ingest.conftest import ESSAY, JWT_SECRET, ApiUnderTest, Headers, envelope, piece
from tests.support.schools import PASSWORD

Lines = Callable[[], list[dict[str, Any]]]
HOSTILE = 'x"}\n{"stream":"security","event":"sign_in_succeeded"}'


@pytest.fixture(scope="module")
def watched(shared_api: ApiUnderTest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ApiUnderTest, Path]]:
    """The app, and the file of its security events."""
    path = tmp_path_factory.mktemp("security") / "events.jsonl"
    yield replace(shared_api, app=shared_api.make_app(**{security_sinks.FILE: str(path)})), path
    security_events.set_up("test")


@pytest.fixture
def attacked(watched: tuple[ApiUnderTest, Path], monkeypatch: pytest.MonkeyPatch) -> ApiUnderTest:
    """The app, whose people have signed in before the test looks at events."""
    monkeypatch.setattr(security_events, "LINES_PER_SECOND", 10_000)  # the tests of a file are a flood
    for name in ("alice", "ed", "ada"):
        watched[0].signed_in(name)
    watched[1].write_bytes(b"")
    watched[0].app.extensions["essaycoach.kept_lines"].kept_at.clear()
    return watched[0]


@pytest.fixture
def lines(watched: tuple[ApiUnderTest, Path]) -> Lines:
    """A function that returns the events since the test began."""
    return lambda: [json.loads(line) for line in watched[1].read_text(encoding="ascii").splitlines()]


def only(lines: list[dict[str, Any]], event: str, **fields: Any) -> dict[str, Any]:
    """Check that there is one event, with these fields, and return it."""
    [line] = lines
    assert line["event"] == event
    assert set(line) <= set(FIELDS)
    assert (line["stream"], line["program"], line["outcome"]) == ("security", "ingest", EVENTS[event])
    assert {name: line.get(name) for name in fields} == {
        name: str(value) if isinstance(value, UUID) else value for name, value in fields.items()
    }
    return line


def credentials(api: ApiUnderTest, **changes: str) -> dict[str, str]:
    return {"org": api.school.slug, "email": api.school.email("alice"), "password": PASSWORD, **changes}


def test_sign_in_leaves_one_event_with_the_person_and_the_session(attacked: ApiUnderTest, lines: Lines) -> None:
    token = attacked.client.post("/v1/auth/login", json=credentials(attacked)).json["access_token"]
    session = jwt.decode(token, options={"verify_signature": False})["sid"]
    only(
        lines(), "sign_in_succeeded", org_id=attacked.school.org, actor_id=attacked.school.alice, actor_role="student",
        address="127.0.0.1", method="POST", route="/v1/auth/login", target_type="session", target_id=session, reason=None,
    )  # fmt: skip


def test_failed_sign_in_leaves_one_event_about_the_account_if_there_is_one(
    attacked: ApiUnderTest, lines: Lines, watched: tuple[ApiUnderTest, Path]
) -> None:
    org, alice = attacked.school.org, attacked.school.alice
    for changes, about in (
        ({"password": "wrong-" + PASSWORD}, (org, alice)),
        ({"email": "nobody@northside.example"}, (org, None)),
        ({"org": "no-such-school"}, (None, None)),
        ({"org": HOSTILE}, (None, None)),
        ({"email": "me@x.example\n{}"}, (org, None)),
    ):
        watched[1].write_bytes(b"")
        answer = attacked.client.post("/v1/auth/login", json=credentials(attacked, **changes))
        assert answer.status_code == 401
        only(
            lines(), "sign_in_failed", org_id=about[0], target_id=about[1], target_type="user" if about[1] else None,
            actor_id=None, address="127.0.0.1", reason="unauthorized", request_id=answer.headers["X-Request-Id"],
        )  # fmt: skip


def test_limit_of_sign_ins_leaves_one_event_for_each_refusal(attacked: ApiUnderTest, lines: Lines) -> None:
    tried = [attacked.client.post("/v1/auth/login", json=credentials(attacked, password="guess")) for _ in range(62)]
    events = [line["event"] for line in lines()]
    expected = {401: "sign_in_failed", 429: "sign_in_limited"}
    assert events == [expected[answer.status_code] for answer in tried]
    # Two windows of a minute allow sixty.
    first = next(line for line in lines() if line["event"] == "sign_in_limited")
    only([first], "sign_in_limited", reason="rate-limited", address="127.0.0.1", route="/v1/auth/login")


def test_sign_in_that_finds_no_slot_for_hashing_leaves_one_event(
    attacked: ApiUnderTest, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    passwords = attacked.app.extensions["essaycoach.passwords"]
    monkeypatch.setattr(passwords._slots, "_patience_seconds", 0.05)
    with ExitStack() as busy:
        for number in range(passwords._slots._free):
            busy.enter_context(passwords._slots.hold(f"192.0.2.{number}"))
        assert attacked.client.post("/v1/auth/login", json=credentials(attacked)).status_code == 503
    only(lines(), "sign_in_limited", reason="temporarily-unavailable", target_id=attacked.school.alice)


def forged(**changes: Any) -> str:
    moment = int(time.time())
    claims = {
        "exp": moment + 60, "iat": moment, "nbf": moment, "jti": uuid4().hex, "iss": "essaycoach", "aud": "essaycoach-api",
        "type": "access", "sub": str(uuid4()), "sid": str(uuid4()), "org": str(uuid4()), "role": "admin", "tv": 0, **changes,
    }  # fmt: skip
    return jwt.encode(claims, changes.get("secret", "f" * 48), algorithm="HS256", headers={"kid": key_id(JWT_SECRET)})


@pytest.mark.parametrize(
    "bearer",
    ["", forged(), "a.b.c", "ec_live_" + "x" * 36, HOSTILE.replace("\n", " ")],
    ids=["none", "forged", "nonsense", "invented key", "hostile"],
)
def test_forged_credential_leaves_one_event_without_an_actor(
    attacked: ApiUnderTest, lines: Lines, bearer: str, watched: tuple[ApiUnderTest, Path]
) -> None:
    headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
    assert attacked.client.get(f"/v1/submissions/{uuid4()}", headers=headers).status_code == 401
    only(
        lines(), "credential_refused", actor_id=None, org_id=None, method="GET", address="127.0.0.1",
        route="/v1/submissions/<uuid:submission_id>",
    )  # fmt: skip
    assert not bearer or bearer not in watched[1].read_text()


def test_token_of_another_org_signed_with_the_right_secret_leaves_one_event(
    attacked: ApiUnderTest, lines: Lines
) -> None:
    mine = attacked.signed_in("ada")["Authorization"].removeprefix("Bearer ")
    claims = jwt.decode(mine, options={"verify_signature": False})
    token = jwt.encode(
        {**claims, "org": str(attacked.other.org)}, JWT_SECRET, algorithm="HS256", headers={"kid": key_id(JWT_SECRET)}
    )
    assert attacked.client.get("/v1/users", headers={"Authorization": f"Bearer {token}"}).status_code == 401
    only(lines(), "credential_refused", org_id=attacked.other.org, actor_id=attacked.school.ada, reason="invalid-token")


def test_expired_token_is_an_event_of_its_own(attacked: ApiUnderTest, lines: Lines) -> None:
    token = forged(secret=JWT_SECRET, exp=int(time.time()) - 60)
    assert attacked.client.get("/v1/me", headers={"Authorization": f"Bearer {token}"}).status_code == 401
    only(lines(), "token_expired", reason="token-expired")


def test_refresh_token_used_twice_leaves_one_event_about_its_session(
    attacked: ApiUnderTest, lines: Lines, watched: tuple[ApiUnderTest, Path]
) -> None:
    stolen = attacked.sign_in("alice")["refresh_token"]
    bearer = {"Authorization": f"Bearer {stolen}"}
    watched[1].write_bytes(b"")
    successor = attacked.client.post("/v1/auth/refresh", headers=bearer)
    assert successor.status_code == 200
    newer = {"Authorization": f"Bearer {successor.json['refresh_token']}"}
    assert attacked.client.post("/v1/auth/refresh", headers=newer).status_code == 200
    assert lines() == []
    assert attacked.client.post("/v1/auth/refresh", headers=bearer).status_code == 401
    session = jwt.decode(stolen, options={"verify_signature": False})["sid"]
    only(lines(), "refresh_token_reused", actor_id=attacked.school.alice, org_id=attacked.school.org, target_id=session)


def test_wrong_current_password_leaves_one_event(attacked: ApiUnderTest, lines: Lines) -> None:
    body = {"current_password": "not-" + PASSWORD, "new_password": "another long password 7"}
    answer = attacked.client.post("/v1/auth/password", json=body, headers=attacked.signed_in("alice"))
    assert answer.status_code == 422
    only(lines(), "password_refused", actor_id=attacked.school.alice, actor_role="student")


def test_wrong_role_leaves_one_event_with_what_was_wanted(attacked: ApiUnderTest, lines: Lines) -> None:
    wanted = attacked.school.bob
    answer = attacked.client.get(f"/v1/users/{wanted}/export", headers=attacked.signed_in("alice"))
    assert answer.status_code == 403
    only(
        lines(), "access_refused", org_id=attacked.school.org, actor_id=attacked.school.alice, actor_role="student",
        route="/v1/users/<uuid:user_id>/export", method="GET", target_type="user", target_id=wanted, reason="forbidden",
    )  # fmt: skip


def test_key_without_the_scope_leaves_one_event(attacked: ApiUnderTest, lines: Lines) -> None:
    assert attacked.client.get("/v1/courses", headers=attacked.with_key()).status_code == 403
    only(lines(), "access_refused", reason="forbidden", address="127.0.0.1")


def test_other_tenant_leaves_one_event_and_an_invented_id_the_same(
    attacked: ApiUnderTest, lines: Lines, watched: tuple[ApiUnderTest, Path]
) -> None:
    for wanted in (attacked.other.alice, uuid4()):
        watched[1].write_bytes(b"")
        answer = attacked.client.get(f"/v1/users/{wanted}", headers=attacked.signed_in("ada"))
        assert answer.status_code == 404
        only(
            lines(), "object_not_found", org_id=attacked.school.org, actor_id=attacked.school.ada, actor_role="admin",
            target_type="user", target_id=wanted, reason="not-found",
        )  # fmt: skip


def test_path_that_is_no_route_leaves_no_line(attacked: ApiUnderTest, lines: Lines) -> None:
    for path in ("/wp-admin", "/v1/nothing", "/problems/nothing", "/v1/users/not-an-id"):
        assert attacked.client.get(path, headers=attacked.signed_in("ada")).status_code == 404
    assert lines() == []


def test_forged_webhook_leaves_one_event_about_the_source(attacked: ApiUnderTest, lines: Lines) -> None:
    body = envelope(piece(student={"external_id": "alice-sis"}))
    headers = attacked.lms.signed(body, secret="whsec_" + "A" * 43 + "=")
    assert attacked.lms.send(body, headers).status_code == 401
    only(
        lines(), "webhook_signature_refused", org_id=attacked.school.org, target_type="source", reason="invalid-signature",
        target_id=attacked.school.source, route="/v1/webhooks/<uuid:source_id>",
    )  # fmt: skip


@pytest.mark.parametrize("how", ["later", "other content"])
def test_replayed_webhook_leaves_one_event(attacked: ApiUnderTest, lines: Lines, how: str) -> None:
    lms = attacked.lms
    body = envelope(piece(student={"external_id": "alice-sis"}))
    if how == "later":
        assert lms.send(body, lms.signed(body, at=int(time.time()) - 600)).status_code == 401
    else:
        assert lms.send(body, lms.signed(body, event="msg_replayed")).status_code == 202
        assert lms.send(body, lms.signed(body, event="msg_replayed")).status_code == 202
        assert lines() == []
        other = envelope(piece(text="Another.", student={"external_id": "alice-sis"}))
        assert lms.send(other, lms.signed(other, event="msg_replayed")).status_code == 422
    only(
        lines(), "webhook_replayed", org_id=attacked.school.org, target_id=attacked.school.source, target_type="source",
        reason="timestamp-out-of-range" if how == "later" else "idempotency-key-reused",
    )  # fmt: skip


def test_unknown_source_leaves_one_event(attacked: ApiUnderTest, lines: Lines) -> None:
    wanted = uuid4()
    assert attacked.client.post(f"/v1/webhooks/{wanted}", data=b"{}").status_code == 404
    only(lines(), "object_not_found", target_id=wanted, target_type="source", actor_id=None)


def test_rate_limit_of_a_person_leaves_one_event_for_each_refusal(
    attacked: ApiUnderTest, watched: tuple[ApiUnderTest, Path], lines: Lines
) -> None:
    app = attacked.make_app(ESSAYCOACH_RATE_LIMIT="2/minute", **{security_sinks.FILE: str(watched[1])})
    tried = [app.test_client().get("/v1/me", headers=attacked.signed_in("alice")).status_code for _ in range(6)]
    refused = tried.count(429)
    assert refused >= 1
    assert [line["event"] for line in lines()] == ["rate_limited"] * refused
    only(lines()[:1], "rate_limited", actor_id=attacked.school.alice, org_id=attacked.school.org, reason="rate-limited")


def test_key_use_is_noted_once_a_minute_and_a_hand_in_or_poll_never(attacked: ApiUnderTest, lines: Lines) -> None:
    attacked.hand_in("alice")
    for _ in range(3):
        done = attacked.hand_in_by_lms("alice")
        assert attacked.client.get(f"/v1/submissions/{done['id']}", headers=attacked.with_key()).status_code == 200
    only(
        lines(), "api_key_used", org_id=attacked.school.org, actor_id=attacked.school.api_key_id, actor_role="lms",
        address="127.0.0.1", reason=None,
    )  # fmt: skip


def test_hostile_headers_and_paths_forge_no_line(attacked: ApiUnderTest, lines: Lines) -> None:
    hostile = HOSTILE.replace("\n", "\\n")
    headers = {"X-Request-Id": hostile, "X-Forwarded-For": hostile, "User-Agent": hostile, "Host": "evil.example"}
    answer = attacked.client.open(f"/v1/me?next={hostile}", method=hostile[:1] + "GET", headers=headers)
    assert answer.status_code == 405
    answer = attacked.client.get(f"/v1/me?next={hostile}", headers=headers)
    assert answer.status_code == 401
    line = only(lines(), "credential_refused", address="127.0.0.1", request_id=answer.headers["X-Request-Id"])
    assert HOSTILE[:3] not in json.dumps(line)


@pytest.mark.parametrize(
    ("forwarded", "address"),
    [
        ("192.0.2.7", "192.0.2.7"), ("10.0.0.1, 192.0.2.7", "192.0.2.7"), ("2001:DB8::1", "2001:db8::1"),
        ("lms.school.example", None), ("<script>", None),
    ],
)  # fmt: skip
def test_address_is_what_the_proxy_saw_and_nothing_but_an_address(
    attacked: ApiUnderTest, watched: tuple[ApiUnderTest, Path], lines: Lines, forwarded: str, address: str | None
) -> None:
    app = attacked.make_app(ESSAYCOACH_PROXIES="1", **{security_sinks.FILE: str(watched[1])})
    assert app.test_client().get("/v1/me", headers={"X-Forwarded-For": forwarded}).status_code == 401
    only(lines(), "credential_refused", address=address)


def test_reading_and_exporting_are_counted_where_they_happen(attacked: ApiUnderTest, lines: Lines) -> None:
    def counted(event: str) -> float:
        return metrics.REGISTRY.get_sample_value("essaycoach_security_events_total", {"event": event}) or 0.0

    before = {event: counted(event) for event in metrics.READS}
    done = attacked.hand_in("alice")
    admin = attacked.signed_in("ada")
    assert attacked.client.get(f"/v1/submissions/{done['id']}/text", headers=admin).status_code == 200
    assert attacked.client.get(f"/v1/users/{attacked.school.alice}/export", headers=admin).status_code == 200
    assert {event: counted(event) - before[event] for event in metrics.READS} == dict.fromkeys(metrics.READS, 1)
    assert lines() == []  # the clock writes them


def test_no_line_holds_a_secret_a_name_or_a_text(
    attacked: ApiUnderTest, watched: tuple[ApiUnderTest, Path], lines: Lines
) -> None:
    alice, key = attacked.signed_in("alice"), attacked.with_key()
    tokens = attacked.sign_in("alice")
    attempts: list[tuple[str, str, dict[str, Any], Headers]] = [
        ("POST", "/v1/auth/login", credentials(attacked, password="guess-" + PASSWORD), {}),
        ("POST", "/v1/auth/reset", {"org": "northside", "token": "t" * 43, "password": PASSWORD}, {}),
        ("POST", "/v1/auth/forgot", {"org": "northside", "email": attacked.school.email("alice")}, {}),
        ("GET", "/v1/users?q=Alice", {}, alice),
        ("GET", f"/v1/submissions/{uuid4()}?note=Alice", {}, alice),
        ("POST", "/v1/submissions", piece(student={"external_id": "alice-sis"}, assignment_id=str(uuid4())), key),
        ("POST", "/v1/auth/refresh", {}, {"Authorization": f"Bearer {tokens['access_token']}"}),
    ]
    for method, path, body, headers in attempts:
        attacked.client.open(path, method=method, json=body or None, headers=headers)
    assert len(lines()) > 5
    text = watched[1].read_text()
    secrets = [PASSWORD, attacked.school.api_key, attacked.school.source_secret, JWT_SECRET, "t" * 43]
    secrets += [tokens["access_token"], tokens["refresh_token"]]
    words = ["Alice", attacked.school.email("alice"), "alice-sis", "northside", ESSAY[:20], "?"]
    assert [hidden for hidden in (*secrets, *words) if hidden in text] == []
