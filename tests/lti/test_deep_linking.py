"""Test deep linking: a teacher chooses or makes an assignment, and the platform gets it signed."""

from __future__ import annotations

import time

import pytest
import time_machine

from standalone.lti_course import CHOOSE, DEEP
from tests.ingest.conftest import ApiUnderTest
from tests.lti.conftest import Platform, rows_of
from tests.support.pages import Page, PageReader


@pytest.fixture
def api(shared_api: ApiUnderTest) -> ApiUnderTest:
    """Give one app to all tests of this file: each connects a platform of its own."""
    return shared_api


def choose(platform: Platform, **fields: str) -> tuple[PageReader, Page]:
    reader = platform.open("2", CHOOSE)
    assert reader.page is not None
    assert reader.page.words("h1") == ["Choose an assignment"]
    return reader, reader.post("/lti/choose", choice=reader.page.hidden("choice"), **fields)


def test_teacher_makes_an_assignment_and_students_arrive_there(platform: Platform) -> None:
    _, page = choose(platform, title="A letter", prompt="Write to a friend.")
    assert page.status == 200
    assert page.attributes("form", "action") == [f"{platform.lms.url}/chosen"]
    platform.lms.take_choice(page.hidden("JWT"))
    link = platform.lms.links[-1]
    assert link["title"] == "A letter"

    arrived = platform.open("4", link["id"]).page
    assert arrived is not None
    assert arrived.words("#assignment_id option[selected]") == ["A letter"]


def test_teacher_chooses_one_that_is_here(platform: Platform) -> None:
    platform.open("4")
    [(assignment,)] = platform.api.database.sql("select id from assignments where source_id = %s", platform.id)
    before = rows_of(platform.api)["assignments"]
    _, page = choose(platform, assignment_id=str(assignment))
    platform.lms.take_choice(page.hidden("JWT"))
    assert str(assignment) in platform.lms.links[-1]["url"]
    assert rows_of(platform.api)["assignments"] == before


def test_platform_that_passes_on_no_parameters_has_the_address(platform: Platform) -> None:
    _, page = choose(platform, title="A letter")
    platform.lms.take_choice(page.hidden("JWT"))
    del platform.lms.links[-1]["custom"]
    arrived = platform.open("4", platform.lms.links[-1]["id"]).page
    assert arrived is not None
    assert arrived.words("#assignment_id option[selected]") == ["A letter"]


def test_policy_lets_the_form_go_to_the_platform_only(platform: Platform) -> None:
    _, page = choose(platform, title="A letter")
    policy = page.answer.headers["Content-Security-Policy"]
    assert f"form-action {platform.lms.url};" in policy
    assert "unsafe-inline" not in policy
    assert page.all("main button")


def test_wrong_form_is_shown_again(platform: Platform) -> None:
    reader, page = choose(platform, title=" ")
    assert page.status == 422
    assert page.words("h1") == ["Choose an assignment"]
    assert reader.post("/lti/choose", choice=page.hidden("choice"), title="A letter").status == 200


@pytest.mark.parametrize("assignment", ["00000000-0000-7000-8000-000000000000", "x"])
def test_assignment_of_others_cannot_be_chosen(platform: Platform, assignment: str) -> None:
    assert choose(platform, assignment_id=assignment)[1].status in (404, 422)


def test_assignment_of_another_course_cannot_be_chosen(platform: Platform) -> None:
    _, page = choose(platform, assignment_id=str(platform.api.school.assignment))
    assert page.status == 404


def test_choice_is_for_its_teacher_and_for_an_hour(platform: Platform) -> None:
    reader = platform.open("2", CHOOSE)
    assert reader.page is not None
    choice = reader.page.hidden("choice")
    with time_machine.travel(time.time() + 3700, tick=False):
        assert reader.post("/lti/choose", choice=choice, title="A letter").status == 403
    platform.lms.members["6"] = platform.lms.members["2"].__class__(subject="6", name="Other", role="Instructor")
    other = platform.open("6", CHOOSE)
    assert other.post("/lti/choose", choice=choice, title="A letter").status == 403


def test_students_choose_nothing(platform: Platform) -> None:
    page = platform.open("4", CHOOSE).page
    assert page is not None
    assert page.status == 403


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "http://lms.example/", "/lti", "https://a.example;script-src *"]
)
def test_choice_goes_to_a_web_address_only(platform: Platform, url: str) -> None:
    platform.lms.claims[DEEP + "deep_linking_settings"] = {"deep_link_return_url": url}
    page = platform.open("2", CHOOSE).page
    assert page is not None
    assert page.status == 422
