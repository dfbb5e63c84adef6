"""Test the settings, the report and the legal holds of the retention, as an admin and as an attacker would call them."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from models.retention import CLASSES
from tests.ingest.admin.test_courses import ask
from tests.support.schools import make_school

if TYPE_CHECKING:
    from tests.ingest.conftest import ApiUnderTest

RETENTIONS = {f"retention_{name}": 7 if name == "logs" else 30 for name in CLASSES}
_numbers = count(1)


@pytest.fixture
def fresh(shared_api: ApiUnderTest) -> ApiUnderTest:
    """Give the shared app with a new school."""
    return replace(shared_api, school=make_school(f"keeps-{next(_numbers)}"))


def report(api: ApiUnderTest) -> dict[str, Any]:
    return {one["name"]: one for one in ask(api, "GET", "org/retention").json["items"]}


def test_a_new_org_keeps_everything(fresh):
    org = ask(fresh, "GET", "org").json
    assert {org[name] for name in (*RETENTIONS, "legal_hold")} == {None}
    assert [(one["name"], one["days"], one["begins_at"], one["due"]) for one in report(fresh).values()] == [
        (name, None, None, 0) for name in CLASSES
    ]


def test_admin_sets_each_retention_and_the_report_tells_what_will_go(fresh):
    fresh.hand_in("alice")
    assert {name: ask(fresh, "PATCH", "org", RETENTIONS).json[name] for name in RETENTIONS} == RETENTIONS
    assert {one["days"] for one in report(fresh).values()} == {7, 30}
    assert {one["due"] for one in report(fresh).values()} == {0}
    fresh.database.sql(
        "update essays set created_at = created_at - interval '40 days', updated_at = updated_at - interval '40 days' where org_id = %s returning 1",
        fresh.school.org,
    )
    texts = report(fresh)["texts"]
    assert (texts["due"], texts["held"], texts["last_run_at"], texts["last_deleted"]) == (1, 0, None, None)
    assert texts["oldest"] == texts["newest"]
    assert texts["begins_at"] == texts["next_run_at"]
    assert ask(fresh, "PUT", f"users/{fresh.school.alice}/hold", {"case_number": "2026-CV-114"}).status_code == 200
    texts = report(fresh)["texts"]
    assert (texts["due"], texts["held"]) == (0, 1)
    assert ask(fresh, "PATCH", "org", {"legal_hold": "2026-CV-115"}).json["legal_hold"] == "2026-CV-115"
    assert (report(fresh)["texts"]["due"], report(fresh)["texts"]["held"]) == (0, 1)


@pytest.mark.parametrize(
    "changes",
    [
        {"retention_texts": 29}, {"retention_texts": 0}, {"retention_texts": -1}, {"retention_texts": 36501}, {"retention_texts": 30.5},
        {"retention_texts": "30"}, {"retention_texts": True}, {"retention_raw_answers": 29}, {"retention_deliveries": 29},
        {"retention_accounts": 29}, {"retention_logs": 6}, {"retention_logs": 91}, {"legal_hold": "Alice Smith"}, {"legal_hold": "CASE"},
        {"legal_hold": "A1\n"}, {"legal_hold": "alice-1"}, {"legal_hold": "1" * 41}, {"legal_hold": 1}, {"retention": 30},
    ],
)  # fmt: skip
def test_invalid_retention_or_hold_is_refused(shared_api, refused, changes):
    before = ask(shared_api, "GET", "org").json
    answer = ask(shared_api, "PATCH", "org", changes)
    assert [one["pointer"] for one in refused(answer, 422, "invalid-payload")["errors"]] == [f"/{next(iter(changes))}"]
    assert ask(shared_api, "GET", "org").json == before


@pytest.mark.parametrize("case", ["Alice", "because Alice asked", "", "A\u00b2", "a1", "1" * 41, None, 1])
def test_hold_takes_a_case_number_and_no_words(shared_api, refused, case):
    answer = ask(shared_api, "PUT", f"users/{shared_api.school.bob}/hold", {"case_number": case})
    refused(answer, 422, "invalid-payload")
    assert ask(shared_api, "GET", "holds").json["items"] == []


def test_person_on_hold_cannot_be_erased_and_can_when_it_is_lifted(fresh, refused):
    alice, bob = fresh.school.alice, fresh.school.bob
    for person in (alice, bob):
        held = ask(fresh, "PUT", f"users/{person}/hold", {"case_number": "17/4.2026"})
        assert (held.status_code, held.json) == (200, {"user_id": str(person), "case_number": "17/4.2026"})
    page = ask(fresh, "GET", "holds?limit=1").json
    rest = ask(fresh, "GET", f"holds?limit=1&cursor={page['next_cursor']}").json
    assert [one["user_id"] for one in page["items"] + rest["items"]] == [str(bob), str(alice)]
    refused(ask(fresh, "POST", f"users/{alice}/erase"), 409, "on-hold")
    assert fresh.client.get("/v1/me", headers=fresh.signed_in("alice")).status_code == 200
    for _ in range(2):
        assert ask(fresh, "DELETE", f"users/{alice}/hold").status_code == 204
    assert ask(fresh, "POST", f"users/{alice}/erase").status_code == 202
    refused(ask(fresh, "PUT", f"users/{alice}/hold", {"case_number": "1"}), 404, "not-found")
    actions = [
        (one["action"], one["detail"], one["actor_id"])
        for one in ask(fresh, "GET", f"audit?entity_id={alice}").json["items"]
        if one["action"].startswith("hold")
    ]
    ada, detail = str(fresh.school.ada), {"case_number": "17/4.2026"}
    assert actions == [("hold_lifted", detail, ada), ("hold_placed", detail, ada)]


def test_org_on_hold_erases_nobody(fresh, refused):
    ask(fresh, "PATCH", "org", {"legal_hold": "2026-1"})
    refused(ask(fresh, "POST", f"users/{fresh.school.alice}/erase"), 409, "on-hold")
    ask(fresh, "PATCH", "org", {"legal_hold": None})
    assert ask(fresh, "POST", f"users/{fresh.school.alice}/erase").status_code == 202


@pytest.mark.parametrize("who", ["alice", "ed"])
def test_nobody_but_an_admin_of_the_org_sees_or_changes_a_hold(shared_api, refused, who):
    alice = shared_api.school.alice
    for method, path, body in (
        ("GET", "org/retention", None), ("GET", "holds", None), ("PUT", f"users/{alice}/hold", {"case_number": "1"}),
        ("DELETE", f"users/{alice}/hold", None), ("PATCH", "org", {"retention_texts": 30}), ("PATCH", "org", {"legal_hold": "1"}),
    ):  # fmt: skip
        refused(ask(shared_api, method, path, body, who=who), 403, "forbidden")


def test_hold_of_another_org_or_of_nobody_is_not_found(shared_api, refused):
    for person in (shared_api.other.alice, uuid4()):
        refused(ask(shared_api, "PUT", f"users/{person}/hold", {"case_number": "1"}), 404, "not-found")
        refused(ask(shared_api, "DELETE", f"users/{person}/hold"), 404, "not-found")
    assert shared_api.database.sql(
        "select count(*) from users where id = %s and legal_hold is not null", shared_api.other.alice
    ) == [(0,)]


def test_teacher_and_person_are_not_told_of_a_hold(fresh):
    ask(fresh, "PUT", f"users/{fresh.school.alice}/hold", {"case_number": "2026-CV-9"})
    for who, path in (("alice", "me"), ("ed", f"users/{fresh.school.alice}"), ("ed", "users")):
        assert "2026-CV-9" not in ask(fresh, "GET", path, who=who).text
    archive = ask(fresh, "GET", f"users/{fresh.school.alice}/export")
    assert archive.status_code == 200
