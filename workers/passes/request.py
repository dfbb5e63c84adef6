"""The types of what one pass is asked: the essay, the assignment, the rubric and the previous reading."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from models.jobs import PassName

CommentKind = Literal["praise", "issue", "question"]


Severity = Literal["info", "minor", "major"]


Match = Literal["exact", "normalised", "none"]


ConfidenceBasis = Literal["measured", "model", "agreement", "default"]


Resolution = Literal["addressed", "persisting", "moot"]


@dataclass(frozen=True, kw_only=True)
class Level:
    """One level of a rubric criterion, with the points the teacher gave it."""

    name: str
    points: int
    description: str = ""


@dataclass(frozen=True, kw_only=True)
class Criterion:
    """One criterion of the teacher's rubric. A provider may pick only one of its levels."""

    name: str
    description: str = ""
    levels: tuple[Level, ...]


@dataclass(frozen=True, kw_only=True)
class EarlierComment:
    """A comment on the last draft whose sentence changed since, so that only the provider can say what became of it."""

    type: str
    quote: str
    message: str
    next_step: str


@dataclass(frozen=True, kw_only=True)
class EarlierPick:
    """A level that the same pass picked on the last draft, by the same rubric."""

    criterion: str
    level: str
    rationale: str


@dataclass(frozen=True, kw_only=True)
class PreviousDraft:
    """What the same pass said about the last draft.

    `unchanged` holds the offsets in the new text, in order, of paragraphs that are identical in the last draft. They are not
    sent to a remote provider again. It is empty where the whole essay is read anew. `doubtful` holds the comments that need
    a verdict, `picks` the levels of the last draft.
    """

    unchanged: tuple[tuple[int, int], ...] = ()
    doubtful: tuple[EarlierComment, ...] = ()
    picks: tuple[EarlierPick, ...] = ()


@dataclass(frozen=True, kw_only=True)
class PassRequest:
    """Everything a provider may know about the essay: no name, no e-mail address, no other student's words.

    `language` is the essay's language, `feedback_language` the one that its author wants feedback in. Both are BCP 47 tags.
    `org` decides about turns within this machine and is no part of a prompt.
    """

    pass_name: PassName
    text: str
    title: str = ""
    language: str = "en"
    feedback_language: str = "en"
    category: str = ""
    assignment_prompt: str = ""
    criteria: tuple[Criterion, ...] = ()
    earlier: PreviousDraft | None = None
    org: UUID | None = None

    def content(self) -> dict[str, Any]:
        """Return everything but `org`, by name: what a hash of the request covers."""
        return {name: value for name, value in vars(self).items() if name != "org"}
