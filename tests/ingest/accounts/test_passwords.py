"""Tests of password changes, resets by mailed token and invitations, and of attacks on them."""

from __future__ import annotations

import email
import email.policy
import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from threading import Barrier
from urllib.parse import parse_qs, urlsplit
from uuid import UUID, uuid4

import pytest
from flask import Flask

from models import users
from models.db import session
from models.errors import SettingsError
from models.passwords import Passwords
from tests.support.schools import PASSWORD, ROUNDS
from tests.support.servers import Servers, away

NEW = "purple kettle drives north"
LINK = "https://coach.example/password"


@dataclass(frozen=True)
class Mailing:
    """An app that writes its emails to files, and the folder of the files."""

    app: Flask
    box: Path
    _noted: list[Path] = field(default_factory=list)

    def post(self, path: str, body: dict | None = None, headers: dict | None = None, address: str = "127.0.0.1"):
        answer = self.app.test_client().post(
            path, json=body, headers=headers or {}, environ_base={"REMOTE_ADDR": address}
        )
        if path.endswith(("/forgot", "/invite")):
            self._note()
        return answer

    def _note(self) -> None:
        """Note the new files after the queue is empty. The time of a file is too coarse to tell which of two came first."""
        assert self.app.extensions["essaycoach.post"].drain(within_seconds=60)
        self._noted.extend(set(self.box.glob("*.eml")).difference(self._noted))

    def emails(self) -> list:
        """Return every email so far, oldest first, after the queue is empty."""
        self._note()
        return [email.message_from_bytes(one.read_bytes(), policy=email.policy.default) for one in self._noted]

    def token_for(self, address: str) -> str:
        """Return the token in the newest email to this address."""
        newest = [one for one in self.emails() if one["To"] == address][-1]
        [link] = [word for word in newest.get_content().split() if word.startswith(LINK)]
        return parse_qs(urlsplit(link).fragment)["token"][0]


@pytest.fixture(scope="module")
def mailing(shared_api, tmp_path_factory):
    """Give an app that writes its emails to files."""
    box = tmp_path_factory.mktemp("mail")
    return Mailing(shared_api.make_app(ESSAYCOACH_MAIL=f"file:{box}", ESSAYCOACH_LINK=LINK), box)


@dataclass(frozen=True)
class Somebody:
    """A person whom only one test uses."""

    id: UUID
    org: UUID
    slug: str
    email: str

    def sign_in(self, app, password: str = PASSWORD):
        return app.test_client().post(
            "/v1/auth/login", json={"org": self.slug, "email": self.email, "password": password}
        )

    def headers(self, app, password: str = PASSWORD) -> dict[str, str]:
        answer = self.sign_in(app, password)
        assert answer.status_code == 200, answer.text
        return {"Authorization": f"Bearer {answer.json['access_token']}"}


@pytest.fixture
def somebody(shared_api):
    """`somebody()` adds a student with the usual password and returns them."""
    return lambda **how: make_somebody(shared_api.school, **how)


def make_somebody(
    school, *, role="student", address: str | None = "", password: str | None = PASSWORD, name="Quentin Quince"
) -> Somebody:
    address = f"q{uuid4().hex[:12]}@mail.example" if address == "" else address
    hashed = Passwords(rounds=ROUNDS).hash(password) if password else None
    with session(org=school.org, role="ec_admin"):
        user = users.add_user(
            role, org=school.org, name=name, email=address, external_id=uuid4().hex, password_hash=hashed
        )
    return Somebody(user, school.org, school.slug, address or "")


def change(app, headers, current: str = PASSWORD, new: str = NEW, **how):
    """Change the password of the signed-in person and return the response."""
    body = {"current_password": current, "new_password": new}
    return app.test_client().post("/v1/auth/password", json=body, headers=headers, **how)


def request_reset(mailing, who: Somebody, **how):
    """Request a reset email for this person and return the response."""
    return mailing.post("/v1/auth/forgot", {"org": who.slug, "email": who.email}, **how)


def reset(mailing, who: Somebody, token: str, password: str = NEW, **how):
    """Set a new password with this token and return the response."""
    return mailing.post("/v1/auth/reset", {"org": who.slug, "token": token, "password": password}, **how)


def me(app, headers):
    return app.test_client().get("/v1/me", headers=headers)


def stored_hash(shared_api, who: Somebody) -> str:
    return shared_api.database.sql("select password_hash from users where id = %s", who.id)[0][0]


def test_password_change_works_at_once_and_ends_all_sessions(shared_api, somebody, refused):
    who = somebody()
    here, there = who.sign_in(shared_api.app).json, who.sign_in(shared_api.app).json
    headers = {"Authorization": f"Bearer {here['access_token']}"}
    answer = change(shared_api.app, headers)
    assert (answer.status_code, answer.data) == (204, b"")
    for tokens in (here, there):
        refused(me(shared_api.app, {"Authorization": f"Bearer {tokens['access_token']}"}), 401, "invalid-token")
        again = shared_api.client.post(
            "/v1/auth/refresh", headers={"Authorization": f"Bearer {tokens['refresh_token']}"}
        )
        refused(again, 401, "invalid-token")
    refused(who.sign_in(shared_api.app), 401, "unauthorized")
    assert me(shared_api.app, who.headers(shared_api.app, NEW)).json["id"] == str(who.id)
    assert shared_api.database.sql(
        "select distinct revoked_reason from sessions where user_id = %s and revoked_at is not null", who.id
    ) == [("password",)]


def test_password_change_needs_the_current_password(shared_api, somebody, refused):
    who = somebody()
    headers = who.headers(shared_api.app)
    before = stored_hash(shared_api, who)
    for wrong in ("wrong", PASSWORD.upper(), PASSWORD + " ", NEW, "x" * 1024):
        document = refused(change(shared_api.app, headers, current=wrong), 422, "invalid-payload")
        assert [one["pointer"] for one in document["errors"]] == ["/current_password"]
    assert stored_hash(shared_api, who) == before
    assert me(shared_api.app, headers).status_code == 200


def test_password_change_needs_a_signed_in_person(shared_api, somebody, refused):
    refused(change(shared_api.app, {}), 401, "unauthorized")
    refused(change(shared_api.app, shared_api.with_key()), 403, "forbidden")
    refresh_token = somebody().sign_in(shared_api.app).json["refresh_token"]
    refused(change(shared_api.app, {"Authorization": f"Bearer {refresh_token}"}), 401, "invalid-token")


def test_only_one_of_concurrent_password_changes_succeeds(shared_api, somebody):
    """All know the password; the first change ends the session, so the others fail."""
    who = somebody()
    headers = who.headers(shared_api.app)
    wanted = [f"purple kettle drives {number}" for number in range(4)]
    barrier = Barrier(4, timeout=60)

    def go(new: str) -> int:
        barrier.wait()
        return change(shared_api.app, headers, new=new).status_code

    with ThreadPoolExecutor(4) as pool:
        codes = list(pool.map(go, wanted))
    assert sorted(codes) in ([204, 401, 401, 401], [204, 401, 401, 422], [204, 401, 422, 422], [204, 422, 422, 422])
    works = [new for new in wanted if who.sign_in(shared_api.app, new).status_code == 200]
    assert works == [wanted[codes.index(204)]]


WEAK = [
    "short",
    "x" * 257,
    "password",
    "Password1",
    "12345678",
    "qwertyuiop",
    "aaaaaaaaaaaa",
    "letmein123",
    "P@ssw0rd!",
    "iloveyou1",
]


@pytest.mark.parametrize(
    "weak", [*WEAK, "my quentin 7391 tree", "QUINCE-4711-tree", "northside-tree-7391", "EssayCoach-7391-tree"]
)
def test_weak_password_is_refused_with_the_field(shared_api, mailing, somebody, refused, weak):
    who = somebody()
    document = refused(change(shared_api.app, who.headers(shared_api.app), new=weak), 422, "invalid-payload")
    assert [one["pointer"] for one in document["errors"]] == ["/new_password"]
    assert weak == "password" or weak not in json.dumps(document)
    assert request_reset(mailing, who).status_code == 202
    token = mailing.token_for(who.email)
    document = refused(reset(mailing, who, token, weak), 422, "invalid-payload")
    assert [one["pointer"] for one in document["errors"]] == ["/password"]
    assert who.sign_in(shared_api.app).status_code == 200
    assert reset(mailing, who, token).status_code == 204, "a refused password does not use the token up"


def test_own_email_is_refused_as_a_password(shared_api, somebody, refused):
    who = somebody()
    headers = who.headers(shared_api.app)
    for new in (who.email, who.email.upper(), f"{who.email.partition('@')[0]}!!"):
        refused(change(shared_api.app, headers, new=new), 422, "invalid-payload")


@pytest.mark.parametrize("new", ["p\u00e4\u00dfw\u00f6rter im Regen", "\u5bc6\u7801\u5f88\u957f\u7684\u4e00\u53e5\u8bdd", "\U0001f600\U0001f680\U0001f40d\U0001f30d\U0001f3b2\U0001f9e9\U0001f511\U0001f9f2", "x" * 40 + "Y7!kq" * 40, "e\u0301t\u00e9 sous la pluie"], ids=lambda one: ascii(one[:6]))  # fmt: skip
def test_password_in_any_script_is_accepted_and_compared_exactly(shared_api, somebody, refused, new):
    who = somebody()
    if len(set(new)) < 10 and "x" in new:
        refused(change(shared_api.app, who.headers(shared_api.app), new=new), 422, "invalid-payload")
        return
    assert change(shared_api.app, who.headers(shared_api.app), new=new).status_code == 204
    assert who.sign_in(shared_api.app, new).status_code == 200
    if new.startswith("e"):
        refused(who.sign_in(shared_api.app, new.replace("e\u0301", "\u00e9")), 401, "unauthorized")


def test_forgotten_password_is_reset_with_the_mailed_token(shared_api, mailing, somebody, refused):
    who = somebody()
    before = who.headers(shared_api.app)
    answer = request_reset(mailing, who)
    assert answer.status_code == 202
    message = mailing.emails()[-1]
    assert message["To"] == who.email
    assert "Quentin" not in message.as_string()
    token = mailing.token_for(who.email)
    assert len(token) == 43
    answer = reset(mailing, who, token)
    assert (answer.status_code, answer.data) == (204, b"")
    refused(me(shared_api.app, before), 401, "invalid-token")
    refused(who.sign_in(shared_api.app), 401, "unauthorized")
    assert who.sign_in(shared_api.app, NEW).status_code == 200
    refused(reset(mailing, who, token, "another kettle drives south"), 401, "invalid-token")
    assert who.sign_in(shared_api.app, NEW).status_code == 200


def test_reset_token_is_not_stored_in_clear_and_its_use_is_audited(shared_api, mailing, somebody):
    who = somebody()
    request_reset(mailing, who)
    token = mailing.token_for(who.email)
    reset(mailing, who, token)
    everything = shared_api.database.sql(
        "select t::text from one_time_tokens as t union all select a::text from audit_log as a"
    )
    assert not any(token in row[0] or token.encode().hex() in row[0] for row in everything)
    notes = shared_api.database.sql(
        "select actor_id, action, entity from audit_log where detail ->> 'user_id' = %s and entity = 'one_time_token' order by id",
        str(who.id),
    )
    assert [tuple(map(str, one)) for one in notes] == [
        ("None", "created", "one_time_token"),
        (str(who.id), "changed", "one_time_token"),
    ]


def test_forgot_gives_the_same_answer_for_any_account(shared_api, mailing, somebody):
    known, disabled, without = somebody(), somebody(), somebody(password=None)
    shared_api.database.sql("update users set disabled_at = now() where id = %s", disabled.id)
    before = len(mailing.emails())
    answers = [
        mailing.post("/v1/auth/forgot", {"org": org, "email": address})
        for org, address in (
            ("northside", known.email), ("northside", without.email), ("northside", disabled.email), ("northside", "nobody@mail.example"),
            ("southside", known.email), ("no-such-school", known.email), ("NORTHSIDE", known.email), ("' or 1=1 --", known.email),
            ("northside", "x@y\r\nBcc: mallory@evil.example"), ("northside", f"{known.email},mallory@evil.example"),
            ("northside", f"{known.email}\u0000"[:-1] + " ;mallory@evil.example"),
        )
    ]  # fmt: skip
    assert {one.status_code for one in answers} == {202}
    assert len({one.data for one in answers}) == 1
    assert len({tuple(sorted(name for name, _ in one.headers)) for one in answers}) == 1
    assert [one["To"] for one in mailing.emails()[before:]] == [known.email, without.email]


@pytest.mark.parametrize(
    "spell",
    [str.upper, lambda one: f"  {one} ", lambda one: one.replace("q", "\uff51", 1), lambda one: one.replace(".example", "\uff0eexample")],
    ids=["capitals", "blanks", "full-width letter", "full-width dot"],
)  # fmt: skip
def test_reset_email_goes_to_the_stored_address_for_any_spelling(mailing, somebody, spell):
    """Two spellings of one account here can be two mailboxes elsewhere, and an attacker may own the second."""
    who = somebody()
    before = len(mailing.emails())
    assert mailing.post("/v1/auth/forgot", {"org": who.slug, "email": spell(who.email)}).status_code == 202
    assert [one["To"] for one in mailing.emails()[before:]] == [who.email]


@pytest.mark.parametrize(
    "address", ["a@b.example, mallory@evil.example", "a@b.example\r\nBcc: mallory@evil.example", "Mallory <mallory@evil.example>", "not@", "@"]
)  # fmt: skip
def test_no_email_is_sent_to_an_invalid_stored_address(mailing, shared_api, refused, somebody, address):
    who = somebody(address=address)
    before = len(mailing.emails())
    assert mailing.post("/v1/auth/forgot", {"org": who.slug, "email": f"{address}  "}).status_code in (202, 422)
    answer = mailing.post(f"/v1/users/{who.id}/invite", headers=shared_api.signed_in("ada"))
    refused(answer, 409, "no-email")
    assert mailing.emails()[before:] == []


def test_email_link_ignores_host_headers_of_the_request(mailing, somebody):
    who = somebody()
    headers = {
        "Host": "evil.example",
        "X-Forwarded-Host": "evil.example",
        "Origin": "https://evil.example",
        "Referer": "https://evil.example/",
    }
    assert request_reset(mailing, who, headers=headers).status_code == 202
    text = mailing.emails()[-1].as_string()
    assert "evil" not in text
    assert f"{LINK}#org=northside&token=" in text


def test_email_shows_the_token_when_no_link_is_set(shared_api, somebody, tmp_path):
    app = shared_api.make_app(ESSAYCOACH_MAIL=f"file:{tmp_path}")
    plain, who = Mailing(app, tmp_path), somebody()
    request_reset(plain, who)
    [message] = plain.emails()
    [token] = [
        line.removeprefix("Token: ") for line in message.get_content().splitlines() if line.startswith("Token: ")
    ]
    assert reset(plain, who, token).status_code == 204


@pytest.mark.parametrize("used", [0, 1, 2])
def test_each_of_several_reset_tokens_works_until_one_is_used(mailing, somebody, refused, used):
    who = somebody()
    tokens = []
    for _ in range(3):
        request_reset(mailing, who)
        tokens.append(mailing.token_for(who.email))
    assert reset(mailing, who, tokens[used]).status_code == 204
    for token in tokens:
        refused(reset(mailing, who, token), 401, "invalid-token")


def test_reset_token_used_20_times_at_once_works_once(shared_api, mailing, somebody):
    who = somebody()
    request_reset(mailing, who)
    token = mailing.token_for(who.email)
    wanted = [f"purple kettle drives {number} times" for number in range(20)]
    barrier = Barrier(20, timeout=60)

    def go(password: str) -> int:
        barrier.wait()
        return reset(mailing, who, token, password).status_code

    with ThreadPoolExecutor(20) as pool:
        codes = list(pool.map(go, wanted))
    print(f"\none mailed token used 20 times at once: {dict(Counter(codes))}")
    assert codes.count(204) == 1
    assert set(codes) <= {204, 401, 503}
    assert who.sign_in(shared_api.app, wanted[codes.index(204)]).status_code == 200


def test_reset_token_lasts_an_hour_and_an_invitation_a_week(shared_api, mailing, somebody, refused):
    who = somebody()
    request_reset(mailing, who)
    token = mailing.token_for(who.email)  # made after the answer
    assert mailing.post(f"/v1/users/{who.id}/invite", headers=shared_api.signed_in("ada")).status_code == 202
    lives = shared_api.database.sql(
        "select purpose, expires_at - created_at from one_time_tokens where user_id = %s order by id", who.id
    )
    assert sorted((purpose, str(life)) for purpose, life in lives) == [
        ("invitation", "7 days, 0:00:00"),
        ("password_reset", "1:00:00"),
    ]
    shared_api.database.sql("update one_time_tokens set expires_at = now() where user_id = %s", who.id)
    refused(reset(mailing, who, token), 401, "invalid-token")


@pytest.mark.parametrize("change_of", ["disabled_at = now()", "email = null, email_digest = null"])
def test_reset_token_fails_when_disabled_but_not_when_email_is_removed(
    shared_api, mailing, somebody, refused, change_of
):
    who = somebody()
    request_reset(mailing, who)
    token = mailing.token_for(who.email)
    shared_api.database.sql(f"update users set {change_of} where id = %s", who.id)
    answer = reset(mailing, who, token)
    if "disabled" in change_of:
        refused(answer, 401, "invalid-token")
    else:
        assert answer.status_code == 204, "the owner of the mailbox at that time may still use the token"


def test_password_change_revokes_all_mailed_tokens(shared_api, mailing, somebody, refused):
    who = somebody()
    request_reset(mailing, who)
    first = mailing.token_for(who.email)
    mailing.post(f"/v1/users/{who.id}/invite", headers=shared_api.signed_in("ada"))
    second = mailing.token_for(who.email)
    assert first != second
    assert change(shared_api.app, who.headers(shared_api.app)).status_code == 204
    for token in (first, second):
        refused(reset(mailing, who, token), 401, "invalid-token")


@pytest.mark.parametrize(
    "token",
    ["x", "A" * 43, "A" * 200, "%s", "' or '1'='1", "../../etc/passwd", "\\x00", "\u00e9" * 43, "null", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4"],
)  # fmt: skip
def test_unknown_reset_token_is_refused(mailing, somebody, refused, token):
    refused(reset(mailing, somebody(), token), 401, "invalid-token")


def test_altered_or_other_kind_of_token_cannot_reset_a_password(shared_api, mailing, somebody, refused):
    who = somebody()
    request_reset(mailing, who)
    token = mailing.token_for(who.email)
    tokens = who.sign_in(shared_api.app).json
    other_case = token.swapcase()
    for bad in (
        token[:-1],
        token + "A",
        token + "=",
        other_case,
        f" {token}",
        f"{token}\n",
        tokens["access_token"][:200],
        shared_api.school.api_key,
    ):
        refused(reset(mailing, who, bad), 401, "invalid-token")
    [[digest]] = shared_api.database.sql("select encode(digest, 'hex') from one_time_tokens where user_id = %s", who.id)
    refused(reset(mailing, who, digest), 401, "invalid-token")
    assert reset(mailing, who, token).status_code == 204


def test_reset_token_works_only_in_its_own_org(shared_api, mailing, somebody, refused):
    who = somebody()
    namesake = make_somebody(shared_api.other, address=who.email)
    request_reset(mailing, who)
    token = mailing.token_for(who.email)
    for slug in ("southside", "no-such-school", "Northside", ""):
        answer = mailing.post("/v1/auth/reset", {"org": slug, "token": token, "password": NEW})
        refused(answer, 422 if slug == "" else 401, "invalid-payload" if slug == "" else "invalid-token")
    assert namesake.sign_in(shared_api.app).status_code == 200
    assert reset(mailing, who, token).status_code == 204
    assert namesake.sign_in(shared_api.app).status_code == 200, "the password of the namesake did not change"


@pytest.mark.parametrize(
    ("path", "body", "pointer"),
    [
        ("forgot", {"email": "a@b"}, "/org"), ("forgot", {"org": "northside"}, "/email"), ("forgot", {"org": "northside", "email": ["a@b"]}, "/email"),
        ("forgot", {"org": "northside", "email": "x" * 255 + "@"}, "/email"), ("forgot", {"org": {"$ne": ""}, "email": "a@b"}, "/org"),
        ("reset", {"org": "northside", "token": "t"}, "/password"), ("reset", {"org": "northside", "password": NEW}, "/token"),
        ("reset", {"org": "northside", "token": True, "password": NEW}, "/token"),
        ("reset", {"org": "northside", "token": "x" * 201, "password": NEW}, "/token"),
        ("reset", {"org": "northside", "token": "t", "password": "x" * 257}, "/password"),
        ("reset", {"org": "northside", "token": "t", "password": "seven77"}, "/password"),
        ("password", {"new_password": NEW}, "/current_password"), ("password", {"current_password": PASSWORD}, "/new_password"),
        ("password", {"current_password": "x" * 1025, "new_password": NEW}, "/current_password"),
        ("password", {"current_password": PASSWORD, "new_password": 12345678}, "/new_password"),
    ],
)  # fmt: skip
def test_invalid_password_request_is_refused_with_the_field(shared_api, refused, path, body, pointer):
    answer = shared_api.client.post(f"/v1/auth/{path}", json=body, headers=shared_api.signed_in("alice"))
    document = refused(answer, 422, "invalid-payload")
    assert [one["pointer"] for one in document["errors"]] == [pointer]


def test_invited_person_chooses_a_password_and_signs_in(shared_api, mailing, somebody, refused):
    who = somebody(password=None, role="educator")
    answer = mailing.post(f"/v1/users/{who.id}/invite", headers=shared_api.signed_in("ada"))
    assert answer.status_code == 202
    assert who.email not in answer.text
    message = mailing.emails()[-1]
    assert (message["To"], message["Subject"]) == (who.email, "Your EssayCoach account")
    first = mailing.token_for(who.email)
    assert first not in answer.text
    assert mailing.post(f"/v1/users/{who.id}/invite", headers=shared_api.signed_in("ada")).status_code == 202
    refused(reset(mailing, who, first), 401, "invalid-token")
    assert reset(mailing, who, mailing.token_for(who.email)).status_code == 204
    assert me(shared_api.app, who.headers(shared_api.app, NEW)).json["role"] == "educator"
    [[actor]] = shared_api.database.sql(
        "select distinct actor_id from audit_log where entity = 'one_time_token' and action = 'created' and detail ->> 'user_id' = %s",
        str(who.id),
    )
    assert str(actor) == str(shared_api.school.ada)


def test_only_an_admin_of_the_org_can_invite(shared_api, mailing, somebody, refused):
    who = somebody()
    path = f"/v1/users/{who.id}/invite"
    refused(mailing.post(path), 401, "unauthorized")
    for name in ("alice", "ed", "nell"):
        refused(mailing.post(path, headers=shared_api.signed_in(name)), 403, "forbidden")
    refused(mailing.post(path, headers=shared_api.with_key()), 403, "forbidden")
    refused(mailing.post(path, headers=shared_api.signed_in("ada", shared_api.other)), 404, "not-found")
    refused(mailing.post(f"/v1/users/{uuid4()}/invite", headers=shared_api.signed_in("ada")), 404, "not-found")
    refused(mailing.post("/v1/users/me/invite", headers=shared_api.signed_in("ada")), 404, "not-found")
    assert not [one for one in mailing.emails() if one["To"] == who.email]
    assert shared_api.database.sql("select count(*) from one_time_tokens where user_id = %s", who.id) == [(0,)]


def test_disabled_person_or_person_without_email_cannot_be_invited(shared_api, mailing, somebody, refused):
    nowhere, disabled = somebody(address=None), somebody()
    shared_api.database.sql("update users set disabled_at = now() where id = %s", disabled.id)
    refused(mailing.post(f"/v1/users/{nowhere.id}/invite", headers=shared_api.signed_in("ada")), 409, "no-email")
    refused(
        mailing.post(f"/v1/users/{disabled.id}/invite", headers=shared_api.signed_in("ada")), 409, "account-disabled"
    )


def test_reset_requests_are_limited_for_an_address_and_never_for_the_owner(shared_api, mailing, somebody, refused):
    """A stranger asks until refused, from many addresses. The owner's link goes on working, and so does asking again."""
    who = somebody()
    assert request_reset(mailing, who, address="203.0.113.9").status_code == 202
    own_link = mailing.token_for(who.email)
    for stranger in range(8):
        address = f"192.0.2.{stranger}"
        codes = [request_reset(mailing, who, address=address).status_code for _ in range(6)]
        assert codes == [202] * 5 + [429]
        answer = mailing.post("/v1/auth/forgot", {"org": who.slug, "email": who.email.upper()}, address=address)
        refused(answer, 429, "rate-limited")
        assert int(answer.headers["Retry-After"]) <= 600
    assert request_reset(mailing, who, address="203.0.113.9").status_code == 202, "the owner may always ask"
    mails = [one for one in mailing.emails() if one["To"] == who.email]
    assert len(mails) == 20, "no mailbox is flooded"
    assert reset(mailing, who, own_link).status_code == 204
    assert who.sign_in(shared_api.app, NEW).status_code == 200
    refused(reset(mailing, who, mailing.token_for(who.email)), 401, "invalid-token")


def test_owner_gets_a_new_link_while_one_stranger_is_refused(mailing, somebody):
    who = somebody()
    codes = [request_reset(mailing, who, address="192.0.2.1").status_code for _ in range(9)]
    assert codes == [202] * 5 + [429] * 4
    before = len(mailing.emails())
    assert request_reset(mailing, who, address="203.0.113.9").status_code == 202
    assert len(mailing.emails()) == before + 1
    assert reset(mailing, who, mailing.token_for(who.email)).status_code == 204


def test_limits_of_reset_requests_do_not_show_who_exists(mailing, somebody):
    def codes(email: str) -> list[int]:
        body = {"org": somebody().slug, "email": email}
        return [mailing.post("/v1/auth/forgot", body, address=f"198.51.100.{one % 8}").status_code for one in range(50)]

    assert codes(somebody().email) == codes(f"nobody-{uuid4().hex}@mail.example")


def test_password_guessing_with_a_stolen_token_is_limited(shared_api, somebody, refused):
    who = somebody()
    headers = who.headers(shared_api.app)
    for number in range(30):
        assert change(shared_api.app, headers, current=f"guess {number}").status_code == 422
    refused(change(shared_api.app, headers), 429, "rate-limited")


@pytest.mark.parametrize("route", ["forgot", "reset", "login"])
def test_one_ip_address_cannot_try_many_accounts(shared_api, redis_client, refused, route):
    def ask(number: int):
        body = {"org": "northside", "email": f"{number}@mail.example", "password": NEW, "token": f"{number}" * 8}
        return shared_api.client.post(f"/v1/auth/{route}", json=body, environ_base={"REMOTE_ADDR": "203.0.113.9"})

    codes = Counter([ask(0).status_code])
    # A busy machine needs longer than the minute for which they are counted.
    for key in redis_client.keys("*"):
        redis_client.expire(key, 600)
    codes += Counter(ask(number).status_code for number in range(1, 300))
    assert codes == {202 if route == "forgot" else 401: 300}
    answer = ask(301)
    refused(answer, 429, "rate-limited")
    assert int(answer.headers["Retry-After"]) > 0


def test_unreachable_mail_server_does_not_change_the_answer(shared_api, somebody, tmp_path, refused):
    """A failing email must not reveal whether an account exists."""
    app = shared_api.make_app(ESSAYCOACH_MAIL="smtp://127.0.0.1:9", ESSAYCOACH_MAIL_FROM="post@school.example")
    broken, who = Mailing(app, tmp_path), somebody()
    answers = [
        broken.post("/v1/auth/forgot", {"org": "northside", "email": one}) for one in (who.email, "nobody@mail.example")
    ]  # fmt: skip
    assert {one.status_code for one in answers} == {202}
    assert len({one.data for one in answers}) == 1
    assert broken.post(f"/v1/users/{who.id}/invite", headers=shared_api.signed_in("ada")).status_code == 202
    assert app.extensions["essaycoach.post"].drain(within_seconds=60)


def test_log_contains_no_email_token_or_password(shared_api, mailing, somebody, caplog):
    who = somebody()
    caplog.set_level("DEBUG")
    request_reset(mailing, who)
    token = mailing.token_for(who.email)
    reset(mailing, who, token, "weakweak")
    reset(mailing, who, token)
    change(shared_api.app, who.headers(shared_api.app, NEW), current="not the one 7391", new=NEW + "!")
    for secret in (who.email, who.email.partition("@")[0], token, NEW, "not the one 7391", "weakweak"):
        assert secret not in caplog.text


def test_sign_in_during_a_password_change_does_not_outlive_it(shared_api, somebody):
    """People sign in with the old password while it changes; after the change none of their tokens works."""
    who = somebody()
    headers = who.headers(shared_api.app)
    barrier = Barrier(13, timeout=60)

    def sign_in(_: int):
        barrier.wait()
        return [who.sign_in(shared_api.app) for _ in range(2)]

    with ThreadPoolExecutor(13) as pool:
        others = [pool.submit(sign_in, number) for number in range(12)]
        barrier.wait()
        # From another address, since of one address only a few wait for the hashing.
        changed = change(shared_api.app, headers, environ_base={"REMOTE_ADDR": "192.0.2.9"})
        answers = [one for other in others for one in other.result()]
    assert changed.status_code == 204
    codes = Counter(one.status_code for one in answers)
    alive = 0
    for one in answers:
        if one.status_code == 200:
            tokens = one.json
            alive += me(shared_api.app, {"Authorization": f"Bearer {tokens['access_token']}"}).status_code == 200
            refreshed = shared_api.client.post(
                "/v1/auth/refresh", headers={"Authorization": f"Bearer {tokens['refresh_token']}"}
            )
            alive += refreshed.status_code == 200
    print(f"\nsign-ins with the old password during its change: {dict(codes)}, still alive afterwards: {alive}")
    assert set(codes) <= {200, 401, 503}
    assert alive == 0


def test_password_routes_answer_503_without_the_database(api, servers: Servers, refused):
    alice = api.signed_in("alice")
    ada = api.signed_in("ada")
    client = api.client
    with away(servers, api.database):
        for answer in (
            client.post("/v1/auth/forgot", json={"org": "northside", "email": "a@b.example"}),
            client.post("/v1/auth/reset", json={"org": "northside", "token": "t", "password": NEW}),
            client.post("/v1/auth/password", json={"current_password": PASSWORD, "new_password": NEW}, headers=alice),
            client.post(f"/v1/users/{api.school.bob}/invite", headers=ada),
        ):
            refused(answer, 503, "temporarily-unavailable")


@pytest.mark.parametrize(
    "link", ["coach.example", "ftp://coach.example", "javascript:alert(1)", "https://", "https://coach.example/#x"]
)
def test_invalid_link_stops_the_program(shared_api, link):
    with pytest.raises(SettingsError, match="ESSAYCOACH_LINK"):
        shared_api.make_app(ESSAYCOACH_LINK=link)
