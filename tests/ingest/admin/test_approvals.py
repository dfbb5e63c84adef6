"""Test that two admins must agree where the org wants it, from the side of an admin who acts alone."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import peewee
import pytest

from models import db, org_removal, orgs, rights, users
from models.crypto import keyring
from models.errors import NeedsApproval
from models.passwords import Passwords
from tests.ingest.admin.test_courses import ask
from tests.support.races import together, warm_up
from tests.support.schools import PASSWORD, ROUNDS, School, make_school, session_of

if TYPE_CHECKING:
    from tests.ingest.conftest import ApiUnderTest

_numbers = count(1)


def add_admin(school: School, name: str) -> UUID:
    with session_of(school, "ada"):
        return users.add_user(
            "admin",
            org=school.org,
            name=name.title(),
            email=school.email(name),
            password_hash=Passwords(rounds=ROUNDS).hash(PASSWORD),
        )


@pytest.fixture
def fresh(shared_api: ApiUnderTest) -> ApiUnderTest:
    """Give the shared app with a new school with dual_approval and a second admin, Abe."""
    api = replace(shared_api, school=make_school(f"two-{next(_numbers)}"))
    add_admin(api.school, "abe")
    assert ask(api, "PATCH", "org", {"dual_approval": True}).json["dual_approval"] is True
    return api


def ask_to_erase(api: ApiUnderTest, person: UUID | None = None, *, who: str = "ada") -> str:
    answer = ask(api, "POST", f"users/{person or api.school.alice}/erase", who=who)
    assert (answer.status_code, answer.json["status"]) == (202, "waiting for approval"), answer.text
    return str(answer.json["approval_id"])


def approve(api: ApiUnderTest, request: str, who: str = "abe") -> Any:
    return ask(api, "POST", f"approvals/{request}/approve", who=who)


def is_there(api: ApiUnderTest, person: UUID | None = None) -> bool:
    return api.database.sql("select count(*) from user_keys where user_id = %s", person or api.school.alice) == [(1,)]


def state_of(api: ApiUnderTest, request: str) -> str:
    return str(ask(api, "GET", f"approvals/{request}").json["state"])


def test_erasure_is_done_when_a_second_admin_approves_it(fresh):
    request = ask_to_erase(fresh)
    assert ask_to_erase(fresh) == request
    assert is_there(fresh)
    [listed] = ask(fresh, "GET", "approvals", who="abe").json["items"]
    assert (listed["id"], listed["action"], listed["user_id"], listed["state"]) == (
        request, "erase_person", str(fresh.school.alice), "waiting",
    )  # fmt: skip
    answer = approve(fresh, request)
    assert (answer.status_code, answer.json["state"]) == (200, "used")
    assert not is_there(fresh)
    entries = [one["action"] for one in ask(fresh, "GET", f"audit?entity_id={request}").json["items"]]
    assert entries == ["approval_given", "approval_requested"]


def test_export_is_given_once_to_the_admin_who_asked(fresh, refused):
    path = f"users/{fresh.school.alice}/export"
    waiting = ask(fresh, "GET", path)
    assert (waiting.status_code, waiting.json["status"]) == (202, "waiting for approval")
    assert ask(fresh, "GET", path).json == waiting.json
    assert approve(fresh, waiting.json["approval_id"]).json["state"] == "approved"
    assert is_there(fresh)
    assert ask(fresh, "GET", path, who="abe").status_code == 202, "the approval is not Abe's to use"
    archive = ask(fresh, "GET", path)
    assert (archive.status_code, archive.content_type, archive.data[:2]) == (200, "application/zip", b"PK")
    again = ask(fresh, "GET", path)
    assert again.status_code == 202
    assert again.json["approval_id"] != waiting.json["approval_id"]
    reads = fresh.database.sql(
        "select count(*) from audit_log where action = 'read' and entity_id = %s", fresh.school.alice
    )
    assert reads == [(1,)]


def test_one_approved_export_is_given_once_to_two_requests_at_once(fresh):
    path = f"users/{fresh.school.alice}/export"
    approve(fresh, ask(fresh, "GET", path).json["approval_id"])
    warm_up(4)
    codes = together(4, lambda _: ask(fresh, "GET", path).status_code)
    assert sorted(codes) == [200, 202, 202, 202]


def test_the_admin_who_asked_cannot_approve(fresh, refused):
    request = ask_to_erase(fresh)
    for _ in range(2):
        refused(approve(fresh, request, "ada"), 409, "own-request")
    assert is_there(fresh)
    assert state_of(fresh, request) == "waiting"


def test_asking_twice_does_not_count_as_two_admins(fresh):
    """Each of two admins asked alone: that is two requests, and none of them is approved."""
    assert ask_to_erase(fresh) != ask_to_erase(fresh, who="abe")
    assert is_there(fresh)


def test_whom_it_concerns_cannot_approve_their_own_erasure(fresh, refused):
    abe = UUID(
        str(
            fresh.database.sql(
                "select id from users where org_id = %s and role = 'admin' and id <> %s",
                fresh.school.org,
                fresh.school.ada,
            )[0][0]
        )
    )
    request = ask_to_erase(fresh, abe)
    refused(approve(fresh, request), 409, "own-request")
    assert is_there(fresh, abe)
    assert state_of(fresh, request) == "waiting"


@pytest.mark.parametrize("who", ["ada", "abe"])
@pytest.mark.parametrize("change", ["role = 'educator'", "disabled_at = now()"])
@pytest.mark.parametrize("when", ["before the approval", "after the approval"])
def test_an_admin_demoted_or_disabled_in_between_does_not_count(fresh, refused, who, change, when):
    path = f"users/{fresh.school.alice}/export"
    request = ask(fresh, "GET", path).json["approval_id"]
    add_admin(fresh.school, "eve")
    fresh.signed_in("abe")
    if when == "after the approval":
        assert approve(fresh, request).status_code == 200
    fresh.database.sql(
        f"update users set {change} where org_id = %s and role = 'admin' and (id = %s) = %s returning 1",
        fresh.school.org, fresh.school.ada, who == "ada",
    )  # fmt: skip
    fresh.database.sql(
        "update users set role = 'admin', disabled_at = null where id = %s returning 1", add_admin_id(fresh, "eve")
    )
    with db.session(org=fresh.school.org, user=fresh.school.ada, role="ec_admin"):
        used = db.row("select use_approval('export_person', %s) as used", (fresh.school.alice,))
    assert used == {"used": False}
    if when == "before the approval":
        answer = approve(fresh, request)
        if who == "ada":
            refused(answer, 409, "approval-ended")
        else:
            refused(answer, 401, "invalid-token")
    assert fresh.database.sql("select count(*) from approvals where id = %s and used_at is null", request) == [(1,)]


def add_admin_id(api: ApiUnderTest, name: str) -> UUID:
    digest = keyring().email_index(api.school.email(name), org=api.school.org)
    return UUID(str(api.database.sql("select id from users where email_digest = %s", digest)[0][0]))


def test_the_database_refuses_a_demoted_admin_whatever_the_code_asks(fresh):
    request = ask_to_erase(fresh)
    for person in (fresh.school.ed, fresh.school.alice):
        with (
            pytest.raises(peewee.ProgrammingError, match="only an admin"),
            db.session(org=fresh.school.org, user=person, role="ec_admin"),
        ):
            db.row("select approve_request(%s)", (request,))
    with pytest.raises(NeedsApproval), session_of(fresh.school, "ada"):
        rights.request_erasure(fresh.school.alice, org=fresh.school.org)
    assert is_there(fresh)


def test_request_of_another_org_is_not_found(fresh, refused, shared_api):
    request = ask_to_erase(fresh)
    elsewhere = replace(shared_api, school=make_school(f"two-{next(_numbers)}"))
    refused(approve(elsewhere, request, "ada"), 404, "not-found")
    refused(ask(elsewhere, "GET", f"approvals/{request}"), 404, "not-found")
    assert ask(elsewhere, "GET", "approvals").json["items"] == []
    refused(ask(fresh, "POST", f"users/{elsewhere.school.alice}/erase"), 404, "not-found")
    refused(ask(fresh, "GET", f"users/{elsewhere.school.alice}/export"), 404, "not-found")
    refused(ask(fresh, "POST", f"users/{uuid4()}/erase"), 404, "not-found")
    assert is_there(fresh)


def test_expired_request_is_neither_approved_nor_used(fresh, refused):
    request = ask_to_erase(fresh)
    path = f"users/{fresh.school.bob}/export"
    approved = ask(fresh, "GET", path).json["approval_id"]
    assert approve(fresh, approved).status_code == 200
    fresh.database.sql(
        "update approvals set requested_at = requested_at - interval '7 days' where org_id = %s returning 1",
        fresh.school.org,
    )
    refused(approve(fresh, request), 409, "approval-ended")
    assert is_there(fresh)
    assert (state_of(fresh, request), state_of(fresh, approved)) == ("expired", "expired")
    assert ask(fresh, "GET", path).status_code == 202
    assert ask_to_erase(fresh) != request


def test_replayed_approval_does_nothing_more(fresh, refused):
    request = ask_to_erase(fresh, fresh.school.bob)
    assert approve(fresh, request).status_code == 200
    fresh.database.sql("select 1")
    refused(approve(fresh, request), 409, "approval-ended")
    approved = ask(fresh, "GET", f"users/{fresh.school.alice}/export").json["approval_id"]
    assert approve(fresh, approved).status_code == 200
    add_admin(fresh.school, "eve")
    refused(approve(fresh, approved, "eve"), 409, "approval-ended")
    assert ask(fresh, "POST", f"users/{fresh.school.alice}/erase").json["status"] == "waiting for approval"
    assert is_there(fresh), "an approved export erases nobody"


def test_two_admins_who_approve_at_once_do_it_once(fresh):
    add_admin(fresh.school, "eve")
    request = ask_to_erase(fresh)
    for name in ("abe", "eve"):
        fresh.signed_in(name)
    warm_up(4)
    codes = together(4, lambda number: approve(fresh, request, ("abe", "eve")[number % 2]).status_code)
    assert sorted(codes) == [200, 409, 409, 409]
    given = fresh.database.sql(
        "select count(*) from audit_log where entity_id = %s and action = 'approval_given'", request
    )
    assert given == [(1,)]


def test_one_admin_alone_cannot_switch_it_off(fresh, refused):
    refused(ask(fresh, "PATCH", "org", {"dual_approval": False}), 409, "approval-needed")
    with pytest.raises(NeedsApproval), session_of(fresh.school, "ada"):
        orgs.change_org(fresh.school.org, changes={"dual_approval": False})
    asked = ask(fresh, "POST", "approvals", {"action": "end_dual_approval"})
    assert asked.status_code == 201
    assert ask(fresh, "GET", asked.headers["Location"].removeprefix("/v1/")).json == asked.json
    refused(approve(fresh, asked.json["id"], "ada"), 409, "own-request")
    refused(ask(fresh, "PATCH", "org", {"dual_approval": False, "name": "New"}), 409, "approval-needed")
    assert approve(fresh, asked.json["id"]).json["state"] == "used"
    assert ask(fresh, "GET", "org").json["dual_approval"] is False
    assert ask(fresh, "POST", f"users/{fresh.school.alice}/erase").json == {"status": "erasing"}


@pytest.mark.parametrize("body", [{"action": "erase_person"}, {"action": "sell"}, {}, {"action": None}])
def test_only_the_acts_on_the_org_are_asked_for_directly(fresh, refused, body):
    refused(ask(fresh, "POST", "approvals", body), 422, "invalid-payload")


def test_person_on_hold_is_not_erased_by_two_admins_either(fresh, refused):
    request = ask_to_erase(fresh)
    ask(fresh, "PUT", f"users/{fresh.school.alice}/hold", {"case_number": "2026-1"})
    refused(approve(fresh, request), 409, "on-hold")
    assert is_there(fresh)
    assert state_of(fresh, request) == "waiting"


def test_school_is_closed_only_when_two_admins_agreed_or_with_a_case_number(fresh):
    org = fresh.school.org

    def close(**how: str) -> None:
        with db.session(org=org, role="ec_admin"):
            org_removal.close(org, **how)

    with pytest.raises(NeedsApproval):
        close()
    asked = ask(fresh, "POST", "approvals", {"action": "remove_org"}).json["id"]
    with pytest.raises(NeedsApproval):
        close()
    assert approve(fresh, asked).json["state"] == "approved"
    assert ask(fresh, "GET", "org").json["dual_approval"] is True
    close()
    close()
    assert fresh.database.sql("select count(*) from approvals where id = %s and used_at is not null", asked) == [(1,)]
    assert fresh.database.sql("select detail from audit_log where action = 'org_closed' and org_id = %s", org) == [
        ({},)
    ]


def test_operator_who_closes_without_approval_is_named_in_the_trail(fresh):
    org = fresh.school.org
    with db.session(org=org, role="ec_admin"):
        org_removal.close(org, without_approval="2026-CV-114")
    found = fresh.database.sql(
        "select actor_role, detail from audit_log where action = 'org_closed' and org_id = %s", org
    )
    assert found == [("operator", {"without_approval": "2026-CV-114"})]
