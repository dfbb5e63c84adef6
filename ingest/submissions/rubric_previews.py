"""Try a rubric on sample essays before giving it to a class."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from pathlib import Path
from uuid import UUID

from flask import Blueprint, Response

from ingest.submissions import schemas
from ingest.submissions.drafts import read_text
from ingest.submissions.receipts import send_hints, to_answer
from ingest.web import rate_limits
from ingest.web.body import read_body
from ingest.web.identity import Identity, staff
from ingest.web.openapi import operation
from models import rubric_previews
from models.essays import Draft, Receipt

blueprint = Blueprint("rubric_previews", __name__)

SAMPLES = Path(__file__).parent / "samples"
SAMPLES_LANGUAGE = "en"


@blueprint.post("/v1/rubrics/<uuid:rubric_id>/try")
@operation(
    "Try a rubric on samples",
    answers={202: schemas.RubricPreviewStarted},
    body=schemas.RubricPreview,
    problems=("forbidden", "reading-off", "essay-empty", "essay-too-long"),
)
def try_rubric(rubric_id: UUID) -> Response:
    """Queue sample essays for feedback with this rubric.

    The samples are essays of yours. They appear in no list and no statistics, and are deleted after a day with their feedback.
    Each text counts as a request against your rate limit. Refused with 409 while the org's `ai_policy` is `none`.
    """
    who = staff()
    payload = read_body(schemas.RubricPreview)
    receipts, expires_at = start_preview(rubric_id, payload, who)
    answer = schemas.RubricPreviewStarted.model_validate(
        {"expires_at": expires_at, "submissions": [to_answer(receipt) for receipt in receipts]}
    )
    return Response(
        answer.model_dump_json(by_alias=True, exclude_unset=True), status=202, content_type="application/json"
    )


def start_preview(rubric: UUID, payload: schemas.RubricPreview, who: Identity) -> tuple[list[Receipt], datetime]:
    """Queue the texts, or else the samples, to be read with this rubric; return their receipts and when they are deleted.

    Each text after the first counts as a request. Raises Problem, NotFound, ReadingOff.
    """
    assert who.user is not None
    texts = tuple(payload.texts or samples())
    for _ in texts[1:]:
        rate_limits.count(f"user:{who.user}")
    language = payload.language or (None if payload.texts else SAMPLES_LANGUAGE)
    read = [read_text(text, pointer=f"/texts/{place}") for place, text in enumerate(texts)]
    drafts = [
        Draft(
            title=f"Sample {number}",
            text=one.text,
            from_html=one.from_html,
            pictures_left_out=one.pictures,
            source="app",
            language=language,
        )
        for number, one in enumerate(read, start=1)
    ]
    with who.session():
        receipts, expires_at = rubric_previews.start(
            drafts, org=who.org, teacher=who.user, rubric=rubric, prompt=payload.prompt
        )
    send_hints(tuple(hint for receipt in receipts for hint in receipt.hints))
    return receipts, expires_at


@cache
def samples() -> tuple[str, ...]:
    """Return the sample essays that come with EssayCoach: a steady, a mixed and a weak one."""
    return tuple(path.read_text(encoding="utf-8").strip() for path in sorted(SAMPLES.glob("*.txt")))
