"""The bank of comments an educator uses again. Everybody sees and changes only their own."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response

from ingest.feedback import schemas
from ingest.feedback.reviews import as_written
from ingest.web import pagination
from ingest.web.body import read_body
from ingest.web.identity import Identity, staff
from ingest.web.openapi import operation
from ingest.web.pagination import page_of
from ingest.web.responses import CREATED, json_response
from models import saved_comments
from models.saved_comments import Owner

blueprint = Blueprint("saved_comments", __name__)


@blueprint.get("/v1/saved-comments")
@operation(
    "List your saved comments",
    answers={200: schemas.SavedComments},
    parameters=pagination.PARAMETERS,
    problems=("invalid-payload", "forbidden"),
)
def list_saved() -> Response:
    """Answer the comments you keep, newest first, a page at a time."""
    who = staff()
    limit, before = pagination.limit(), pagination.cursor()
    with who.session():
        found = saved_comments.list_saved(owner=_owner(who), limit=limit + 1, before=before)
    return page_of(schemas.SavedComments, found, limit=limit)


@blueprint.post("/v1/saved-comments")
@operation(
    "Save a comment",
    answers={201: schemas.SavedComment},
    body=schemas.NewSavedComment,
    problems=("forbidden",),
    headers=CREATED,
)
def save() -> Response:
    """Keep a comment for the next essay."""
    who = staff()
    wanted = read_body(schemas.NewSavedComment)
    with who.session():
        saved = saved_comments.save(as_written(wanted), owner=_owner(who))
        found = saved_comments.fetch_saved(saved, owner=_owner(who))
    return json_response(schemas.SavedComment.model_validate(found), status=201, at=f"/v1/saved-comments/{saved}")


@blueprint.get("/v1/saved-comments/<uuid:saved_comment_id>")
@operation("One saved comment", answers={200: schemas.SavedComment}, problems=("forbidden",))
def one_saved(saved_comment_id: UUID) -> Response:
    """Answer a comment you keep."""
    who = staff()
    with who.session():
        found = saved_comments.fetch_saved(saved_comment_id, owner=_owner(who))
    return json_response(schemas.SavedComment.model_validate(found))


@blueprint.delete("/v1/saved-comments/<uuid:saved_comment_id>")
@operation("Delete a saved comment", answers={204: None}, problems=("forbidden",))
def delete_saved(saved_comment_id: UUID) -> tuple[str, int]:
    """Keep a comment no longer. Where it was used it stays."""
    who = staff()
    with who.session():
        saved_comments.delete_saved(saved_comment_id, owner=_owner(who))
    return "", 204


def _owner(who: Identity) -> Owner:
    assert who.user is not None
    return Owner(org=who.org, user=who.user)
