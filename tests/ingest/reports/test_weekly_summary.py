"""Test the weekly summary: who may want it, and what is written down for whom when a week is over."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from models import weekly_summaries
from models.db import session
from tests.ingest.conftest import ApiUnderTest
from tests.ingest.reports.conftest import finish
from tests.support.pages import PageReader
from tests.support.report_views import refresh_all
from tests.support.schools import connect_as

MOST = 50


def monday() -> date:
    today = datetime.now(UTC).date()
    return today - timedelta(days=today.weekday())


def choose(api: ApiUnderTest, who: str, wanted: Any) -> Any:
    return api.client.patch("/v1/me", json={"weekly_summary": wanted}, headers=api.signed_in(who))


def plan(api: ApiUnderTest, week: date, *, limit: int = MOST) -> int:
    connect_as("ec_clock", api.database)
    try:
        with session():
            return weekly_summaries.plan(week, limit=limit)
    finally:
        connect_as("ec_ingest", api.database)


def planned(api: ApiUnderTest) -> list[tuple[Any, ...]]:
    return api.database.sql("select user_id, week, state, courses from weekly_summaries order by id")


def end_week(api: ApiUnderTest) -> None:
    """Let the figures be of a moment after this week, so that it can be summed up."""
    api.database.sql("update report_refreshes set refreshed_at = now() + interval '8 days'")


def test_staff_choose_it_and_students_cannot(api: ApiUnderTest) -> None:
    assert api.client.get("/v1/me", headers=api.signed_in("ed")).json["weekly_summary"] is False
    assert choose(api, "ed", wanted=True).json["weekly_summary"] is True
    assert choose(api, "ed", wanted=True).json["weekly_summary"] is True
    assert choose(api, "ed", wanted=False).json["weekly_summary"] is False
    refused = choose(api, "alice", wanted=True)
    assert (refused.status_code, refused.json["errors"][0]["pointer"]) == (422, "/weekly_summary")
    assert choose(api, "ed", wanted=None).status_code == 422
    assert choose(api, "ed", wanted="yes").status_code == 422


def test_desk_has_a_button_for_it(api: ApiUnderTest) -> None:
    reader = PageReader(api.app)
    reader.sign_in(api.school, "ed")
    reader.get("/desk")
    reader.post("/desk/weekly-summary", wanted="yes")
    assert "comes to you by mail" in reader.page.text
    assert choose(api, "ed", wanted=True).json["weekly_summary"] is True
    reader.post("/desk/weekly-summary", wanted="no")
    assert "You can get a summary" in reader.page.text
    assert api.client.get("/v1/me", headers=api.signed_in("ed")).json["weekly_summary"] is False


def test_nothing_is_written_before_the_week_is_over_and_summed_up(class_api: ApiUnderTest) -> None:
    choose(class_api, "ed", wanted=True)
    assert plan(class_api, monday()) == 0
    assert planned(class_api) == []


def test_summary_holds_the_courses_of_its_reader_once(class_api: ApiUnderTest) -> None:
    end_week(class_api)
    for who in ("ed", "nell", "ada"):
        choose(class_api, who, wanted=True)
    week = monday()
    assert plan(class_api, week) == 3
    assert plan(class_api, week) == 0
    by_person = {user: (state, found) for user, _, state, found in planned(class_api)}
    state, [course] = by_person[class_api.school.ed]
    assert state == "queued"
    assert course.pop("struggles")[0]["students"] == 6
    assert course == {
        "id": str(class_api.school.course), "name": "English 9", "handed_in": 7, "week_before": 0, "waiting": course["waiting"],
        "not_revised": course["not_revised"], "students": 6,
    }  # fmt: skip
    # Nell's course had no hand-in, and Ada teaches none: nothing is sent to them.
    assert by_person[class_api.school.nell] == ("nothing", [])
    assert by_person[class_api.school.ada] == ("nothing", [])


def test_few_students_are_not_compared(api: ApiUnderTest) -> None:
    finish(api, api.hand_in("alice", assignment_id=str(api.school.assignment)))
    refresh_all(api.database)
    end_week(api)
    choose(api, "ed", wanted=True)
    assert plan(api, monday()) == 1
    [(_, _, _, [course])] = planned(api)
    assert (course["handed_in"], course["students"], course["struggles"]) == (1, 1, [])


def test_readers_come_in_steps_and_those_who_left_get_none(api: ApiUnderTest) -> None:
    refresh_all(api.database)
    end_week(api)
    for who in ("ed", "nell", "ada"):
        choose(api, who, wanted=True)
    api.database.sql("update users set disabled_at = now() where id = %s", api.school.nell)
    assert [plan(api, monday(), limit=1) for _ in range(3)] == [1, 1, 0]
    assert api.school.nell not in {user for user, *_ in planned(api)}
