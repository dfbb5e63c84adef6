"""Order the comments of a version as a student should read them: few first, sense before spelling, and no point twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from models.comment_points import Offsets, are_similar, is_nested, overlap
from models.jobs import PassName

SHOWN_FIRST = 12
# What changes the sense comes before what changes only the look. A type that is not listed stands between the two.
_SENSE = (
    "relevance thesis reasoning evidence coverage content organisation structure paragraphs introduction conclusion transition clarity"
    " redundancy citation sentence_length agreement verb_form word_choice grammar article repetition"
).split()
_LOOK = "contraction spelling capitalisation punctuation spacing".split()
_RANKS = {name: rank for rank, name in enumerate((*_SENSE, "", *_LOOK))}
_SEVERITIES = ("major", "minor", "info")


def ordered(comments: Sequence[Mapping[str, Any]], *, decisions: Mapping[UUID, str]) -> list[dict[str, Any]]:
    """Return the comments in reading order, each with `order` (from 1) and `shown_first` (at most SHOWN_FIRST of them).

    A machine's comment that repeats or contradicts another one is left out, unless an educator decided about it. Comments of
    one pass and type are one pattern. The first of each pattern comes before the second of any, and rejected ones come last.
    """
    rejected = [one for one in comments if decisions.get(one["id"]) == "rejected"]
    kept = _one_for_each_point([one for one in comments if one not in rejected], decisions)
    seen: Counter[tuple[str, str, bool]] = Counter()
    turns: list[tuple[bool, int, int, Mapping[str, Any]]] = []
    for at, comment in enumerate(kept):
        pattern = (comment["pass"], comment["type"], comment["kind"] == "praise")
        by_person = comment["origin"] == "educator"
        # A comment without a place cannot be found in the essay, so a machine's comes last.
        turns.append((comment["match"] == "none" and not by_person, -1 if by_person else seen[pattern], at, comment))
        seen[pattern] += not by_person
    shown = [comment for *_, comment in sorted(turns, key=lambda turn: turn[:3])]
    return [
        {**comment, "order": number, "shown_first": number <= min(SHOWN_FIRST, len(shown))}
        for number, comment in enumerate([*shown, *sorted(rejected, key=_rank)], start=1)
    ]


def _rank(comment: Mapping[str, Any]) -> tuple[int, int, int, int, str]:
    rank = _RANKS.get(comment["type"], _RANKS[""])
    return (
        rank,
        comment["kind"] == "praise",
        _SEVERITIES.index(comment["severity"]),
        comment["priority"],
        str(comment["id"]),
    )


def _one_for_each_point(
    comments: Sequence[Mapping[str, Any]], decisions: Mapping[UUID, str]
) -> list[Mapping[str, Any]]:
    """Return the comments without those that say what another one says, or praise what another one asks about."""

    def is_kept_anyway(comment: Mapping[str, Any]) -> bool:
        return bool(comment["match"] == "none" or comment["origin"] == "educator" or comment["id"] in decisions)

    kept = [one for one in comments if is_kept_anyway(one)]
    # Whatever asks for something is looked at first, so that praise yields to it. The surer of two repeats stays.
    rest = [one for one in comments if not is_kept_anyway(one)]
    rest.sort(key=lambda one: (one["kind"] == "praise", -float(one["confidence"])))
    for comment in rest:
        if not any(
            _repeats(comment, other) or _contradicts(comment, other) for other in kept if other["match"] != "none"
        ):
            kept.append(comment)
    return sorted(kept, key=_rank)


def _place(comment: Mapping[str, Any]) -> Offsets:
    return comment["span_start"], comment["span_end"]


def _repeats(comment: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    if (comment["kind"] == "praise") != (other["kind"] == "praise") or not is_nested(_place(comment), _place(other)):
        return False
    same_words = _place(comment) == _place(other)
    if comment["pass"] == other["pass"]:
        # Within one pass, a reader may well make two like points inside one long passage.
        same_point = are_similar(comment["type"], other["type"]) or bool(comment["message"] == other["message"])
        return same_words and same_point
    return are_similar(comment["type"], other["type"])


def _contradicts(comment: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Return whether exactly one of two comments is praise, and the other asks about the same sentence or words.

    A misspelling inside a sentence that is praised for what it says is no contradiction.
    """
    if (comment["kind"] == "praise") == (other["kind"] == "praise"):
        return False
    praise, question = (comment, other) if comment["kind"] == "praise" else (other, comment)
    if question["pass"] == PassName.GRAMMAR:
        return bool(question["span_start"] <= praise["span_start"] and praise["span_end"] <= question["span_end"])
    return overlap(_place(praise), _place(question))
