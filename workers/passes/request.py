"""What one pass is asked: the essay, the assignment, the rubric and the previous reading."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from models.jobs import PassName

CommentKind = Literal["praise", "issue", "question"]


Severity = Literal["info", "minor", "major"]


Match = Literal["exact", "normalised", "none"]


ConfidenceBasis = Literal["measured", "model", "agreement"]


Resolution = Literal["addressed", "persisting", "moot"]


@dataclass(frozen=True, kw_only=True)
class Level:
    """One level of a rubric criterion, with the points the teacher gave it."""

    name: str
    points: int
    description: str = ""


@dataclass(frozen=True, kw_only=True)
class Criterion:
    """One criterion of the teacher's rubric; a provider may pick only one of its levels."""

    name: str
    description: str = ""
    levels: tuple[Level, ...]


@dataclass(frozen=True, kw_only=True)
class EarlierComment:
    """A comment on the last draft whose words were touched since: only a reader can say what became of it."""

    type: str
    quote: str
    message: str
    next_step: str


@dataclass(frozen=True, kw_only=True)
class EarlierPick:
    """A level picked on the last draft, by the same rubric, for the same reading."""

    criterion: str
    level: str
    rationale: str


@dataclass(frozen=True, kw_only=True)
class Earlier:
    """What the same reading, made with the same rubric, prompt and model, said of the last draft.

    `unchanged` holds the places in the new text, in order, of paragraphs that stand in the last draft to the letter: a remote
    reader is not sent them again. It is empty where the whole essay is to be read anew.
    """

    unchanged: tuple[tuple[int, int], ...] = ()
    doubtful: tuple[EarlierComment, ...] = ()
    picks: tuple[EarlierPick, ...] = ()


@dataclass(frozen=True, kw_only=True)
class PassRequest:
    """Everything a provider may know about the essay. No name, no e-mail, no other student's words.

    `language` is the essay's, `feedback_language` the one its writer wants to be answered in; both are BCP 47 tags.
    """

    pass_name: PassName
    text: str
    title: str = ""
    language: str = "en"
    feedback_language: str = "en"
    category: str = ""
    assignment_prompt: str = ""
    criteria: tuple[Criterion, ...] = ()
    earlier: Earlier | None = None
