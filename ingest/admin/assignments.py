"""Assignments: the educators of a course, admins and API keys with the scope `manage` write them, the course reads them."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response

from ingest.admin import schemas
from ingest.web import pagination
from ingest.web.body import read_body
from ingest.web.identity import signed_in, staff
from ingest.web.openapi import operation
from ingest.web.pagination import id_filter, id_parameter, page_of
from ingest.web.responses import CREATED, json_response
from models import courses

blueprint = Blueprint("assignments", __name__)

COURSE = id_parameter("course_id", "Only assignments of this course.")


@blueprint.get("/v1/assignments")
@operation(
    "List assignments",
    answers={200: schemas.Assignments},
    parameters=(*pagination.PARAMETERS, COURSE),
    problems=("invalid-payload", "forbidden"),
)
def list_assignments() -> Response:
    """Return the assignments of your courses (admins and API keys: of the org), newest first, one page per request."""
    who = signed_in(or_key="manage")
    limit, before, course = pagination.limit(), pagination.cursor(), id_filter("course_id")
    with who.session():
        found = courses.list_assignments(org=who.org, limit=limit + 1, before=before, course=course)
    return page_of(schemas.Assignments, found, limit=limit)


@blueprint.post("/v1/assignments")
@operation(
    "Add an assignment",
    answers={201: schemas.Assignment},
    body=schemas.NewAssignment,
    problems=("forbidden", "conflict"),
    headers=CREATED,
)
def add_assignment() -> Response:
    """Add an assignment to a course that you teach (admins and API keys: to any course)."""
    who = staff(or_key="manage")
    payload = read_body(schemas.NewAssignment)
    with who.session():
        assignment = courses.add_assignment(
            payload.title,
            org=who.org,
            course=payload.course_id,
            prompt=payload.prompt,
            due_at=payload.due_at,
            category=payload.category,
            rubric=payload.rubric_id,
            release_policy=payload.release_policy,
            external_id=payload.external_id,
            teacher=who.user if who.role == "ec_educator" else None,
        )
        found = courses.fetch_assignment(assignment, org=who.org)
    return json_response(schemas.Assignment(**found), status=201, at=f"/v1/assignments/{assignment}")


@blueprint.get("/v1/assignments/<uuid:assignment_id>")
@operation("Get an assignment", answers={200: schemas.Assignment}, problems=("forbidden",))
def one_assignment(assignment_id: UUID) -> Response:
    """Return an assignment of one of your courses (admins and API keys: any assignment)."""
    who = signed_in(or_key="manage")
    with who.session():
        found = courses.fetch_assignment(assignment_id, org=who.org)
    return json_response(schemas.Assignment(**found))


@blueprint.patch("/v1/assignments/<uuid:assignment_id>")
@operation(
    "Change an assignment",
    answers={200: schemas.Assignment},
    body=schemas.AssignmentChange,
    problems=("forbidden", "conflict"),
)
def change_assignment(assignment_id: UUID) -> Response:
    """Change the members that are sent; null clears one. An assignment cannot move to another course. Not for students."""
    who = staff(or_key="manage")
    changes = read_body(schemas.AssignmentChange).changes()
    with who.session():
        found = courses.change_assignment(assignment_id, org=who.org, changes=changes)
    return json_response(schemas.Assignment(**found))


@blueprint.delete("/v1/assignments/<uuid:assignment_id>")
@operation("Delete an assignment", answers={204: None}, problems=("forbidden", "in-use"))
def delete_assignment(assignment_id: UUID) -> tuple[str, int]:
    """Delete an assignment. Refused with 409 when essays were written for it. Not for students."""
    who = staff(or_key="manage")
    with who.session():
        courses.delete_assignment(assignment_id, org=who.org)
    return "", 204
