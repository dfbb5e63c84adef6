"""Courses and their enrolments. Only admins enrol, because whoever enrols a person can then read their profile.

API keys with the scope `manage` may do what admins may; they read no profiles.
"""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response

from ingest.admin import schemas
from ingest.web import pagination
from ingest.web.body import read_body
from ingest.web.identity import Identity, admin, signed_in, staff
from ingest.web.openapi import operation
from ingest.web.pagination import page_of
from ingest.web.responses import CREATED, json_response
from models import courses
from models.errors import NotFound

blueprint = Blueprint("courses", __name__)


@blueprint.get("/v1/courses")
@operation(
    "List courses",
    answers={200: schemas.Courses},
    parameters=pagination.PARAMETERS,
    problems=("invalid-payload", "forbidden"),
)
def list_courses() -> Response:
    """Return the courses you are in (admins and API keys: all courses of the org), newest first, one page per request."""
    who = signed_in(or_key="manage")
    limit, before = pagination.limit(), pagination.cursor()
    with who.session():
        found = courses.list_courses(org=who.org, limit=limit + 1, before=before)
    return page_of(schemas.Courses, found, limit=limit)


@blueprint.post("/v1/courses")
@operation(
    "Add a course",
    answers={201: schemas.Course},
    body=schemas.NewCourse,
    problems=("forbidden", "conflict"),
    headers=CREATED,
)
def add_course() -> Response:
    """Add a course without enrolments. Admins and API keys with the scope `manage` only."""
    who = admin(or_key="manage")
    payload = read_body(schemas.NewCourse)
    with who.session():
        course = courses.add_course(payload.name, org=who.org, external_id=payload.external_id)
        found = courses.fetch_course(course, org=who.org)
    return json_response(schemas.Course(**found), status=201, at=f"/v1/courses/{course}")


@blueprint.get("/v1/courses/<uuid:course_id>")
@operation("Get a course", answers={200: schemas.Course}, problems=("forbidden",))
def one_course(course_id: UUID) -> Response:
    """Return a course you are in (admins and API keys: any course)."""
    who = signed_in(or_key="manage")
    with who.session():
        found = courses.fetch_course(course_id, org=who.org)
    return json_response(schemas.Course(**found))


@blueprint.patch("/v1/courses/<uuid:course_id>")
@operation(
    "Change a course", answers={200: schemas.Course}, body=schemas.CourseChange, problems=("forbidden", "conflict")
)
def change_course(course_id: UUID) -> Response:
    """Change the members that are sent; null clears one. Admins and API keys with the scope `manage` only."""
    who = admin(or_key="manage")
    changes = read_body(schemas.CourseChange).changes()
    with who.session():
        found = courses.change_course(course_id, org=who.org, changes=changes)
    return json_response(schemas.Course(**found))


@blueprint.delete("/v1/courses/<uuid:course_id>")
@operation("Delete a course", answers={204: None}, problems=("forbidden", "in-use"))
def delete_course(course_id: UUID) -> tuple[str, int]:
    """Delete a course with its assignments and enrolments. Refused with 409 when essays were written in it: archive it instead.

    Admins and API keys with the scope `manage` only.
    """
    who = admin(or_key="manage")
    with who.session():
        courses.delete_course(course_id, org=who.org)
    return "", 204


@blueprint.get("/v1/courses/<uuid:course_id>/enrollments")
@operation(
    "List the enrolments of a course",
    answers={200: schemas.Enrollments},
    parameters=pagination.PARAMETERS,
    problems=("invalid-payload", "forbidden"),
)
def list_enrollments(course_id: UUID) -> Response:
    """Return the enrolments of a course you teach (admins and API keys: of any course), one page per request."""
    who = staff(or_key="manage")
    limit, before = pagination.limit(), pagination.cursor()
    with who.session():
        _require_access(course_id, who)
        found = courses.list_members(course_id, org=who.org, limit=limit + 1, before=before)
    return page_of(schemas.Enrollments, found, limit=limit, key=lambda member: member["user_id"])


@blueprint.post("/v1/courses/<uuid:course_id>/enrollments")
@operation(
    "Enrol a person",
    answers={201: schemas.Enrollment, 200: schemas.Enrollment},
    body=schemas.NewEnrollment,
    problems=("forbidden",),
    headers=CREATED,
)
def enrol(course_id: UUID) -> Response:
    """Enrol a person in a course. If the person is enrolled already, the answer is 200 and only the role changes.

    Admins and API keys with the scope `manage` only.
    """
    who = admin(or_key="manage")
    payload = read_body(schemas.NewEnrollment)
    with who.session():
        courses.fetch_course(course_id, org=who.org)
        stored, is_new = courses.enrol(payload.user_id, org=who.org, course=course_id, role=payload.role)
    at = f"/v1/courses/{course_id}/enrollments/{payload.user_id}" if is_new else None
    return json_response(schemas.Enrollment(**stored), status=201 if is_new else 200, at=at)


@blueprint.get("/v1/courses/<uuid:course_id>/enrollments/<uuid:user_id>")
@operation("Get an enrolment", answers={200: schemas.Enrollment}, problems=("forbidden",))
def one_enrollment(course_id: UUID, user_id: UUID) -> Response:
    """Return the enrolment of a person in a course you teach (admins and API keys: in any course)."""
    who = staff(or_key="manage")
    with who.session():
        found = courses.fetch_member(user_id, org=who.org, course=course_id)
    return json_response(schemas.Enrollment(**found))


@blueprint.delete("/v1/courses/<uuid:course_id>/enrollments/<uuid:user_id>")
@operation("End an enrolment", answers={204: None}, problems=("forbidden",))
def end_enrollment(course_id: UUID, user_id: UUID) -> tuple[str, int]:
    """Remove a person from a course. Essays that they wrote there stay. Admins and API keys with the scope `manage` only."""
    who = admin(or_key="manage")
    with who.session():
        courses.remove_member(user_id, org=who.org, course=course_id)
    return "", 204


def _require_access(course: UUID, who: Identity) -> None:
    courses.fetch_course(course, org=who.org)
    # An educator can also be in a course that somebody else teaches. They see the course, but not who else is in it.
    if who.role == "ec_educator" and not courses.list_members(course, org=who.org, limit=1):
        raise NotFound("There is no such course.")
