"""Looking at essays."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, Response

from ingest.submissions import progress_schemas
from ingest.web import pagination, schemas
from ingest.web.access_log import note_read
from ingest.web.identity import identity
from ingest.web.openapi import operation
from models import essays, lineage

blueprint = Blueprint("essays", __name__)


@blueprint.get("/v1/essays")
@operation("List essays", answers={200: schemas.Essays}, parameters=(pagination.LIMIT, pagination.CURSOR), problems=("invalid-payload", "forbidden"))
def list_essays() -> Response:
    """Answer the essays you may see, newest first, a page at a time."""
    who = identity(scope="read")
    limit, before = pagination.limit(), pagination.cursor()
    with who.session():
        found = essays.list_essays(org=who.org, limit=limit + 1, before=before)
    page = found[:limit]
    next_cursor = pagination.next_cursor(page[-1]["id"]) if len(found) > limit else None
    answer = schemas.Essays(items=[_essay(one) for one in page], next_cursor=next_cursor)
    return Response(answer.model_dump_json(), content_type="application/json")


@blueprint.get("/v1/essays/<uuid:essay_id>")
@operation("One essay with its versions", answers={200: schemas.EssayWithVersions}, problems=("forbidden",))
def one_essay(essay_id: UUID) -> Response:
    """Answer an essay and all its versions, oldest first."""
    who = identity(scope="read")
    with who.session():
        found = essays.fetch_essay(essay_id, org=who.org)
        note_read(who, entity="essay", entity_id=essay_id, person=found["user_id"])
    versions = [schemas.Version.model_validate(version) for version in found["submissions"]]
    answer = schemas.EssayWithVersions(**_essay(found).model_dump(), versions=versions)
    return Response(answer.model_dump_json(), content_type="application/json")


@blueprint.get("/v1/essays/<uuid:essay_id>/progress")
@operation("What became of each comment", answers={200: progress_schemas.Progress}, problems=("forbidden",))
def progress(essay_id: UUID) -> Response:
    """Answer the fate in the newest version of every comment on an earlier one; students see what was released to them."""
    who = identity(scope="read")
    with who.session():
        found = lineage.fetch_progress(essay_id, org=who.org, released_only=who.role in ("ec_student", "ec_lms"))
        note_read(who, entity="essay", entity_id=essay_id, person=found["user_id"])
    return Response(progress_schemas.Progress(**found).model_dump_json(by_alias=True), content_type="application/json")


def _essay(found: dict[str, Any]) -> schemas.Essay:
    return schemas.Essay(
        **{
            name: found[name]
            for name in ("id", "title", "assignment_id", "course_id", "category", "external_id", "status")
        },
        student_id=found["user_id"],
        version=found["newest_version"],
        submission_id=found["newest_submission_id"],
        created_at=found["created_at"],
        updated_at=found["updated_at"],
    )
