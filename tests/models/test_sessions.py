"""Test refresh-token families: a token is spent once, and reuse revokes the family."""

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
        return sessions.spend(family, org=school.org, user=school.alice, generation=generation)


def revoked_reason(database: Database, family: Family) -> object:
    """Return why the family was revoked, or None."""
    return database.sql("select revoked_reason from sessions where id = %s", family.id)[0][0]


def end_grace_time(database: Database, family: Family) -> None:
    """Move the last rotation so far back that the grace time is over."""
    database.sql("update sessions set rotated_at = now() - interval '11 seconds' where id = %s", family.id)


def test_account_is_found_by_email_in_any_case_and_with_spaces(school: School, other_school: School) -> None:
    with db.session(org=school.org, role="ec_auth"):
        account = sessions.find_account(f"  {school.email('ed').upper()} ", org=school.org)
        assert sessions.find_account("nobody@school.example", org=school.org) is None
        assert sessions.find_account(other_school.email("ed"), org=other_school.org) is None

    assert account is not None
    assert (account.user, account.role, account.disabled, account.token_version) == (school.ed, "educator", False, 0)


def test_refresh_increments_the_generation_and_keeps_the_family_expiry(school: School, database: Database) -> None:
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


def test_repeated_refresh_within_grace_time_returns_same_generation(school: School, database: Database) -> None:
    family = open_family(school)

    answers = [spend(school, family.id, 1) for _ in range(3)]

    assert [one.generation for one in answers if one] == [2, 2, 2]
    assert revoked_reason(database, family) is None


def test_token_reused_after_grace_time_revokes_the_family(school: School, database: Database) -> None:
    """When a spent token is spent again later, no token of its family works any more."""
    family = open_family(school)
    spend(school, family.id, 1)
    end_grace_time(database, family)

    assert spend(school, family.id, 1) is None

    assert revoked_reason(database, family) == "reuse"
    for generation in (1, 2, 3):
        with pytest.raises(Unauthorised):
            spend(school, family.id, generation)


def test_reusing_a_token_two_generations_old_revokes_the_family(school: School, database: Database) -> None:
    family = open_family(school)
    spend(school, family.id, 1)
    spend(school, family.id, 2)

    assert spend(school, family.id, 1) is None
    assert revoked_reason(database, family) == "reuse"


def test_future_generation_revokes_the_family(school: School, database: Database) -> None:
    family = open_family(school)

    assert spend(school, family.id, 2) is None
    assert revoked_reason(database, family) == "reuse"


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
def test_ended_family_cannot_be_refreshed(school: School, database: Database, end: str) -> None:
    family = open_family(school)
    database.sql(end % {"family": f"'{family.id}'", "user": f"'{school.alice}'"})

    with pytest.raises(Unauthorised, match="Sign in again"):
        spend(school, family.id, 1)

    assert database.sql("select 1 from sessions where id = %s and generation > 1", family.id) == []


def test_sign_out_revokes_one_family_and_no_other_device(school: School, database: Database) -> None:
    here, there = open_family(school), open_family(school)
    with db.session(org=school.org, role="ec_auth"):
        sessions.close_family(here.id, org=school.org)
        sessions.close_family(here.id, org=school.org)

    assert revoked_reason(database, here) == "logout"
    with pytest.raises(Unauthorised):
        spend(school, here.id, 1)
    assert spend(school, there.id, 1) is not None


def test_unknown_family_or_family_of_another_org_is_unauthorised(school: School, other_school: School) -> None:
    family = open_family(other_school)

    for stranger in (family.id, uuid4()):
        with pytest.raises(Unauthorised):
            spend(school, stranger, 1)
    assert spend(other_school, family.id, 1) is not None


def test_twenty_concurrent_refreshes_yield_one_generation(school: School, database: Database) -> None:
    family = open_family(school)

    warm_up()
    answers = together(20, lambda _: spend(school, family.id, 1))

    assert {one.generation for one in answers if isinstance(one, Family)} == {2}
    assert [one for one in answers if not isinstance(one, Family)] == []
    assert database.sql("select generation, revoked_at from sessions where id = %s", family.id) == [(2, None)]
    assert spend(school, family.id, 2) is not None


def test_password_hash_can_be_upgraded(school: School, database: Database) -> None:
    with db.session(org=school.org, role="ec_auth"):
        account = sessions.fetch_account(school.ed, org=school.org)
        sessions.upgrade_password(account, org=school.org, password_hash="pbkdf2_sha256$2$x$y")

    assert database.sql("select password_hash from users where id = %s", school.ed) == [("pbkdf2_sha256$2$x$y",)]


@pytest.mark.parametrize(
    ("name", "idle_hours", "has_ended"), [("alice", 700, False), ("ed", 11, False), ("ed", 13, True), ("ada", 13, True)]
)
def test_idle_session_of_staff_ends(
    school: School, database: Database, name: str, idle_hours: int, has_ended: bool
) -> None:
    family = open_family(school, name)
    database.sql(
        "update sessions set rotated_at = now() - make_interval(hours => %s) where id = %s", idle_hours, family.id
    )

    def refresh() -> Family | None:
        with db.session(org=school.org, role="ec_auth"):
            return sessions.spend(family.id, org=school.org, user=family.user, generation=1, staff_idle_hours=12)

    if has_ended:
        for _ in range(2):
            with pytest.raises(Unauthorised):
                refresh()
    else:
        again = refresh()
        assert again is not None
        assert again.generation == 2
