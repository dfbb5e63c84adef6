"""The teacher in the loop: a comment is accepted, edited or rejected, one is added, and the student says what helped."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, Response

from ingest.feedback import schemas
from ingest.feedback.view import fetch_comment
from ingest.web.body import check, read_body
from ingest.web.identity import Identity, actor_of, identity, staff
from ingest.web.openapi import operation
from ingest.web.problems import Problem
from ingest.web.responses import json_response
from models import own_comments, reviews, saved_comments
from models.audit import note
from models.own_comments import OwnComment, Where
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
    """Decide about a comment of your courses (admins: of the org). The newest decision counts; the comment itself stays as it was made."""
    who = staff()
    wanted = read_body(schemas.DecisionRequest)
    assert who.user is not None
    with who.session():
        about = reviews.decide(feedback_id, org=who.org, educator=who.user, decision=wanted.verdict, words=wanted.words)
        _note("feedback_reviewed", who, feedback_id, about.submission, about.user, decision=wanted.verdict)
        found = fetch_comment(feedback_id, submission=about.submission, who=who)
    return _comment_response(found)


@blueprint.post("/v1/submissions/<uuid:submission_id>/comments")
@operation(
    "Add a comment of your own",
    answers={201: schemas.Comment},
    body=schemas.NewComment,
    problems=("forbidden",),
)
def add_comment(submission_id: UUID) -> Response:
    """Add a comment to a version of your courses (admins: of the org). To take it back, reject it."""
    who = staff()
    wanted = read_body(schemas.NewComment)
    assert who.user is not None
    owner = Owner(org=who.org, user=who.user)
    with who.session():
        kept: dict[str, Any] = {}
        if wanted.saved_comment_id is not None:
            kept = saved_comments.fetch_saved(wanted.saved_comment_id, owner=owner)
        words = {**{name: kept[name] for name in schemas.SAVED if name in kept}, **wanted.words}
        comment = as_written(check(words, schemas.NewSavedComment))
        added, author = own_comments.add(
            comment, _where(wanted), org=who.org, submission=submission_id, educator=who.user
        )
        if wanted.save:
            saved_comments.save(comment, owner=owner)
        _note("feedback_added", who, added, submission_id, author)
        found = fetch_comment(added, submission=submission_id, who=who)
    return _comment_response(found, status=201)


@blueprint.put("/v1/feedback/<uuid:feedback_id>/reaction")
@operation(
    "Say whether a comment helped",
    answers={200: schemas.Reaction},
    body=schemas.NewReaction,
    problems=("forbidden",),
)
def react(feedback_id: UUID) -> Response:
    """Say of a comment on your own writing what you make of it. Your teachers see it; saying it again replaces it."""
    who = _student()
    wanted = read_body(schemas.NewReaction)
    with who.session():
        since = reviews.react(feedback_id, org=who.org, reaction=wanted.reaction, note=wanted.note)
    answer = schemas.Reaction(reaction=wanted.reaction, note=wanted.note, created_at=since)
    return json_response(answer)


@blueprint.delete("/v1/feedback/<uuid:feedback_id>/reaction")
@operation("Take a reaction back", answers={204: None}, problems=("forbidden",))
def withdraw(feedback_id: UUID) -> tuple[str, int]:
    """Take back what you said of a comment. Twice is as once."""
    who = _student()
    with who.session():
        reviews.withdraw(feedback_id, org=who.org)
    return "", 204


def as_written(wanted: schemas.NewSavedComment) -> OwnComment:
    """Return the checked request as a comment."""
    return OwnComment(
        pass_name=wanted.pass_,
        type=wanted.type,
        kind=wanted.kind,
        severity=wanted.severity,
        message=wanted.message,
        next_step=wanted.next_step,
        suggestions=tuple(wanted.suggestions),
    )


def _where(wanted: schemas.NewComment) -> Where:
    if wanted.span is not None:
        return Where(span=(wanted.span.start, wanted.span.end))
    return Where(quote=wanted.quote or "", prefix=wanted.prefix, suffix=wanted.suffix)


def _student() -> Identity:
    who = identity(api_keys=False)
    if who.role != "ec_student":
        raise Problem("forbidden", "Only the student a comment is for may do this.")
    return who


def _comment_response(comment: dict[str, Any], *, status: int = 200) -> Response:
    answer = schemas.Comment.model_validate(comment)
    return Response(
        answer.model_dump_json(by_alias=True, exclude_unset=True), status=status, content_type="application/json"
    )


def _note(action: str, who: Identity, comment: UUID, submission: UUID, author: UUID, **detail: str) -> None:
    note(
        action,
        org=who.org,
        actor=actor_of(who),
        entity="feedback",
        entity_id=comment,
        submission_id=str(submission),
        user_id=str(author),
        **detail,
    )
