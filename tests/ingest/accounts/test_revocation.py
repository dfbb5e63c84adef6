"""Tests of revocation: reused refresh tokens, changes of a person, and an emptied Redis."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from uuid import UUID

import jwt
import pytest

from ingest.accounts.sign_in import tokens_for
from models import sessions
from models.db import session
from tests.support.scale import short_and_full
from tests.support.schools import JWT_SECRET

SECRET = JWT_SECRET
USES = 100


def refresh(app, token: str):
    return app.test_client().post("/v1/auth/refresh", headers={"Authorization": f"Bearer {token}"})


def me(app, token: str):
    return app.test_client().get("/v1/me", headers={"Authorization": f"Bearer {token}"})


def generation(token: str) -> tuple[str, int]:
    """Return session id and generation of a refresh token."""
    claims = jwt.decode(token, SECRET, algorithms=["HS256"], audience="essaycoach-api")
    return claims["sid"], claims["gen"]


def use_at_once(app, token: str, count: int = USES) -> list:
    """Use one refresh token `count` times at the same moment and return the responses."""
    barrier = Barrier(count, timeout=60)

    def use(_: int):
        barrier.wait()
        return refresh(app, token)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(use, range(count)))


def state(shared_api, family: str) -> tuple:
    """Return generation and revocation reason of a session."""
    [found] = shared_api.database.sql("select generation, revoked_reason from sessions where id = %s", family)
    return found


@pytest.mark.parametrize(("name", "status"), [("bob", 200), ("ed", 401), ("ada", 401)])
def test_staff_who_were_away_over_night_sign_in_again(shared_api, name, status):
    token = shared_api.sign_in(name)["refresh_token"]
    family, _ = generation(token)
    shared_api.database.sql("update sessions set rotated_at = now() - interval '13 hours' where id = %s", family)
    assert refresh(shared_api.app, token).status_code == status


def test_100_concurrent_uses_of_a_refresh_token_leave_one_branch(shared_api, monkeypatch):
    monkeypatch.setattr(sessions, "GRACE_SECONDS", 600)  # a busy machine needs more than ten seconds for all of them
    tokens = shared_api.sign_in("bob")
    answers = use_at_once(shared_api.app, tokens["refresh_token"])
    codes = Counter(one.status_code for one in answers)
    branches = {generation(one.json["refresh_token"]) for one in answers if one.status_code == 200}
    family, first = generation(tokens["refresh_token"])
    newest, ended = state(shared_api, family)
    print(
        f"\nrefresh storm: {USES} uses of one token, answers {dict(codes)}, {len(branches)} live branch(es), {ended=}"
    )
    assert set(codes) <= {200, 503}
    assert codes[200] > 0
    assert branches == {(family, first + 1)}
    assert (newest, ended) == (first + 1, None)
    # All successful responses have the same generation. After two more refreshes of one of them, the others count as reuse.
    holders = [one.json["refresh_token"] for one in answers if one.status_code == 200]
    second = refresh(shared_api.app, holders[0]).json["refresh_token"]
    assert refresh(shared_api.app, second).status_code == 200
    assert refresh(shared_api.app, holders[-1]).status_code == 401
    assert state(shared_api, family)[1] == "reuse"


def test_100_concurrent_uses_of_an_old_refresh_token_revoke_the_session(shared_api):
    tokens = shared_api.sign_in("bob")
    successor = refresh(shared_api.app, tokens["refresh_token"]).json
    family, _ = generation(tokens["refresh_token"])
    shared_api.database.sql("update sessions set rotated_at = now() - interval '11 seconds' where id = %s", family)
    codes = Counter(one.status_code for one in use_at_once(shared_api.app, tokens["refresh_token"]))
    print(f"\nrefresh storm with a spent token: answers {dict(codes)}, ended={state(shared_api, family)[1]}")
    assert set(codes) <= {401, 503}
    assert state(shared_api, family) == (2, "reuse")
    assert refresh(shared_api.app, successor["refresh_token"]).status_code == 401
    assert me(shared_api.app, successor["access_token"]).status_code == 401


def test_concurrent_parent_and_child_tokens_never_leave_two_branches(shared_api):
    """When parent and child are used at once, either one branch continues or the session is revoked."""
    tokens = shared_api.sign_in("bob")
    child = refresh(shared_api.app, tokens["refresh_token"]).json["refresh_token"]
    family, _ = generation(child)
    barrier = Barrier(40, timeout=60)

    def use(number: int):
        barrier.wait()
        return refresh(shared_api.app, child if number % 2 else tokens["refresh_token"])

    with ThreadPoolExecutor(40) as pool:
        answers = list(pool.map(use, range(40)))
    newest, ended = state(shared_api, family)
    print(
        f"\nrefresh storm of parent and child: {dict(Counter(one.status_code for one in answers))}, {newest=}, {ended=}"
    )
    assert {one.status_code for one in answers} <= {200, 401, 503}
    assert ended == "reuse" or newest == 3
    assert newest <= 3
    if ended:
        assert refresh(shared_api.app, child).status_code == 401


def test_refresh_token_of_another_org_is_refused(shared_api, refused):
    family, _ = generation(shared_api.sign_in("bob")["refresh_token"])
    with shared_api.app.app_context(), session(org=shared_api.other.org, role="ec_auth"):
        account = sessions.fetch_account(shared_api.other.bob, org=shared_api.other.org)
        foreign = sessions.open_family(account, org=shared_api.other.org)
        crossed = sessions.Family(
            id=UUID(family),
            user=foreign.user,
            role=foreign.role,
            token_version=0,
            generation=1,
            expires_at=foreign.expires_at,
        )
        token = tokens_for(crossed, org=shared_api.other.org)["refresh_token"]
    refused(refresh(shared_api.app, token), 401, "invalid-token")
    assert state(shared_api, family) == (1, None)


def people_of(api) -> dict[str, UUID]:
    """Return the person whose tokens are revoked in each way."""
    return {
        "logged out": api.school.alice,
        "disabled": api.school.bob,
        "password": api.school.zoe,
        "role": api.school.nell,
    }


def issue(api, user: UUID, count: int) -> list[tuple[UUID, str]]:
    """Open `count` sessions of one person and return each id with an access token made by the app's own function."""
    with api.app.app_context(), session(org=api.school.org, role="ec_auth"):
        account = sessions.fetch_account(user, org=api.school.org)
        families = [sessions.open_family(account, org=api.school.org) for _ in range(count)]
        return [(one.id, tokens_for(one, org=api.school.org)["access_token"]) for one in families]


def accepted(api, tokens: list[tuple[UUID, str]]) -> int:
    """Return how many of these tokens the app accepts."""
    client = api.client
    codes = [client.get("/v1/me", headers={"Authorization": f"Bearer {token}"}).status_code for _, token in tokens]
    assert set(codes) <= {200, 401}, Counter(codes)
    return codes.count(200)


@pytest.mark.parametrize("tokens", short_and_full(100, 1000, reason="4,000 requests"))
def test_emptying_redis_restores_no_revoked_token(api, redis_client, tokens):
    """Revoke the tokens in four ways, then empty Redis."""
    issued = {why: issue(api, user, tokens // 4) for why, user in people_of(api).items()}
    before = {why: accepted(api, given) for why, given in issued.items()}
    org = api.school.org
    with session(org=org, role="ec_auth"):
        for family, _ in issued["logged out"]:
            sessions.close_family(family, org=org)
        sessions.set_password(api.school.zoe, org=org, password_hash="pbkdf2_sha256$1000$x$y")
    with session(org=org, role="ec_admin"):
        sessions.end_sessions(api.school.bob, org=org, reason="disabled")
    api.database.sql("update users set disabled_at = now() where id = %s", api.school.bob)
    api.database.sql(
        "update users set role = 'student', token_version = token_version + 1 where id = %s", api.school.nell
    )
    redis_client.flushall()
    after = {why: accepted(api, given) for why, given in issued.items()}
    print(f"\nFLUSHALL: {sum(before.values())} tokens accepted before, revoked: {before}; accepted after: {after}")
    assert sum(before.values()) == tokens
    assert sum(after.values()) == 0


@pytest.mark.parametrize("reason", ["disabled", "password"])
def test_ending_sessions_affects_only_that_person(api, reason):
    org = api.school.org
    mine, others = issue(api, api.school.alice, 3), issue(api, api.school.bob, 3)
    with session(org=api.other.org, role="ec_admin"):
        sessions.end_sessions(api.school.alice, org=org, reason=reason)
    assert accepted(api, mine) == 3, "an admin of another org ends no session here"
    with session(org=org, role="ec_admin"):
        sessions.end_sessions(api.school.alice, org=org, reason=reason)
    assert (accepted(api, mine), accepted(api, others)) == (0, 3)
    assert api.database.sql("select distinct revoked_reason from sessions where user_id = %s", api.school.alice) == [
        (reason,)
    ]
