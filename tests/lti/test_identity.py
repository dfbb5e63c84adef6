"""Test whom a launch means: two platforms, the school's register, and accounts that are here already."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from standalone.lti_course import CLAIM, Member
from standalone.lti_platform import LtiPlatform, run_lti_platform
from tests.ingest.conftest import ApiUnderTest
from tests.lti.conftest import Platform, connect, rows_of


@pytest.fixture
def second(api: ApiUnderTest) -> Iterator[Platform]:
    """Give another LMS of the same school."""
    with run_lti_platform() as lms:
        yield connect(api, lms)


def users_of(api: ApiUnderTest, platform: Platform) -> list[str]:
    found = api.database.sql("select user_id from lms_people where source_id = %s order by id", platform.id)
    return [str(user) for (user,) in found]


def give_sis_id(lms: LtiPlatform, subject: str, sis_id: str) -> None:
    lms.members[subject] = replace(lms.members[subject], sis_id=sis_id)


def test_same_subject_of_two_platforms_is_two_people(api: ApiUnderTest, platform: Platform, second: Platform) -> None:
    platform.open("4")
    second.open("4")
    [one], [other] = users_of(api, platform), users_of(api, second)
    assert one != other


def test_subjects_are_exact(api: ApiUnderTest, platform: Platform) -> None:
    """A subject is opaque: one that differs in anything is another person's."""
    for subject in ("4", "4 ", "4\u200b", "e\u0301", "\u00e9"):
        platform.lms.members[subject] = Member(subject=subject, name="Sam", role="Learner")
        for _ in range(2):
            assert platform.open(subject).page is not None
    found = api.database.sql(
        "select count(*), count(distinct user_id) from lms_people where source_id = %s", platform.id
    )
    assert found == [(5, 5)]


def test_same_id_of_the_register_is_one_person(api: ApiUnderTest, platform: Platform, second: Platform) -> None:
    for lms in (platform.lms, second.lms):
        give_sis_id(lms, "4", "S-17")
    platform.open("4")
    second.open("4")
    assert users_of(api, platform) == users_of(api, second)


def test_id_of_the_register_leads_to_the_person_of_the_roster(api: ApiUnderTest, platform: Platform) -> None:
    give_sis_id(platform.lms, "4", "alice-sis")
    platform.open("4")
    assert users_of(api, platform) == [str(api.school.alice)]


def test_parameter_of_a_link_names_nobody(api: ApiUnderTest, platform: Platform) -> None:
    """Some platforms let a teacher write parameters, who could then name another person."""
    platform.lms.claims[CLAIM + "custom"] = {"sis_id": "alice-sis"}
    platform.open("4")
    assert users_of(api, platform) != [str(api.school.alice)]


def test_variable_that_the_platform_does_not_know_names_nobody(api: ApiUnderTest, platform: Platform) -> None:
    for subject in ("4", "5"):
        give_sis_id(platform.lms, subject, "$Person.sourcedId")
        platform.open(subject)
    assert len(set(users_of(api, platform))) == 2


def test_platform_cannot_name_the_person_of_another_platform(
    api: ApiUnderTest, platform: Platform, second: Platform
) -> None:
    platform.open("4")
    give_sis_id(second.lms, "5", f"lti:{platform.id}:4")
    second.open("5")
    assert users_of(api, platform) != users_of(api, second)


def test_e_mail_address_leads_to_no_account(api: ApiUnderTest, platform: Platform) -> None:
    platform.lms.claims |= {"email": api.school.email("alice"), "email_verified": True}
    platform.open("4")
    assert users_of(api, platform) != [str(api.school.alice)]
    assert api.client.post(
        "/v1/auth/login", json={"org": "northside", "email": api.school.email("alice"), "password": "correct horse battery"}
    ).status_code == 200  # fmt: skip


@pytest.mark.parametrize(("person", "subject"), [("ada", "2"), ("ed", "4"), ("alice", "2")])
def test_account_with_another_role_is_not_opened(
    api: ApiUnderTest, platform: Platform, person: str, subject: str
) -> None:
    admin = api.signed_in("ada")
    user = getattr(api.school, person)
    api.client.patch(f"/v1/users/{user}", json={"external_id": f"{person}-sis"}, headers=admin)
    give_sis_id(platform.lms, subject, f"{person}-sis")
    before = rows_of(api)
    page = platform.open(subject).page
    assert page is not None
    assert page.status == 422
    assert rows_of(api) == before


def test_disabled_account_is_not_opened(api: ApiUnderTest, platform: Platform) -> None:
    give_sis_id(platform.lms, "4", "alice-sis")
    api.client.patch(f"/v1/users/{api.school.alice}", json={"disabled": True}, headers=api.signed_in("ada"))
    page = platform.open("4").page
    assert page is not None
    assert page.status == 403


def test_session_of_a_launch_ends_as_others_do(api: ApiUnderTest, platform: Platform) -> None:
    reader = platform.open("4")
    [user] = users_of(api, platform)
    api.client.patch(f"/v1/users/{user}", json={"disabled": True}, headers=api.signed_in("ada"))
    page = reader.get("/essays")
    assert (page.status, page.words("h1")) == (401, ["You were signed out"])
    assert f"frame-ancestors {platform.lms.url}" in page.answer.headers["Content-Security-Policy"]


def test_person_whom_a_launch_added_is_erased_and_exported_like_others(api: ApiUnderTest, platform: Platform) -> None:
    platform.open("4")
    [user] = users_of(api, platform)
    admin = api.signed_in("ada")
    assert api.client.get(f"/v1/users/{user}/export", headers=admin).status_code == 200
    assert api.client.post(f"/v1/users/{user}/erase", headers=admin).status_code in (200, 202)


def test_sessions_end_when_the_platform_is_switched_off(api: ApiUnderTest, platform: Platform) -> None:
    reader = platform.open("4")
    assert reader.get("/essays").status == 200
    api.client.patch(f"/v1/platforms/{platform.id}", json={"state": "off"}, headers=api.signed_in("ada"))
    assert reader.get("/essays").status == 401


def test_launch_proves_nothing_where_a_fresh_sign_in_is_needed(api: ApiUnderTest, platform: Platform) -> None:
    """Else an LMS could take away the second factor of a teacher whom it names."""
    reader = platform.open("2")
    page = reader.get("/second-factor/passkeys/new")
    assert page.status != 200 or page.words("h1") != ["Add a passkey"]
    found = api.database.sql("select proved_at = '-infinity' from sessions order by id desc limit 1")
    assert found == [(True,)]
