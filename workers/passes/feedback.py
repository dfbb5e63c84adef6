"""The types of what one pass answers: comments with proven spans, picked rubric levels, strengths and next steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from workers.passes.request import CommentKind, ConfidenceBasis, Match, Resolution, Severity


@dataclass(frozen=True, kw_only=True)
class QuotedSpan:
    """A proven place: `text[start:end] == quote` in code points. With match "none" nothing is proven, and start == end == 0."""

    start: int
    end: int
    quote: str
    prefix: str = ""
    suffix: str = ""
    match: Match = "exact"


@dataclass(frozen=True, kw_only=True)
class Comment:
    """One point about one place, with one next step. `also_at` holds the further places of a repeated mistake."""

    type: str
    kind: CommentKind
    severity: Severity
    span: QuotedSpan
    message: str
    next_step: str
    suggestions: tuple[str, ...] = ()
    confidence: float
    confidence_basis: ConfidenceBasis
    origin: Literal["rule", "model"]
    also_at: tuple[tuple[int, int], ...] = ()
    criterion: str | None = None
    # Who made the comment, where that is not the provider that was asked.
    provider: str = ""
    model: str = ""


@dataclass(frozen=True, kw_only=True)
class CommentVerdict:
    """The provider's verdict on a doubtful comment. `comment` is its index in `Earlier.doubtful`."""

    comment: int
    resolution: Resolution


@dataclass(frozen=True, kw_only=True)
class CriterionPick:
    """The level picked for one criterion. Code looks up the points; they are never taken from the answer."""

    criterion: str
    level: str
    rationale: str
    confidence: float


@dataclass(frozen=True, kw_only=True)
class PassAnswer:
    """The answer of one pass. Comments are in the order in which a student should read them; `notes` are for educators only."""

    comments: tuple[Comment, ...] = ()
    picks: tuple[CriterionPick, ...] = ()
    strengths: tuple[str, ...] = ()
    next_steps: tuple[str, ...] = ()
    not_checked: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    verdicts: tuple[CommentVerdict, ...] = ()
