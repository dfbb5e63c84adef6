"""Tests of sign-in, access and refresh tokens, forged tokens, sign-out and API keys."""

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
from tests.support.schools import JWT_SECRET, PASSWORD, PEPPER

SECRET = JWT_SECRET
KID = key_id(SECRET)


@pytest.fixture
def me(shared_api):
    """`me(token)` requests the profile of the person of this token."""
    return lambda token: shared_api.client.get("/v1/me", headers={"Authorization": f"Bearer {token}"})


@pytest.fixture
def claims(shared_api):
    """Give the claims of a new access token of Alice's."""
    token = shared_api.sign_in("alice")["access_token"]
    return jwt.decode(token, SECRET, algorithms=["HS256"], audience="essaycoach-api")


def forged(claims, *, key: str = SECRET, algorithm: str = "HS256", without: str = "", kid: str = KID, **changes) -> str:
    """Return a token with our kid, signed with `key`, with changed claims and without one of them."""
    changed = {name: value for name, value in {**claims, **changes}.items() if name != without}
    return jwt.encode(changed, key, algorithm=algorithm, headers={"kid": kid})


def test_sign_in_returns_tokens_of_that_person(shared_api, me):
    answer = shared_api.client.post(
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
        "id": str(shared_api.school.alice), "org_id": str(shared_api.school.org), "role": "student", "name": "Alice",
        "email": "alice@northside.example", "external_id": "alice-sis", "language": None, "weekly_summary": False,
    }  # fmt: skip


def test_every_failed_sign_in_gets_the_same_answer(shared_api, refused):
    shared_api.database.sql("update users set disabled_at = now() where id = %s", str(shared_api.school.zoe))
    try:
        answers = [
            shared_api.client.post("/v1/auth/login", json={"org": org, "email": email, "password": password})
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
        shared_api.database.sql("update users set disabled_at = null where id = %s", str(shared_api.school.zoe))
    documents = [refused(one, 401, "unauthorized") for one in answers]
    assert len({json.dumps({**one, "instance": ""}) for one in documents}) == 1
    assert len({tuple(sorted(name for name, _ in one.headers)) for one in answers}) == 1
    assert len({one.headers["WWW-Authenticate"] for one in answers}) == 1


def test_student_without_a_password_cannot_sign_in(shared_api, refused):
    shared_api.lms.deliver(
        {"title": "t", "text": "x", "student": {"external_id": "no-password", "email": "np@northside.example"}}
    )
    for password in ("x", "None", "!"):
        answer = shared_api.client.post(
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
def test_malformed_credentials_are_refused_with_the_field(shared_api, refused, body, pointer):
    document = refused(shared_api.client.post("/v1/auth/login", json=body), 422, "invalid-payload")
    assert [one["pointer"] for one in document["errors"]] == [pointer]


@pytest.mark.parametrize(
    "password", ["x" * 1024, "😀" * 1024, "\u0130" * 1024, " ", "\x01"], ids=lambda one: ascii(one[:2])
)
def test_unusual_password_is_handled_as_a_wrong_one(shared_api, refused, password):
    body = {"org": "northside", "email": "alice@northside.example", "password": password}
    refused(shared_api.client.post("/v1/auth/login", json=body), 401, "unauthorized")


@pytest.mark.parametrize(
    "header",
    [None, "", "Bearer", "Bearer ", "Bearer  ", "Basic YWxpY2U6cA==", "Token abc", "bearer", "Bearer abc", "Bearer a.b",
     "Bearer a.b.c.d", "Bearer null", "a.b.c", "Bearer \u00e9", "Digest x=y"],
    ids=ascii,
)  # fmt: skip
def test_missing_or_malformed_bearer_is_unauthorized(shared_api, refused, header):
    answer = shared_api.client.get("/v1/me", headers={} if header is None else {"Authorization": header})
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
def test_garbage_in_three_parts_is_an_invalid_token(me, refused, token):
    answer = me(token)
    refused(answer, 401, "invalid-token")
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]


def test_expired_token_is_reported_as_expired(me, refused, claims):
    refused(me(forged(claims, exp=int(time.time()) - 1)), 401, "token-expired")


def test_expired_token_with_a_wrong_signature_is_invalid(me, refused, claims):
    refused(me(forged(claims, key="t" * 48, exp=int(time.time()) - 1)), 401, "invalid-token")


def unsigned(claims, header: dict) -> str:
    """Return a token with an empty signature."""
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in (header, claims)]
    return ".".join([*parts, ""])


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "", "HS256"])
def test_token_without_a_signature_is_invalid(me, refused, claims, algorithm):
    refused(me(unsigned(claims, {"alg": algorithm, "typ": "JWT", "kid": KID})), 401, "invalid-token")


@pytest.mark.parametrize(("key", "algorithm"), [("t" * 48, "HS256"), (SECRET + "s" * 16, "HS512"), (SECRET, "HS384")])
def test_token_with_another_key_or_algorithm_is_invalid(me, refused, claims, key, algorithm):
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
def test_token_with_a_wrong_claim_is_invalid(me, refused, claims, changes):
    refused(me(forged(claims, **changes)), 401, "invalid-token")


@pytest.mark.parametrize(
    "name", ["aud", "iss", "sub", "sid", "org", "role", "tv", "exp", "iat", "nbf", "jti", "type"]
)  # fmt: skip
def test_token_without_a_required_claim_is_invalid(me, refused, claims, name):
    refused(me(forged(claims, without=name)), 401, "invalid-token")


def test_signed_token_that_matches_no_session_is_invalid(me, refused, claims, shared_api):
    refused(me(forged(claims, sid=str(uuid4()))), 401, "invalid-token")
    refused(me(forged(claims, sub=str(shared_api.school.bob))), 401, "invalid-token")
    refused(me(forged(claims, role="admin")), 401, "invalid-token")
    refused(me(forged(claims, tv=claims["tv"] + 1)), 401, "invalid-token")
    assert me(forged(claims)).status_code == 200


def test_token_with_another_org_is_refused(shared_api, refused, claims):
    token = forged(claims, org=str(shared_api.other.org))
    answer = shared_api.client.get("/v1/me", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code in (401, 404)
    refused(answer, answer.status_code, "not-found" if answer.status_code == 404 else "invalid-token")


def test_access_and_refresh_tokens_are_not_interchangeable(shared_api, me, refused):
    tokens = shared_api.sign_in("bob")
    refused(me(tokens["refresh_token"]), 401, "invalid-token")
    answer = shared_api.client.post("/v1/auth/refresh", headers={"Authorization": f"Bearer {tokens['access_token']}"})
    refused(answer, 401, "invalid-token")
    answer = shared_api.client.post("/v1/auth/refresh", headers=shared_api.with_key())
    assert answer.status_code == 401


def refresh(shared_api, token: str):
    return shared_api.client.post("/v1/auth/refresh", headers={"Authorization": f"Bearer {token}"})


def test_refresh_token_is_exchanged_for_a_new_pair(shared_api, me):
    first = shared_api.sign_in("bob")
    answer = refresh(shared_api, first["refresh_token"])
    assert answer.status_code == 200
    assert set(answer.json) == {"access_token", "refresh_token", "token_type", "expires_in"}
    assert me(answer.json["access_token"]).json["id"] == str(shared_api.school.bob)
    assert refresh(shared_api, answer.json["refresh_token"]).status_code == 200


def test_refresh_can_be_repeated_at_once_after_a_lost_answer(shared_api, me):
    first = shared_api.sign_in("bob")
    lost, got = refresh(shared_api, first["refresh_token"]), refresh(shared_api, first["refresh_token"])
    assert lost.status_code == got.status_code == 200
    assert refresh(shared_api, got.json["refresh_token"]).status_code == 200
    assert me(got.json["access_token"]).status_code == 200


def test_old_refresh_token_revokes_the_whole_session(shared_api, me, refused):
    first = shared_api.sign_in("bob")
    other_device = shared_api.sign_in("bob")
    second = refresh(shared_api, first["refresh_token"]).json
    third = refresh(shared_api, second["refresh_token"]).json
    refused(refresh(shared_api, first["refresh_token"]), 401, "invalid-token")
    for token in (first, second, third):
        refused(refresh(shared_api, token["refresh_token"]), 401, "invalid-token")
        refused(me(token["access_token"]), 401, "invalid-token")
    assert me(other_device["access_token"]).status_code == 200


def test_parent_token_after_the_grace_time_revokes_the_session(shared_api, me, refused):
    first = shared_api.sign_in("bob")
    second = refresh(shared_api, first["refresh_token"]).json
    shared_api.database.sql("update sessions set rotated_at = now() - interval '11 seconds'")
    refused(refresh(shared_api, first["refresh_token"]), 401, "invalid-token")
    refused(me(second["access_token"]), 401, "invalid-token")


@pytest.mark.parametrize("without", ["gen", "sid", "org", "sub", "exp", "type", "jti"])
def test_refresh_token_without_a_required_claim_is_invalid(shared_api, refused, without):
    token = shared_api.sign_in("bob")["refresh_token"]
    claims = jwt.decode(token, SECRET, algorithms=["HS256"], audience="essaycoach-api")
    refused(refresh(shared_api, forged(claims, without=without)), 401, "invalid-token")


def test_sign_out_applies_to_the_next_request(shared_api, me, refused):
    tokens = shared_api.sign_in("bob")
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    answer = shared_api.client.post("/v1/auth/logout", headers=headers)
    assert (answer.status_code, answer.data) == (204, b"")
    refused(me(tokens["access_token"]), 401, "invalid-token")
    refused(refresh(shared_api, tokens["refresh_token"]), 401, "invalid-token")
    refused(shared_api.client.post("/v1/auth/logout", headers=headers), 401, "invalid-token")
    refused(shared_api.client.get("/v1/essays", headers=headers), 401, "invalid-token")


@pytest.mark.parametrize(
    ("change", "back"),
    [
        ("role = 'student'", "role = 'educator'"),
        ("token_version = token_version + 1", "token_version = token_version - 1"),
        ("disabled_at = now()", "disabled_at = null"),
    ],
)
def test_token_stops_working_when_role_version_or_status_changes(shared_api, me, refused, change, back):
    token = shared_api.sign_in("nell")["access_token"]
    assert me(token).status_code == 200
    shared_api.database.sql(f"update users set {change} where id = %s", str(shared_api.school.nell))
    try:
        refused(me(token), 401, "invalid-token")
    finally:
        shared_api.database.sql(f"update users set {back} where id = %s", str(shared_api.school.nell))
    assert me(token).status_code == 200


def test_expired_session_cannot_act_or_refresh(shared_api, me, refused):
    tokens = shared_api.sign_in("nell")
    shared_api.database.sql("update sessions set expires_at = now() where user_id = %s", str(shared_api.school.nell))
    refused(me(tokens["access_token"]), 401, "invalid-token")
    refused(refresh(shared_api, tokens["refresh_token"]), 401, "invalid-token")


def test_disabled_person_cannot_refresh(shared_api, refused):
    token = shared_api.sign_in("nell")["refresh_token"]
    shared_api.database.sql("update users set disabled_at = now() where id = %s", str(shared_api.school.nell))
    try:
        refused(refresh(shared_api, token), 401, "invalid-token")
    finally:
        shared_api.database.sql("update users set disabled_at = null where id = %s", str(shared_api.school.nell))


def test_password_is_rehashed_when_the_cost_setting_changes(shared_api):
    def stored() -> str:
        return shared_api.database.sql("select password_hash from users where id = %s", str(shared_api.school.ada))[0][
            0
        ]

    before = stored()
    app = shared_api.make_app(ESSAYCOACH_PASSWORD_ROUNDS="1001")
    credentials = {"org": "northside", "email": "ada@northside.example", "password": PASSWORD}
    assert app.test_client().post("/v1/auth/login", json=credentials).status_code == 200
    assert "$1001$" in stored()
    assert "$1000$" in before
    assert app.test_client().post("/v1/auth/login", json=credentials).status_code == 200


def list_with(shared_api, key: str):
    """Request the list of essays with this API key."""
    return shared_api.client.get("/v1/essays", headers={"Authorization": f"Bearer {key}"})


def test_api_key_authenticates_an_lms(shared_api):
    assert list_with(shared_api, shared_api.school.api_key).status_code == 200


@pytest.mark.parametrize("how", ["cut", "longer", "case", "digit", "empty", "not ASCII", "only its prefix"])
def test_malformed_api_key_is_unauthorized(shared_api, refused, how):
    key = shared_api.school.api_key
    last = "1" if key[-1] != "1" else "2"
    broken = {
        "cut": key[:-1], "longer": key + "0", "case": key.swapcase().replace("EC_LIVE_", "ec_live_"), "digit": key[:-1] + last,
        "empty": "ec_live_", "not ASCII": "ec_live_" + "\u00e9" * 36, "only its prefix": key[:12],
    }[how]  # fmt: skip
    refused(list_with(shared_api, broken), 401, "unauthorized")


@pytest.mark.parametrize("change", ["revoked_at = now()", "expires_at = now()"])
def test_unknown_revoked_and_expired_keys_get_the_same_answer(shared_api, refused, change):
    with session(org=shared_api.school.org, role="ec_admin"):
        row, key = add_api_key("Short", org=shared_api.school.org, pepper=base64.b64decode(PEPPER))
        _, unknown = add_api_key("Gone", org=shared_api.school.org, pepper=b"another pepper")
    assert list_with(shared_api, key).status_code == 200
    shared_api.database.sql(f"update api_keys set {change} where id = %s", str(row))
    details = {refused(list_with(shared_api, one), 401, "unauthorized")["detail"] for one in (key, unknown)}
    assert len(details) == 1


def test_api_key_has_no_profile_and_cannot_sign_out(shared_api, refused):
    headers = shared_api.with_key()
    refused(shared_api.client.get("/v1/me", headers=headers), 403, "forbidden")
    refused(shared_api.client.post("/v1/auth/logout", headers=headers), 403, "forbidden")


def add_key(shared_api, *scopes: str) -> tuple[UUID, str]:
    """Add an API key with these scopes and return its id and text."""
    with session(org=shared_api.school.org, role="ec_admin"):
        return add_api_key("Narrow", org=shared_api.school.org, pepper=base64.b64decode(PEPPER), scopes=scopes)


def test_api_key_is_limited_to_its_scopes(shared_api, draft, refused):
    receipt = shared_api.hand_in("alice")
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
        _, key = add_key(shared_api, *scopes)
        headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": uuid4().hex}
        answer = shared_api.client.post("/v1/submissions", json=body, headers=headers)
        assert answer.status_code == (202 if may_submit else 403)
        for path in reads:
            answer = shared_api.client.get(path, headers=headers, buffered=False)
            if may_read:
                assert answer.status_code in (200, 409), path
            else:
                refused(answer, 403, "forbidden")
            answer.close()


def test_scope_is_checked_before_the_essay_is_looked_up(shared_api, refused):
    _, key = add_key(shared_api, "submit")
    headers = {"Authorization": f"Bearer {key}"}
    documents = [
        refused(shared_api.client.get(f"/v1/essays/{essay}", headers=headers), 403, "forbidden")
        for essay in (shared_api.hand_in("alice")["essay_id"], uuid4())
    ]
    assert documents[0]["detail"] == documents[1]["detail"]


def test_people_have_every_scope(shared_api, claims):
    token = forged({**claims, "scopes": [], "scope": ""})
    headers = {"Authorization": f"Bearer {token}"}
    assert shared_api.client.get("/v1/essays", headers=headers).status_code == 200
    assert (
        shared_api.client.post("/v1/submissions", json={"title": "t", "text": "x"}, headers=headers).status_code == 202
    )


def test_audit_trail_names_the_key_that_submitted(shared_api, draft):
    row, key = add_key(shared_api, "submit")
    headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": uuid4().hex}
    answer = shared_api.client.post(
        "/v1/submissions", json=draft(student={"external_id": uuid4().hex}), headers=headers
    )
    found = shared_api.database.sql(
        "select actor_id, actor_role, request_id from audit_log where entity_id = %s", answer.json["id"]
    )
    assert [tuple(map(str, one)) for one in found] == [(str(row), "lms", answer.headers["X-Request-Id"])]


def test_audit_trail_names_who_signed_in_and_out(shared_api):
    tokens = shared_api.sign_in("nell")
    shared_api.client.post("/v1/auth/logout", headers={"Authorization": f"Bearer {tokens['access_token']}"})
    family = jwt.decode(tokens["access_token"], SECRET, algorithms=["HS256"], audience="essaycoach-api")["sid"]
    found = shared_api.database.sql(
        "select actor_id, action from audit_log where entity = 'session' and entity_id = %s order by id", family
    )
    assert [tuple(map(str, one)) for one in found] == [
        (str(shared_api.school.nell), action) for action in ("created", "changed")
    ]


def test_bearer_scheme_is_case_insensitive(shared_api):
    token = shared_api.signed_in("alice")["Authorization"].removeprefix("Bearer ")
    for header in (f"bearer {token}", f"BEARER {token}", f"Bearer   {token}"):
        assert shared_api.client.get("/v1/me", headers={"Authorization": header}).status_code == 200


def test_tokens_contain_no_name_or_email(claims):
    assert set(claims) <= {
        "sub", "org", "sid", "role", "tv", "type", "fresh", "jti", "iat", "nbf", "exp", "iss", "aud", "csrf",
    }  # fmt: skip
    assert UUID(claims["sub"])
