"""Test the second factor of staff in the API: set up, asked for at sign-in, guessed at, removed, and taken away by an admin."""

from __future__ import annotations

import time

import pyotp
import pytest
import time_machine

from ingest.__main__ import main
from models.second_factors import MAX_FAILURES
from tests.support.commands import run_command
from tests.support.schools import PASSWORD, reconnect


@pytest.fixture(autouse=True)
def middle_of_a_half_minute():
    """Let the time of this process stand still ten seconds after a code changed, so that it does not change during a test."""
    with time_machine.travel(time.time() // 30 * 30 + 10.25, tick=False):
        yield


@pytest.fixture
def sign_in(api):
    """`sign_in("ed", code="123456")` sends the credentials of a person and returns the answer."""

    def send(name, *, of=None, **more):
        school = of or api.school
        body = {"org": school.slug, "email": school.email(name), "password": PASSWORD, **more}
        return api.client.post("/v1/auth/login", json=body)

    return send


def enrol(api, name: str) -> tuple[pyotp.TOTP, list[str]]:
    """Set up a second factor of a person with a code of one minute ago, and return their app and recovery codes."""
    headers = api.signed_in(name)
    made = api.client.post("/v1/me/second-factor", headers=headers)
    assert made.status_code == 200, made.text
    app = pyotp.TOTP(made.json["secret"])
    assert pyotp.parse_uri(made.json["otpauth_uri"]).secret == app.secret
    code = app.at(time.time() - 30)
    confirmed = api.client.post("/v1/me/second-factor/confirm", json={"code": code}, headers=headers)
    assert confirmed.status_code == 200, confirmed.text
    return app, confirmed.json["recovery_codes"]


def test_password_alone_no_longer_signs_in(api, sign_in, refused):
    app, _ = enrol(api, "ed")
    document = refused(sign_in("ed"), 401, "second-factor-needed")
    assert "code" in document["detail"]
    answer = sign_in("ed", code=app.now())
    assert answer.status_code == 200
    headers = {"Authorization": f"Bearer {answer.json['access_token']}"}
    state = api.client.get("/v1/me/second-factor", headers=headers).json
    assert (state["enrolled"], state["required"], state["recovery_codes_left"]) == (True, False, 10)


def test_code_is_not_accepted_twice(api, sign_in, refused):
    app, _ = enrol(api, "ed")
    code = app.now()
    assert sign_in("ed", code=code).status_code == 200
    refused(sign_in("ed", code=code), 401, "second-factor-needed")


def test_recovery_code_signs_in_once(api, sign_in, refused):
    _, codes = enrol(api, "ed")
    assert sign_in("ed", code=codes[3]).status_code == 200
    refused(sign_in("ed", code=codes[3]), 401, "second-factor-needed")


def test_wrong_password_is_refused_as_ever_and_uses_no_code_up(api, sign_in, refused):
    app, _ = enrol(api, "ed")
    code = app.now()
    with_code = refused(sign_in("ed", code=code, password="wrong"), 401, "unauthorized")
    without = refused(sign_in("alice", password="wrong"), 401, "unauthorized")
    assert with_code["detail"] == without["detail"]
    assert sign_in("ed", code=code).status_code == 200


def test_guessing_stops_after_a_few_codes(api, sign_in, refused):
    app, _ = enrol(api, "ed")
    sessions = "select count(*) from sessions where user_id = %s"
    before = api.database.sql(sessions, api.school.ed)
    for number in range(MAX_FAILURES):
        refused(sign_in("ed", code=f"{number:06}"), 401, "second-factor-needed")
    refused(sign_in("ed", code=app.now()), 429, "rate-limited")
    assert api.database.sql(sessions, api.school.ed) == before


def test_disabled_person_is_refused_before_any_code_is_tried(api, sign_in, refused):
    app, _ = enrol(api, "ed")
    api.client.patch(f"/v1/users/{api.school.ed}", json={"disabled": True}, headers=api.signed_in("ada"))
    refused(sign_in("ed", code=app.now()), 401, "unauthorized")


def test_code_of_somebody_else_does_not_count(api, sign_in, refused):
    enrol(api, "ed")
    of_nell, codes = enrol(api, "nell")
    refused(sign_in("ed", code=of_nell.now()), 401, "second-factor-needed")
    refused(sign_in("ed", code=codes[0]), 401, "second-factor-needed")


def test_person_without_a_second_factor_may_send_anything_as_code(api, sign_in):
    assert sign_in("alice", code="123456").status_code == 200


def test_students_have_none(api, refused):
    headers = api.signed_in("alice")
    for method, path in (("GET", ""), ("POST", ""), ("DELETE", "")):
        answer = api.client.open(f"/v1/me/second-factor{path}", method=method, headers=headers)
        refused(answer, 403, "forbidden")


def test_old_session_sets_none_up_and_removes_none(api, refused):
    enrol(api, "ed")
    headers = api.signed_in("ed")
    api.database.sql("update sessions set created_at = now() - interval '16 minutes' returning 1")
    refused(api.client.delete("/v1/me/second-factor", headers=headers), 403, "sign-in-again")
    refused(api.client.post("/v1/me/second-factor", headers=headers), 403, "sign-in-again")
    nell = api.signed_in("nell")
    refused(api.client.post("/v1/me/second-factor/confirm", json={"code": "1"}, headers=nell), 422, "invalid-payload")


def test_second_one_is_refused_until_the_first_is_removed(api, refused, sign_in):
    enrol(api, "ed")
    headers = api.signed_in("ed")
    refused(api.client.post("/v1/me/second-factor", headers=headers), 409, "conflict")
    assert api.client.delete("/v1/me/second-factor", headers=headers).status_code == 204
    assert sign_in("ed").status_code == 200


def test_school_that_requires_one_refuses_staff_without(api, refused, sign_in):
    ada, ed = api.signed_in("ada"), api.signed_in("ed")
    assert api.client.patch("/v1/org", json={"second_factor_required": True}, headers=ada).json[
        "second_factor_required"
    ]
    refused(sign_in("ed"), 401, "second-factor-needed")
    refused(sign_in("ada", code="123456"), 401, "second-factor-needed")
    assert sign_in("alice").status_code == 200
    assert api.client.get("/v1/me/second-factor", headers=ed).json["required"]


def test_admin_takes_a_lost_one_away(api, refused, sign_in):
    enrol(api, "ed")
    ed, ada = api.signed_in("ed"), api.signed_in("ada")
    path = f"/v1/users/{api.school.ed}/second-factor"
    refused(api.client.delete(path, headers=ed), 403, "forbidden")
    refused(api.client.delete(path, headers=api.signed_in("ada", api.other)), 404, "not-found")
    refused(sign_in("ed"), 401, "second-factor-needed")
    assert api.client.delete(path, headers=ada).status_code == 204
    refused(api.client.get("/v1/me", headers=ed), 401, "invalid-token")
    assert sign_in("ed").status_code == 200
    [(action, actor)] = api.database.sql(
        "select action, actor_id from audit_log where entity = 'second_factor' and entity_id = %s order by id desc limit 1",
        api.school.ed,
    )
    assert (action, actor) == ("deleted", api.school.ada)


def test_admin_takes_their_own_away_only_after_a_fresh_sign_in(api, refused):
    enrol(api, "ada")
    headers = api.signed_in("ada")
    api.database.sql("update sessions set created_at = now() - interval '16 minutes' returning 1")
    refused(api.client.delete(f"/v1/users/{api.school.ada}/second-factor", headers=headers), 403, "sign-in-again")


def test_every_refused_code_is_a_security_event(api, sign_in, capsys):
    app, _ = enrol(api, "ed")
    capsys.readouterr()
    sign_in("ed")
    sign_in("ed", code="000000")
    sign_in("ed", code=app.now())
    events = [line for line in capsys.readouterr().err.splitlines() if '"stream": "security"' in line]
    names = [line.split('"event": "')[1].split('"')[0] for line in events]
    assert names == ["sign_in_failed", "sign_in_failed", "sign_in_succeeded"]
    assert not any("000000" in line or app.secret in line for line in events)


def test_operator_lets_a_locked_out_admin_in(api, sign_in, refused):
    enrol(api, "ada")
    api.database.sql("update orgs set password_roles = '{student}' where id = %s returning 1", api.school.org)
    refused(sign_in("ada"), 401, "unauthorized")
    with pytest.MonkeyPatch.context() as environment:
        for name, value in api.environment.items():
            environment.setenv(name, value)
        try:
            for wrong in ("ed@northside.example", "nobody@northside.example"):
                done = run_command(main, "let-admin-in", "northside", "--email", wrong)
                assert (done.returncode, done.stderr) == (1, "ingest: there is no such admin in 'northside'\n")
            done = run_command(main, "let-admin-in", "northside", "--email", "ada@northside.example")
            assert done.returncode == 0, done.stderr
        finally:
            reconnect()
    assert sign_in("ada").status_code == 200
    refused(sign_in("ed"), 401, "unauthorized")


def test_role_without_password_is_refused_like_a_wrong_one(api, refused, sign_in):
    ada = api.signed_in("ada")
    changed = api.client.patch("/v1/org", json={"password_roles": ["admin", "student"]}, headers=ada)
    assert changed.status_code == 200
    document = refused(sign_in("ed"), 401, "unauthorized")
    wrong = refused(sign_in("alice", password="wrong"), 401, "unauthorized")
    assert document["detail"] == wrong["detail"]
    assert sign_in("alice").status_code == 200
    assert sign_in("ed", of=api.other).status_code == 200


def test_admins_cannot_lock_themselves_out(api, refused):
    ada = api.signed_in("ada")
    refused(api.client.patch("/v1/org", json={"password_roles": ["student"]}, headers=ada), 422, "invalid-payload")
    refused(api.client.patch("/v1/org", json={"password_roles": ["parent"]}, headers=ada), 422, "invalid-payload")
    assert api.client.get("/v1/org", headers=ada).json["password_roles"] == ["student", "educator", "admin"]
