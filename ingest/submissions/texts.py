"""Read the text of a version: what its author handed in, and what the comments on it quote."""

from __future__ import annotations

from dataclasses import asdict
from uuid import UUID

from flask import Blueprint, Response

from ingest.submissions import essay_schemas as schemas
from ingest.web.access_log import note_read
from ingest.web.identity import identity
from ingest.web.openapi import operation
from ingest.web.responses import json_response
from models import essays, files

blueprint = Blueprint("texts", __name__)


@blueprint.get("/v1/submissions/<uuid:submission_id>/text")
@operation("Read the text of a submission", answers={200: schemas.Writing}, problems=("forbidden",))
def read_text(submission_id: UUID) -> Response:
    """Return the title and the text of any version, superseded ones included. Spans of comments refer to exactly this text.

    Each time staff or an API key read another person's text is recorded in the audit trail.
    """
    who = identity(scope="read")
    with who.session():
        found = essays.fetch_writing(submission_id, org=who.org)
        file = files.fetch_about(submission_id, org=who.org)
        note_read(who, entity="submission", entity_id=submission_id, person=found["user_id"], by_api_key=True)
    return json_response(
        schemas.Writing(**found, file=None if file is None else schemas.FileOfSubmission(**asdict(file)))
    )
