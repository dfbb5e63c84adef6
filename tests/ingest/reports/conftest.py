"""Ask for reports and read them, for the tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from models import courses, users
from tests.ingest.conftest import ApiUnderTest, Template, run_api
from tests.support.report_views import refresh_all
from tests.support.schools import session_of
from tests.support.servers import Servers

PASSES = ("grammar", "structure", "content")


def finish(api: ApiUnderTest, receipt: dict[str, Any]) -> None:
    for name in PASSES:
        api.worker.finish(receipt["id"], name)


def ask(api: ApiUnderTest, path: str, who: str = "ed", **headers: str) -> Any:
    return api.client.get(f"/v1/reports/{path}", headers={**api.signed_in(who), **headers})


def read(api: ApiUnderTest, path: str, who: str = "ed") -> dict[str, Any]:
    answer = ask(api, path, who)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json
    assert datetime.fromisoformat(found["data_as_of"]) <= datetime.fromisoformat(found["generated_at"])
    return found


def course_path(api: ApiUnderTest) -> str:
    return f"courses/{api.school.course}"


@pytest.fixture(scope="module")
def class_api(servers: Servers, template: Template) -> Iterator[ApiUnderTest]:
    """Give the app with a class of six, of whom Alice handed in a second draft, and figures that were just summed up."""
    with run_api(servers, template) as api:
        names = [f"pupil{number}" for number in range(4)]
        with session_of(api.school, "ada"):
            for name in names:
                pupil = users.add_user(
                    "student", org=api.school.org, name=f"={name.title()}", email=f"{name}@x.example", external_id=f"{name}-sis"
                )  # fmt: skip
                courses.add_member(pupil, org=api.school.org, course=api.school.course, role="student")
        for name in (*names, "bob"):
            finish(api, api.hand_in_by_lms(name, assignment_id=str(api.school.assignment)))
        first = api.hand_in("alice", assignment_id=str(api.school.assignment))
        finish(api, first)
        second = api.hand_in("alice", essay_id=first["essay_id"], title="Again")
        finish(api, second)
        api.database.sql(
            "update feedback set resolution = case pass when 'grammar' then 'addressed' else 'persisting' end"
            " where submission_id = %s returning 1", first["id"],
        )  # fmt: skip
        api.database.sql(
            "insert into ledger (org_id, day, provider, model, pass, calls, cost_micros)"
            " values (%s, current_date, 'anthropic', 'm', 'content', 3, 4500) returning 1", api.school.org,
        )  # fmt: skip
        refresh_all(api.database)
        yield api
