"""What essays are judged by. A rubric never changes, so that points given by it stay what they were."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from uuid import UUID

from flask import Blueprint, Response

from ingest.admin import schemas
from ingest.submissions.routes import send_hints, to_answer
from ingest.web import pagination, rate_limits
from ingest.web.body import read_body
from ingest.web.identity import admin, staff
from ingest.web.openapi import operation
from ingest.web.responses import CREATED, page_of, shown, signed_in
from models import courses, rubric_previews
from models.courses import CriterionDraft
from models.essays import Draft

blueprint = Blueprint("rubrics", __name__)

SAMPLES = Path(__file__).parent / "samples"
SAMPLES_LANGUAGE = "en"


@blueprint.get("/v1/rubrics")
@operation(
    "List rubrics",
    answers={200: schemas.Rubrics},
    parameters=(pagination.LIMIT, pagination.CURSOR),
    problems=("invalid-payload", "forbidden"),
)
def list_rubrics() -> Response:
    """Answer the org's rubrics without their criteria, newest first, a page at a time."""
    who = signed_in()
    limit, before = pagination.limit(), pagination.cursor()
    with who.session():
        found = courses.list_rubrics(org=who.org, limit=limit + 1, before=before)
    return page_of(schemas.Rubrics, found, limit=limit)


@blueprint.post("/v1/rubrics")
@operation(
    "Add a rubric",
    answers={201: schemas.Rubric, 200: schemas.Rubric},
    body=schemas.NewRubric,
    problems=("forbidden",),
    headers=CREATED,
)
def add_rubric() -> Response:
    """Add a rubric. The same wording again is 200 and the same rubric."""
    who = staff()
    wanted = read_body(schemas.NewRubric)
    criteria = tuple(
        CriterionDraft(
            name=one.name,
            description=one.description,
            levels=tuple((level.name, level.points, level.description) for level in one.levels),
        )
        for one in wanted.criteria
    )
    with who.session():
        rubric, is_new = courses.store_rubric(wanted.name, org=who.org, criteria=criteria)
        found = courses.fetch_rubric(rubric, org=who.org)
    at = f"/v1/rubrics/{rubric}" if is_new else None
    return shown(schemas.Rubric(**found), status=201 if is_new else 200, at=at)


@blueprint.get("/v1/rubrics/<uuid:rubric_id>")
@operation("One rubric", answers={200: schemas.Rubric}, problems=("forbidden",))
def one_rubric(rubric_id: UUID) -> Response:
    """Answer a rubric with its criteria in their order."""
    who = signed_in()
    with who.session():
        found = courses.fetch_rubric(rubric_id, org=who.org)
    return shown(schemas.Rubric(**found))


@blueprint.delete("/v1/rubrics/<uuid:rubric_id>")
@operation("Delete a rubric", answers={204: None}, problems=("forbidden", "in-use"))
def delete_rubric(rubric_id: UUID) -> tuple[str, int]:
    """Delete a rubric, unless an assignment asks for it or an essay was judged by it."""
    who = admin()
    with who.session():
        courses.delete_rubric(rubric_id, org=who.org)
    return "", 204


@blueprint.post("/v1/rubrics/<uuid:rubric_id>/try")
@operation("Try a rubric", answers={202: schemas.RubricPreviewStarted}, body=schemas.RubricPreview, problems=("forbidden",))
def try_rubric(rubric_id: UUID) -> Response:
    """Have samples read by the rubric. They are essays of yours that nobody else's list or count knows, and are gone after a day."""
    who = staff()
    assert who.user is not None
    wanted = read_body(schemas.RubricPreview)
    texts = tuple(wanted.texts or _samples())
    # Each sample is a submission; the request itself has been counted.
    for _ in texts[1:]:
        rate_limits.count(f"user:{who.user}")
    language = wanted.language or (None if wanted.texts else SAMPLES_LANGUAGE)
    drafts = [
        Draft(title=f"Sample {number}", text=text, source="app", language=language) for number, text in enumerate(texts, start=1)
    ]
    with who.session():
        receipts, ends = rubric_previews.start(drafts, org=who.org, teacher=who.user, rubric=rubric_id, prompt=wanted.prompt)
    send_hints(tuple(hint for one in receipts for hint in one.hints))
    answer = schemas.RubricPreviewStarted.model_validate({"expires_at": ends, "submissions": [to_answer(one) for one in receipts]})
    return Response(answer.model_dump_json(by_alias=True), status=202, content_type="application/json")


@cache
def _samples() -> tuple[str, ...]:
    return tuple(path.read_text(encoding="utf-8").strip() for path in sorted(SAMPLES.glob("*.txt")))
