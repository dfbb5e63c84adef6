"""List essays, and read one with its versions."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, Response

from ingest.submissions import essay_query
from ingest.submissions import essay_schemas as schemas
from ingest.web import pagination
from ingest.web.access_log import note_read
from ingest.web.identity import identity, is_staff
from ingest.web.openapi import operation
from ingest.web.pagination import page_of
from ingest.web.responses import json_response
from models import essays

blueprint = Blueprint("essays", __name__)


@blueprint.get("/v1/essays")
@operation(
    "List essays",
    answers={200: schemas.Essays},
    parameters=essay_query.PARAMETERS,
    problems=("invalid-payload", "forbidden"),
)
def list_essays() -> Response:
    """Return the essays you may see, one page per request. Several filters must all match."""
    who = identity(scope="read")
    limit, wanted, sort = pagination.limit(), essay_query.read_filter(), essay_query.read_sort()
    after = essay_query.read_position(sort)
    with who.session():
        found = essays.list_essays(
            org=who.org, limit=limit + 1, wanted=wanted, sort=sort, after=after, staff=is_staff(who)
        )
    return page_of(schemas.Essays, found, limit=limit, show=_essay, cursor=essay_query.cursor_of(sort))


@blueprint.get("/v1/essays/<uuid:essay_id>")
@operation("Get an essay with its versions", answers={200: schemas.EssayWithVersions}, problems=("forbidden",))
def one_essay(essay_id: UUID) -> Response:
    """Return an essay and all its versions, oldest first."""
    who = identity(scope="read")
    with who.session():
        found = essays.fetch_essay(essay_id, org=who.org, staff=is_staff(who))
        note_read(who, entity="essay", entity_id=essay_id, person=found["user_id"])
    versions = [schemas.Version.model_validate(version) for version in found["submissions"]]
    answer = schemas.EssayWithVersions(**_essay(found).model_dump(), versions=versions)
    return json_response(answer)


def _essay(found: dict[str, Any]) -> schemas.Essay:
    named = {
        "student_id": found["user_id"],
        "version": found["newest_version"],
        "submission_id": found["newest_submission_id"],
    }
    return schemas.Essay.model_validate({**found, **named})
