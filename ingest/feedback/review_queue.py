"""Lists for educators: comments that wait for a decision or have one, and comments that students disagree with."""

from __future__ import annotations

from typing import Any, cast, get_args

from flask import Blueprint, Response
from pydantic import BaseModel

from ingest.feedback import queue_schemas as schemas
from ingest.web import pagination
from ingest.web.access_log import note_reads
from ingest.web.identity import Identity, staff
from ingest.web.openapi import Parameter, operation
from ingest.web.pagination import choice, id_filter, id_parameter
from ingest.web.responses import json_response
from models import review_queue
from models.review_queue import CommentPage, Listing, Position, ReviewSort, ReviewState

blueprint = Blueprint("review_queue", __name__)

STATE = Parameter(
    name="state",
    where="query",
    description="`open` (default): comments on newest versions that no educator has decided about. `decided`: those with a decision.",
    schema={"enum": list(get_args(ReviewState))},
)
SORT = Parameter(
    name="sort",
    where="query",
    description="`confidence` (default): the least confident first. `age`: the oldest first.",
    schema={"enum": list(get_args(ReviewSort))},
)
FILTERS = (
    id_parameter("course_id", "Only comments on essays of this course."),
    id_parameter("assignment_id", "Only comments on essays for this assignment."),
)
PAGING = (pagination.LIMIT, pagination.POSITION_CURSOR)


@blueprint.get("/v1/reviews")
@operation(
    "List comments to review",
    answers={200: schemas.ReviewQueue},
    parameters=(STATE, SORT, *FILTERS, *PAGING),
    problems=("invalid-payload", "forbidden"),
)
def list_reviews() -> Response:
    """Return the comments that wait for a decision, or those that have one, of your courses (admins: of the org).

    Held comments and released ones are listed; educators' own comments wait for no decision. A comment that was carried over to a
    newer version waits again. Decide with `PATCH /v1/feedback/{id}`. Each version that a page quotes is recorded in the audit
    trail as read. Educators and admins only.
    """
    who = staff()
    listing = _listing(who)
    state = choice("state", get_args(ReviewState), default="open")
    sort = choice("sort", get_args(ReviewSort), default="confidence")
    with who.session():
        found = review_queue.list_reviews(listing, state=cast("ReviewState", state), sort=cast("ReviewSort", sort))
        note_quoted(who, found)
    return _page(schemas.ReviewQueue, found)


@blueprint.get("/v1/disagreements")
@operation(
    "List disagreements of students",
    answers={200: schemas.Disagreements},
    parameters=(*FILTERS, *PAGING),
    problems=("invalid-payload", "forbidden"),
)
def list_disagreements() -> Response:
    """Return the comments with which students disagree, newest disagreement first, of your courses (admins: of the org).

    Each version that a page quotes is recorded in the audit trail as read. Educators and admins only.
    """
    who = staff()
    listing = _listing(who)
    with who.session():
        found = review_queue.list_disagreements(listing)
        note_quoted(who, found)
    return _page(schemas.Disagreements, found)


def _listing(who: Identity) -> Listing:
    after = pagination.position()
    return Listing(
        org=who.org,
        as_educator=who.role == "ec_educator",
        limit=pagination.limit(),
        course=id_filter("course_id"),
        assignment=id_filter("assignment_id"),
        after=None if after is None else Position(rank=after[0], comment=after[1]),
    )


def note_quoted(who: Identity, found: CommentPage) -> None:
    """Record that staff read the versions which a page of comments quotes. Needs an open session."""
    people = {comment["submission_id"]: comment["student_id"] for comment in found.comments}
    note_reads(who, entity="submission", people=people)


def _page(model: type[BaseModel], found: CommentPage) -> Response:
    following = found.next
    cursor = None if following is None else pagination.position_cursor(following.rank, following.comment)
    items: list[dict[str, Any]] = [{**comment, "reaction": "disagree"} for comment in found.comments]
    return json_response(model.model_validate({"items": items, "next_cursor": cursor}))
