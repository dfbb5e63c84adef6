"""Courses, enrolments, assignments and rubrics. The file is longer than most because the four are one subject."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from peewee import fn

from models.constraints import translate_violations
from models.db import new_ids, row, rows, run
from models.errors import Invalid, NotFound
from models.tables import Assignments, Courses, Enrollments, RubricCriteria
from models.users import check_key_restored

Membership = Literal["student", "educator"]

# The constraints that a write may violate, each with its field. A course or user that is deleted meanwhile violates one too.
COURSE_RULES = {"courses_external_id_unique": "/external_id", "courses_name_not_blank": "/name"}
MEMBER_RULES = {"enrollments_user": "/user_id", "enrollments_course": "/course_id"}
ASSIGNMENT_RULES = {
    "assignments_external_id_unique": "/external_id",
    "assignments_course": "/course_id",
    "assignments_category": "/category",
    "assignments_rubric": "/rubric_id",
    "assignments_title_not_blank": "/title",
}


@dataclass(frozen=True, kw_only=True)
class CriterionDraft:
    """One criterion as a teacher writes it. Each of `levels` is a name, its points and a description."""

    name: str
    description: str
    levels: tuple[tuple[str, int, str], ...]


def add_course(name: str, *, org: UUID, external_id: str | None = None) -> UUID:
    """Store a course and return its id. Raises Taken when another course has the external id."""
    course = new_ids(1)[0]
    with translate_violations(fields=COURSE_RULES, thing="course"):
        Courses.insert(id=course, org_id=org, name=name, external_id=external_id).execute()
    return course


def list_courses(*, org: UUID, limit: int, before: UUID | None = None) -> list[dict[str, Any]]:
    """Return the courses that the acting role may see, newest first; `before` is the last id of the previous page."""
    return rows(
        """
        select id, name, external_id, source_id, archived_at is not null as archived, created_at from courses
        where org_id = %(org)s and (%(before)s::uuid is null or id < %(before)s) order by id desc limit %(limit)s
        """,
        {"org": org, "limit": limit, "before": before},
    )


def fetch_course(course: UUID, *, org: UUID) -> dict[str, Any]:
    """Return a course. Raises NotFound."""
    found = row(
        """
        select id, name, external_id, source_id, archived_at is not null as archived, created_at from courses
        where org_id = %s and id = %s
        """,
        (org, course),
    )
    if found is None:
        raise NotFound("There is no such course.")
    return found


def change_course(course: UUID, *, org: UUID, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Change the course as `changes` (name, external_id, archived) says and return it. Raises NotFound, Taken."""
    columns = {name: changes[name] for name in ("name", "external_id") if name in changes}
    if "archived" in changes:
        columns["archived_at"] = fn.coalesce(Courses.archived_at, fn.now()) if changes["archived"] else None
    if columns:
        with translate_violations(fields=COURSE_RULES, thing="course"):
            Courses.update(columns).where(Courses.org_id == org, Courses.id == course).execute()
    return fetch_course(course, org=org)


def delete_course(course: UUID, *, org: UUID) -> None:
    """Delete the course with its assignments and enrolments. Raises NotFound, and InUse when essays were written in it."""
    with translate_violations(fields={}, thing="course"):
        deleted = run("delete from courses where org_id = %s and id = %s", (org, course))
    if not deleted:
        raise NotFound("There is no such course.")


def add_member(user: UUID, *, org: UUID, course: UUID, role: Membership) -> None:
    """Enrol the person in the course; change nothing when they are enrolled already."""
    Enrollments.insert(org_id=org, course_id=course, user_id=user, role=role).on_conflict_ignore().execute()


def enrol(user: UUID, *, org: UUID, course: UUID, role: Membership) -> tuple[dict[str, Any], bool]:
    """Enrol the person in the course with this role, or change their role there; return the enrolment and whether it is new.

    Call it as ec_admin. Raises Invalid when the person does not exist, and when a student is to teach.
    """
    person = row(
        """
        select u.role from users as u join user_keys as k on k.org_id = u.org_id and k.user_id = u.id
        where u.org_id = %s and u.id = %s for share of u
        """,
        (org, user),
    )
    if person is None:
        check_key_restored(user)
        raise Invalid("There is no such person.", errors=[("/user_id", "is nobody here")])
    if role == "educator" and person["role"] == "student":
        raise Invalid("A student teaches no course.", errors=[("/role", "is not for somebody whose role is student")])
    with translate_violations(fields=MEMBER_RULES, thing="enrolment"):
        stored = row(
            """
            insert into enrollments (org_id, course_id, user_id, role) values (%s, %s, %s, %s)
            on conflict (org_id, course_id, user_id) do update set role = excluded.role
            returning course_id, user_id, role, created_at, xmax = 0 as is_new
            """,
            (org, course, user, role),
        )
    assert stored is not None
    is_new = stored.pop("is_new")
    return stored, is_new


def list_members(
    course: UUID, *, org: UUID, limit: int, before: UUID | None = None, user: UUID | None = None
) -> list[dict[str, Any]]:
    """Return the enrolments of a course that the acting role may see, by descending user id.

    `before` is the last user id of the previous page. `user` limits the list to that person.
    """
    return rows(
        """
        select course_id, user_id, role, created_at from enrollments
        where org_id = %(org)s and course_id = %(course)s
            and (%(before)s::uuid is null or user_id < %(before)s)
            and (%(user)s::uuid is null or user_id = %(user)s)
        order by user_id desc limit %(limit)s
        """,
        {"org": org, "course": course, "limit": limit, "before": before, "user": user},
    )


def fetch_member(user: UUID, *, org: UUID, course: UUID) -> dict[str, Any]:
    """Return one enrolment. Raises NotFound."""
    found = list_members(course, org=org, limit=1, user=user)
    if not found:
        raise NotFound("There is no such enrolment.")
    return found[0]


def remove_member(user: UUID, *, org: UUID, course: UUID) -> None:
    """Remove the person from the course; what they wrote there stays. Raises NotFound."""
    if not run("delete from enrollments where org_id = %s and course_id = %s and user_id = %s", (org, course, user)):
        raise NotFound("There is no such enrolment.")


def add_rubric(name: str, *, org: UUID, criteria: tuple[CriterionDraft, ...]) -> UUID:
    """Store a rubric and return its id; for a wording that is stored already, return the id of that rubric."""
    rubric, _ = store_rubric(name, org=org, criteria=criteria)
    return rubric


def store_rubric(name: str, *, org: UUID, criteria: tuple[CriterionDraft, ...]) -> tuple[UUID, bool]:
    """Store a rubric and return its id and whether it is new; a wording that is stored already is the same rubric."""
    wording = json.dumps([name, [(c.name, c.description, c.levels) for c in criteria]], ensure_ascii=False)
    content_hash = hashlib.sha256(wording.encode()).digest()
    rubric = new_ids(1)[0]
    # The insert waits for a concurrent one of the same wording; the query below then finds that rubric.
    is_new = run(
        "insert into rubrics (id, org_id, name, content_hash) values (%s, %s, %s, %s) on conflict (org_id, content_hash) do nothing",
        (rubric, org, name, content_hash),
    )
    if not is_new:
        known = row("select id from rubrics where org_id = %s and content_hash = %s", (org, content_hash))
        if known is None:
            raise NotFound("The rubric was deleted while it was stored. Send it again.")
        return UUID(str(known["id"])), False
    RubricCriteria.insert_many(
        [
            {
                "org_id": org,
                "rubric_id": rubric,
                "position": position,
                "name": criterion.name,
                "description": criterion.description,
                "levels": [{"name": n, "points": p, "description": d} for n, p, d in criterion.levels],
            }
            for position, criterion in enumerate(criteria, start=1)
        ]
    ).execute()
    return rubric, True


def list_rubrics(*, org: UUID, limit: int, before: UUID | None = None) -> list[dict[str, Any]]:
    """Return the org's rubrics without their criteria, newest first; `before` is the last id of the previous page."""
    return rows(
        """
        select id, name, created_at from rubrics
        where org_id = %(org)s and (%(before)s::uuid is null or id < %(before)s) order by id desc limit %(limit)s
        """,
        {"org": org, "limit": limit, "before": before},
    )


def fetch_rubric(rubric: UUID, *, org: UUID) -> dict[str, Any]:
    """Return a rubric with its `criteria` in order. Raises NotFound."""
    found = row("select id, name, created_at from rubrics where org_id = %s and id = %s", (org, rubric))
    if found is None:
        raise NotFound("There is no such rubric.")
    return {**found, "criteria": fetch_criteria(rubric, org=org)}


def delete_rubric(rubric: UUID, *, org: UUID) -> None:
    """Delete the rubric. Raises NotFound, and InUse when an assignment uses it or an essay was read with it."""
    with translate_violations(fields={}, thing="rubric"):
        deleted = run("delete from rubrics where org_id = %s and id = %s", (org, rubric))
    if not deleted:
        raise NotFound("There is no such rubric.")


def add_assignment(
    title: str,
    *,
    org: UUID,
    course: UUID,
    prompt: str = "",
    due_at: datetime | None = None,
    category: str | None = None,
    rubric: UUID | None = None,
    release_policy: str | None = None,
    external_id: str | None = None,
    teacher: UUID | None = None,
) -> UUID:
    """Store an assignment and return its id. With `teacher`, store it only when this person teaches the course.

    Raises Taken when another assignment has the external id, and Invalid for a course, category or rubric that the acting
    role cannot see.
    """
    assignment = new_ids(1)[0]
    # The same statement looks for the course and stores, so that both use the snapshot that row-level security uses.
    with translate_violations(fields=ASSIGNMENT_RULES, thing="assignment"):
        stored = run(
            """
            insert into assignments (id, org_id, course_id, title, prompt, due_at, release_policy, category_id, rubric_id, external_id)
            select %(id)s, c.org_id, c.id, %(title)s, %(prompt)s, %(due_at)s, %(release_policy)s, %(category)s, %(rubric)s,
                %(external_id)s
            from courses as c
            where c.org_id = %(org)s and c.id = %(course)s and (
                %(teacher)s::uuid is null
                or exists (
                    select from enrollments as e
                    where e.org_id = c.org_id and e.course_id = c.id and e.user_id = %(teacher)s and e.role = 'educator'
                )
            )
            """,
            {
                "id": assignment,
                "org": org,
                "course": course,
                "title": title,
                "prompt": prompt,
                "due_at": due_at,
                "release_policy": release_policy,
                "category": _category_id(category, org=org),
                "rubric": _checked_rubric(rubric, org=org),
                "external_id": external_id,
                "teacher": teacher,
            },
        )
    if not stored:
        raise Invalid("There is no such course of yours.", errors=[("/course_id", "is not a course you may write in")])
    return assignment


_ASSIGNMENTS = """
select a.id, a.course_id, a.title, a.prompt, a.due_at, a.release_policy, c.slug as category, a.rubric_id, a.external_id,
    a.source_id, a.created_at
from assignments as a left join categories as c on c.org_id = a.org_id and c.id = a.category_id
where a.org_id = %(org)s
    and (%(id)s::uuid is null or a.id = %(id)s)
    and (%(before)s::uuid is null or a.id < %(before)s)
    and (%(course)s::uuid is null or a.course_id = %(course)s)
order by a.id desc limit %(limit)s
"""


def list_assignments(
    *, org: UUID, limit: int, before: UUID | None = None, course: UUID | None = None
) -> list[dict[str, Any]]:
    """Return the assignments that the acting role may see, newest first; `before` is the last id of the previous page."""
    return rows(_ASSIGNMENTS, {"org": org, "limit": limit, "before": before, "course": course, "id": None})


def fetch_assignment(assignment: UUID, *, org: UUID) -> dict[str, Any]:
    """Return an assignment. Raises NotFound."""
    found = row(_ASSIGNMENTS, {"org": org, "limit": 1, "before": None, "course": None, "id": assignment})
    if found is None:
        raise NotFound("There is no such assignment.")
    return found


def change_assignment(assignment: UUID, *, org: UUID, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Change the assignment as `changes` says and return it; what `changes` does not name stays.

    Names in `changes`: title, prompt, due_at, release_policy, category, rubric_id, external_id. Raises NotFound, Taken, Invalid.
    """
    fetch_assignment(assignment, org=org)
    plain_columns = ("title", "prompt", "due_at", "release_policy", "external_id")
    columns = {name: changes[name] for name in plain_columns if name in changes}
    if "category" in changes:
        columns["category_id"] = _category_id(changes["category"], org=org)
    if "rubric_id" in changes:
        columns["rubric_id"] = _checked_rubric(changes["rubric_id"], org=org)
    if columns:
        with translate_violations(fields=ASSIGNMENT_RULES, thing="assignment"):
            Assignments.update(columns).where(Assignments.org_id == org, Assignments.id == assignment).execute()
    return fetch_assignment(assignment, org=org)


def delete_assignment(assignment: UUID, *, org: UUID) -> None:
    """Delete the assignment. Raises NotFound, and InUse when essays were written for it."""
    with translate_violations(fields={}, thing="assignment"):
        deleted = run("delete from assignments where org_id = %s and id = %s", (org, assignment))
    if not deleted:
        raise NotFound("There is no such assignment.")


def _category_id(slug: str | None, *, org: UUID) -> UUID | None:
    """Return the id of the org's category, or None without a slug. Raises Invalid."""
    if slug is None:
        return None
    found = row("select id from categories where org_id = %s and slug = %s", (org, slug))
    if found is None:
        raise Invalid("The category is not known here.", errors=[("/category", "is not one of the org's categories")])
    return UUID(str(found["id"]))


def _checked_rubric(rubric: UUID | None, *, org: UUID) -> UUID | None:
    """Return the id when it is one of the org's rubrics or None. Raises Invalid."""
    if rubric is not None and row("select id from rubrics where org_id = %s and id = %s", (org, rubric)) is None:
        raise Invalid("The rubric is not known here.", errors=[("/rubric_id", "is not one of the org's rubrics")])
    return rubric


def fetch_criteria(rubric: UUID, *, org: UUID) -> list[dict[str, Any]]:
    """Return a rubric's criteria in order."""
    return rows(
        "select id, name, description, levels from rubric_criteria where org_id = %s and rubric_id = %s order by position",
        (org, rubric),
    )
