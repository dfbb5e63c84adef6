"""Which words does a comment point at, and which criterion of the teacher's rubric does it belong to?"""

from __future__ import annotations

from collections import Counter

from workers.passes.feedback import Comment, QuotedSpan
from workers.passes.request import CommentKind, Criterion, PassRequest, Severity
from workers.passes.segmentation import Piece, words
from workers.providers.local.text import stems

AROUND = 32
# Nobody has judged a sample of these comments: no surer than the least sure one that is shown.
UNMEASURED = 0.60
# A "sentence" without a full stop may run on for pages; its beginning is place enough.
LONGEST = 600
# Words teachers use for what each kind of comment is about, as they stand in names of criteria.
_NAMES = {
    "mechanics": "grammar mechanics conventions convention language usage correctness accuracy",
    "spelling": "spelling",
    "capitalisation": "capitalisation capitalization",
    "punctuation": "punctuation",
    "word_choice": "vocabulary diction wording",
    "thesis": "thesis claim position focus argument",
    "introduction": "introduction opening thesis",
    "conclusion": "conclusion ending closing",
    "shape": "organisation organization structure coherence cohesion paragraphing paragraphs flow",
    "sentence_length": "sentence sentences fluency style clarity",
    "transition": "transitions linking cohesion coherence",
    "evidence": "evidence support examples development elaboration",
    "citation": "citation citations sources referencing references evidence",
    "relevance": "task relevance focus response prompt content",
    "coverage": "task completeness response prompt content coverage",
    "redundancy": "concision conciseness development clarity style content",
}
_FAMILIES = {
    "thesis": ("thesis", "introduction", "shape"), "paragraphs": ("shape",), "sentence_length": ("sentence_length",),
    "introduction": ("introduction", "shape"), "conclusion": ("conclusion", "shape"), "organisation": ("shape",),
    "transition": ("transition", "shape"), "structure": ("shape",), "relevance": ("relevance",),
    "coverage": ("coverage", "relevance"), "evidence": ("evidence",), "redundancy": ("redundancy",),
    "citation": ("citation",), "spelling": ("spelling", "mechanics"), "punctuation": ("punctuation", "mechanics"),
    "capitalisation": ("capitalisation", "mechanics"), "word_choice": ("word_choice", "mechanics"),
}  # fmt: skip


def span(text: str, start: int, end: int) -> QuotedSpan:
    """Return the proven place `text[start:end]` with what stands around it; a very long one is cut short."""
    if end - start > LONGEST:
        end = start + max(text[start : start + LONGEST].rfind(" "), LONGEST // 2)
    return QuotedSpan(
        start=start,
        end=end,
        quote=text[start:end],
        prefix=text[max(0, start - AROUND) : start],
        suffix=text[end : end + AROUND],
    )


def criterion_for(kind: str, criteria: tuple[Criterion, ...]) -> str | None:
    """Return the name of the criterion whose name speaks of this kind of comment, or None when none does."""
    for family in _FAMILIES.get(kind, ("mechanics",)):
        wanted = set(_NAMES[family].split())
        for criterion in criteria:
            if wanted & {word.text.lower() for word in words(criterion.name)}:
                return criterion.name
    return None


def shared(one: tuple[str, ...], other: tuple[str, ...]) -> float:
    """Return the cosine of two lists of stems, 0 when either is empty."""
    return Stems(other).near(one)


class Stems:
    """Many stems, counted once, that many short lists are held against; each costs no more than its own length."""

    def __init__(self, found: tuple[str, ...]) -> None:
        self._counts = Counter(found)
        self._square = _square(self._counts)

    def near(self, one: tuple[str, ...]) -> float:
        """Return the cosine of a list of stems and these, 0 when either is empty."""
        mine = Counter(one)
        return _cosine(sum(count * self._counts[stem] for stem, count in mine.items()), _square(mine), self._square)

    def near_without(self, part: tuple[str, ...]) -> float:
        """Return the cosine of a list that is part of these and what is left of them without it."""
        mine = Counter(part)
        both = sum(count * self._counts[stem] for stem, count in mine.items())
        square = _square(mine)
        return _cosine(both - square, square, self._square - 2 * both + square)


def _square(counts: Counter[str]) -> int:
    return sum(count * count for count in counts.values())


def _cosine(dot: int, one: int, other: int) -> float:
    return float(dot / (one * other) ** 0.5) if one and other else 0.0


def task_stems(*texts: str) -> tuple[str, ...]:
    """Return the stems of what a task is about, in order, each once."""
    return tuple(dict.fromkeys(stem for text in texts for stem in stems(text)))


def rule_comment(
    request: PassRequest, kind: CommentKind, type_: str, severity: Severity, confidence: float, places: list[Piece],
    message: str, next_step: str,
) -> Comment:  # fmt: skip
    """Return what a rule has to say about the first place, holding for the others as well."""
    return Comment(
        type=type_,
        kind=kind,
        severity=severity,
        span=span(request.text, places[0].start, places[0].end),
        message=message,
        next_step=next_step,
        confidence=confidence,
        confidence_basis="measured",
        origin="rule",
        also_at=tuple((place.start, place.end) for place in places[1:]),
        criterion=criterion_for(type_, request.criteria),
    )
