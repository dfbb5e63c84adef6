"""Say when two comments make the same point about the same place, so that a student reads it once."""

from __future__ import annotations

# Groups of types that two readers may use for the same kind of point.
_SIMILAR_TYPES = (
    frozenset({"agreement", "verb_form", "tense", "grammar"}),
    frozenset({"spelling", "word_choice", "contraction"}),
    frozenset({"punctuation", "spacing", "contraction"}),
    frozenset({"repetition", "word_choice", "redundancy"}),
    frozenset({"thesis", "introduction"}),
    frozenset({"paragraphs", "organisation", "structure"}),
    frozenset({"conclusion", "redundancy"}),
    frozenset({"relevance", "coverage"}),
    frozenset({"evidence", "reasoning", "content"}),
    frozenset({"sentence_length", "clarity"}),
    frozenset({"transition", "organisation"}),
)

Offsets = tuple[int, int]


def overlap(one: Offsets, other: Offsets) -> bool:
    """Return whether two places share a character."""
    return one[0] < other[1] and other[0] < one[1]


def is_nested(one: Offsets, other: Offsets) -> bool:
    """Return whether one of two places lies inside the other."""
    return (one[0] <= other[0] and other[1] <= one[1]) or (other[0] <= one[0] and one[1] <= other[1])


def are_similar(one: str, other: str) -> bool:
    """Return whether two types of comment may stand for the same point."""
    return one == other or any(one in group and other in group for group in _SIMILAR_TYPES)
