"""Build comments: the place they point at, the rubric criterion they belong to, and the similarity of texts behind them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from workers.passes.feedback import Comment, QuotedSpan
from workers.passes.request import CommentKind, Criterion, PassRequest, Severity
from workers.text.segmentation import Piece, words

AROUND = 32
# Nobody has judged a sample of these comments as they are now, so they get the lowest confidence at which a comment is shown.
UNJUDGED = 0.60
# All 21 judged comments of three rules (one block, long sentence, thesis question) were real: (21 + 1) / (21 + 2), rounded down.
JUDGED = 0.95
# A "sentence" without a full stop may run on for pages. Its beginning is enough to point at.
LONGEST = 600
# The words that teachers use in names of criteria, for each family of comment types.
_FAMILY_WORDS = {
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
# The families of each comment type, best match first. A type that is not listed belongs to mechanics.
_FAMILIES_BY_TYPE = {
    "thesis": ("thesis", "introduction", "shape"), "paragraphs": ("shape",), "sentence_length": ("sentence_length",),
    "introduction": ("introduction", "shape"), "conclusion": ("conclusion", "shape"), "organisation": ("shape",),
    "transition": ("transition", "shape"), "structure": ("shape",), "relevance": ("relevance",),
    "coverage": ("coverage", "relevance"), "evidence": ("evidence",), "redundancy": ("redundancy",),
    "citation": ("citation",), "spelling": ("spelling", "mechanics"), "punctuation": ("punctuation", "mechanics"),
    "capitalisation": ("capitalisation", "mechanics"), "word_choice": ("word_choice", "mechanics"),
}  # fmt: skip


def span(text: str, start: int, end: int) -> QuotedSpan:
    """Return the place `text[start:end]` with its quote and context. A place longer than LONGEST is cut short."""
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
    """Return the name of the first criterion whose name contains a word for this type of comment, or None."""
    for family in _FAMILIES_BY_TYPE.get(kind, ("mechanics",)):
        wanted = set(_FAMILY_WORDS[family].split())
        for criterion in criteria:
            if wanted & {word.text.lower() for word in words(criterion.name)}:
                return criterion.name
    return None


def similarity(one: tuple[str, ...], other: tuple[str, ...]) -> float:
    """Return the cosine similarity of two lists of stems, 0 when either is empty."""
    return Stems(other).near(one)


class Stems:
    """A long list of stems, counted once, so that a comparison with a short list costs no more than the short list's length."""

    def __init__(self, found: tuple[str, ...]) -> None:
        self._counts = Counter(found)
        self._squared_norm = _squared_norm(self._counts)

    def near(self, one: tuple[str, ...]) -> float:
        """Return the cosine similarity of a list of stems and these, 0 when either is empty."""
        counts = Counter(one)
        return _cosine(
            sum(count * self._counts[stem] for stem, count in counts.items()), _squared_norm(counts), self._squared_norm
        )

    def near_without(self, part: tuple[str, ...]) -> float:
        """Return the cosine similarity of a part of these stems and the stems that remain without that part."""
        counts = Counter(part)
        dot = sum(count * self._counts[stem] for stem, count in counts.items())
        part_squared_norm = _squared_norm(counts)
        return _cosine(dot - part_squared_norm, part_squared_norm, self._squared_norm - 2 * dot + part_squared_norm)


def _squared_norm(counts: Counter[str]) -> int:
    return sum(count * count for count in counts.values())


def _cosine(dot: int, squared_norm: int, other_squared_norm: int) -> float:
    return float(dot / (squared_norm * other_squared_norm) ** 0.5) if squared_norm and other_squared_norm else 0.0


@dataclass(frozen=True, slots=True)
class Point:
    """A comment, and the next step for the whole essay that it stands for."""

    comment: Comment
    step: str


def one_for_each_place(points: Iterable[Point]) -> list[Point]:
    """Return the points, in order, without praise for words that another point asks about."""
    every = list(points)
    asked = [place for point in every if point.comment.kind != "praise" for place in _places(point.comment)]
    return [
        point
        for point in every
        if point.comment.kind != "praise"
        or not any(start < point.comment.span.end and point.comment.span.start < end for start, end in asked)
    ]


def first_step(points: Iterable[Point]) -> tuple[str, ...]:
    """Return the next step of the first point that asks for a change, else of the first praise, else of the first remark."""

    def weight(point: Point) -> int:
        return 1 if point.comment.kind == "praise" else 2 * (point.comment.severity == "info")

    ordered = sorted(points, key=weight)
    return (ordered[0].step,) if ordered else ()


def _places(comment: Comment) -> tuple[tuple[int, int], ...]:
    return ((comment.span.start, comment.span.end), *comment.also_at)


def rule_comment(
    request: PassRequest, kind: CommentKind, type_: str, severity: Severity, places: list[Piece],
    message: str, next_step: str, *, judged: bool = False,
) -> Comment:  # fmt: skip
    """Return a rule's comment on the first of the places. The other places go into `also_at`.

    `judged`: a judged sample stands behind the rule, so its confidence is measured.
    """
    return Comment(
        type=type_,
        kind=kind,
        severity=severity,
        span=span(request.text, places[0].start, places[0].end),
        message=message,
        next_step=next_step,
        confidence=JUDGED if judged else UNJUDGED,
        confidence_basis="measured" if judged else "default",
        origin="rule",
        also_at=tuple((place.start, place.end) for place in places[1:]),
        criterion=criterion_for(type_, request.criteria),
    )
