"""Test mailed one-time tokens: each is used once, by one user of one org, before it expires."""

from __future__ import annotations

import hashlib

import peewee
import pytest

from models import db, one_time_tokens, sessions
from models.errors import NotFound, Unauthorised
from tests.support.races import together, warm_up
from tests.support.schools import School
from tests.support.servers import Database


def issue(
    school: School,
    name: str = "alice",
    *,
    purpose: one_time_tokens.Purpose = "password_reset",
    role: db.Role = "ec_auth",
) -> str:
    with db.session(org=school.org, role=role):
        return one_time_tokens.issue(getattr(school, name), org=school.org, purpose=purpose)


def holder(school: School, token: str) -> object:
    with db.session(org=school.org, role="ec_auth"):
        return one_time_tokens.find_holder(token, org=school.org)


def spend(school: School, token: str, name: str = "alice") -> bool:
    with db.session(org=school.org, role="ec_auth"):
        return one_time_tokens.spend(token, org=school.org, user=getattr(school, name))


def test_token_is_stored_as_digest_and_finds_its_holder(school: School, database: Database) -> None:
    token = issue(school)
    assert len(token) == 43
    assert holder(school, token) == school.alice
    stored = database.sql("select digest, used_at from one_time_tokens where user_id = %s", school.alice)
    assert [(bytes(digest), used) for digest, used in stored] == [(hashlib.sha256(token.encode()).digest(), None)]


def test_token_is_spent_once_and_only_by_its_own_user(school: School, other_school: School) -> None:
    token = issue(school)
    assert not spend(school, token, "bob")
    with db.session(org=other_school.org, role="ec_auth"):
        assert not one_time_tokens.spend(token, org=other_school.org, user=other_school.alice)
        assert not one_time_tokens.spend(token, org=school.org, user=school.alice), (
            "row security must refuse the session of another org"
        )
        assert one_time_tokens.find_holder(token, org=school.org) is None
    assert [spend(school, token) for _ in range(3)] == [True, False, False]
    assert holder(school, token) is None


def test_one_of_twelve_concurrent_spends_of_a_token_wins(school: School) -> None:
    token = issue(school)
    warm_up()
    assert sorted(map(bool, together(12, lambda _: spend(school, token)))) == [False] * 11 + [True]


def test_concurrent_invitations_leave_one_valid_and_resets_leave_all(school: School) -> None:
    """Only admins invite. Anybody may ask for a reset, so it must not end the one that its owner has just got."""
    warm_up()
    resets = together(12, lambda _: issue(school))
    invitations = together(12, lambda _: issue(school, purpose="invitation", role="ec_admin"))
    assert [holder(school, str(one)) for one in resets] == [school.alice] * 12
    assert [holder(school, str(one)) for one in invitations].count(school.alice) == 1


def test_disabled_user_or_user_of_another_org_gets_no_token(
    school: School, other_school: School, database: Database
) -> None:
    token = issue(school, "bob")
    database.sql("update users set disabled_at = now() where id = %s", school.bob)
    for role in ("ec_auth", "ec_admin"):
        with pytest.raises(NotFound):
            issue(school, "bob", role=role)
        with pytest.raises(NotFound), db.session(org=other_school.org, role=role):
            one_time_tokens.issue(school.alice, org=other_school.org, purpose="invitation")
    assert holder(school, token) is None
    assert not spend(school, token, "bob")


def test_admin_can_issue_an_invitation_but_not_read_digests(school: School) -> None:
    issue(school, purpose="invitation", role="ec_admin")
    with pytest.raises(peewee.ProgrammingError, match="permission denied"), db.session(org=school.org, role="ec_admin"):
        db.rows("select digest from one_time_tokens")


@pytest.mark.parametrize("role", ["ec_student", "ec_educator", "ec_lms"])
def test_other_roles_cannot_read_or_change_tokens(school: School, role: db.Role) -> None:
    for statement in (
        "select id from one_time_tokens",
        "update one_time_tokens set used_at = null",
        "delete from one_time_tokens",
    ):
        with (
            pytest.raises(peewee.ProgrammingError, match="permission denied"),
            db.session(org=school.org, user=school.alice, role=role),
        ):
            db.run(statement)


def test_new_password_revokes_tokens_sessions_and_pending_sign_ins(school: School, database: Database) -> None:
    tokens = [issue(school), issue(school, purpose="invitation")]
    with db.session(org=school.org, role="ec_auth"):
        before = sessions.fetch_account(school.alice, org=school.org)
        family = sessions.open_family(before, org=school.org)
        sessions.set_password(school.alice, org=school.org, password_hash="pbkdf2_sha256$2$x$y")
    assert [holder(school, one) for one in tokens] == [None, None]
    with pytest.raises(Unauthorised), db.session(org=school.org, role="ec_auth"):
        sessions.open_family(before, org=school.org)
    with pytest.raises(Unauthorised), db.session(org=school.org, role="ec_auth"):
        sessions.spend(family.id, org=school.org, user=school.alice, generation=1)
    with db.session(org=school.org, role="ec_auth"):
        sessions.upgrade_password(before, org=school.org, password_hash="the old password, rehashed")
    assert database.sql("select password_hash, token_version from users where id = %s", school.alice) == [
        ("pbkdf2_sha256$2$x$y", 1)
    ]


def test_concurrent_password_changes_and_sign_ins_do_not_deadlock(school: School) -> None:
    """Each of them locks the user's row first, so they cannot deadlock, and no sign-in passes a password change."""
    warm_up()

    def change_or_sign_in(number: int) -> object:
        if number % 3 == 0:
            token = issue(school, purpose="invitation" if number % 2 else "password_reset")
            with db.session(org=school.org, role="ec_auth"):
                if one_time_tokens.spend(token, org=school.org, user=school.alice):
                    sessions.set_password(school.alice, org=school.org, password_hash=f"pbkdf2_sha256$2$x${number}")
            return "set"
        with db.session(org=school.org, role="ec_auth"):
            account = sessions.fetch_account(school.alice, org=school.org)
        with db.session(org=school.org, role="ec_auth"):
            sessions.upgrade_password(account, org=school.org, password_hash=f"pbkdf2_sha256$3$x${number}")
            return sessions.open_family(account, org=school.org)

    for _ in range(5):
        answers = together(12, change_or_sign_in)
        assert all(isinstance(one, str | sessions.Family | Unauthorised) for one in answers), answers


def test_contact_has_email_name_and_org_slug(school: School, other_school: School) -> None:
    with db.session(org=school.org, role="ec_auth"):
        found = sessions.fetch_contact(school.alice, org=school.org)
        assert (found.email, found.name, found.org_slug) == (school.email("alice"), "Alice", school.slug)
        with pytest.raises(NotFound):
            sessions.fetch_contact(other_school.alice, org=other_school.org)
