"""Test students named by an LMS, API keys, source secrets and passwords."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from uuid import UUID, uuid4

import peewee
import pytest

from models import callers, db, orgs, users
from models.api_key_text import KEY_PREFIX, checksum
from models.crypto import AssociatedData, keyring
from models.errors import Invalid, NotFound, Unauthorised
from models.passwords import Passwords, TooManyAtOnce
from tests.support.races import together, warm_up
from tests.support.schools import PASSWORD, PEPPER, ROUNDS, School, session_of
from tests.support.servers import Database

PEPPER_BYTES = base64.b64decode(PEPPER)


def recognise(school: School, external_id: str, *, name: str | None = "Sam", email: str | None = None) -> UUID:
    with db.session(org=school.org, role="ec_lms"):
        return users.find_or_add_student(external_id, org=school.org, name=name, email=email)


def person(school: School, user: UUID) -> users.Person:
    with session_of(school, "ada"):
        return users.fetch_person(user, org=school.org)


def test_new_lms_student_is_added_with_an_own_data_key(school: School, database: Database) -> None:
    sam = recognise(school, "sam-7", email="sam@x.example")

    found = person(school, sam)
    assert (found.role, found.name, found.email, found.external_id) == ("student", "Sam", "sam@x.example", "sam-7")
    raw = database.sql("select name, email, external_id from users where id = %s", sam)[0]
    assert not [blob for blob in raw if b"am" in bytes(blob)]  # type: ignore[arg-type]
    assert database.sql("select count(*) from user_keys where user_id = %s", sam) == [(1,)]


def test_student_is_recognised_by_external_id(school: School) -> None:
    sam = recognise(school, "sam-7", email="sam@x.example")

    assert recognise(school, "sam-7", name="Samuel", email="other@x.example") == sam
    assert recognise(school, "sam-7", name=None) == sam
    assert recognise(school, "alice-sis") == school.alice


def test_account_matched_by_email_gets_its_external_id(school: School) -> None:
    with session_of(school, "ada"):
        eve = users.add_user("student", org=school.org, name="Eve", email="eve@x.example")

    assert recognise(school, "eve-9", name="Eva", email=" EVE@x.example") == eve
    assert recognise(school, "eve-9") == eve
    assert (person(school, eve).external_id, person(school, eve).name) == ("eve-9", "Eve")


def test_shared_email_adds_a_second_student_without_email(school: School) -> None:
    first = recognise(school, "twin-1", email="parents@x.example")
    second = recognise(school, "twin-2", email="parents@x.example")

    assert first != second
    assert (person(school, first).email, person(school, second).email) == ("parents@x.example", None)
    assert recognise(school, "twin-2", email="parents@x.example") == second


def test_the_same_external_id_in_another_org_is_another_person(school: School, other_school: School) -> None:
    assert recognise(school, "sam-7") != recognise(other_school, "sam-7")


@pytest.mark.parametrize("email", [None, "sam@x.example"])
def test_ten_concurrent_equal_calls_add_one_student(school: School, database: Database, email: str | None) -> None:
    warm_up()
    answers = together(10, lambda _: recognise(school, "sam-7", email=email))

    assert [one for one in answers if isinstance(one, Exception)] == []
    assert len(set(answers)) == 1
    assert database.sql("select count(*) from users where org_id = %s", school.org) == [(7,)]


def test_two_new_students_with_one_email_can_be_added_concurrently(school: School) -> None:
    warm_up(2)
    for turn in range(5):

        def hand_over(number: int, turn: int = turn) -> UUID:
            return recognise(school, f"twin-{turn}-{number}", email=f"parents-{turn}@x.example")

        answers = together(2, hand_over)

        assert [one for one in answers if isinstance(one, Exception)] == []
        assert len(set(answers)) == 2


def test_email_is_unique_within_an_org(school: School, other_school: School) -> None:
    with pytest.raises(peewee.IntegrityError), session_of(school, "ada"):
        users.add_user("student", org=school.org, email=school.email("alice").upper())
    with session_of(other_school, "ada"):
        assert users.add_user("student", org=other_school.org, email=school.email("alice"))


def test_org_is_found_by_slug_and_the_slug_is_unique(school: School) -> None:
    with db.session(role="ec_auth"):
        assert orgs.find_org(school.slug) == school.org
        assert orgs.find_org("nowhere") is None
        fresh = db.new_ids(1)[0]
    for slug in (school.slug, "Not A Slug"):
        with pytest.raises(Invalid) as refusal, db.session(org=fresh, role="ec_admin"):
            orgs.add_org(slug, org=fresh, name="Another")
        assert [pointer for pointer, _ in refusal.value.errors] == ["/slug"]


def test_unknown_person_or_person_of_another_org_is_not_found(school: School, other_school: School) -> None:
    with session_of(school, "ada"):
        for stranger in (uuid4(), other_school.alice):
            with pytest.raises(NotFound):
                users.fetch_person(stranger, org=school.org)
            with pytest.raises(NotFound):
                users.data_key(stranger, org=school.org)


def test_person_added_without_a_name_has_no_name(school: School) -> None:
    assert person(school, recognise(school, "nameless", name=None)).name is None


def recognise_key(text: str) -> callers.Caller:
    with db.session(role="ec_auth"):
        return callers.recognise_api_key(text, pepper=PEPPER_BYTES)


def test_api_key_identifies_its_org(school: School, other_school: School) -> None:
    caller = recognise_key(school.api_key)

    assert (caller.id, caller.org) == (school.api_key_id, school.org)
    assert recognise_key(other_school.api_key).org == other_school.org


def test_api_key_is_stored_only_as_a_peppered_digest(school: School, database: Database) -> None:
    row, digest, prefix = database.sql(
        "select a::text, digest, prefix from api_keys as a where org_id = %s", school.org
    )[0]

    assert school.api_key[len(prefix) :] not in str(row)  # type: ignore[arg-type]
    assert school.api_key.encode().hex() not in str(row)
    assert bytes(digest) == hmac.new(PEPPER_BYTES, school.api_key.encode(), hashlib.sha256).digest()  # type: ignore[arg-type]
    assert prefix == school.api_key[: len(KEY_PREFIX) + 4]


def test_unknown_api_key_is_refused_even_with_a_valid_checksum(school: School) -> None:
    body = "A" * 30
    made_up = [
        "", "x", KEY_PREFIX, school.api_key[:-1], school.api_key + "x", school.api_key.removeprefix(KEY_PREFIX),
        school.api_key[:-1] + ("A" if school.api_key[-1] != "A" else "B"), KEY_PREFIX + body + checksum(body),
        "clé-" * 9,
    ]  # fmt: skip
    for text in made_up:
        with pytest.raises(Unauthorised, match="not known, has expired or was revoked"):
            recognise_key(text)


def test_mistyped_api_key_is_refused_without_a_query(school: School) -> None:
    """Outside a session any statement fails, so the wrong checksum is refused before a query."""
    with pytest.raises(Unauthorised):
        callers.recognise_api_key(school.api_key[:-1] + "!", pepper=PEPPER_BYTES)


@pytest.mark.parametrize(
    "change", ["revoked_at = now()", "expires_at = now()", "expires_at = now() - interval '1 day'"]
)
def test_a_revoked_or_expired_key_is_refused(school: School, database: Database, change: str) -> None:
    database.sql(f"update api_keys set {change} where org_id = %s", school.org)

    with pytest.raises(Unauthorised):
        recognise_key(school.api_key)


def test_unexpired_api_key_works_only_with_its_pepper(school: School, database: Database) -> None:
    database.sql("update api_keys set expires_at = now() + interval '1 day' where org_id = %s", school.org)

    assert recognise_key(school.api_key).org == school.org
    with pytest.raises(Unauthorised), db.session(role="ec_auth"):
        callers.recognise_api_key(school.api_key, pepper=b"x" * 32)


def find_source(source: UUID) -> callers.Source:
    with db.session(role="ec_auth"):
        return callers.find_source(source)


def test_source_secret_is_stored_encrypted(school: School, database: Database) -> None:
    found = find_source(school.source)

    assert (found.org, found.secrets) == (school.org, (school.source_secret,))
    assert school.source_secret.startswith("whsec_")
    assert len(base64.b64decode(school.source_secret.removeprefix("whsec_"))) == 32
    stored = bytes(database.sql("select secret from sources where id = %s", school.source)[0][0])  # type: ignore[arg-type]
    assert school.source_secret.encode() not in stored


@pytest.mark.parametrize(("until", "live"), [("1 hour", 2), ("-1 second", 1)])
def test_previous_source_secret_is_valid_until_its_expiry(
    school: School, database: Database, until: str, live: int
) -> None:
    old = keyring().seal("whsec_old", place=AssociatedData("sources", "previous_secret", school.org, school.source))
    database.sql(
        "update sources set previous_secret = %s, previous_secret_until = now() + %s::interval where id = %s",
        bytes(old), until, school.source,
    )  # fmt: skip

    assert find_source(school.source).secrets == (school.source_secret, "whsec_old")[:live]


def test_a_disabled_or_unknown_source_is_not_found(school: School, database: Database) -> None:
    database.sql("update sources set disabled_at = now() where id = %s", school.source)

    for source in (school.source, uuid4()):
        with pytest.raises(NotFound):
            find_source(source)


def test_a_password_matches_its_own_hash_only() -> None:
    passwords = Passwords(rounds=ROUNDS)
    stored = passwords.hash(PASSWORD)

    assert passwords.matches(PASSWORD, stored)
    assert not passwords.matches(PASSWORD + " ", stored)
    assert not passwords.matches("nobody has this password", None)
    assert passwords.hash(PASSWORD) != stored


def test_new_hash_has_django_format_and_the_current_rounds() -> None:
    passwords = Passwords()
    stored = passwords.hash(PASSWORD)

    assert stored.startswith("pbkdf2_sha256$1500000$")
    assert not passwords.is_outdated(stored)
    assert passwords.is_outdated(Passwords(rounds=ROUNDS).hash(PASSWORD))


def test_hash_in_django_format_is_verified() -> None:
    digest = hashlib.pbkdf2_hmac("sha256", PASSWORD.encode(), b"0123456789abcdefghijkl", 1200)
    stored = f"pbkdf2_sha256$1200$0123456789abcdefghijkl${base64.b64encode(digest).decode()}"

    assert Passwords(rounds=ROUNDS).matches(PASSWORD, stored)


def test_password_check_takes_as_long_for_an_unknown_account() -> None:
    passwords = Passwords(rounds=60_000)
    stored = passwords.hash(PASSWORD)

    def cost(against: str | None) -> float:
        """Return the lowest CPU time of five checks in seconds. CPU time ignores other load on the machine."""
        times = []
        for _ in range(5):
            started = time.thread_time()
            passwords.matches("wrong", against)
            times.append(time.thread_time() - started)
        return min(times)

    assert 0.6 < cost(None) / cost(stored) < 1.7


def test_password_check_is_refused_while_slots_are_busy_and_frees_its_slot() -> None:
    passwords = Passwords(rounds=ROUNDS, at_once=1, patience_seconds=0.05)
    stored = passwords.hash(PASSWORD)
    with passwords._slots.hold("another address"), pytest.raises(TooManyAtOnce):
        passwords.matches(PASSWORD, stored)

    for _ in range(3):
        assert passwords.matches(PASSWORD, stored)
    with pytest.raises(ValueError, match="hash"):
        passwords.matches(PASSWORD, "not a hash")
    assert passwords.matches(PASSWORD, stored)
