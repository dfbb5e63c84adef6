"""Test what a platform can do in the database: add teachers to its own courses, and change nothing that it did not name."""

from __future__ import annotations

import peewee
import pytest

from models import courses, db, lms_people, platforms
from models.errors import Invalid, NotFound, Unauthorised
from models.lms_assignments import place_course
from models.lms_people import LmsPerson
from models.platforms import Registration
from tests.support.schools import School, session_of
from tests.support.servers import Database

KNOWN = Registration(
    issuer="https://lms.example", client_id="c", authorization_url="https://lms.example/a", token_url="https://lms.example/t",
    jwks_url="https://lms.example/k",
)  # fmt: skip
TEACHER = LmsPerson(subject="2", sis_id=None, name="Tara")


@pytest.fixture
def platform(school: School):
    with session_of(school, "ada"):
        return platforms.add(
            "LMS", org=school.org, creates_courses=True, known=KNOWN, deployments=["1"], frame_origins=[]
        )


def acting(school: School, actor):
    return db.session(org=school.org, role="ec_lms", actor=actor)


@pytest.mark.parametrize(
    "statement",
    [
        "select place_lms_course('c', 'c')", "select add_lms_educator(uuidv7(), null, '', '', '', 'k')",
        "select take_notices('[]')",
    ],
)  # fmt: skip
def test_only_an_active_platform_adds_courses_teachers_and_arrivals(school: School, platform, statement: str) -> None:
    for actor in (school.source, school.api_key_id, None):
        with pytest.raises(peewee.ProgrammingError, match="no platform is acting"), acting(school, actor):
            db.row(statement)
    with session_of(school, "ada"):
        platforms.change_platform(platform, org=school.org, changes={"state": "off"})
    with pytest.raises(peewee.ProgrammingError, match="no platform is acting"), acting(school, platform):
        db.row(statement)


def test_platform_makes_teachers_of_its_own_courses_only(school: School, platform) -> None:
    with acting(school, platform):
        user = lms_people.find_or_add(TEACHER, role="educator", org=school.org, source=platform)
        own = place_course("c-1", "Own")
        lms_people.enrol(user, org=school.org, course=own, role="educator")
    with pytest.raises(NotFound), acting(school, platform):
        lms_people.enrol(user, org=school.org, course=school.course, role="educator")
    with pytest.raises(NotFound), acting(school, platform):
        lms_people.enrol(school.nell, org=school.org, course=own, role="educator")
    with session_of(school, "ada"):
        assert [one["user_id"] for one in courses.list_members(own, org=school.org, limit=9)] == [user]


def test_platform_links_people_for_itself_only(school: School, platform) -> None:
    with pytest.raises(peewee.ProgrammingError, match="row-level security"), acting(school, platform):
        db.run(
            "insert into lms_people (org_id, source_id, user_id, subject, subject_digest) values (%s, %s, %s, '', sha256('x'))",
            (school.org, school.source, school.alice),
        )


def test_course_of_another_source_with_the_same_id_is_another_course(school: School, platform) -> None:
    with session_of(school, "ada"):
        other = platforms.add(
            "Other", org=school.org, creates_courses=True, known=Registration(**{**vars(KNOWN), "client_id": "d"}), deployments=["1"],
            frame_origins=[],
        )  # fmt: skip
    with acting(school, platform):
        first = place_course("c-1", "Own")
    with acting(school, other):
        assert place_course("c-1", "Own") != first
    with acting(school, platform):
        assert place_course("c-1", "Renamed") == first


def test_one_state_is_spent_once(school: School, platform) -> None:
    with acting(school, platform):
        platforms.spend_launch("s", org=school.org, platform=platform)
    with pytest.raises(Unauthorised), acting(school, platform):
        platforms.spend_launch("s", org=school.org, platform=platform)


def test_spent_states_do_not_pile_up(school: School, platform, database: Database) -> None:
    for state in ("a", "b"):
        with acting(school, platform):
            platforms.spend_launch(state, org=school.org, platform=platform)
        database.sql("update spent_launches set spent_at = spent_at - interval '31 minutes' returning 1")
    assert database.sql("select count(*) from spent_launches") == [(1,)]


def test_admin_is_never_opened(school: School, platform, database: Database) -> None:
    database.sql("update users set role = 'admin' where id = %s returning 1", school.alice)
    person = LmsPerson(subject="4", sis_id="alice-sis", name=None)
    for role in ("student", "educator"):
        with pytest.raises(Invalid, match="an admin's"), acting(school, platform):
            lms_people.find_or_add(person, role=role, org=school.org, source=platform)  # type: ignore[arg-type]
