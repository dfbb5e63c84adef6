"""The types that a comment can have."""

from __future__ import annotations

from flask import Blueprint, Response

from ingest.feedback import queue_schemas as schemas
from ingest.web.identity import signed_in
from ingest.web.openapi import operation
from ingest.web.responses import json_response
from models import feedback

blueprint = Blueprint("comment_types", __name__)


@blueprint.get("/v1/feedback-types")
@operation("List the types of comments", answers={200: schemas.CommentTypes}, problems=("forbidden",))
def list_types() -> Response:
    """Return every type of comment with its pass and its English name. They are the same for every org."""
    who = signed_in()
    with who.session():
        found = feedback.list_types()
    return json_response(schemas.CommentTypes.model_validate({"items": found}))
