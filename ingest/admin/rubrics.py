"""What essays are judged by. A rubric never changes, so that points given by it stay what they were."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response

from ingest.admin import rubric_schemas
from ingest.web import pagination
from ingest.web.body import read_body
from ingest.web.identity import admin, signed_in, staff
from ingest.web.openapi import operation
from ingest.web.pagination import page_of
from ingest.web.responses import CREATED, json_response
from models import courses
from models.courses import CriterionDraft

blueprint = Blueprint("rubrics", __name__)


@blueprint.get("/v1/rubrics")
@operation(
    "List rubrics",
    answers={200: rubric_schemas.Rubrics},
    parameters=pagination.PARAMETERS,
    problems=("invalid-payload", "forbidden"),
)
def list_rubrics() -> Response:
    """Answer the org's rubrics without their criteria, newest first, a page at a time."""
    who = signed_in()
    limit, before = pagination.limit(), pagination.cursor()
    with who.session():
        found = courses.list_rubrics(org=who.org, limit=limit + 1, before=before)
    return page_of(rubric_schemas.Rubrics, found, limit=limit)


@blueprint.post("/v1/rubrics")
@operation(
    "Add a rubric",
    answers={201: rubric_schemas.Rubric, 200: rubric_schemas.Rubric},
    body=rubric_schemas.NewRubric,
    problems=("forbidden",),
    headers=CREATED,
)
def add_rubric() -> Response:
    """Add a rubric. The same wording again is 200 and the same rubric."""
    who = staff()
    wanted = read_body(rubric_schemas.NewRubric)
    criteria = tuple(
        CriterionDraft(
            name=one.name,
            description=one.description,
            levels=tuple((level.name, level.points, level.description) for level in one.levels),
        )
        for one in wanted.criteria
    )
    with who.session():
        rubric, is_new = courses.store_rubric(wanted.name, org=who.org, criteria=criteria)
        found = courses.fetch_rubric(rubric, org=who.org)
    at = f"/v1/rubrics/{rubric}" if is_new else None
    return json_response(rubric_schemas.Rubric(**found), status=201 if is_new else 200, at=at)


@blueprint.get("/v1/rubrics/<uuid:rubric_id>")
@operation("One rubric", answers={200: rubric_schemas.Rubric}, problems=("forbidden",))
def one_rubric(rubric_id: UUID) -> Response:
    """Answer a rubric with its criteria in their order."""
    who = signed_in()
    with who.session():
        found = courses.fetch_rubric(rubric_id, org=who.org)
    return json_response(rubric_schemas.Rubric(**found))


@blueprint.delete("/v1/rubrics/<uuid:rubric_id>")
@operation("Delete a rubric", answers={204: None}, problems=("forbidden", "in-use"))
def delete_rubric(rubric_id: UUID) -> tuple[str, int]:
    """Delete a rubric, unless an assignment asks for it or an essay was judged by it."""
    who = admin()
    with who.session():
        courses.delete_rubric(rubric_id, org=who.org)
    return "", 204
