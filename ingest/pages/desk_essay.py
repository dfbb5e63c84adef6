"""An essay on the educator's desk: every comment with its review, decisions, own comments, release and another try."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, Response, request, url_for

from ingest.feedback import schemas
from ingest.feedback.reviews import store_comment, to_own_comment
from ingest.feedback.saved_comments import owner_of
from ingest.feedback.view import fetch_view
from ingest.pages.desk import PAGE, REFUSED, done, staff_reader, status_of, to_problem
from ingest.pages.drafts import wanted_version
from ingest.pages.forms import check_body, read_form
from ingest.pages.margin import Margin, lay_out
from ingest.pages.rendering import page, page_blueprint
from ingest.submissions.event_stream import FINAL_STATUSES
from ingest.submissions.failed_passes import retry_as
from ingest.submissions.files import download_as
from ingest.submissions.routes import to_status
from ingest.web.access_log import note_read
from ingest.web.body import check
from ingest.web.identity import Identity
from ingest.web.problems import Problem
from models import courses, essays, feedback, files, people_of_course, releases, review_queue, saved_comments
from models.errors import NotReady

blueprint: Blueprint = page_blueprint("desk_essay_pages")


@blueprint.get("/desk/essays/<uuid:essay_id>")
def essay(essay_id: UUID) -> Response:
    """Show the newest draft with its comments, or an earlier one (`?draft=1`)."""
    return _essay_page(staff_reader(), essay_id, draft=request.args.get("draft", ""))


@blueprint.post("/desk/submissions/<uuid:submission_id>/comments")
def add_comment(submission_id: UUID) -> Response:
    """Add the educator's own comment, or one of those they saved. Show the page again with what they wrote when it cannot be used."""
    who = staff_reader()
    check_body()
    essay_id, version = _essay_of(submission_id, who)
    try:
        payload = read_form(schemas.NewComment, also=_about() | {"save": "save" in request.form})
        with who.session():
            added = store_comment(submission_id, payload, who)
    except REFUSED as error:
        return _essay_page(who, essay_id, draft=str(version), problem=to_problem(error))
    return done(_address(essay_id, version, anchor=f"comment-{added}"))


@blueprint.post("/desk/comments/<uuid:comment_id>/save")
def save(comment_id: UUID) -> Response:
    """Keep the words of a comment for later essays."""
    who = staff_reader()
    check_body()
    with who.session():
        found = review_queue.fetch_listed(comment_id, org=who.org)
        words = {name: found[name] for name in schemas.SAVED_MEMBERS}
        saved_comments.save(to_own_comment(check(words, schemas.NewSavedComment)), owner=owner_of(who))
    return done(url_for("desk_saved_pages.list_saved"))


@blueprint.get("/desk/submissions/<uuid:submission_id>/file")
def download(submission_id: UUID) -> Response:
    """Send the file as which a draft was handed in."""
    return download_as(staff_reader(), submission_id)


@blueprint.post("/desk/submissions/<uuid:submission_id>/release")
def release(submission_id: UUID) -> Response:
    """Let the student see the comments on this draft."""
    who = staff_reader()
    check_body()
    with who.session():
        releases.release(submission_id, org=who.org)
    return done(_address(*_essay_of(submission_id, who)))


@blueprint.post("/desk/submissions/<uuid:submission_id>/retry")
def retry(submission_id: UUID) -> Response:
    """Let the readings of this draft that failed be tried again."""
    who = staff_reader()
    check_body()
    retry_as(who, submission_id)
    return done(_address(*_essay_of(submission_id, who)))


def _essay_page(who: Identity, essay_id: UUID, *, draft: str, problem: Problem | None = None) -> Response:
    with who.session():
        found = essays.fetch_essay(essay_id, org=who.org, staff=True)
        version = wanted_version(found, draft)
        values = _read_version(who, found, version)
        note_read(who, entity="essay", entity_id=essay_id, person=found["user_id"])
        note_read(who, entity="submission", entity_id=version["id"], person=found["user_id"])
        values["saved"] = saved_comments.list_saved(owner=owner_of(who), limit=PAGE)
        values["types"] = feedback.list_types()
    sent = request.form if problem else {}
    return page(
        "desk_essay.html", code=status_of(problem), essay=found, version=version, problem=problem, sent=sent, **values
    )


def _read_version(who: Identity, found: dict[str, Any], version: dict[str, Any]) -> dict[str, Any]:
    """Return what the page of a version shows. Needs an open session."""
    submission = version["id"]
    writing = essays.fetch_writing(submission, org=who.org)
    status = to_status(essays.fetch_status(submission, org=who.org))
    values: dict[str, Any] = {
        "writing": writing,
        "status": status,
        "student": people_of_course.fetch_names({found["user_id"]}, org=who.org).get(found["user_id"]),
        "is_final": status["status"] in FINAL_STATUSES,
        "is_newest": submission == found["newest_submission_id"],
        "is_preview": found["user_id"] == who.user,
        "feedback": None,
        "file": files.fetch_about(submission, org=who.org),
    }
    if found["assignment_id"] is not None:
        values["assignment"] = courses.fetch_assignment(found["assignment_id"], org=who.org)
    try:
        view = fetch_view(submission, who)
    except NotReady:
        return {**values, "margin": lay_out(writing["text"], [])}
    margin: Margin = lay_out(writing["text"], view["comments"])
    return {**values, "feedback": view, "margin": margin}


def _essay_of(submission: UUID, who: Identity) -> tuple[UUID, int]:
    """Return the essay of a version, and the version's number. Raises NotFound."""
    with who.session():
        status = essays.fetch_status(submission, org=who.org)[0]
    return status["essay_id"], status["version"]


def _address(essay: UUID, version: int, *, anchor: str | None = None) -> str:
    return url_for("desk_essay_pages.essay", essay_id=essay, draft=version, _anchor=anchor)


def _about() -> dict[str, Any]:
    """Return the pass and the type that a form names in one field, as in `grammar:article`."""
    pass_name, _, type_name = request.form.get("about", "").partition(":")
    return {"pass": pass_name, "type": type_name} if type_name else {}
