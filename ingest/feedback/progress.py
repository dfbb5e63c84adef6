"""The resolution of each comment on earlier versions of an essay."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response

from ingest.feedback import schemas
from ingest.web.access_log import note_read
from ingest.web.identity import identity, is_staff
from ingest.web.openapi import operation
from ingest.web.responses import json_response
from models import lineage

blueprint = Blueprint("progress", __name__)


@blueprint.get("/v1/essays/<uuid:essay_id>/progress")
@operation("Get the resolution of earlier comments", answers={200: schemas.Progress}, problems=("forbidden",))
def progress(essay_id: UUID) -> Response:
    """Return every comment on an earlier version, each once, with its resolution in the newest version.

    Students and API keys get only comments on released versions, without those an educator rejected.
    """
    who = identity(scope="read")
    with who.session():
        found = lineage.fetch_progress(essay_id, org=who.org, released_only=not is_staff(who))
        note_read(who, entity="essay", entity_id=essay_id, person=found["user_id"])
    return json_response(schemas.Progress(**found))
