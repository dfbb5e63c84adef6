"""Feedback as a reader sees it: staff see each comment with its review; students and API keys see no rejected comments."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, Response

from ingest.feedback import schemas
from ingest.feedback.reading_order import ordered
from ingest.submissions.event_stream import FINAL_STATUSES
from ingest.web.access_log import note_read
from ingest.web.identity import Identity, identity, is_staff
from ingest.web.openapi import operation
from models import events, feedback, files
from models.errors import NotFound
from models.reruns import is_stale
from models.reviews import Review, author_key, fetch_reactions, fetch_reviews

blueprint = Blueprint("feedback", __name__)


def fetch_view(submission: UUID, who: Identity) -> dict[str, Any]:
    """Return the feedback of a version as this reader may see it, with the row of the version as `header`.

    Needs an open session of this identity. Raises NotFound, NotReady.
    """
    staff = is_staff(who)
    found = feedback.fetch(submission, org=who.org, released_only=not staff)
    key = author_key(found["header"], org=who.org)
    reviews = fetch_reviews(submission, org=who.org, key=key)
    reactions = fetch_reactions(submission, org=who.org, key=key)
    comments = [
        _comment(comment, reviews.get(comment["id"]), reactions.get(comment["id"]), staff=staff)
        for comment in found["comments"]
    ]
    decisions = {comment: review.decision for comment, review in reviews.items()}
    if not staff:
        comments = [comment for comment in comments if decisions.get(comment["id"]) != "rejected"]
    shown = {comment["id"]: comment for comment in ordered(comments, decisions=decisions)}
    view = {
        **{name: found[name] for name in ("header", "status", "summary", "points", "max_points")},
        "criteria": [
            {**result, "evidence": [comment for comment in result["evidence"] if comment in shown]}
            for result in found["criteria"]
        ],
        # The list keeps the order of the passes, which clients know; `order` is the reading order.
        "comments": [shown[comment["id"]] for comment in comments if comment["id"] in shown],
    }
    if not staff:
        return view
    hidden = files.fetch_note(submission, org=who.org)
    notes = [*([hidden] if hidden else []), *found["notes"]]
    return {**view, "notes": notes, "stale": is_stale(submission, org=who.org)}


def fetch_comment(comment: UUID, *, submission: UUID, who: Identity) -> dict[str, Any]:
    """Return one comment as this reader may see it. Needs an open session of this identity. Raises NotFound, NotReady."""
    for candidate in fetch_view(submission, who)["comments"]:
        if candidate["id"] == comment:
            found: dict[str, Any] = candidate
            return found
    raise NotFound("There is no such comment.")


def _comment(
    stored: dict[str, Any], review: Review | None, reaction: dict[str, Any] | None, *, staff: bool
) -> dict[str, Any]:
    edited = review.words if review else None
    visible = {**stored, **(edited or {}), "reaction": reaction}
    if not staff:
        return visible
    original = {name: stored[name] for name in edited} if edited else None
    return {**visible, "review": None if review is None else _review(review, original)}


def _review(review: Review, original: dict[str, Any] | None) -> dict[str, Any]:
    return {
        "decision": review.decision,
        "educator_id": review.educator,
        "decided_at": review.decided_at,
        "original": original,
    }


@blueprint.get("/v1/submissions/<uuid:submission_id>/feedback")
@operation(
    "Read the feedback of a submission", answers={200: schemas.Feedback}, problems=("feedback-not-ready", "forbidden")
)
def read_feedback(submission_id: UUID) -> Response:
    """Return the feedback of the passes that are done. Students and API keys get it once it is released.

    Staff see every comment with its review. Students and API keys see edited comments as edited and no rejected comments.
    """
    who = identity(scope="read")
    with who.session():
        found = fetch_view(submission_id, who)
        header = found["header"]
        note_read(who, entity="submission", entity_id=submission_id, person=header["user_id"])
        if who.user == header["user_id"] and found["status"] in FINAL_STATUSES:
            events.note("feedback_viewed", essay=header["essay_id"], submission=submission_id)
    body = {
        "submission_id": submission_id,
        "version": header["version"],
        "status": found["status"],
        "summary": found["summary"],
        "criteria": found["criteria"],
        "points": found["points"],
        "max_points": found["max_points"],
        "comments": found["comments"],
    }
    if is_staff(who):
        body |= {"notes": found["notes"], "stale": found["stale"]}
    # Members that this reader may not see are not set; leave them out instead of sending null.
    answer = schemas.Feedback.model_validate(body).model_dump_json(by_alias=True, exclude_unset=True)
    return Response(answer, content_type="application/json")
