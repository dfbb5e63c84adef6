"""How an answer becomes rows: carried-over comments joined, confidence calibrated, points looked up, everything stored at once."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from models import feedback, passes
from models.db import session
from models.feedback import CommentDraft, ResultDraft
from models.jobs import PassName
from models.log import logger
from workers.injection import detector
from workers.job.context import Work
from workers.passes.calibration import Calibration
from workers.passes.feedback import Comment, CriterionPick
from workers.providers.contract import Reply

log = logger(__name__)

MAX_NEXT_STEPS = 3


def finish(work: Work, reply: Reply, *, calibration: Calibration) -> None:
    """The pass is done: its comments, levels and summary are stored, and what became of the last draft's comments is on record.

    Raises FenceLost and DatabaseAway; then nothing is stored.
    """
    claim, memory = work.claim, work.memory
    answer = calibration.apply(reply.answer, work.provider.name, claim.name)
    comments, picks, strengths = [_draft(one) for one in answer.comments], answer.picks, answer.strengths
    fates: dict[UUID, str] = {}
    if memory is not None:
        comments, fates = memory.settle(answer, comments)
        picks, strengths = memory.picks(answer), memory.strengths(answer)
    steps = answer.next_steps or tuple(dict.fromkeys(one.next_step for one in comments if one.next_step))[:MAX_NEXT_STEPS]
    notes = answer.notes
    if claim.name is PassName.CONTENT:
        # Once a version is enough, whoever read it.
        notes += detector.notes(work.request.title, work.request.text)
    summary = feedback.seal_summary(
        claim, key=work.key, strengths=strengths, next_steps=steps, not_checked=answer.not_checked, notes=notes
    )
    with session(org=claim.org):
        passes.finish(
            claim,
            provider=work.provider.name,
            model=reply.model,
            comments=len(comments),
            summary=summary,
            made_with=work.made_with,
        )
        feedback.store(
            claim,
            author=work.author,
            key=work.key,
            provider=work.provider.name,
            model=reply.model,
            comments=comments,
            results=[_result(pick, comments, work.criteria) for pick in picks],
            fates=fates,
        )
        unanchored = sum(one.span is None for one in comments)
        if unanchored:
            passes.add_to_tally("unanchored_comments", unanchored)
    log.info("pass done", name=claim.name, attempt=claim.attempt, comments=len(comments))


def _draft(comment: Comment) -> CommentDraft:
    anchored = comment.span.match != "none"
    return CommentDraft(
        type=comment.type,
        kind=comment.kind,
        severity=comment.severity,
        match=comment.span.match,
        span=(comment.span.start, comment.span.end) if anchored else None,
        quote=comment.span.quote,
        message=comment.message,
        next_step=comment.next_step,
        suggestions=comment.suggestions,
        confidence=comment.confidence,
        confidence_basis=comment.confidence_basis,
        origin=comment.origin,
        also_at=comment.also_at,
        criterion=comment.criterion,
        provider=comment.provider,
        model=comment.model,
    )


def _result(pick: CriterionPick, comments: list[CommentDraft], criteria: dict[str, dict[str, Any]]) -> ResultDraft:
    """Look the points up in the teacher's rubric; a model never names a number."""
    criterion = criteria[pick.criterion]
    points = {level["name"]: int(level["points"]) for level in criterion["levels"]}
    criterion_id: UUID = criterion["id"]
    return ResultDraft(
        criterion=criterion_id,
        level=pick.level,
        points=points[pick.level],
        max_points=max(points.values()),
        confidence=pick.confidence,
        rationale=pick.rationale,
        evidence=tuple(n for n, comment in enumerate(comments) if comment.criterion == pick.criterion),
    )
