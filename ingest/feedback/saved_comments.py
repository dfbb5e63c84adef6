"""Saved comments that an educator uses again. Each educator and admin has their own and sees no others."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response

from ingest.feedback import schemas
from ingest.feedback.reviews import to_own_comment
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
    """Return your saved comments, newest first, one page per request."""
    who = staff()
    limit, before = pagination.limit(), pagination.cursor()
    with who.session():
        found = saved_comments.list_saved(owner=owner_of(who), limit=limit + 1, before=before)
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
    """Save a comment for use with other essays."""
    who = staff()
    payload = read_body(schemas.NewSavedComment)
    with who.session():
        saved = saved_comments.save(to_own_comment(payload), owner=owner_of(who))
        found = saved_comments.fetch_saved(saved, owner=owner_of(who))
    return json_response(schemas.SavedComment.model_validate(found), status=201, at=f"/v1/saved-comments/{saved}")


@blueprint.get("/v1/saved-comments/<uuid:saved_comment_id>")
@operation("Get a saved comment", answers={200: schemas.SavedComment}, problems=("forbidden",))
def one_saved(saved_comment_id: UUID) -> Response:
    """Return one of your saved comments."""
    who = staff()
    with who.session():
        found = saved_comments.fetch_saved(saved_comment_id, owner=owner_of(who))
    return json_response(schemas.SavedComment.model_validate(found))


@blueprint.delete("/v1/saved-comments/<uuid:saved_comment_id>")
@operation("Delete a saved comment", answers={204: None}, problems=("forbidden",))
def delete_saved(saved_comment_id: UUID) -> tuple[str, int]:
    """Delete one of your saved comments. Essays on which it was used keep the comment."""
    who = staff()
    with who.session():
        saved_comments.delete_saved(saved_comment_id, owner=owner_of(who))
    return "", 204


def owner_of(who: Identity) -> Owner:
    """Return the bank of saved comments of this educator or admin."""
    assert who.user is not None
    return Owner(org=who.org, user=who.user)
