"""Store a pass's answer: add carried-over comments, calibrate confidence, look up points, write everything in one transaction."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from models import feedback, passes
from models.db import session
from models.feedback import CommentDraft, ResultDraft
from models.jobs import PassName
from models.log import logger
from workers.injection import detector
from workers.job.context import PassContext
from workers.job.roster_names import without_roster_names
from workers.passes.calibration import Calibration
from workers.passes.feedback import Comment, CriterionPick
from workers.providers.contract import Reply
from workers.text.reading import read

log = logger(__name__)


def finish(context: PassContext, reply: Reply, *, calibration: Calibration) -> None:
    """Finish the pass: store its comments, levels and summary, and what became of the earlier draft's comments.

    Raises FenceLost and DatabaseAway; then nothing is stored.
    """
    claim, previous = context.claim, context.previous
    answer = calibration.apply(reply.answer, context.provider.name, claim.name)
    if claim.name is PassName.GRAMMAR:
        answer = without_roster_names(answer, context)
    comments, picks, strengths = [_draft(one) for one in answer.comments], answer.picks, answer.strengths
    resolutions: dict[UUID, str] = {}
    if previous is not None:
        comments, resolutions = previous.resolve(answer, comments)
        picks, strengths = previous.picks(answer), previous.strengths(answer)
    steps = answer.next_steps[:1] or _step_of(comments, claim.name)
    notes = answer.notes
    if claim.name is PassName.CONTENT:
        # One pass of a version is enough, whichever provider read it.
        notes += detector.notes(context.request.title, context.request.text)
        notes += read(context.request.text).notes
    not_checked = (*answer.not_checked, *context.withheld)
    summary = feedback.seal_summary(
        claim, key=context.key, strengths=strengths, next_steps=steps, not_checked=not_checked, notes=notes
    )
    with session(org=claim.org):
        feedback.store(
            claim,
            author=context.author,
            key=context.key,
            provider=context.provider.name,
            model=reply.model,
            comments=comments,
            results=[_result(pick, comments, context.criteria) for pick in picks],
            resolutions=resolutions,
        )
        unanchored = sum(one.span is None for one in comments)
        if unanchored:
            passes.add_to_tally("unanchored_comments", unanchored)
        passes.finish(
            claim,
            provider=context.provider.name,
            model=reply.model,
            comments=len(comments),
            summary=summary,
            made_with=context.made_with,
        )
    log.info("pass done", attempt=claim.attempt, comments=len(comments))


def _step_of(comments: list[CommentDraft], name: PassName) -> tuple[str, ...]:
    """Return the next step of the first comment that asks for something. One on grammar mends one place, not the essay."""
    if name is PassName.GRAMMAR:
        return ()
    return tuple(one.next_step for one in comments if one.next_step and one.kind != "praise")[:1]


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
    """Return the picked level with its points from the teacher's rubric. A model never names a number."""
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
