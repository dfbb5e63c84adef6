"""The review queue: one comment at a time, the least sure first; what students disagree with; and why a comment says what it says."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, request, url_for

from ingest.feedback import schemas
from ingest.feedback.review_queue import note_quoted
from ingest.feedback.reviews import store_decision
from ingest.pages.desk import PAGE, done, staff_reader, status_of
from ingest.pages.forms import check_body, local_path, read_form
from ingest.pages.rendering import page, page_blueprint
from ingest.web import pagination
from ingest.web.access_log import note_read
from ingest.web.identity import Identity
from ingest.web.problems import Problem
from models import ai_responses, desk, essays, review_queue
from models.review_queue import CommentPage, Listing, Position

blueprint: Blueprint = page_blueprint("desk_review_pages")

# So many characters of the essay are shown on each side of the words that a comment is about.
CONTEXT = 400
# A comment that changed its state a moment ago is left out of a list, so a few are asked for.
LOOK = 5


@blueprint.get("/desk/review")
def review() -> Response:
    """Show the comment that waits for a decision and is the least sure."""
    who = staff_reader()
    with who.session():
        first = _neighbour(_listing(who))
        if first is None:
            return page("desk_review_end.html", is_empty=True, filters=_filters())
        return _comment_page(who, first)


@blueprint.get("/desk/review/<uuid:comment_id>")
def one(comment_id: UUID) -> Response:
    """Show this comment of the queue, also when it has a decision."""
    who = staff_reader()
    with who.session():
        return _comment_page(who, review_queue.fetch_listed(comment_id, org=who.org))


@blueprint.get("/desk/review/end")
def end() -> Response:
    """Say that the queue is at its end."""
    staff_reader()
    return page("desk_review_end.html", is_empty=False, filters=_filters())


@blueprint.post("/desk/comments/<uuid:comment_id>/decision")
def decide(comment_id: UUID) -> Response:
    """Accept, edit or reject a comment, and go on to `next`. Words that cannot be used are shown again, with the reason."""
    who = staff_reader()
    check_body()
    try:
        wanted = read_form(schemas.DecisionRequest, also=_edited() if request.form.get("decision") == "edit" else None)
    except Problem as problem:
        with who.session():
            return _comment_page(who, review_queue.fetch_listed(comment_id, org=who.org), problem=problem)
    with who.session():
        store_decision(comment_id, wanted, who)
    return done(local_path(request.form.get("next")) or url_for("desk_review_pages.one", comment_id=comment_id))


@blueprint.get("/desk/disagreements")
def disagreements() -> Response:
    """Show the comments that students disagree with, newest first."""
    who = staff_reader()
    after = pagination.position()
    listing = replace(_listing(who), limit=PAGE, after=Position(rank=after[0], comment=after[1]) if after else None)
    with who.session():
        found = review_queue.list_disagreements(listing)
        note_quoted(who, found)
    older = pagination.position_cursor(found.next.rank, found.next.comment) if found.next else None
    return page("desk_disagreements.html", comments=found.comments, older=older)


@blueprint.get("/desk/comments/<uuid:comment_id>/why")
def why(comment_id: UUID) -> Response:
    """Show how a comment came about: who made it, with which prompt, at what cost, and what the AI really answered."""
    who = staff_reader()
    with who.session():
        comment = review_queue.fetch_listed(comment_id, org=who.org)
        answer = ai_responses.fetch_answer(comment_id, org=who.org)
        note_read(who, entity="submission", entity_id=comment["submission_id"], person=comment["user_id"])
    return page("desk_why.html", comment=comment, answer=answer, words=_readable(answer["answer"]) if answer else "")


def _comment_page(who: Identity, comment: dict[str, Any], *, problem: Problem | None = None) -> Response:
    """Return the page of a comment in the queue. Needs an open session."""
    note_quoted(who, CommentPage(comments=[comment], next=None))
    here = _listing(who, after=review_queue.position_of(comment))
    later, earlier = _neighbour(here), _neighbour(replace(here, backwards=True))
    writing = essays.fetch_writing(comment["submission_id"], org=who.org)
    return page(
        "desk_review.html",
        code=status_of(problem),
        problem=problem,
        sent=request.form if problem else comment,
        comment=comment,
        title=writing["title"],
        context=_context(writing["text"], comment["span"]),
        waiting=review_queue.count_open(replace(here, after=None, limit=desk.MOST)),
        most=desk.MOST,
        next_address=_address(later) or url_for("desk_review_pages.end", **_filters()),
        previous_address=_address(earlier),
    )


def _edited() -> dict[str, Any]:
    """Return all the words of an edit, also empty ones: a comment can go without a next step and without suggestions."""
    lines = request.form.get("suggestions", "").splitlines()
    return {
        "message": request.form.get("message", ""),
        "next_step": request.form.get("next_step", ""),
        "suggestions": [line.strip() for line in lines if line.strip()],
    }


def _readable(answer: str) -> str:
    """Return an answer of an AI with each member of its JSON on a line of its own, or as it is."""
    try:
        return json.dumps(json.loads(answer), indent=2, ensure_ascii=False)
    except ValueError:
        return answer


def _listing(who: Identity, *, after: Position | None = None) -> Listing:
    """Return the queue that this request is about: of one course or assignment where its address names one."""
    return Listing(
        org=who.org,
        as_educator=who.role == "ec_educator",
        limit=LOOK,
        course=pagination.id_filter("course"),
        assignment=pagination.id_filter("assignment"),
        after=after,
    )


def _filters() -> dict[str, Any]:
    wanted = {name: pagination.id_filter(name) for name in ("course", "assignment")}
    return {name: str(value) for name, value in wanted.items() if value is not None}


def _neighbour(listing: Listing) -> dict[str, Any] | None:
    """Return the first comment of the list, or None. Needs an open session."""
    while True:
        found = review_queue.list_reviews(listing, state="open", sort="confidence")
        if found.comments or found.next is None:
            return next(iter(found.comments), None)
        listing = replace(listing, after=found.next)


def _address(comment: dict[str, Any] | None) -> str | None:
    return url_for("desk_review_pages.one", comment_id=comment["id"], **_filters()) if comment else None


def _context(text: str, span: dict[str, Any]) -> dict[str, str] | None:
    """Return the words that a comment is about with those around them in the same paragraph, or None when they are not in the text."""
    if span["match"] == "none":
        return None
    start, end = span["start"], span["end"]
    before = text[max(0, start - CONTEXT) : start].rpartition("\n")[2]
    after = text[end : end + CONTEXT].partition("\n")[0]
    is_cut_before = len(before) == CONTEXT < start
    is_cut_after = len(after) == CONTEXT < len(text) - end
    return {
        "before": "… " + before.partition(" ")[2] if is_cut_before else before,
        "quote": text[start:end],
        "after": after.rpartition(" ")[0] + " …" if is_cut_after else after,
    }
