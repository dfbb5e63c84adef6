"""Test assignments that an LMS names by its own ids: who may add them, which one an id means, and races of first sights."""

from __future__ import annotations

import threading
from uuid import UUID

import pytest

from models import connections, courses, db, essays
from models.errors import Invalid
from models.lms_assignments import LmsAssignment, place_assignment
from models.roster import import_roster
from models.roster_plan import CourseRow, Roster
from models.users import find_or_add_student
from tests.support.races import together, warm_up
from tests.support.schools import School, session_of
from tests.support.servers import Database

WANTED = LmsAssignment(external_id="hw-7", title="Phones", course="sci-9", course_name="Science 9")


def add_source(school: School, *, creates_courses: bool = True) -> UUID:
    """Add a source and return its id."""
    with session_of(school, "ada"):
        return connections.add_source("LMS", org=school.org, creates_courses=creates_courses)[0]


def place(school: School, caller: UUID, wanted: LmsAssignment = WANTED, *, known: UUID | None = None) -> UUID:
    """Place the assignment in a transaction of its own, as this source or API key."""
    with db.session(org=school.org, role="ec_lms", actor=caller):
        return place_assignment(wanted, known=known)


def refused_at(school: School, caller: UUID, wanted: LmsAssignment, *, known: UUID | None = None) -> tuple[str, str]:
    """Return the pointer and the detail with which the assignment is refused."""
    with pytest.raises(Invalid) as refusal:
        place(school, caller, wanted, known=known)
    [error] = refusal.value.errors
    return error


def count_all(school: School, database: Database) -> list[tuple[object, ...]]:
    return database.sql(
        "select (select count(*) from courses where org_id = %s), (select count(*) from assignments where org_id = %s)",
        school.org, school.org,
    )  # fmt: skip


def test_first_sight_adds_the_course_and_the_assignment_of_the_source(school: School, database: Database) -> None:
    source = add_source(school)

    assignment = place(school, source)

    found = database.sql(
        """
        select a.title, a.external_id, a.source_id, c.name, c.external_id, c.source_id
        from assignments as a join courses as c on c.id = a.course_id where a.id = %s
        """,
        assignment,
    )
    assert found == [("Phones", "hw-7", source, "Science 9", "sci-9", source)]


def test_later_titles_and_names_change_nothing_and_course_may_be_left_out(school: School, database: Database) -> None:
    source = add_source(school)
    assignment = place(school, source)
    before = count_all(school, database)

    later = LmsAssignment(external_id="hw-7", title="Another", course="sci-9", course_name="Another")
    assert place(school, source, later) == assignment
    assert place(school, source, LmsAssignment(external_id="hw-7")) == assignment

    assert count_all(school, database) == before
    assert database.sql("select title from assignments where id = %s", assignment) == [("Phones",)]


def test_title_and_name_are_the_external_ids_when_none_are_given_and_are_cut(
    school: School, database: Database
) -> None:
    source = add_source(school)
    plain = place(school, source, LmsAssignment(external_id="hw-8", course="c" * 255))
    long = place(
        school,
        source,
        LmsAssignment(external_id="hw-9", title="t" * 900, course="sci-10", course_name="n" * 900),
    )

    labels = "select a.title, c.name from assignments as a join courses as c on c.id = a.course_id where a.id = %s"
    assert database.sql(labels, plain) == [("hw-8", "c" * 200)]
    assert database.sql(labels, long) == [("t" * 500, "n" * 200)]


def test_source_without_the_right_adds_nothing_and_is_told_what_to_do(school: School, database: Database) -> None:
    before = count_all(school, database)
    for caller in (add_source(school, creates_courses=False), school.source, school.api_key_id):
        pointer, detail = refused_at(school, caller, WANTED)
        assert pointer == "/assignment/external_id"
        assert "creates_courses" in detail
    assert count_all(school, database) == before


def test_caller_of_another_org_or_without_a_name_adds_nothing(school: School, other_school: School) -> None:
    """The right belongs to a source of the acting org: that of another org does not help."""
    elsewhere = add_source(other_school)

    assert "creates_courses" in refused_at(school, elsewhere, WANTED)[1]
    with pytest.raises(Invalid), db.session(org=school.org, role="ec_lms"):
        place_assignment(WANTED)


def test_course_is_needed_the_first_time(school: School, database: Database) -> None:
    source, before = add_source(school), count_all(school, database)

    assert refused_at(school, source, LmsAssignment(external_id="hw-7"))[0] == "/assignment/course/external_id"

    assert count_all(school, database) == before


def test_another_course_than_that_of_the_assignment_is_refused(school: School, database: Database) -> None:
    """An LMS that numbers assignments within each course must not put an essay before the teachers of another course."""
    source = add_source(school)
    place(school, source)
    before = count_all(school, database)

    wrong = LmsAssignment(external_id="hw-7", course="art-1")
    assert refused_at(school, source, wrong)[0] == "/assignment/course/external_id"

    assert count_all(school, database) == before


def test_equal_ids_of_two_sources_are_two_assignments(school: School) -> None:
    moodle, canvas = add_source(school), add_source(school)

    first, second = place(school, moodle), place(school, canvas)

    assert first != second
    assert (place(school, moodle), place(school, canvas)) == (first, second)


def test_source_finds_the_schools_own_ids_after_its_own(school: School, database: Database) -> None:
    with session_of(school, "ada"):
        course = courses.add_course("Science", org=school.org, external_id="sci-9")
        own = courses.add_assignment("Phones", org=school.org, course=course, external_id="hw-7")
    may, may_not = add_source(school), add_source(school, creates_courses=False)

    assert place(school, may) == place(school, may_not) == own
    second = place(school, may, LmsAssignment(external_id="hw-8", course="sci-9"))
    assert database.sql("select course_id, source_id from assignments where id = %s", second) == [(course, may)]
    with session_of(school, "ada"):
        courses.add_assignment("Later", org=school.org, course=course, external_id="hw-8")
    assert place(school, may, LmsAssignment(external_id="hw-8")) == second


def test_api_key_finds_the_only_source_with_an_id_and_refuses_several(school: School) -> None:
    moodle = place(school, add_source(school))

    assert place(school, school.api_key_id) == moodle

    place(school, add_source(school))
    pointer, detail = refused_at(school, school.api_key_id, WANTED)
    assert (pointer, "several sources" in detail) == ("/assignment/external_id", True)


def test_what_an_api_key_adds_is_the_schools_own(school: School, database: Database) -> None:
    with session_of(school, "ada"):
        connections.change_api_key(school.api_key_id, org=school.org, changes={"creates_courses": True})

    added = place(school, school.api_key_id)

    assert database.sql("select source_id from assignments where id = %s", added) == [(None,)]
    assert place(school, add_source(school)) == added


def test_assignment_of_another_org_is_not_found(school: School, other_school: School) -> None:
    theirs, mine = add_source(other_school), add_source(school)

    assert place(school, mine) != place(other_school, theirs)


def test_known_assignment_must_be_the_one_with_the_external_id(school: School, database: Database) -> None:
    source = add_source(school)
    assignment, before = place(school, source), count_all(school, database)

    assert place(school, source, known=assignment) == assignment
    assert refused_at(school, source, WANTED, known=school.assignment)[0] == "/assignment/external_id"
    new = LmsAssignment(external_id="hw-new", course="sci-9")
    assert refused_at(school, source, new, known=assignment)[0] == "/assignment/external_id"

    assert count_all(school, database)[0][0] == before[0][0]


def test_twenty_first_sights_at_once_add_one_course_and_one_assignment(school: School, database: Database) -> None:
    source, before = add_source(school), count_all(school, database)
    warm_up()

    def hand_in(number: int) -> UUID:
        with db.session(org=school.org, role="ec_lms", actor=source):
            assignment = place_assignment(WANTED)
            author = find_or_add_student(f"racer-{number}", org=school.org, name=None, email=None)
            essays.enrol(author, assignment=assignment, org=school.org)
            return assignment

    placed = together(20, hand_in)

    assert [one for one in placed if isinstance(one, Exception)] == []
    assert len(set(map(str, placed))) == 1
    assert [tuple(map(int, row)) for row in count_all(school, database)] == [(before[0][0] + 1, before[0][1] + 1)]  # type: ignore[operator, arg-type]
    assert database.sql("select count(*) from enrollments as e join assignments as a using (course_id) where a.id = %s", placed[0]) == [(20,)]  # fmt: skip


def test_first_sight_that_is_rolled_back_leaves_the_id_to_the_one_that_waited(school: School) -> None:
    """The second caller waits for the first, which fails; then it adds the assignment itself."""
    source = add_source(school)
    warm_up(2)
    placed, asking = threading.Event(), threading.Event()
    first: list[UUID] = []

    class Undone(Exception):
        """Raised to roll the first caller back."""

    def call(number: int) -> UUID:
        if number == 0:
            with db.session(org=school.org, role="ec_lms", actor=source):
                first.append(place_assignment(WANTED))
                placed.set()
                assert asking.wait(60)
                raise Undone
        assert placed.wait(60)
        asking.set()
        return place(school, source)

    undone, added = together(2, call)

    assert isinstance(undone, Undone)
    assert isinstance(added, UUID), added
    assert added not in first
    assert place(school, source) == added


def test_roster_takes_the_schools_own_course_before_the_oldest_of_a_source(school: School, database: Database) -> None:
    """A roster names courses by the school's ids. It uses a course that a source added when there is no other."""
    moodle, canvas = add_source(school), add_source(school)
    place(school, moodle)
    place(school, canvas)
    roster = Roster(courses=(CourseRow(row=2, external_id="sci-9", name="From the roster", kept=True),))

    def named() -> list[tuple[object, ...]]:
        sql = "select source_id from courses where org_id = %s and name = 'From the roster'"
        return database.sql(sql, school.org)

    with session_of(school, "ada"):
        import_roster(roster, org=school.org)
    assert named() == [(moodle,)]
    with session_of(school, "ada"):
        courses.add_course("Own", org=school.org, external_id="sci-9")
        import_roster(roster, org=school.org)
    assert set(named()) == {(moodle,), (None,)}


def test_changes_by_first_sight_are_audited_with_the_source_as_the_actor(school: School) -> None:
    source = add_source(school)
    assignment = place(school, source)

    with session_of(school, "ada"):
        entries = db.rows(
            "select entity, action, actor_role from audit_log where actor_id = %s order by entity desc", (source,)
        )
        assert db.row("select entity_id from audit_log where actor_id = %s and entity = 'assignment'", (source,)) == {
            "entity_id": assignment
        }
    assert [tuple(entry.values()) for entry in entries] == [
        ("course", "created", "lms"),
        ("assignment", "created", "lms"),
    ]
