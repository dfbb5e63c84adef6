"""Who is let in: signing in, the tokens and every way to forge one, rotation, signing out, API keys."""

from __future__ import annotations

import base64
import json
import time
from uuid import UUID, uuid4

import jwt
import pytest

from ingest.web.identity import key_id
from models.connections import add_api_key
from models.db import session
from tests.support.schools import PASSWORD, PEPPER

SECRET = "s" * 48
KID = key_id(SECRET)


@pytest.fixture
def me(standing):
    """`me(token)` asks for the profile of whoever holds the token."""
    return lambda token: standing.client.get("/v1/me", headers={"Authorization": f"Bearer {token}"})


@pytest.fixture
def claims(standing):
    """The claims of a token that was just issued to Alice."""
    token = standing.sign_in("alice")["access_token"]
    return jwt.decode(token, SECRET, algorithms=["HS256"], audience="essaycoach-api")


def forged(claims, *, key: str = SECRET, algorithm: str = "HS256", without: str = "", kid: str = KID, **changes) -> str:
    """A token that names our secret and is signed with `key`, some claims changed and one left out."""
    changed = {name: value for name, value in {**claims, **changes}.items() if name != without}
    return jwt.encode(changed, key, algorithm=algorithm, headers={"kid": kid})


def test_signing_in_gives_a_pair_of_tokens_that_say_who_one_is(standing, me):
    answer = standing.client.post(
        "/v1/auth/login", json={"org": "northside", "email": " Alice@NORTHSIDE.example ", "password": PASSWORD}
    )
    assert answer.status_code == 200
    tokens = answer.json
    assert set(tokens) == {"access_token", "refresh_token", "token_type", "expires_in"}
    assert tokens["token_type"] == "Bearer"
    assert tokens["expires_in"] == 15 * 60
    assert answer.headers["Cache-Control"] == "no-store"
    seen = me(tokens["access_token"])
    assert seen.json == {
        "id": str(standing.school.alice), "org_id": str(standing.school.org), "role": "student", "name": "Alice",
        "email": "alice@northside.example", "external_id": "alice-sis",
    }  # fmt: skip


def test_every_wrong_way_to_sign_in_gets_one_and_the_same_answer(standing, refused):
    standing.database.sql("update users set disabled_at = now() where id = %s", str(standing.school.zoe))
    try:
        answers = [
            standing.client.post("/v1/auth/login", json={"org": org, "email": email, "password": password})
            for org, email, password in (
                ("northside", "alice@northside.example", PASSWORD + "x"),
                ("northside", "alice@northside.example", PASSWORD[:-1]),
                ("northside", "alice@northside.example", PASSWORD.upper()),
                ("northside", "nobody@northside.example", PASSWORD),
                ("southside", "alice@northside.example", PASSWORD),
                ("no-such-school", "alice@northside.example", PASSWORD),
                ("NORTHSIDE", "alice@northside.example", PASSWORD),
                ("northside", "zoe@northside.example", PASSWORD),
            )
        ]
    finally:
        standing.database.sql("update users set disabled_at = null where id = %s", str(standing.school.zoe))
    documents = [refused(one, 401, "unauthorized") for one in answers]
    assert len({json.dumps({**one, "instance": ""}) for one in documents}) == 1
    assert len({tuple(sorted(name for name, _ in one.headers)) for one in answers}) == 1
    assert len({one.headers["WWW-Authenticate"] for one in answers}) == 1


def test_a_student_without_a_password_cannot_sign_in(standing, refused):
    standing.lms.deliver(
        {"title": "t", "text": "x", "student": {"external_id": "no-password", "email": "np@northside.example"}}
    )
    for password in ("x", "None", "!"):
        answer = standing.client.post(
            "/v1/auth/login", json={"org": "northside", "email": "np@northside.example", "password": password}
        )
        refused(answer, 401, "unauthorized")


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"email": "a@b", "password": "p"}, "/org"),
        ({"org": "northside", "password": "p"}, "/email"),
        ({"org": "northside", "email": "a@b"}, "/password"),
        ({"org": ["northside"], "email": "a@b", "password": "p"}, "/org"),
        ({"org": "northside", "email": "nobody", "password": "p"}, "/email"),
        ({"org": "northside", "email": "a@b", "password": ""}, "/password"),
        ({"org": "northside", "email": "a@b", "password": "x" * 1025}, "/password"),
        ({"org": "northside", "email": "a" * 250 + "@b.cd", "password": "x"}, "/email"),
        ({"org": "x" * 201, "email": "a@b", "password": "x"}, "/org"),
    ],
)
def test_credentials_of_the_wrong_shape_are_pointed_at(standing, refused, body, pointer):
    document = refused(standing.client.post("/v1/auth/login", json=body), 422, "invalid-payload")
    assert [one["pointer"] for one in document["errors"]] == [pointer]


@pytest.mark.parametrize(
    "password", ["x" * 1024, "😀" * 1024, "\u0130" * 1024, " ", "\x01"], ids=lambda one: ascii(one[:2])
)
def test_a_strange_password_is_only_a_wrong_one(standing, refused, password):
    body = {"org": "northside", "email": "alice@northside.example", "password": password}
    refused(standing.client.post("/v1/auth/login", json=body), 401, "unauthorized")


@pytest.mark.parametrize(
    "header",
    [None, "", "Bearer", "Bearer ", "Bearer  ", "Basic YWxpY2U6cA==", "Token abc", "bearer", "Bearer abc", "Bearer a.b",
     "Bearer a.b.c.d", "Bearer null", "a.b.c", "Bearer \u00e9", "Digest x=y"],
    ids=ascii,
)  # fmt: skip
def test_no_bearer_or_none_that_could_be_one_is_unauthorized(standing, refused, header):
    answer = standing.client.get("/v1/me", headers={} if header is None else {"Authorization": header})
    document = refused(answer, 401, "unauthorized")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer ")
    assert header is None or len(header) < 8 or header not in json.dumps(document)


@pytest.mark.parametrize(
    "token",
    [
        "a.b.c",
        "..",
        "e30.e30.e30",
        "e30.e30.",
        "\u00e9.\u00e9.\u00e9",
        "a.b.c d",
        "eyJhbGciOiJIUzI1NiJ9..x",
        "." * 2 + "x" * 6000,
    ],
    ids=lambda one: ascii(one[:20]),
)
def test_three_parts_of_garbage_are_an_invalid_token(me, refused, token):
    answer = me(token)
    refused(answer, 401, "invalid-token")
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]


def test_an_expired_token_says_so(me, refused, claims):
    refused(me(forged(claims, exp=int(time.time()) - 1)), 401, "token-expired")


def test_an_expired_token_of_a_stranger_is_only_invalid(me, refused, claims):
    refused(me(forged(claims, key="t" * 48, exp=int(time.time()) - 1)), 401, "invalid-token")


def unsigned(claims, header: dict) -> str:
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in (header, claims)]
    return ".".join([*parts, ""])


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "", "HS256"])
def test_a_token_without_a_signature_is_invalid(me, refused, claims, algorithm):
    refused(me(unsigned(claims, {"alg": algorithm, "typ": "JWT", "kid": KID})), 401, "invalid-token")


@pytest.mark.parametrize(("key", "algorithm"), [("t" * 48, "HS256"), (SECRET + "s" * 16, "HS512"), (SECRET, "HS384")])
def test_another_key_or_algorithm_is_invalid(me, refused, claims, key, algorithm):
    refused(me(forged(claims, key=key, algorithm=algorithm)), 401, "invalid-token")


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "another-api"}, {"aud": []}, {"iss": "somebody"}, {"iss": ""}, {"nbf": 4_000_000_000}, {"iat": 4_000_000_000},
        {"sub": "alice"}, {"sub": 7}, {"sub": None}, {"sid": "x"}, {"sid": 1}, {"org": "northside"}, {"org": None},
        {"role": "owner"}, {"role": ["admin"]}, {"role": None}, {"tv": "new"}, {"tv": None}, {"tv": []}, {"exp": "tomorrow"},
    ],
    ids=str,
)  # fmt: skip
def test_a_claim_with_a_wrong_value_makes_a_token_invalid(me, refused, claims, changes):
    refused(me(forged(claims, **changes)), 401, "invalid-token")


@pytest.mark.parametrize(
    "name", ["aud", "iss", "sub", "sid", "org", "role", "tv", "exp", "iat", "nbf", "jti", "type"]
)  # fmt: skip
def test_a_token_that_lacks_a_claim_is_invalid(me, refused, claims, name):
    refused(me(forged(claims, without=name)), 401, "invalid-token")


def test_a_token_issued_here_but_for_a_session_of_nobody_is_invalid(me, refused, claims, standing):
    refused(me(forged(claims, sid=str(uuid4()))), 401, "invalid-token")
    refused(me(forged(claims, sub=str(standing.school.bob))), 401, "invalid-token")
    refused(me(forged(claims, role="admin")), 401, "invalid-token")
    refused(me(forged(claims, tv=claims["tv"] + 1)), 401, "invalid-token")
    assert me(forged(claims)).status_code == 200


def test_another_org_in_a_token_shows_nothing_of_that_org(standing, refused, claims):
    token = forged(claims, org=str(standing.other.org))
    answer = standing.client.get("/v1/me", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code in (401, 404)
    refused(answer, answer.status_code, "not-found" if answer.status_code == 404 else "invalid-token")


def test_an_access_token_is_no_refresh_token_and_the_reverse(standing, me, refused):
    tokens = standing.sign_in("bob")
    refused(me(tokens["refresh_token"]), 401, "invalid-token")
    answer = standing.client.post("/v1/auth/refresh", headers={"Authorization": f"Bearer {tokens['access_token']}"})
    refused(answer, 401, "invalid-token")
    answer = standing.client.post("/v1/auth/refresh", headers=standing.with_key())
    assert answer.status_code == 401


def refresh(standing, token: str):
    return standing.client.post("/v1/auth/refresh", headers={"Authorization": f"Bearer {token}"})


def test_a_refresh_token_is_traded_for_a_new_pair(standing, me):
    first = standing.sign_in("bob")
    answer = refresh(standing, first["refresh_token"])
    assert answer.status_code == 200
    assert set(answer.json) == {"access_token", "refresh_token", "token_type", "expires_in"}
    assert me(answer.json["access_token"]).json["id"] == str(standing.school.bob)
    assert refresh(standing, answer.json["refresh_token"]).status_code == 200


def test_a_client_that_lost_the_answer_may_ask_once_more_at_once(standing, me):
    first = standing.sign_in("bob")
    lost, got = refresh(standing, first["refresh_token"]), refresh(standing, first["refresh_token"])
    assert lost.status_code == got.status_code == 200
    assert refresh(standing, got.json["refresh_token"]).status_code == 200
    assert me(got.json["access_token"]).status_code == 200


def test_using_an_old_refresh_token_revokes_everything_that_came_of_the_sign_in(standing, me, refused):
    first = standing.sign_in("bob")
    other_device = standing.sign_in("bob")
    second = refresh(standing, first["refresh_token"]).json
    third = refresh(standing, second["refresh_token"]).json
    refused(refresh(standing, first["refresh_token"]), 401, "invalid-token")
    for token in (first, second, third):
        refused(refresh(standing, token["refresh_token"]), 401, "invalid-token")
        refused(me(token["access_token"]), 401, "invalid-token")
    assert me(other_device["access_token"]).status_code == 200


def test_the_parent_used_again_after_the_grace_time_is_reuse(standing, me, refused):
    first = standing.sign_in("bob")
    second = refresh(standing, first["refresh_token"]).json
    standing.database.sql("update sessions set rotated_at = now() - interval '11 seconds'")
    refused(refresh(standing, first["refresh_token"]), 401, "invalid-token")
    refused(me(second["access_token"]), 401, "invalid-token")


@pytest.mark.parametrize("without", ["gen", "sid", "org", "sub", "exp", "type", "jti"])
def test_a_refresh_token_that_lacks_a_claim_is_invalid(standing, refused, without):
    token = standing.sign_in("bob")["refresh_token"]
    claims = jwt.decode(token, SECRET, algorithms=["HS256"], audience="essaycoach-api")
    refused(refresh(standing, forged(claims, without=without)), 401, "invalid-token")


def test_signing_out_takes_effect_with_the_next_request(standing, me, refused):
    tokens = standing.sign_in("bob")
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    answer = standing.client.post("/v1/auth/logout", headers=headers)
    assert (answer.status_code, answer.data) == (204, b"")
    refused(me(tokens["access_token"]), 401, "invalid-token")
    refused(refresh(standing, tokens["refresh_token"]), 401, "invalid-token")
    refused(standing.client.post("/v1/auth/logout", headers=headers), 401, "invalid-token")
    refused(standing.client.get("/v1/essays", headers=headers), 401, "invalid-token")


@pytest.mark.parametrize(
    ("change", "back"),
    [
        ("role = 'student'", "role = 'educator'"),
        ("token_version = token_version + 1", "token_version = token_version - 1"),
        ("disabled_at = now()", "disabled_at = null"),
    ],
)
def test_a_token_stops_working_when_its_person_is_changed(standing, me, refused, change, back):
    token = standing.sign_in("nell")["access_token"]
    assert me(token).status_code == 200
    standing.database.sql(f"update users set {change} where id = %s", str(standing.school.nell))
    try:
        refused(me(token), 401, "invalid-token")
    finally:
        standing.database.sql(f"update users set {back} where id = %s", str(standing.school.nell))
    assert me(token).status_code == 200


def test_a_session_past_its_end_neither_acts_nor_refreshes(standing, me, refused):
    tokens = standing.sign_in("nell")
    standing.database.sql("update sessions set expires_at = now() where user_id = %s", str(standing.school.nell))
    refused(me(tokens["access_token"]), 401, "invalid-token")
    refused(refresh(standing, tokens["refresh_token"]), 401, "invalid-token")


def test_a_disabled_person_cannot_refresh(standing, refused):
    token = standing.sign_in("nell")["refresh_token"]
    standing.database.sql("update users set disabled_at = now() where id = %s", str(standing.school.nell))
    try:
        refused(refresh(standing, token), 401, "invalid-token")
    finally:
        standing.database.sql("update users set disabled_at = null where id = %s", str(standing.school.nell))


def test_a_password_hashed_at_another_cost_is_hashed_anew(standing):
    def stored() -> str:
        return standing.database.sql("select password_hash from users where id = %s", str(standing.school.ada))[0][0]

    before = stored()
    app = standing.make_app(ESSAYCOACH_PASSWORD_ROUNDS="1001")
    credentials = {"org": "northside", "email": "ada@northside.example", "password": PASSWORD}
    assert app.test_client().post("/v1/auth/login", json=credentials).status_code == 200
    assert "$1001$" in stored()
    assert "$1000$" in before
    assert app.test_client().post("/v1/auth/login", json=credentials).status_code == 200


def list_with(standing, key: str):
    return standing.client.get("/v1/essays", headers={"Authorization": f"Bearer {key}"})


def test_an_api_key_lets_an_lms_in(standing):
    assert list_with(standing, standing.school.api_key).status_code == 200


@pytest.mark.parametrize("how", ["cut", "longer", "case", "digit", "empty", "not ASCII", "only its prefix"])
def test_a_malformed_api_key_is_unauthorized(standing, refused, how):
    key = standing.school.api_key
    last = "1" if key[-1] != "1" else "2"
    broken = {
        "cut": key[:-1], "longer": key + "0", "case": key.swapcase().replace("EC_LIVE_", "ec_live_"), "digit": key[:-1] + last,
        "empty": "ec_live_", "not ASCII": "ec_live_" + "\u00e9" * 36, "only its prefix": key[:12],
    }[how]  # fmt: skip
    refused(list_with(standing, broken), 401, "unauthorized")


@pytest.mark.parametrize("change", ["revoked_at = now()", "expires_at = now()"])
def test_an_unknown_revoked_or_expired_key_is_equally_unauthorized(standing, refused, change):
    with session(org=standing.school.org, role="ec_admin"):
        row, key = add_api_key("Short", org=standing.school.org, pepper=base64.b64decode(PEPPER))
        _, unknown = add_api_key("Gone", org=standing.school.org, pepper=b"another pepper")
    assert list_with(standing, key).status_code == 200
    standing.database.sql(f"update api_keys set {change} where id = %s", str(row))
    details = {refused(list_with(standing, one), 401, "unauthorized")["detail"] for one in (key, unknown)}
    assert len(details) == 1


def test_an_api_key_is_nobody_who_could_have_a_profile_or_sign_out(standing, refused):
    headers = standing.with_key()
    refused(standing.client.get("/v1/me", headers=headers), 403, "forbidden")
    refused(standing.client.post("/v1/auth/logout", headers=headers), 403, "forbidden")


def a_key(standing, *scopes: str) -> tuple[UUID, str]:
    with session(org=standing.school.org, role="ec_admin"):
        return add_api_key("Narrow", org=standing.school.org, pepper=base64.b64decode(PEPPER), scopes=scopes)


def test_an_api_key_does_only_what_its_scopes_say(standing, draft, refused):
    receipt = standing.hand_in("alice")
    body = draft(student={"external_id": "narrow"})
    reads = [
        "/v1/essays",
        receipt["links"]["essay"],
        *(receipt["links"][name] for name in ("self", "feedback", "events")),
    ]
    for scopes, may_submit, may_read in (
        (("submit",), True, False),
        (("read",), False, True),
        (("submit", "read"), True, True),
    ):
        _, key = a_key(standing, *scopes)
        headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": uuid4().hex}
        answer = standing.client.post("/v1/submissions", json=body, headers=headers)
        assert answer.status_code == (202 if may_submit else 403)
        for path in reads:
            answer = standing.client.get(path, headers=headers, buffered=False)
            if may_read:
                assert answer.status_code in (200, 409), path
            else:
                refused(answer, 403, "forbidden")
            answer.close()


def test_a_key_without_the_scope_is_told_so_before_anything_is_looked_up(standing, refused):
    _, key = a_key(standing, "submit")
    headers = {"Authorization": f"Bearer {key}"}
    documents = [
        refused(standing.client.get(f"/v1/essays/{essay}", headers=headers), 403, "forbidden")
        for essay in (standing.hand_in("alice")["essay_id"], uuid4())
    ]
    assert documents[0]["detail"] == documents[1]["detail"]


def test_people_have_every_scope(standing, claims):
    token = forged({**claims, "scopes": [], "scope": ""})
    headers = {"Authorization": f"Bearer {token}"}
    assert standing.client.get("/v1/essays", headers=headers).status_code == 200
    assert standing.client.post("/v1/submissions", json={"title": "t", "text": "x"}, headers=headers).status_code == 202


def test_the_audit_trail_names_the_key_that_handed_in(standing, draft):
    row, key = a_key(standing, "submit")
    headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": uuid4().hex}
    answer = standing.client.post("/v1/submissions", json=draft(student={"external_id": uuid4().hex}), headers=headers)
    found = standing.database.sql(
        "select actor_id, actor_role, request_id from audit_log where entity_id = %s", answer.json["id"]
    )
    assert [tuple(map(str, one)) for one in found] == [(str(row), "lms", answer.headers["X-Request-Id"])]


def test_the_audit_trail_names_who_signed_in_and_out(standing):
    tokens = standing.sign_in("nell")
    standing.client.post("/v1/auth/logout", headers={"Authorization": f"Bearer {tokens['access_token']}"})
    family = jwt.decode(tokens["access_token"], SECRET, algorithms=["HS256"], audience="essaycoach-api")["sid"]
    found = standing.database.sql(
        "select actor_id, action from audit_log where entity = 'session' and entity_id = %s order by id", family
    )
    assert [tuple(map(str, one)) for one in found] == [
        (str(standing.school.nell), action) for action in ("created", "changed")
    ]


def test_the_scheme_is_not_case_sensitive(standing):
    token = standing.signed_in("alice")["Authorization"].removeprefix("Bearer ")
    for header in (f"bearer {token}", f"BEARER {token}", f"Bearer   {token}"):
        assert standing.client.get("/v1/me", headers={"Authorization": header}).status_code == 200


def test_tokens_carry_no_name_and_no_address(claims):
    assert set(claims) <= {
        "sub", "org", "sid", "role", "tv", "type", "fresh", "jti", "iat", "nbf", "exp", "iss", "aud", "csrf",
    }  # fmt: skip
    assert UUID(claims["sub"])
