"""Test sign-in providers: the client secret under the master key, and whom an account of a provider leads to."""

from __future__ import annotations

import base64

import pytest

from models import crypto, db, keys, sign_in_providers
from models.errors import Invalid, NotFound, Unauthorised
from models.settings import CryptoSettings
from models.sign_in_providers import Provider, Subject
from tests.support.races import together, warm_up
from tests.support.schools import INDEX_KEY, MASTER_KEY, School, load_keys, session_of
from tests.support.servers import Database

ISSUER = "https://id.example"


def store(school: School, **changes) -> Provider:
    wanted = {
        "name": "ID", "issuer": ISSUER, "client_id": "c", "client_secret": "hidden", "find_by": "subject", "roles": ["student"], **changes,
    }  # fmt: skip
    with session_of(school, "ada"):
        return sign_in_providers.store(org=school.org, **wanted)


def alice_says(school: School, subject: str, *, issuer: str = ISSUER, verified: bool = True) -> Subject:
    return Subject(issuer=issuer, id=subject, verified_email=school.email("alice") if verified else None)


def link(school: School, subject: Subject) -> None:
    with db.session(org=school.org, role="ec_auth", actor=school.alice):
        sign_in_providers.link(school.alice, subject, org=school.org)


def found(school: School, provider: Provider, subject: Subject):
    with db.session(org=school.org, role="ec_auth"):
        account = sign_in_providers.find_person(provider, subject, org=school.org)
    return account.user if account else None


def test_secret_is_encrypted_again_with_a_new_master_key(school, become, database: Database):
    provider = store(school)
    masters = {"k2": b"n" * 32, "k1": base64.b64decode(MASTER_KEY)}
    crypto.load(CryptoSettings(master_keys=masters, index_key=base64.b64decode(INDEX_KEY)))
    try:
        become("ec_worker")
        with db.session(role="ec_keys"):
            before = keys.count_by_master_key()["sign_in_providers.client_secret"]
            step = keys.reencrypt_batch("sign_in_providers.client_secret", after=keys.FIRST, limit=10, wait=True)
            after = keys.count_by_master_key()["sign_in_providers.client_secret"]
        assert step is not None
        assert (dict(before), dict(after), step.done) == ({"k1": 1}, {"k2": 1}, 1)
        crypto.load(CryptoSettings(master_keys={"k2": b"n" * 32}, index_key=base64.b64decode(INDEX_KEY)))
        become("ec_ingest")
        with db.session(org=school.org, role="ec_auth"):
            assert sign_in_providers.fetch_secret(provider, org=school.org) == "hidden"
    finally:
        load_keys()


def test_other_org_sees_no_provider_and_no_link(school, other_school):
    provider = store(school)
    link(school, alice_says(school, "s-1"))
    with db.session(org=other_school.org, role="ec_auth"):
        assert sign_in_providers.find(org=school.org) is None
        with pytest.raises(NotFound):
            sign_in_providers.fetch_secret(provider, org=school.org)
    assert found(other_school, provider, alice_says(school, "s-1", verified=False)) is None


def test_subject_of_another_issuer_is_somebody_else(school):
    provider = store(school)
    link(school, alice_says(school, "s-1"))
    assert found(school, provider, alice_says(school, "s-1", verified=False)) == school.alice
    assert found(school, provider, alice_says(school, "s-1", issuer="https://other.example", verified=False)) is None


def test_person_who_is_linked_is_not_found_by_the_address_again(school):
    provider = store(school)
    assert found(school, provider, alice_says(school, "s-1")) == school.alice
    link(school, alice_says(school, "s-1"))
    assert found(school, provider, alice_says(school, "s-2")) is None
    with pytest.raises(Unauthorised):
        link(school, alice_says(school, "s-2"))


def test_of_two_accounts_at_once_one_is_linked(school):
    warm_up(2)
    outcomes = together(2, lambda number: link(school, alice_says(school, f"s-{number}")))
    assert sorted(type(one).__name__ for one in outcomes) == ["NoneType", "Unauthorised"]


def test_only_where_admins_have_a_way_in_passwords_can_go(school, database: Database):
    store(school, roles=["student", "admin"])
    database.sql("update orgs set password_roles = '{}' where id = %s returning 1", school.org)
    with pytest.raises(Invalid), session_of(school, "ada"):
        sign_in_providers.remove(org=school.org)
    with pytest.raises(Invalid):
        store(school, roles=["student"])
    with db.session(org=school.org, role="ec_auth"):
        assert sign_in_providers.fetch(org=school.org).roles == ["student", "admin"]
