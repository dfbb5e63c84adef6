"""What became of the comments on earlier versions of an essay."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response

from ingest.feedback import schemas
from ingest.web.access_log import note_read
from ingest.web.identity import identity
from ingest.web.openapi import operation
from ingest.web.responses import json_response
from models import lineage

blueprint = Blueprint("progress", __name__)


@blueprint.get("/v1/essays/<uuid:essay_id>/progress")
@operation("What became of each comment", answers={200: schemas.Progress}, problems=("forbidden",))
def progress(essay_id: UUID) -> Response:
    """Answer the fate in the newest version of every comment on an earlier one; students see what was released to them."""
    who = identity(scope="read")
    with who.session():
        found = lineage.fetch_progress(essay_id, org=who.org, released_only=who.role in ("ec_student", "ec_lms"))
        note_read(who, entity="essay", entity_id=essay_id, person=found["user_id"])
    return json_response(schemas.Progress(**found))
