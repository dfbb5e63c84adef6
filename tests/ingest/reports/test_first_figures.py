"""Test reports of an app with a database of its own: before the first refresh, with few students, and with held feedback."""

from __future__ import annotations

from tests.ingest.conftest import ApiUnderTest, Refused
from tests.ingest.reports.conftest import ask, course_path, finish, read
from tests.support.report_views import refresh_all


def test_few_students_are_not_compared(api: ApiUnderTest) -> None:
    finish(api, api.hand_in("alice", assignment_id=str(api.school.assignment)))
    refresh_all(api.database)
    report = read(api, course_path(api))
    assert [report[part] for part in ("struggles", "follow_through", "criteria")] == [[], [], []]
    assert {(one["part"], one["reason"]) for one in report["left_out"]} == {
        (part, "fewer than 5 students have handed in") for part in ("struggles", "follow_through", "criteria")
    }
    assert [one["name"] for one in report["not_revised"]] == ["Alice"]


def test_before_the_first_refresh_there_is_no_report(api: ApiUnderTest, refused: Refused) -> None:
    for path, who in (
        (course_path(api), "ed"),
        (f"students/{api.school.alice}", "alice"),
        ("usage", "ada"),
        ("quality", "ada"),
    ):
        answer = ask(api, path, who)
        refused(answer, 409, "report-not-ready")
        assert answer.headers["Retry-After"] == "30"


def test_student_sees_released_versions_only(api: ApiUnderTest) -> None:
    held = api.hand_in("alice", assignment_id=str(api.school.reviewed_assignment))
    finish(api, held)
    refresh_all(api.database)
    path = f"students/{api.school.alice}"
    assert read(api, path, "alice")["essays"] == []
    assert len(read(api, path, "ed")["essays"]) == 1
    api.client.post(f"/v1/submissions/{held['id']}/release", headers=api.signed_in("ed"))
    refresh_all(api.database)
    assert len(read(api, path, "alice")["essays"]) == 1
