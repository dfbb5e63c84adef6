"""Test that people and admins see and end sessions, and that nobody else reaches them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import jwt
import pytest

from tests.ingest.conftest import JWT_SECRET

if TYPE_CHECKING:
    from werkzeug.test import TestResponse

    from tests.ingest.conftest import ApiUnderTest, Headers, Refused
    from tests.support.schools import School

FIELDS = {"id", "created_at", "last_used_at", "expires_at", "current"}


class SignedIn:
    """One sign-in of a person."""

    def __init__(self, api: ApiUnderTest, name: str, of: School | None = None) -> None:
        self.api = api
        self.tokens = api.sign_in(name, of)
        claims = jwt.decode(self.tokens["access_token"], JWT_SECRET, algorithms=["HS256"], audience="essaycoach-api")
        self.id, self.user = claims["sid"], UUID(claims["sub"])

    def ask(self, method: str, path: str, token: str = "access_token") -> TestResponse:
        headers: Headers = {"Authorization": f"Bearer {self.tokens[token]}"}
        return self.api.client.open(path, method=method, headers=headers)

    def sessions(self, path: str = "/v1/me/sessions") -> dict[str, dict[str, Any]]:
        """Return the listed sessions by their ids."""
        answer = self.ask("GET", path)
        assert answer.status_code == 200, answer.text
        return {one["id"]: one for one in answer.json["items"]}

    @property
    def state(self) -> tuple[int, int]:
        """Return what the access token gets, and the refresh token."""
        refresh = self.ask("POST", "/v1/auth/refresh", "refresh_token")
        me = self.ask("GET", "/v1/me").status_code
        if refresh.status_code == 200:
            self.tokens = refresh.json  # an old one may be used again for ten seconds only
        return me, refresh.status_code

    def change(self, assignment: str) -> None:
        self.api.database.sql(f"update sessions set {assignment} where id = %s", self.id)


OPEN, ENDED = (200, 200), (401, 401)


def test_person_sees_each_of_their_sessions_and_no_other(api: ApiUnderTest) -> None:
    phone, laptop, bob = SignedIn(api, "alice"), SignedIn(api, "alice"), SignedIn(api, "bob")
    found = laptop.sessions()
    assert list(found) == [laptop.id, phone.id]
    assert [one["current"] for one in found.values()] == [True, False]
    assert all(set(one) == FIELDS for one in found.values())
    assert list(bob.sessions()) == [bob.id]

    used = found[phone.id]["last_used_at"]
    phone.ask("POST", "/v1/auth/refresh", "refresh_token")
    assert laptop.sessions()[phone.id]["last_used_at"] > used


def test_ended_session_is_refused_at_its_next_request(api: ApiUnderTest) -> None:
    phone, laptop = SignedIn(api, "alice"), SignedIn(api, "alice")
    assert laptop.ask("DELETE", f"/v1/me/sessions/{phone.id}").status_code == 204
    assert (phone.state, laptop.state) == (ENDED, OPEN)
    assert list(laptop.sessions()) == [laptop.id]
    assert laptop.ask("DELETE", f"/v1/me/sessions/{phone.id}").status_code == 404

    assert laptop.ask("DELETE", f"/v1/me/sessions/{laptop.id}").status_code == 204
    assert laptop.state == ENDED


def test_all_other_sessions_end_at_once(api: ApiUnderTest) -> None:
    stolen = [SignedIn(api, "alice") for _ in range(3)]
    bob, laptop = SignedIn(api, "bob"), SignedIn(api, "alice")
    assert laptop.ask("DELETE", "/v1/me/sessions").status_code == 204
    assert [one.state for one in stolen] == [ENDED] * 3
    assert (laptop.state, bob.state) == (OPEN, OPEN)


@pytest.mark.parametrize("name", ["bob", "ed", "ada"])
def test_session_of_another_person_is_not_found(api: ApiUnderTest, refused: Refused, name: str) -> None:
    alice, stranger = SignedIn(api, "alice"), SignedIn(api, name)
    refused(stranger.ask("DELETE", f"/v1/me/sessions/{alice.id}"), 404, "not-found")
    assert stranger.ask("DELETE", "/v1/me/sessions").status_code == 204
    assert alice.state == OPEN


def test_another_org_reaches_no_session(api: ApiUnderTest, refused: Refused) -> None:
    alice, admin = SignedIn(api, "alice"), SignedIn(api, "ada", api.other)
    path = f"/v1/users/{alice.user}/sessions"
    for method, target in (
        ("GET", path), ("DELETE", path), ("DELETE", f"{path}/{alice.id}"), ("DELETE", f"/v1/users/{admin.user}/sessions/{alice.id}"),
        ("DELETE", f"/v1/me/sessions/{alice.id}"),
    ):  # fmt: skip
        problem = refused(admin.ask(method, target), 404, "not-found")
        assert alice.id not in problem["detail"]
    assert alice.state == OPEN


@pytest.mark.parametrize("name", ["alice", "ed"])
def test_only_admins_reach_the_sessions_of_others(api: ApiUnderTest, refused: Refused, name: str) -> None:
    bob, curious = SignedIn(api, "bob"), SignedIn(api, name)
    path = f"/v1/users/{bob.user}/sessions"
    for method, target in (("GET", path), ("DELETE", path), ("DELETE", f"{path}/{bob.id}")):
        refused(curious.ask(method, target), 403, "forbidden")
    assert bob.state == OPEN


def test_api_key_has_and_reaches_no_sessions(api: ApiUnderTest, refused: Refused) -> None:
    alice = SignedIn(api, "alice")
    path = f"/v1/users/{alice.user}/sessions"
    for method, target in (
        ("GET", "/v1/me/sessions"), ("DELETE", "/v1/me/sessions"), ("DELETE", f"/v1/me/sessions/{alice.id}"),
        ("GET", path), ("DELETE", path), ("DELETE", f"{path}/{alice.id}"),
    ):  # fmt: skip
        refused(api.client.open(target, method=method, headers=api.with_key()), 403, "forbidden")
    assert alice.state == OPEN


def test_admin_lists_and_ends_sessions_of_a_person(api: ApiUnderTest) -> None:
    phone, laptop, ada = SignedIn(api, "ed"), SignedIn(api, "ed"), SignedIn(api, "ada")
    path = f"/v1/users/{phone.user}/sessions"
    assert [one["current"] for one in ada.sessions(path).values()] == [False, False]
    assert ada.ask("DELETE", f"/v1/users/{ada.user}/sessions/{phone.id}").status_code == 404
    assert ada.ask("DELETE", f"{path}/{phone.id}").status_code == 204
    assert (phone.state, laptop.state) == (ENDED, OPEN)
    assert list(ada.sessions(path)) == [laptop.id]

    assert ada.ask("DELETE", path).status_code == 204
    assert (laptop.state, ada.sessions(path)) == (ENDED, {})
    assert SignedIn(api, "ed").state == OPEN
    assert ada.ask("GET", f"/v1/users/{uuid4()}/sessions").status_code == 404


def test_admin_lists_and_ends_their_own_like_everybody(api: ApiUnderTest, refused: Refused) -> None:
    other, ada = SignedIn(api, "ada"), SignedIn(api, "ada")
    path = f"/v1/users/{ada.user}/sessions"
    assert ada.sessions(path) == ada.sessions()
    ada.change("created_at = now() - interval '16 minutes'")
    for target in (path, f"{path}/{other.id}", "/v1/me/sessions", f"/v1/me/sessions/{other.id}"):
        refused(ada.ask("DELETE", target), 403, "sign-in-again")
    assert other.state == OPEN
    assert ada.ask("DELETE", f"{path}/{ada.id}").status_code == 204
    assert ada.state == ENDED


def test_stolen_token_of_an_old_session_ends_no_other(api: ApiUnderTest, refused: Refused) -> None:
    """Whoever has not shown the password a short time ago may end the session that they hold, and no other."""
    owner, stolen = SignedIn(api, "alice"), SignedIn(api, "alice")
    stolen.change("created_at = now() - interval '16 minutes'")
    refused(stolen.ask("DELETE", "/v1/me/sessions"), 403, "sign-in-again")
    refused(stolen.ask("DELETE", f"/v1/me/sessions/{owner.id}"), 403, "sign-in-again")
    assert owner.state == OPEN
    assert stolen.ask("DELETE", f"/v1/me/sessions/{stolen.id}").status_code == 204
    assert (stolen.state, owner.state) == (ENDED, OPEN)


@pytest.mark.parametrize(
    ("name", "assignment", "listed"),
    [
        ("alice", "rotated_at = now() - interval '29 days'", True), ("alice", "expires_at = now()", False),
        ("ed", "rotated_at = now() - interval '11 hours'", True), ("ed", "rotated_at = now() - interval '12 hours'", False),
        ("ada", "rotated_at = now() - interval '12 hours'", False), ("ada", "expires_at = now()", False),
        ("ed", "revoked_at = now(), revoked_reason = 'reuse'", False),
    ],
)  # fmt: skip
def test_idle_expired_or_revoked_session_is_not_listed(
    api: ApiUnderTest, name: str, assignment: str, *, listed: bool
) -> None:
    ada, old, new = SignedIn(api, "ada"), SignedIn(api, name), SignedIn(api, name)
    old.change(assignment)
    assert (old.id in new.sessions()) is listed
    assert (old.id in ada.sessions(f"/v1/users/{new.user}/sessions")) is listed


def test_end_of_a_session_is_that_of_its_person(api: ApiUnderTest) -> None:
    ends = {}
    for name in ("alice", "ed", "ada"):
        one = SignedIn(api, name)
        one.change("created_at = now(), rotated_at = now(), expires_at = now() + interval '30 days'")
        found = one.sessions()[one.id]
        ends[name] = datetime.fromisoformat(found["expires_at"]) - datetime.fromisoformat(found["last_used_at"])
    assert ends == {"alice": timedelta(days=30), "ed": timedelta(hours=12), "ada": timedelta(hours=12)}


def test_list_is_paged(api: ApiUnderTest, refused: Refused) -> None:
    known = [SignedIn(api, "alice") for _ in range(3)]
    first = known[2].ask("GET", "/v1/me/sessions?limit=2").json
    second = known[2].ask("GET", f"/v1/me/sessions?limit=2&cursor={first['next_cursor']}").json
    assert [one["id"] for one in (*first["items"], *second["items"])] == [one.id for one in reversed(known)]
    assert second["next_cursor"] is None
    refused(known[2].ask("GET", "/v1/me/sessions?limit=0"), 422, "invalid-payload")


def test_ending_is_audited_with_the_person_who_did_it(api: ApiUnderTest) -> None:
    phone, laptop, ada = SignedIn(api, "alice"), SignedIn(api, "alice"), SignedIn(api, "ada")
    laptop.ask("DELETE", f"/v1/me/sessions/{phone.id}")
    ada.ask("DELETE", f"/v1/users/{laptop.user}/sessions/{laptop.id}")
    found = api.database.sql(
        """
        select entity_id, actor_id, detail ->> 'user_id', detail ->> 'revoked_reason' from audit_log
        where entity = 'session' and action = 'changed' order by id
        """
    )
    alice = str(phone.user)
    assert [tuple(map(str, one)) for one in found] == [
        (phone.id, alice, alice, "logout"), (laptop.id, str(ada.user), alice, "logout"),
    ]  # fmt: skip
