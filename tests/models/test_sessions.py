"""A refresh token is spent once; whoever spends it twice ends the family."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from models import db, sessions
from models.errors import Unauthorised
from models.sessions import Family
from tests.support.races import together, warm_up
from tests.support.schools import School
from tests.support.servers import Database


def open_family(school: School, name: str = "alice") -> Family:
    with db.session(org=school.org, role="ec_auth"):
        account = sessions.find_account(school.email(name), org=school.org)
        assert account is not None
        return sessions.open_family(account, org=school.org)


def spend(school: School, family: UUID, generation: int) -> Family | None:
    with db.session(org=school.org, role="ec_auth"):
        return sessions.spend(family, org=school.org, generation=generation)


def ended(database: Database, family: Family) -> object:
    return database.sql("select revoked_reason from sessions where id = %s", family.id)[0][0]


def grace_is_over(database: Database, family: Family) -> None:
    database.sql("update sessions set rotated_at = now() - interval '11 seconds' where id = %s", family.id)


def test_an_account_is_found_by_its_address_however_it_is_spelled(school: School, other_school: School) -> None:
    with db.session(org=school.org, role="ec_auth"):
        account = sessions.find_account(f"  {school.email('ed').upper()} ", org=school.org)
        assert sessions.find_account("nobody@school.example", org=school.org) is None
        assert sessions.find_account(other_school.email("ed"), org=other_school.org) is None

    assert account is not None
    assert (account.user, account.role, account.disabled, account.token_version) == (school.ed, "educator", False, 0)


def test_each_refresh_is_one_generation_on_and_keeps_the_end_of_the_family(school: School, database: Database) -> None:
    family = open_family(school)
    second = spend(school, family.id, 1)
    third = spend(school, family.id, 2)

    assert second is not None
    assert third is not None
    assert (family.generation, second.generation, third.generation) == (1, 2, 3)
    assert family.expires_at == second.expires_at == third.expires_at
    assert (third.user, third.role, third.token_version) == (school.alice, "student", 0)
    assert database.sql("select expires_at - created_at = interval '30 d' from sessions where id = %s", family.id) == [
        (True,)
    ]


def test_a_client_that_lost_the_answer_gets_the_same_successor_again(school: School, database: Database) -> None:
    family = open_family(school)

    answers = [spend(school, family.id, 1) for _ in range(3)]

    assert [one.generation for one in answers if one] == [2, 2, 2]
    assert ended(database, family) is None


def test_after_the_grace_time_a_repeat_ends_the_family_for_everybody(school: School, database: Database) -> None:
    """Given a spent token, when it is spent again later, nobody gets anything from this family any more."""
    family = open_family(school)
    spend(school, family.id, 1)
    grace_is_over(database, family)

    assert spend(school, family.id, 1) is None

    assert ended(database, family) == "reuse"
    for generation in (1, 2, 3):
        with pytest.raises(Unauthorised):
            spend(school, family.id, generation)


def test_a_grandparent_ends_the_family_even_within_the_grace_time(school: School, database: Database) -> None:
    family = open_family(school)
    spend(school, family.id, 1)
    spend(school, family.id, 2)

    assert spend(school, family.id, 1) is None
    assert ended(database, family) == "reuse"


def test_a_generation_from_the_future_ends_the_family(school: School, database: Database) -> None:
    family = open_family(school)

    assert spend(school, family.id, 2) is None
    assert ended(database, family) == "reuse"


@pytest.mark.parametrize(
    "end",
    [
        "update sessions set expires_at = now() where id = %(family)s",
        "update users set disabled_at = now() where id = %(user)s",
        "update sessions set revoked_at = now(), revoked_reason = 'password' where id = %(family)s",
        "delete from sessions where id = %(family)s",
    ],
    ids=["expired", "disabled", "revoked", "purged"],
)
def test_a_family_that_has_ended_gives_nothing_and_does_not_move(school: School, database: Database, end: str) -> None:
    family = open_family(school)
    database.sql(end % {"family": f"'{family.id}'", "user": f"'{school.alice}'"})

    with pytest.raises(Unauthorised, match="Sign in again"):
        spend(school, family.id, 1)

    assert database.sql("select 1 from sessions where id = %s and generation > 1", family.id) == []


def test_after_a_sign_out_the_token_is_worth_nothing_and_another_device_stays_signed_in(
    school: School, database: Database
) -> None:
    here, there = open_family(school), open_family(school)
    with db.session(org=school.org, role="ec_auth"):
        sessions.close_family(here.id, org=school.org)
        sessions.close_family(here.id, org=school.org)

    assert ended(database, here) == "logout"
    with pytest.raises(Unauthorised):
        spend(school, here.id, 1)
    assert spend(school, there.id, 1) is not None


def test_a_family_of_another_org_or_of_nobody_is_unauthorised(school: School, other_school: School) -> None:
    family = open_family(other_school)

    for stranger in (family.id, uuid4()):
        with pytest.raises(Unauthorised):
            spend(school, stranger, 1)
    assert spend(other_school, family.id, 1) is not None


def test_of_twenty_refreshes_at_the_same_moment_one_generation_comes_out_alive(
    school: School, database: Database
) -> None:
    family = open_family(school)

    warm_up()
    answers = together(20, lambda _: spend(school, family.id, 1))

    assert {one.generation for one in answers if isinstance(one, Family)} == {2}
    assert [one for one in answers if not isinstance(one, Family)] == []
    assert database.sql("select generation, revoked_at from sessions where id = %s", family.id) == [(2, None)]
    assert spend(school, family.id, 2) is not None


def test_a_password_made_at_another_cost_is_replaced(school: School, database: Database) -> None:
    with db.session(org=school.org, role="ec_auth"):
        account = sessions.fetch_account(school.ed, org=school.org)
        sessions.upgrade_password(account, org=school.org, password_hash="pbkdf2_sha256$2$x$y")

    assert database.sql("select password_hash from users where id = %s", school.ed) == [("pbkdf2_sha256$2$x$y",)]
