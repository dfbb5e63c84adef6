"""Release held feedback to students."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response, jsonify

from ingest.feedback import schemas
from ingest.web.identity import staff
from ingest.web.openapi import operation
from ingest.web.responses import json_response
from models import releases

blueprint = Blueprint("releases", __name__)


@blueprint.post("/v1/submissions/<uuid:submission_id>/release")
@operation("Release held feedback", answers={200: schemas.Released}, problems=("forbidden",))
def release(submission_id: UUID) -> Response:
    """Let the student see the feedback of this version, including passes that finish later. Idempotent."""
    who = staff()
    with who.session():
        released_at = releases.release(submission_id, org=who.org)
    return json_response(schemas.Released(id=submission_id, released=True, released_at=released_at))


@blueprint.post("/v1/assignments/<uuid:assignment_id>/release")
@operation("Release all held feedback of an assignment", answers={200: schemas.ReleasedMany}, problems=("forbidden",))
def release_all(assignment_id: UUID) -> Response:
    """Release the newest version of every essay for this assignment. Versions that are not finished, or failed, stay held."""
    who = staff()
    with who.session():
        released = releases.release_all(assignment_id, org=who.org)
    return jsonify({"released": released})
