"""What one pass answers: comments with proven spans, picked rubric levels, strengths and next steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from workers.passes.request import CommentKind, ConfidenceBasis, Match, Resolution, Severity


@dataclass(frozen=True, kw_only=True)
class QuotedSpan:
    """A proven place: `text[start:end] == quote` in code points, unless match is "none" (then start == end == 0)."""

    start: int
    end: int
    quote: str
    prefix: str = ""
    suffix: str = ""
    match: Match = "exact"


@dataclass(frozen=True, kw_only=True)
class Comment:
    """One point about one place, with one next step. `also_at` holds the other places of a folded repeat."""

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
    # Who said it, where that is another than the provider that was asked.
    provider: str = ""
    model: str = ""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What a reader says became of a doubtful comment: its number in `Earlier.doubtful`, from 0."""

    comment: int
    resolution: Resolution


@dataclass(frozen=True, kw_only=True)
class CriterionPick:
    """The level picked for one criterion. Points are looked up by code, never taken from the answer."""

    criterion: str
    level: str
    rationale: str
    confidence: float


@dataclass(frozen=True, kw_only=True)
class PassAnswer:
    """What one pass has to say: comments in the order a student should read them; `notes` are for educators only."""

    comments: tuple[Comment, ...] = ()
    picks: tuple[CriterionPick, ...] = ()
    strengths: tuple[str, ...] = ()
    next_steps: tuple[str, ...] = ()
    not_checked: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
