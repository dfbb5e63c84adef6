"""Test the list of a course's people: asked for with a token that our key gives us, page by page, and enrolled once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import pytest

from ingest.lms import rosters
from models import lms_people
from standalone.lti_course import NAMES_AND_ROLES, Member, Reply
from standalone.lti_platform import LtiPlatform
from tests.ingest.conftest import ApiUnderTest, check_refused
from tests.lti.conftest import Platform, rows_of


@pytest.fixture
def course(platform: Platform) -> str:
    """Give the course of a teacher who has launched."""
    platform.open("2")
    [(found,)] = platform.api.database.sql("select course_id from platform_courses")
    return str(found)


def fetch(api: ApiUnderTest, platform: Platform, course: str, who: str = "ada") -> Any:
    return api.client.post(f"/v1/platforms/{platform.id}/courses/{course}/members", headers=api.signed_in(who))


def test_people_of_the_list_are_enrolled_once(api: ApiUnderTest, platform: Platform, course: str) -> None:
    platform.lms.page_size = 1
    assert fetch(api, platform, course).json == {"enrolled": 3, "left_out": 0}
    enrolled = api.database.sql(
        "select role, count(*) from enrollments where course_id = %s group by role order by 1", course
    )
    assert enrolled == [("educator", 1), ("student", 2)]
    before = rows_of(api)
    assert fetch(api, platform, course).status_code == 200
    platform.open("4")
    assert rows_of(api)["users"] == before["users"]


def test_whoever_is_enrolled_can_launch_meanwhile(
    api: ApiUnderTest, platform: Platform, course: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rosters, "PORTION", 2)
    platform.lms.members |= {
        f"s{number}": Member(subject=f"s{number}", name="Sam", role="Learner") for number in range(3)
    }
    usual, enrolled = lms_people.enrol, list[UUID]()

    def enrol(user: UUID, **how: Any) -> None:
        usual(user, **how)
        enrolled.append(user)
        if len(enrolled) == 5:
            # Somebody of the first portion opens their assignment while the third one is written.
            page = ThreadPoolExecutor(1).submit(platform.open, "5").result(30).page
            assert page is not None
            assert page.status == 200

    monkeypatch.setattr(lms_people, "enrol", enrol)
    assert fetch(api, platform, course).json == {"enrolled": 6, "left_out": 0}


def test_who_does_not_fit_is_left_out(api: ApiUnderTest, platform: Platform, course: str) -> None:
    api.client.patch(f"/v1/users/{api.school.ada}", json={"external_id": "ada-sis"}, headers=api.signed_in("ada"))
    extra = (
        Member(subject="20", name="Ada", role="Learner", sis_id="ada-sis"),
        Member(subject="21", name="Mentor", role="Mentor"),
        Member(
            subject="22",
            name="Alice",
            role="http://purl.imsglobal.org/vocab/lis/v2/membership#Learner",
            sis_id="alice-sis",
        ),
    )
    platform.lms.members |= {member.subject: member for member in extra}
    assert fetch(api, platform, course).json == {"enrolled": 4, "left_out": 2}
    linked = api.database.sql("select count(*) from lms_people where user_id = %s", api.school.alice)
    assert linked == [(1,)]


def test_large_course_is_asked_for_in_pages(api: ApiUnderTest, platform: Platform, course: str) -> None:
    asked = []

    def note(path: str, usual: Reply) -> Reply:
        asked.append(path)
        return usual

    platform.lms.reply = note
    url = f"{platform.lms.url}/members?rlid=1"
    api.database.sql("update platform_courses set memberships_url = %s returning 1", url)
    assert fetch(api, platform, course).status_code == 200
    assert asked == ["/token", "/members?rlid=1&limit=200"]


@pytest.mark.parametrize("page", [{}, {"members": 7}, []])
def test_list_that_is_none_enrols_nobody(
    api: ApiUnderTest, platform: Platform, course: str, monkeypatch: pytest.MonkeyPatch, page: Any
) -> None:
    monkeypatch.setattr(LtiPlatform, "list_members", lambda *_: (page, None))
    before = rows_of(api)
    check_refused(fetch(api, platform, course), 503, "temporarily-unavailable")
    assert rows_of(api) == before


def test_token_does_not_go_to_another_site(api: ApiUnderTest, platform: Platform, course: str) -> None:
    platform.lms.page_size, platform.lms.next_site = 1, "http://127.0.0.1:1"
    answer = fetch(api, platform, course)
    assert "another address" in check_refused(answer, 503, "temporarily-unavailable")["detail"]


def test_wrong_key_gets_no_token(api: ApiUnderTest, platform: Platform, course: str) -> None:
    platform.lms.fetch = lambda _: {"keys": []}
    assert "gave no list" in check_refused(fetch(api, platform, course), 503, "temporarily-unavailable")["detail"]


def test_only_admins_fetch_and_only_where_the_platform_has_a_list(
    api: ApiUnderTest, platform: Platform, course: str
) -> None:
    assert fetch(api, platform, course, "ed").status_code == 403
    assert fetch(api, platform, str(api.school.course)).status_code == 404


@pytest.mark.parametrize("url", ["http://lms.example/members", "ftp://x", 7, "https://a.example/\x00"])
def test_address_that_we_would_not_call_is_not_kept(api: ApiUnderTest, platform: Platform, url: Any) -> None:
    platform.lms.claims[NAMES_AND_ROLES] = {"context_memberships_url": url}
    page = platform.open("2").page
    assert page is not None
    assert page.status == 200
    assert api.database.sql("select 1 from platform_courses") == []
