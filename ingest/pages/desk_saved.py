"""The comments that an educator saved, and a rubric tried on a text before a class gets it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, Response, request, url_for

from ingest.feedback import schemas
from ingest.feedback.reviews import to_own_comment
from ingest.feedback.saved_comments import owner_of
from ingest.pages.desk import PAGE, REFUSED, cut, done, staff_reader, status_of, to_problem
from ingest.pages.forms import check_body, read_form
from ingest.pages.rendering import page, page_blueprint
from ingest.submissions import schemas as submission_schemas
from ingest.submissions.rubric_previews import samples, start_preview
from ingest.web import pagination
from ingest.web.body import check
from ingest.web.identity import Identity
from ingest.web.problems import Problem
from models import courses, feedback, saved_comments
from models.errors import NotFound

blueprint: Blueprint = page_blueprint("desk_saved_pages")

MAX_RUBRICS = 100


@blueprint.get("/desk/saved")
def list_saved() -> Response:
    """Show the reader's saved comments, newest first, and the form for another one."""
    return _saved_page(staff_reader())


@blueprint.post("/desk/saved")
def add() -> Response:
    """Save a comment."""
    who = staff_reader()
    check_body()
    pass_name, _, type_name = request.form.get("about", "").partition(":")
    try:
        wanted = read_form(schemas.NewSavedComment, also={"pass": pass_name, "type": type_name})
        with who.session():
            saved_comments.save(to_own_comment(wanted), owner=owner_of(who))
    except REFUSED as error:
        return _saved_page(who, problem=to_problem(error))
    return done(url_for("desk_saved_pages.list_saved"))


@blueprint.post("/desk/saved/<uuid:saved_id>/delete")
def delete(saved_id: UUID) -> Response:
    """Delete one of the reader's saved comments. Essays on which it was used keep it."""
    who = staff_reader()
    check_body()
    with who.session():
        saved_comments.delete_saved(saved_id, owner=owner_of(who))
    return done(url_for("desk_saved_pages.list_saved"))


@blueprint.get("/desk/rubrics")
def try_rubric() -> Response:
    """Show the form to try a rubric on a sample or on a text of one's own."""
    return _rubric_page(staff_reader())


@blueprint.post("/desk/rubrics")
def start() -> Response:
    """Let the text be read with the rubric, and show it. It is deleted after a day."""
    who = staff_reader()
    check_body()
    try:
        rubric, payload = _wanted_preview()
        receipts, _ = start_preview(rubric, payload, who)
    except REFUSED as error:
        return _rubric_page(who, problem=to_problem(error))
    return done(url_for("desk_essay_pages.essay", essay_id=receipts[0].essay))


def _wanted_preview() -> tuple[UUID, submission_schemas.RubricPreview]:
    text, sample = request.form.get("text", "").strip(), request.form.get("sample", "")
    values: dict[str, Any] = {"texts": [text]}
    if not text:
        number = int(sample) if sample in {str(place) for place, _ in enumerate(samples())} else 0
        values = {"texts": [samples()[number]], "language": "en"}
    if request.form.get("prompt", "").strip():
        values["prompt"] = request.form["prompt"]
    try:
        rubric = UUID(request.form.get("rubric", ""))
    except ValueError:
        raise NotFound("There is no such rubric.") from None
    return rubric, check(values, submission_schemas.RubricPreview)


def _saved_page(who: Identity, *, problem: Problem | None = None) -> Response:
    with who.session():
        found = saved_comments.list_saved(owner=owner_of(who), limit=PAGE + 1, before=pagination.cursor())
        types = feedback.list_types()
    saved, older = cut(found)
    sent = request.form if problem else {}
    return page(
        "desk_saved.html", code=status_of(problem), saved=saved, older=older, types=types, problem=problem, sent=sent
    )


def _rubric_page(who: Identity, *, problem: Problem | None = None) -> Response:
    with who.session():
        rubrics = courses.list_rubrics(org=who.org, limit=MAX_RUBRICS)
    sent = request.form if problem else {}
    return page(
        "desk_rubrics.html", code=status_of(problem), rubrics=rubrics, samples=samples(), problem=problem, sent=sent
    )
