"""Human review of feedback: educators accept, edit, reject or add comments, and students react to them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, Response

from ingest.feedback import schemas
from ingest.feedback.view import fetch_comment
from ingest.web.body import check, read_body
from ingest.web.identity import Identity, identity, staff
from ingest.web.openapi import operation
from ingest.web.problems import Problem
from ingest.web.responses import json_response
from models import own_comments, reviews, saved_comments
from models.audit import write_entry
from models.own_comments import CommentPlace, OwnComment
from models.reviews import ReviewedComment
from models.saved_comments import Owner

blueprint = Blueprint("reviews", __name__)


@blueprint.patch("/v1/feedback/<uuid:feedback_id>")
@operation(
    "Accept, edit or reject a comment",
    answers={200: schemas.Comment},
    body=schemas.DecisionRequest,
    problems=("forbidden",),
)
def decide(feedback_id: UUID) -> Response:
    """Accept, edit or reject a comment on an essay of your courses (admins: of the org).

    The newest decision counts. The original comment stays stored.
    """
    who = staff()
    payload = read_body(schemas.DecisionRequest)
    with who.session():
        about = store_decision(feedback_id, payload, who)
        found = fetch_comment(feedback_id, submission=about.submission, who=who)
    return _comment_response(found)


def store_decision(comment: UUID, payload: schemas.DecisionRequest, who: Identity) -> ReviewedComment:
    """Store an educator's decision and record it, and return what it is about. Needs an open session. Raises NotFound."""
    assert who.user is not None
    about = reviews.decide(comment, org=who.org, educator=who.user, decision=payload.verdict, words=payload.words)
    _note_review("feedback_reviewed", comment, about.submission, about.user, decision=payload.verdict)
    return about


@blueprint.post("/v1/submissions/<uuid:submission_id>/comments")
@operation(
    "Add your own comment",
    answers={201: schemas.Comment},
    body=schemas.NewComment,
    problems=("forbidden",),
)
def add_comment(submission_id: UUID) -> Response:
    """Add a comment to a version of an essay of your courses (admins: of the org). To withdraw it, reject it."""
    who = staff()
    payload = read_body(schemas.NewComment)
    with who.session():
        added = store_comment(submission_id, payload, who)
        found = fetch_comment(added, submission=submission_id, who=who)
    return _comment_response(found, status=201)


def store_comment(submission: UUID, payload: schemas.NewComment, who: Identity) -> UUID:
    """Store an educator's own comment, record it, and return its id. Needs an open session. Raises Problem, NotFound, Invalid."""
    assert who.user is not None
    owner = Owner(org=who.org, user=who.user)
    saved: dict[str, Any] = {}
    if payload.saved_comment_id is not None:
        saved = saved_comments.fetch_saved(payload.saved_comment_id, owner=owner)
    words = {**{name: saved[name] for name in schemas.SAVED_MEMBERS if name in saved}, **payload.words}
    comment = to_own_comment(check(words, schemas.NewSavedComment))
    added, author = own_comments.add(
        comment, _passage_of(payload), org=who.org, submission=submission, educator=who.user
    )
    if payload.save:
        saved_comments.save(comment, owner=owner)
    _note_review("feedback_added", added, submission, author)
    return added


@blueprint.put("/v1/feedback/<uuid:feedback_id>/reaction")
@operation(
    "React to a comment",
    answers={200: schemas.Reaction},
    body=schemas.NewReaction,
    problems=("forbidden",),
)
def react(feedback_id: UUID) -> Response:
    """Store your reaction to a comment on your own essay. Your teachers see it. A new reaction replaces the old one.

    Students only.
    """
    who = _require_student()
    payload = read_body(schemas.NewReaction)
    with who.session():
        since = reviews.react(feedback_id, org=who.org, reaction=payload.reaction, note=payload.note)
    answer = schemas.Reaction(reaction=payload.reaction, note=payload.note, created_at=since)
    return json_response(answer)


@blueprint.delete("/v1/feedback/<uuid:feedback_id>/reaction")
@operation("Delete a reaction", answers={204: None}, problems=("forbidden",))
def withdraw(feedback_id: UUID) -> tuple[str, int]:
    """Delete your reaction to a comment. Idempotent. Students only."""
    who = _require_student()
    with who.session():
        reviews.withdraw(feedback_id, org=who.org)
    return "", 204


def to_own_comment(payload: schemas.NewSavedComment) -> OwnComment:
    """Return the validated request as a comment."""
    return OwnComment(
        pass_name=payload.pass_,
        type=payload.type,
        kind=payload.kind,
        severity=payload.severity,
        message=payload.message,
        next_step=payload.next_step,
        suggestions=tuple(payload.suggestions),
    )


def _passage_of(payload: schemas.NewComment) -> CommentPlace:
    if payload.span is not None:
        return CommentPlace(span=(payload.span.start, payload.span.end))
    return CommentPlace(quote=payload.quote or "", prefix=payload.prefix, suffix=payload.suffix)


def _require_student() -> Identity:
    who = identity(api_keys=False)
    if who.role != "ec_student":
        raise Problem("forbidden", "Only the student a comment is for may do this.")
    return who


def _comment_response(comment: dict[str, Any], *, status: int = 200) -> Response:
    answer = schemas.Comment.model_validate(comment)
    return Response(
        answer.model_dump_json(by_alias=True, exclude_unset=True), status=status, content_type="application/json"
    )


def _note_review(action: str, comment: UUID, submission: UUID, author: UUID, **detail: str) -> None:
    write_entry(
        action,
        entity="feedback",
        entity_id=comment,
        submission_id=str(submission),
        user_id=str(author),
        **detail,
    )
