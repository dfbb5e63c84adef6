"""Rubrics by which essays are assessed. A rubric never changes, so points that were given with it stay valid."""

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
    """Return the rubrics of the org without their criteria, newest first, one page per request."""
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
    """Add a rubric. If a rubric with the same words exists, the answer is 200 with that rubric. Educators and admins only."""
    who = staff()
    payload = read_body(rubric_schemas.NewRubric)
    criteria = tuple(
        CriterionDraft(
            name=criterion.name,
            description=criterion.description,
            levels=tuple((level.name, level.points, level.description) for level in criterion.levels),
        )
        for criterion in payload.criteria
    )
    with who.session():
        rubric, is_new = courses.store_rubric(payload.name, org=who.org, criteria=criteria)
        found = courses.fetch_rubric(rubric, org=who.org)
    at = f"/v1/rubrics/{rubric}" if is_new else None
    return json_response(rubric_schemas.Rubric(**found), status=201 if is_new else 200, at=at)


@blueprint.get("/v1/rubrics/<uuid:rubric_id>")
@operation("Get a rubric", answers={200: rubric_schemas.Rubric}, problems=("forbidden",))
def one_rubric(rubric_id: UUID) -> Response:
    """Return a rubric with its criteria in order."""
    who = signed_in()
    with who.session():
        found = courses.fetch_rubric(rubric_id, org=who.org)
    return json_response(rubric_schemas.Rubric(**found))


@blueprint.delete("/v1/rubrics/<uuid:rubric_id>")
@operation("Delete a rubric", answers={204: None}, problems=("forbidden", "in-use"))
def delete_rubric(rubric_id: UUID) -> tuple[str, int]:
    """Delete a rubric. Refused with 409 when an assignment uses it or an essay was assessed with it. Admins only."""
    who = admin()
    with who.session():
        courses.delete_rubric(rubric_id, org=who.org)
    return "", 204
