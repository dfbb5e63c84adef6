"""Test that a stolen key, secret or admin's token does nothing outside the networks that the school has named."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from ingest.__main__ import main
from models import db, sessions
from models.db import SessionClaims
from models.errors import AddressRefused, Unauthorised
from tests.ingest.conftest import piece
from tests.support.commands import run_command
from tests.support.schools import PASSWORD

if TYPE_CHECKING:
    from collections.abc import Iterator

    from werkzeug.test import TestResponse

    from tests.ingest.conftest import ApiUnderTest, Headers, Refused

SCHOOL, SCHOOL_6, OUTSIDE = "192.0.2.7", "2001:db8::7", "203.0.113.9"
NETWORKS = ["192.0.2.0/24", "2001:db8::/32"]
INSIDE = (SCHOOL, SCHOOL_6, "::ffff:192.0.2.7")
ELSEWHERE = (OUTSIDE, "2001:db9::7", "::ffff:203.0.113.9", "", "unix:", "north.example")


def ask(api: ApiUnderTest, method: str, path: str, headers: Headers, at: str = SCHOOL, **how: Any) -> TestResponse:
    """Send a request from this address and return the response."""
    return api.client.open(path, method=method, headers=headers, environ_base={"REMOTE_ADDR": at}, **how)


def made(api: ApiUnderTest, what: str, **wanted: Any) -> dict[str, Any]:
    answer = ask(api, "POST", f"/v1/{what}", api.signed_in("ada"), json={"name": "LMS", **wanted})
    assert answer.status_code == 201, answer.text
    return dict(answer.json)


def bearer(token: str) -> Headers:
    return {"Authorization": f"Bearer {token}", "Idempotency-Key": uuid4().hex}


def sign_in(api: ApiUnderTest, who: str, at: str, password: str = "") -> TestResponse:
    body = {"org": api.school.slug, "email": api.school.email(who), "password": password or PASSWORD}
    return ask(api, "POST", "/v1/auth/login", {}, at, json=body)


@pytest.fixture
def closed(shared_api: ApiUnderTest) -> Iterator[ApiUnderTest]:
    """Give the app after the admin has named the school's networks; everything else is as in other tests."""
    shared_api.signed_in("ada")
    answer = ask(shared_api, "PATCH", "/v1/org", shared_api.signed_in("ada"), json={"admin_networks": NETWORKS})
    assert answer.status_code == 200, answer.text
    yield shared_api
    shared_api.database.sql("update orgs set admin_networks = '{}'")


def test_stolen_key_is_refused_outside_its_networks(shared_api: ApiUnderTest, refused: Refused) -> None:
    key = made(shared_api, "api-keys", networks=[*NETWORKS, "192.0.2.99/24"])
    assert key["networks"] == NETWORKS
    body = piece(student={"external_id": "alice-sis"})

    for at in ELSEWHERE:
        refused(ask(shared_api, "GET", "/v1/essays", bearer(key["key"]), at), 403, "address-refused")
        refused(ask(shared_api, "POST", "/v1/submissions", bearer(key["key"]), at, json=body), 403, "address-refused")
    used = "select last_used_on from api_keys where id = %s"
    assert shared_api.database.sql(used, key["id"]) == [(None,)]

    assert [ask(shared_api, "GET", "/v1/essays", bearer(key["key"]), at).status_code for at in INSIDE] == [200] * 3
    assert shared_api.database.sql(used, key["id"]) != [(None,)]


def test_forged_header_opens_no_network(closed: ApiUnderTest, refused: Refused) -> None:
    key = made(closed, "api-keys", networks=NETWORKS)["key"]
    for name in ("X-Forwarded-For", "X-Real-IP", "Forwarded", "X-Client-IP", "CF-Connecting-IP", "True-Client-IP"):
        forged = {name: f"for={SCHOOL}" if name == "Forwarded" else SCHOOL}
        refused(ask(closed, "GET", "/v1/essays", bearer(key) | forged, OUTSIDE), 403, "address-refused")
        refused(ask(closed, "GET", "/v1/org", closed.signed_in("ada") | forged, OUTSIDE), 403, "address-refused")


def test_address_behind_a_proxy_is_the_one_that_the_proxy_adds(closed: ApiUnderTest) -> None:
    client = closed.make_app(ESSAYCOACH_PROXIES="1").test_client()

    def status(forwarded: str) -> int:
        headers = closed.signed_in("ada") | {"X-Forwarded-For": forwarded}
        return client.get("/v1/org", headers=headers, environ_base={"REMOTE_ADDR": "127.0.0.1"}).status_code

    assert [status(one) for one in (SCHOOL, f"{OUTSIDE}, {SCHOOL}", OUTSIDE, f"{SCHOOL}, {OUTSIDE}")] == [
        200,
        200,
        403,
        403,
    ]


def test_refused_uses_of_a_key_do_not_use_up_its_rate(shared_api: ApiUnderTest) -> None:
    key = made(shared_api, "api-keys", networks=NETWORKS)["key"]
    client = shared_api.make_app(
        ESSAYCOACH_RATE_LIMIT="3/minute", ESSAYCOACH_ADDRESS_RATE_LIMIT="4/minute"
    ).test_client()
    codes = [
        client.get("/v1/essays", headers=bearer(key), environ_base={"REMOTE_ADDR": at}).status_code
        for at in (*[OUTSIDE] * 5, SCHOOL)
    ]
    assert codes == [403, 403, 403, 403, 429, 200]


def test_networks_of_a_key_can_be_changed_and_go_on_with_a_rotation(shared_api: ApiUnderTest, refused: Refused) -> None:
    key, ada = made(shared_api, "api-keys"), shared_api.signed_in("ada")
    assert (key["networks"], ask(shared_api, "GET", "/v1/essays", bearer(key["key"]), OUTSIDE).status_code) == ([], 200)
    path = f"/v1/api-keys/{key['id']}"
    assert ask(shared_api, "PATCH", path, ada, json={"networks": ["192.0.2.7"]}).json["networks"] == ["192.0.2.7/32"]
    refused(ask(shared_api, "GET", "/v1/essays", bearer(key["key"]), OUTSIDE), 403, "address-refused")

    newer = ask(shared_api, "POST", f"{path}/rotate", ada, json={}).json
    assert newer["networks"] == ["192.0.2.7/32"]
    refused(ask(shared_api, "GET", "/v1/essays", bearer(newer["key"]), OUTSIDE), 403, "address-refused")
    assert ask(shared_api, "PATCH", path, ada, json={"name": "Kept"}).json["networks"] == ["192.0.2.7/32"]
    assert ask(shared_api, "PATCH", path, ada, json={"networks": []}).json["networks"] == []
    assert ask(shared_api, "GET", "/v1/essays", bearer(key["key"]), OUTSIDE).status_code == 200


def test_stolen_signing_secret_is_refused_outside_its_networks(shared_api: ApiUnderTest, refused: Refused) -> None:
    source = made(shared_api, "sources", networks=NETWORKS)
    assert source["networks"] == NETWORKS
    lms = replace(shared_api.lms, source=source["id"], secret=source["secret"])
    body = b'{"type": "submission.created", "timestamp": "2026-11-22T08:30:00Z", "data": {"title": "t", "text": "They was loud.", "student": {"external_id": "alice-sis"}}}'
    path, event = f"/v1/webhooks/{source['id']}", uuid4().hex

    for at in ELSEWHERE:
        refused(ask(shared_api, "POST", path, lms.signed(body, event=event), at, data=body), 403, "address-refused")
    assert shared_api.database.sql("select from inbound_events where source_id = %s", source["id"]) == []
    assert ask(shared_api, "POST", path, lms.signed(body, event=event), data=body).status_code == 202

    ada = shared_api.signed_in("ada")
    assert ask(shared_api, "PATCH", f"/v1/sources/{source['id']}", ada, json={"networks": []}).json["networks"] == []
    assert ask(shared_api, "POST", path, lms.signed(body, event=event), OUTSIDE, data=body).status_code == 202


@pytest.mark.parametrize(
    "path", ["/v1/org", "/v1/me", "/v1/users", "/v1/api-keys", "/v1/essays", "/v1/audit", "/v1/logs"]
)
def test_stolen_token_of_an_admin_is_refused_outside(closed: ApiUnderTest, refused: Refused, path: str) -> None:
    for at in ELSEWHERE:
        problem = refused(ask(closed, "GET", path, closed.signed_in("ada"), at), 403, "address-refused")
        assert "certain networks" in problem["detail"]
    assert [ask(closed, "GET", path, closed.signed_in("ada"), at).status_code for at in INSIDE] == [200] * 3


def test_other_people_and_other_schools_come_from_everywhere(closed: ApiUnderTest) -> None:
    people = (
        closed.signed_in("alice"),
        closed.signed_in("ed"),
        closed.signed_in("ada", closed.other),
        closed.with_key(),
    )
    assert [ask(closed, "GET", "/v1/essays", one, OUTSIDE).status_code for one in people] == [200] * 4


def test_sign_in_outside_is_answered_like_a_wrong_password(closed: ApiUnderTest, refused: Refused) -> None:
    right, wrong = sign_in(closed, "ada", OUTSIDE), sign_in(closed, "ada", OUTSIDE, "not the one at all")
    documents = [refused(answer, 401, "unauthorized") for answer in (right, wrong)]
    for one in documents:
        one.pop("instance")
    assert documents[0] == documents[1]
    own = ("X-Request-Id", "traceresponse")
    headers = [{name: value for name, value in answer.headers if name not in own} for answer in (right, wrong)]
    assert headers[0] == headers[1]
    assert [sign_in(closed, "ada", at).status_code for at in INSIDE] == [200] * 3
    assert [sign_in(closed, who, OUTSIDE).status_code for who in ("alice", "ed")] == [200, 200]


def test_password_and_settings_cannot_be_changed_from_outside(closed: ApiUnderTest, refused: Refused) -> None:
    ada = closed.signed_in("ada")
    for method, path, body in (
        ("POST", "/v1/auth/password", {"current_password": PASSWORD, "new_password": "a long enough passphrase"}),
        ("PATCH", "/v1/org", {"admin_networks": []}), ("PATCH", "/v1/org", {"admin_networks": [OUTSIDE]}),
        ("POST", "/v1/api-keys", {"name": "Mine"}), ("DELETE", "/v1/me/sessions", None),
    ):  # fmt: skip
        refused(ask(closed, method, path, ada, OUTSIDE, json=body), 403, "address-refused")
    assert ask(closed, "GET", "/v1/org", ada).json["admin_networks"] == NETWORKS
    assert sign_in(closed, "ada", SCHOOL).status_code == 200


def test_refresh_outside_is_refused_and_uses_up_no_token(closed: ApiUnderTest, refused: Refused) -> None:
    token = bearer(sign_in(closed, "ada", SCHOOL).json["refresh_token"])
    for at in ELSEWHERE:
        refused(ask(closed, "POST", "/v1/auth/refresh", token, at), 403, "address-refused")
    assert ask(closed, "POST", "/v1/auth/refresh", token).status_code == 200


def test_reused_refresh_token_revokes_the_family_from_any_address(closed: ApiUnderTest, refused: Refused) -> None:
    stolen = bearer(sign_in(closed, "ada", SCHOOL).json["refresh_token"])
    newer = bearer(ask(closed, "POST", "/v1/auth/refresh", stolen).json["refresh_token"])
    newest = bearer(ask(closed, "POST", "/v1/auth/refresh", newer).json["refresh_token"])
    refused(ask(closed, "POST", "/v1/auth/refresh", stolen, OUTSIDE), 401, "invalid-token")
    refused(ask(closed, "POST", "/v1/auth/refresh", newest), 401, "invalid-token")


def test_new_admin_is_held_to_the_networks_at_once(closed: ApiUnderTest, refused: Refused) -> None:
    ed, path = closed.signed_in("ed"), f"/v1/users/{closed.school.ed}"
    token = bearer(sign_in(closed, "ed", OUTSIDE).json["refresh_token"])
    assert ask(closed, "PATCH", path, closed.signed_in("ada"), json={"role": "admin"}).status_code == 200
    refused(ask(closed, "POST", "/v1/auth/refresh", token, OUTSIDE), 403, "address-refused")
    refused(ask(closed, "GET", "/v1/me", ed, OUTSIDE), 401, "invalid-token")
    assert ask(closed, "PATCH", path, closed.signed_in("ada"), json={"role": "educator"}).status_code == 200


@pytest.mark.parametrize(
    ("networks", "at"), [(["198.51.100.0/24"], SCHOOL), (["0.0.0.0/0"], SCHOOL_6), (["::/0"], SCHOOL), (NETWORKS, OUTSIDE), (["::/0"], "")]
)  # fmt: skip
def test_admin_cannot_lock_themselves_out(
    shared_api: ApiUnderTest, refused: Refused, networks: list[str], at: str
) -> None:
    ada, body = shared_api.signed_in("ada"), {"admin_networks": networks, "name": "Northside"}
    problem = refused(ask(shared_api, "PATCH", "/v1/org", ada, at, json=body), 422, "invalid-payload")
    [error] = problem["errors"]
    assert error["pointer"] == "/admin_networks"
    assert (at or "not know") in error["detail"]
    assert ask(shared_api, "GET", "/v1/org", ada, OUTSIDE).json["admin_networks"] == []


@pytest.mark.parametrize(
    "networks", [None, "192.0.2.0/24", [None], [1], [""], ["north"], ["192.0.2.0/33"], ["192.0.2.0/255.255.255.0"], ["192.0.2.0/24"] * 51, {}]
)  # fmt: skip
@pytest.mark.parametrize("what", ["org", "api-keys", "sources"])
def test_bad_networks_are_refused_at_their_place(
    shared_api: ApiUnderTest, refused: Refused, what: str, networks: Any
) -> None:
    member = "admin_networks" if what == "org" else "networks"
    body = {member: networks} if what == "org" else {"name": "LMS", member: networks}
    answer = ask(
        shared_api, "PATCH" if what == "org" else "POST", f"/v1/{what}", shared_api.signed_in("ada"), json=body
    )
    problem = refused(answer, 422, "invalid-payload")
    assert problem["errors"][0]["pointer"].startswith(f"/{member}")


def test_changes_of_networks_are_audited_by_name(closed: ApiUnderTest) -> None:
    ada = closed.signed_in("ada")
    key, source = made(closed, "api-keys"), made(closed, "sources")
    for path in (f"api-keys/{key['id']}", f"sources/{source['id']}"):
        ask(closed, "PATCH", f"/v1/{path}", ada, json={"networks": NETWORKS})
    found = ask(closed, "GET", "/v1/audit?limit=100", ada).json["items"]
    changed = {(one["entity"], one["entity_id"], str(one["detail"].get("changed"))) for one in found}
    assert {
        ("org", str(closed.school.org), "['admin_networks']"), ("api_key", key["id"], "['networks']"), ("source", source["id"], "['networks']"),
    } <= changed  # fmt: skip
    assert "192.0.2" not in str(found)


def test_refusals_are_kept_for_the_admins_without_the_address(closed: ApiUnderTest) -> None:
    ada, key = closed.signed_in("ada"), made(closed, "api-keys", networks=NETWORKS)
    # Another app has kept no such line within the last minute.
    client = closed.make_app().test_client()
    for headers in (bearer(key["key"]), ada):
        client.get("/v1/essays", headers=headers, environ_base={"REMOTE_ADDR": OUTSIDE}).close()
    lines = {one["event"]: one for one in ask(closed, "GET", "/v1/logs", ada).json["items"]}
    assert lines["API key from a refused address"]["context"] == {"reason": "address-refused", "api_key_id": key["id"]}
    assert lines["admin from a refused address"]["context"] == {"user_id": str(closed.school.ada)}
    assert OUTSIDE not in str(lines)


def test_operator_lets_locked_out_admins_in_again(closed: ApiUnderTest) -> None:
    ada, slug = closed.signed_in("ada"), closed.school.slug

    def command(*arguments: str) -> tuple[int, str]:
        done = run_command(main, "set-admin-networks", *arguments)
        return done.returncode, done.stdout + done.stderr

    assert command(slug, "--network", "198.51.100.9/24") == (
        0,
        f"org {slug}: admins are accepted from 198.51.100.0/24\n",
    )
    assert ask(closed, "GET", "/v1/org", ada).status_code == 403
    assert command(slug, "--everywhere") == (0, f"org {slug}: admins are accepted from everywhere\n")
    assert ask(closed, "GET", "/v1/org", ada, OUTSIDE).status_code == 200
    newest = ask(closed, "GET", "/v1/audit?limit=1", ada).json["items"][0]
    assert (newest["actor_id"], newest["detail"]["changed"]) == (None, ["admin_networks"])

    assert command("nowhere", "--everywhere") == (1, "ingest: there is no org 'nowhere'\n")
    assert "must be a network" in command(slug, "--network", "north")[1]
    assert command(slug)[0] == 2


def test_program_that_does_not_say_the_address_is_refused(closed: ApiUnderTest) -> None:
    school = closed.school
    with db.session(org=school.org, role="ec_auth"):
        account = sessions.fetch_account(school.ada, org=school.org)
        family = sessions.open_family(account, org=school.org)
    silent = SessionClaims(session=family.id, role="admin", token_version=account.token_version)
    for live, error in ((silent, AddressRefused), (replace(silent, address=SCHOOL, token_version=99), Unauthorised)):
        with (
            pytest.raises(error),
            db.session(org=school.org, user=school.ada, role="ec_admin", live=live),
        ):
            db.row("select")
