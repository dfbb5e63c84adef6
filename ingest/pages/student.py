"""The student's pages: their essays, one essay with its feedback, the next draft, and what became of earlier comments."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

from flask import Blueprint, Response, request, url_for

from ingest.feedback import schemas as feedback_schemas
from ingest.feedback.view import fetch_view
from ingest.pages.changes import Comparison
from ingest.pages.drafts import apply_suggestions, wanted_version
from ingest.pages.forms import check_body, read_form
from ingest.pages.margin import Margin, lay_out
from ingest.pages.rendering import page, page_blueprint, see
from ingest.pages.session import reader
from ingest.pages.uploads import Upload, read_upload, unless_gone
from ingest.submissions import schemas
from ingest.submissions.essay_query import cursor_of, read_position
from ingest.submissions.event_stream import FINAL_STATUSES, etag, event_id
from ingest.submissions.files import download_as
from ingest.submissions.routes import follow_as, store, to_status
from ingest.web.identity import Identity
from ingest.web.problems import PROBLEM_TYPES, Problem, from_domain
from ingest.web.request_log import note_hand_in
from models import courses, essays, events, files, lineage, reviews
from models.errors import DomainError, NotFound, NotReady

blueprint: Blueprint = page_blueprint("student_pages")

PAGE = 30
MAX_ASSIGNMENTS = 100


@blueprint.get("/essays")
def list_essays() -> Response:
    """Show the student's essays, newest first, each with how far it is."""
    who = reader("student").who
    with who.session():
        found = essays.list_essays(org=who.org, limit=PAGE + 1, sort="updated", after=read_position("updated"))
    older = cursor_of("updated")(found[PAGE - 1]) if len(found) > PAGE else None
    return page("essays.html", essays=found[:PAGE], older=older)


@blueprint.get("/essays/new")
def new_essay() -> Response:
    """Show the form to hand in an essay."""
    return _hand_in_page(reader("student").who, values=request.args)


@blueprint.post("/essays/new")
def hand_in() -> Response:
    """Hand in an essay, and show it."""
    who, upload = reader("student").who, None
    try:
        upload = read_upload(who)
        answer = _store(who, {}, upload)
    except Problem as problem:
        return _hand_in_page(who, values=request.form, problem=problem, upload=unless_gone(upload, problem))
    return see(url_for("student_pages.essay", essay_id=answer["essay_id"]))


@blueprint.get("/essays/<uuid:essay_id>")
def essay(essay_id: UUID) -> Response:
    """Show the newest draft with its comments, or an earlier one (`?draft=1`)."""
    who = reader("student").who
    with who.session():
        found = essays.fetch_essay(essay_id, org=who.org)
        version = wanted_version(found, request.args.get("draft", ""))
        values = read_version(who, found, version)
        if values["is_final"] and values["feedback"] is not None:
            events.note("feedback_viewed", essay=found["id"], submission=version["id"])
    return page("essay.html", essay=found, version=version, **values)


@blueprint.get("/essays/<uuid:essay_id>/events")
def follow(essay_id: UUID) -> Response:
    """Stream one event for each change of the newest draft, so that the page shows each reading as it lands."""
    who = reader("student").who
    with who.session():
        newest = essays.fetch_essay(essay_id, org=who.org)["newest_submission_id"]
    return follow_as(who, newest)


@blueprint.get("/essays/drafts/<uuid:submission_id>/file")
def download(submission_id: UUID) -> Response:
    """Send the file as which a draft was handed in."""
    return download_as(reader("student").who, submission_id)


@blueprint.get("/essays/<uuid:essay_id>/next")
def write_next(essay_id: UUID) -> Response:
    """Show the form of the next draft: the text of the newest one, with the chosen suggestions in their places."""
    who = reader("student").who
    with who.session():
        found = essays.fetch_essay(essay_id, org=who.org)
        writing = essays.fetch_writing(found["newest_submission_id"], org=who.org)
        comments = _comments(found["newest_submission_id"], who)
    draft = apply_suggestions(writing["text"], comments, request.args.getlist("use"))
    return page("next_draft.html", essay=found, draft=draft, text=draft.text, key=uuid4().hex, comments=comments)


@blueprint.post("/essays/<uuid:essay_id>/next")
def hand_in_next(essay_id: UUID) -> Response:
    """Hand in the next draft, and show it."""
    who, upload = reader("student").who, None
    with who.session():
        found = essays.fetch_essay(essay_id, org=who.org)
    try:
        upload = read_upload(who)
        _store(who, {"essay_id": str(essay_id), "title": found["title"]}, upload)
    except Problem as problem:
        status, key = PROBLEM_TYPES[problem.slug].status, request.form.get("key", "")
        shown = {"text": request.form.get("text", ""), "upload": unless_gone(upload, problem)}
        return page("next_draft.html", code=status, problem=problem, essay=found, key=key, **shown)
    return see(url_for("student_pages.essay", essay_id=essay_id))


@blueprint.get("/essays/<uuid:essay_id>/progress")
def progress(essay_id: UUID) -> Response:
    """Show what became of each earlier comment, beside the change that the student made."""
    who = reader("student").who
    with who.session():
        found = essays.fetch_essay(essay_id, org=who.org)
        progress = lineage.fetch_progress(essay_id, org=who.org, released_only=True)
        texts = {one: _text_of(one, who) for one in {comment["submission_id"] for comment in progress["comments"]}}
        newest = _text_of(progress["submission_id"], who)
    # Praise asks for no change.
    progress["comments"] = [one for one in progress["comments"] if one["kind"] != "praise"]
    comparisons = {one: Comparison(text, newest) for one, text in texts.items()}
    for comment in progress["comments"]:
        span = comment["span"]
        has_place = span["match"] != "none"
        compared = comparisons[comment["submission_id"]]
        comment["change"] = compared.at(span["start"], span["end"]) if has_place else None
    return page("progress.html", essay=found, progress=progress)


@blueprint.post("/comments/<uuid:comment_id>/reaction")
def react(comment_id: UUID) -> Response:
    """Keep what the student thinks of a comment. With `reaction=` nothing, take it back."""
    who = reader("student").who
    check_body()
    with who.session():
        if request.form.get("reaction"):
            wanted = read_form(feedback_schemas.NewReaction)
            reviews.react(comment_id, org=who.org, reaction=wanted.reaction, note=wanted.note)
        else:
            wanted = None
            reviews.withdraw(comment_id, org=who.org)
    essay_id, number = request.form.get("essay", ""), request.form.get("number", "")
    if "HX-Request" in request.headers:
        comment = {"id": comment_id, "number": number, "reaction": wanted.model_dump() if wanted else None}
        return page("_reaction.html", comment=comment, essay={"id": essay_id})
    try:
        return see(url_for("student_pages.essay", essay_id=UUID(essay_id), _anchor=f"c{number}"))
    except ValueError:
        raise NotFound("There is no such essay.") from None


@blueprint.post("/comments/<uuid:comment_id>/opened")
def note_opened(comment_id: UUID) -> tuple[str, int]:
    """Record that the student unfolded a comment that was folded."""
    who = reader("student").who
    check_body()
    with who.session():
        reviews.note_opened(comment_id, org=who.org)
    return "", 204


def read_version(who: Identity, found: dict[str, Any], version: dict[str, Any]) -> dict[str, Any]:
    """Return what the page of a version shows. Needs an open session."""
    submission = version["id"]
    writing = essays.fetch_writing(submission, org=who.org)
    status = to_status(essays.fetch_status(submission, org=who.org, with_place=True))
    is_newest = submission == found["newest_submission_id"]
    values: dict[str, Any] = {"writing": writing, "status": status, "is_newest": is_newest, "feedback": None}
    values["file"] = files.fetch_about(submission, org=who.org)
    if found["assignment_id"] is not None:
        values["assignment"] = courses.fetch_assignment(found["assignment_id"], org=who.org)
    values |= {"is_final": status["status"] in FINAL_STATUSES, "state": event_id(etag(status))}
    try:
        feedback = fetch_view(submission, who)
    except NotReady:
        return {**values, "margin": lay_out(writing["text"], [])}
    margin: Margin = lay_out(writing["text"], feedback["comments"])
    if is_newest and version["version"] > 1:
        values["counts"] = lineage.fetch_progress(found["id"], org=who.org, released_only=True)["counts"]
    return {**values, "feedback": feedback, "margin": margin}


def _comments(submission: UUID, who: Identity) -> list[dict[str, Any]]:
    """Return the comments of a version that this reader may see now. Needs an open session."""
    try:
        comments: list[dict[str, Any]] = fetch_view(submission, who)["comments"]
    except NotReady:
        return []
    return comments


def _text_of(submission: UUID, who: Identity) -> str:
    return str(essays.fetch_writing(submission, org=who.org)["text"])


def _store(who: Identity, known: dict[str, Any], upload: Upload | None) -> dict[str, Any]:
    if upload is not None:
        known = {**known, "text": None, "file_id": upload.id}
    elif "text" in request.form:
        known = {**known, "text": request.form["text"]}
    payload = read_form(schemas.Submission, also=known, with_files=True)
    said = payload.model_dump(mode="json", exclude_unset=True)
    if upload is not None:
        said["file_id"] = upload.digest
    try:
        answer = store(payload, who, key=f"page-{request.form.get('key', '')[:64]}", body=said)
    except DomainError as error:
        raise from_domain(error) from None
    note_hand_in(answer["id"])
    return answer


def _hand_in_page(
    who: Identity, *, values: Any, problem: Problem | None = None, upload: Upload | None = None
) -> Response:
    with who.session():
        assignments = courses.list_assignments(org=who.org, limit=MAX_ASSIGNMENTS)
    status = PROBLEM_TYPES[problem.slug].status if problem else 200
    key = values.get("key") or uuid4().hex
    return page(
        "new_essay.html", code=status, assignments=assignments, values=values, key=key, problem=problem, upload=upload
    )
