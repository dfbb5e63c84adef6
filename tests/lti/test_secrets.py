"""Test that no token of an LMS and no secret of ours is in a log line, an error or an address; and how our keys live."""

from __future__ import annotations

import base64

import pytest

from models import crypto, db, keys, lti_keys
from models.settings import CryptoSettings
from standalone.lti_platform import CHOOSE, LtiPlatform
from tests.ingest.conftest import ApiUnderTest
from tests.lti.conftest import connect, path_of
from tests.support.pages import PageReader
from tests.support.schools import INDEX_KEY, MASTER_KEY, connect_as, load_keys


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
    written = capsys.readouterr().err + logged.text + str(api.database.sql("select event, context from system_logs"))
    assert [one for one in secrets if one in written] == []
    tables = [
        name for (name,) in api.database.sql("select relname from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r'")
    ]  # fmt: skip
    stored = "".join(str(api.database.sql(f"select t::text from {name} as t")) for name in tables)
    assert [one for one in secrets if one in stored] == []


def test_key_set_is_public_and_has_no_private_part(api: ApiUnderTest) -> None:
    answer = api.client.get("/lti/jwks")
    assert answer.headers["Cache-Control"] == "public, max-age=3600"
    [key] = answer.json["keys"]
    assert set(key) == {"kty", "n", "e", "kid", "use", "alg"} | ({"key_ops"} & set(key))
    assert api.client.get("/lti/jwks").json == answer.json


def test_new_key_is_shown_a_day_before_it_signs_and_old_ones_a_month_after(api: ApiUnderTest) -> None:
    with db.session(role="ec_auth"):
        first = lti_keys.signing_key()
    api.database.sql("update lti_keys set created_at = now() - interval '91 days' returning 1")
    with db.session(role="ec_auth"):
        assert len(lti_keys.public_keys()) == 2
        assert lti_keys.signing_key() == first
    api.database.sql("update lti_keys set created_at = created_at - interval '2 days' returning 1")
    with db.session(role="ec_auth"):
        assert lti_keys.signing_key() != first
    api.database.sql("update lti_keys set created_at = created_at - interval '90 days' returning 1")
    with db.session(role="ec_auth"):
        assert str(first.id) not in [key["kid"] for key in lti_keys.public_keys()]


def test_private_keys_are_encrypted_anew_with_a_new_master_key(api: ApiUnderTest) -> None:
    with db.session(role="ec_auth"):
        known = lti_keys.signing_key()
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
            assert lti_keys.signing_key() == known
    finally:
        load_keys()
