"""Feedback as it is seen: staff read every comment and what became of it, a student and an LMS what an educator let stand."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, Response

from ingest.feedback import schemas
from ingest.submissions.routes import FINAL
from ingest.web.access_log import note_read
from ingest.web.identity import Identity, identity, is_staff
from ingest.web.openapi import operation
from models import events, feedback
from models.errors import NotFound
from models.reruns import is_stale
from models.reviews import Review, author_key, fetch_reactions, fetch_reviews

blueprint = Blueprint("feedback", __name__)


def fetch_view(submission: UUID, who: Identity) -> dict[str, Any]:
    """Return the feedback of a version as this reader sees it, with the version's row as `header`.

    Needs an open session of theirs. Raises NotFound, NotReady.
    """
    staff = is_staff(who)
    found = feedback.fetch(submission, org=who.org, released_only=not staff)
    key = author_key(found["header"], org=who.org)
    reviews = fetch_reviews(submission, org=who.org, key=key)
    reactions = fetch_reactions(submission, org=who.org, key=key)
    comments = [
        _comment(one, reviews.get(one["id"]), reactions.get(one["id"]), staff=staff) for one in found["comments"]
    ]
    if staff:
        return {**found, "comments": comments, "stale": is_stale(submission, org=who.org)}
    rejected = {comment for comment, review in reviews.items() if review.decision == "rejected"}
    return {
        **{name: found[name] for name in ("header", "status", "summary")},
        "criteria": [
            {**one, "evidence": [comment for comment in one["evidence"] if comment not in rejected]}
            for one in found["criteria"]
        ],
        "comments": [one for one in comments if one["id"] not in rejected],
    }


def fetch_comment(comment: UUID, *, submission: UUID, who: Identity) -> dict[str, Any]:
    """Return one comment as this reader sees it. Needs an open session of theirs. Raises NotFound, NotReady."""
    for one in fetch_view(submission, who)["comments"]:
        if one["id"] == comment:
            found: dict[str, Any] = one
            return found
    raise NotFound("There is no such comment.")


def _comment(
    made: dict[str, Any], review: Review | None, reaction: dict[str, Any] | None, *, staff: bool
) -> dict[str, Any]:
    edited = review.words if review else None
    seen = {**made, **(edited or {}), "reaction": reaction}
    if not staff:
        return seen
    original = {name: made[name] for name in edited} if edited else None
    return {**seen, "review": None if review is None else _review(review, original)}


def _review(review: Review, original: dict[str, Any] | None) -> dict[str, Any]:
    return {
        "decision": review.decision,
        "educator_id": review.educator,
        "decided_at": review.decided_at,
        "original": original,
    }


@blueprint.get("/v1/submissions/<uuid:submission_id>/feedback")
@operation("Read the feedback", answers={200: schemas.Feedback}, problems=("feedback-not-ready", "forbidden"))
def read_feedback(submission_id: UUID) -> Response:
    """Answer what the passes that are done have to say. Students (and their LMS) see it once it is released.

    Staff see every comment with what was decided about it; students and their LMS see edited ones as edited, and rejected ones not.
    """
    who = identity(scope="read")
    with who.session():
        found = fetch_view(submission_id, who)
        header = found["header"]
        note_read(who, entity="submission", entity_id=submission_id, person=header["user_id"])
        if who.user == header["user_id"] and found["status"] in FINAL:
            events.note_view(who.user, org=who.org, essay=header["essay_id"], submission=submission_id)
    body = {
        "submission_id": submission_id,
        "version": header["version"],
        "status": found["status"],
        "summary": found["summary"],
        "criteria": found["criteria"],
        "comments": found["comments"],
    }
    if is_staff(who):
        body |= {"notes": found["notes"], "stale": found["stale"]}
    # What was not set is for others to see: it is left out, not null.
    answer = schemas.Feedback.model_validate(body).model_dump_json(by_alias=True, exclude_unset=True)
    return Response(answer, content_type="application/json")
