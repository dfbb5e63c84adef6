"""Test that no token of an LMS and no secret of ours is in a log line, an error or an address; and how our keys live."""

from __future__ import annotations

import base64
import subprocess
from http import HTTPStatus
from uuid import UUID, uuid4

import pytest

from ingest.lms.names_and_roles import MEMBERS_SCOPE
from models import crypto, db, keys, lti_keys, platforms
from models.settings import CryptoSettings
from outgoing.client import Client
from outgoing.errors import NoAnswer
from outgoing.lti import access_token
from standalone.lti_course import CHOOSE, Reply
from standalone.lti_platform import LtiPlatform
from standalone.postgres import POSTGRES_BIN_PATH
from tests.ingest.conftest import ApiUnderTest, check_refused
from tests.lti.conftest import Platform, connect, path_of
from tests.lti.score_work import Course
from tests.support.deliveries import THIS_MACHINE
from tests.support.pages import PageReader
from tests.support.schools import INDEX_KEY, MASTER_KEY, connect_as, load_keys
from tests.support.servers import Database, Servers, away


def test_no_token_is_logged_or_stored(
    api: ApiUnderTest, lms: LtiPlatform, logged: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    made = api.client.post("/v1/platforms", json={"name": "Moodle"}, headers=api.signed_in("ada")).json
    token, registration_token = made["registration_url"].rpartition("/")[2], lms.registration_token
    address = path_of(lms.registration_address(made["registration_url"]))
    lms.registration_token = "another"
    assert api.client.get(address).status_code == 422
    platform = connect(api, lms)
    reader = PageReader(api.app)
    message = platform.message(reader, "4")
    platform.send(reader, message)
    platform.send(reader, message)
    lms.kid = "unknown"
    platform.open("4")
    lms.kid = "k1"
    choice = platform.open("2", CHOOSE)
    assert choice.page is not None
    answered = choice.post("/lti/choose", choice=choice.page.hidden("choice"), title="A letter").hidden("JWT")

    secrets = (token, registration_token, message["id_token"], message["state"], answered, "PRIVATE KEY")
    written = capsys.readouterr().err + logged.text + dump_of(api.database)
    assert [one for one in secrets if one in written] == []


# Answers of an LMS that say its token, each where somebody may write it down: status, headers and body.
LEAKS = (
    (500, {}, '{"error": "TOKEN"}'),
    (302, {"Location": "https://elsewhere.example/?access_token=TOKEN"}, ""),
    (200, {}, '{"access_token": "TOKEN'),
    (200, {}, '{"access_token": "TOKEN TOKEN"}'),
    (401, {"WWW-Authenticate": 'Bearer error="invalid_token TOKEN"'}, "TOKEN"),
    (429, {"Retry-After": "TOKEN"}, ""),
    (502, {"Link": '<https://elsewhere.example/?token=TOKEN>; rel="next"'}, "TOKEN"),
)


def leak(kind: tuple[int, dict[str, str], str], token: str) -> Reply:
    status, headers, body = kind
    said = {name: value.replace("TOKEN", token) for name, value in headers.items()}
    return Reply(status, said, body.replace("TOKEN", token).encode())


@pytest.mark.parametrize("service", ["/token", "/members", "/scores"])
def test_tokens_of_an_lms_are_nowhere_also_when_it_says_them(
    api: ApiUnderTest, lms: LtiPlatform, logged: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch, service: str,
) -> None:  # fmt: skip
    course, ada = Course(connect(api, lms, scores="handed_in")), api.signed_in("ada")
    addresses, proofs, shown, give_token = [], [], [], lms.give_token
    monkeypatch.setattr(lms, "give_token", lambda asked: proofs.append(asked["client_assertion"]) or give_token(asked))
    course.hand_in()
    course.read()
    [(there,)] = api.database.sql("select course_id from platform_courses")
    asks = LEAKS if service != "/scores" else ()
    # A score is taken whatever the body of a good answer says.
    sends = {"/token": LEAKS, "/members": (), "/scores": [kind for kind in LEAKS if kind[0] != HTTPStatus.OK]}[service]
    kinds = [*asks, *sends]

    def reply(path: str, usual: Reply) -> Reply:
        addresses.append(path)
        return leak(kinds.pop(0), list(lms.access_tokens)[-1]) if service in path else usual

    lms.reply = reply
    for _ in asks:
        fetched = api.client.post(f"/v1/platforms/{course.platform.id}/courses/{there}/members", headers=ada)
        assert fetched.status_code == 503
        shown.append(fetched.text + str(fetched.headers))
        # What is kept for admins is stored when the answer is out.
        fetched.close()
    course.send(len(sends))
    shown.append(api.client.get(f"/v1/sources/{course.platform.id}/status", headers=ada).text + str(course.returns()))
    assert (kinds, len(lms.access_tokens), len(proofs)) == ([], *[len(asks) + len(sends)] * 2)

    written = capsys.readouterr().err + logged.text + dump_of(api.database) + " ".join([*addresses, *shown])
    assert ("platform gave no answer" in written, "return not sent" in written) == (bool(asks), bool(sends))
    assert [one for one in (*lms.access_tokens, *proofs) if one in written] == []


def dump_of(database: Database) -> str:
    """Return every row of the database, as a dump has it."""
    return subprocess.run(
        [str(POSTGRES_BIN_PATH / "pg_dump"), "--dbname", database.admin_url, "--no-password", "--data-only"],
        capture_output=True, check=True, text=True,
    ).stdout  # fmt: skip


def test_key_set_is_public_and_has_no_private_part(api: ApiUnderTest, platform: Platform) -> None:
    address = f"/lti/jwks/{platform.id}"
    answer = api.client.get(address)
    assert answer.headers["Cache-Control"] == "public, max-age=3600"
    [key] = answer.json["keys"]
    assert set(key) == {"kty", "n", "e", "kid", "use", "alg"} | ({"key_ops"} & set(key))
    assert api.client.get(address).json == answer.json
    check_refused(api.client.get(f"/lti/jwks/{uuid4()}"), 404, "not-found")


def test_platform_and_browser_are_told_when_to_come_again(
    api: ApiUnderTest, platform: Platform, servers: Servers
) -> None:
    with away(servers, api.database):
        check_refused(api.client.get(f"/lti/jwks/{platform.id}"), 503, "temporarily-unavailable")
        page = api.client.get(f"/lti/login/{platform.id}")
    assert (page.status_code, page.mimetype) == (503, "text/html")
    assert int(page.headers["Retry-After"]) > 0


def test_new_key_is_shown_a_day_before_it_signs_and_old_ones_a_month_after(
    api: ApiUnderTest, platform: Platform
) -> None:
    with db.session(role="ec_auth"):
        first = lti_keys.signing_key(UUID(platform.id))
    api.database.sql("update lti_keys set created_at = now() - interval '91 days' returning 1")
    with db.session(role="ec_auth"):
        assert len(lti_keys.public_keys(UUID(platform.id))) == 2
        assert lti_keys.signing_key(UUID(platform.id)) == first
    api.database.sql("update lti_keys set created_at = created_at - interval '2 days' returning 1")
    with db.session(role="ec_auth"):
        assert lti_keys.signing_key(UUID(platform.id)) != first
    api.database.sql("update lti_keys set created_at = created_at - interval '90 days' returning 1")
    with db.session(role="ec_auth"):
        assert str(first.id) not in [key["kid"] for key in lti_keys.public_keys(UUID(platform.id))]


def test_private_keys_are_encrypted_anew_with_a_new_master_key(api: ApiUnderTest, platform: Platform) -> None:
    with db.session(role="ec_auth"):
        known = lti_keys.signing_key(UUID(platform.id))
    masters = {"k2": b"n" * 32, "k1": base64.b64decode(MASTER_KEY)}
    crypto.load(CryptoSettings(master_keys=masters, index_key=base64.b64decode(INDEX_KEY)))
    try:
        connect_as("ec_worker", api.database)
        with db.session(role="ec_keys"):
            before = dict(keys.count_by_master_key()["lti_keys.private_key"])
            step = keys.reencrypt_batch("lti_keys.private_key", after=keys.FIRST, limit=10, wait=True)
            after = dict(keys.count_by_master_key()["lti_keys.private_key"])
        assert step is not None
        assert (before, after, step.done) == ({"k1": 1}, {"k2": 1}, 1)
        connect_as("ec_ingest", api.database)
        with db.session(role="ec_auth"):
            assert lti_keys.signing_key(UUID(platform.id)) == known
    finally:
        load_keys()


def test_another_school_gets_no_token_of_this_ones_lms(api: ApiUnderTest, lms: LtiPlatform) -> None:
    """The admin of another school names this school's client id, which is no secret, and its address for tokens as theirs."""
    ours = connect(api, lms)
    values = {
        "issuer": "https://evil.example", "client_id": lms.client_id, "authorization_url": "https://evil.example/authorize",
        "token_url": f"{lms.url}/token", "jwks_url": "https://evil.example/keys", "deployments": ["1"],
    }  # fmt: skip
    theirs = api.client.post(
        "/v1/platforms", json={"name": "x", "values": values}, headers=api.signed_in("ada", api.other)
    ).json
    kept = lms.fetch(lms.tool["jwks_uri"])
    lms.fetch = lambda _: kept
    client = Client(allowed=THIS_MACHINE)
    for platform, gets_one in ((ours.id, True), (theirs["id"], False)):
        with db.session(role="ec_auth"):
            found, key = platforms.find_active(UUID(platform)), lti_keys.signing_key(UUID(platform))
        if gets_one:
            assert access_token(found, MEMBERS_SCOPE, key, client=client) in lms.access_tokens
        else:
            with pytest.raises(NoAnswer):
                access_token(found, MEMBERS_SCOPE, key, client=client)
    assert len(lms.access_tokens) == 1
