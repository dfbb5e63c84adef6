"""Set an essay with its comments beside the words: paragraphs in pieces, and each comment beside the paragraph it is about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

START_HERE = 3


@dataclass(frozen=True)
class Piece:
    """Some words of the essay, and the comments about them (in reading order). `ends` are those whose passage ends here."""

    text: str
    about: tuple[dict[str, Any], ...] = ()
    ends: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True)
class Paragraph:
    """A paragraph of the essay in pieces, and the comments whose passage begins in it."""

    pieces: tuple[Piece, ...]
    comments: tuple[dict[str, Any], ...]


@dataclass(frozen=True)
class Margin:
    """An essay with its comments: `start` are those to look at first, `general` those about no words in particular."""

    paragraphs: tuple[Paragraph, ...]
    start: tuple[dict[str, Any], ...]
    general: tuple[dict[str, Any], ...]
    count: int


@dataclass(frozen=True)
class _Passage:
    start: int
    end: int
    comment: dict[str, Any]
    is_first: bool


def lay_out(text: str, comments: Sequence[Mapping[str, Any]]) -> Margin:
    """Return the essay with its comments. Each comment has `number`, in reading order after those to look at first, and `starts_here`."""
    in_order = sorted(comments, key=lambda one: one["order"])
    first = [one["id"] for one in in_order if one["kind"] != "praise"][:START_HERE]
    in_order.sort(key=lambda one: one["id"] not in first)  # the sort is stable
    shown = [{**one, "number": number, "starts_here": one["id"] in first} for number, one in enumerate(in_order, 1)]
    passages = [passage for one in shown if one["span"]["match"] != "none" for passage in _passages(one)]
    return Margin(
        paragraphs=tuple(_paragraph(text, start, end, passages) for start, end in _paragraphs(text)),
        start=tuple(one for one in shown if one["starts_here"]),
        general=tuple(one for one in shown if one["span"]["match"] == "none"),
        count=len(shown),
    )


def _passages(comment: dict[str, Any]) -> list[_Passage]:
    main = _Passage(comment["span"]["start"], comment["span"]["end"], comment, is_first=True)
    return [main, *(_Passage(one["start"], one["end"], comment, is_first=False) for one in comment["also_at"])]


def _paragraphs(text: str) -> list[tuple[int, int]]:
    """Return where each line that holds words begins and ends."""
    found, start = [], 0
    for line in text.splitlines(keepends=True):
        if line.strip():
            found.append((start, start + len(line.rstrip("\r\n"))))
        start += len(line)
    return found


def _paragraph(text: str, start: int, end: int, passages: list[_Passage]) -> Paragraph:
    here = [one for one in passages if one.start < end and one.end > start]
    cuts = sorted({start, end, *(max(start, one.start) for one in here), *(min(end, one.end) for one in here)})
    pieces = tuple(
        Piece(
            text[left:right],
            about=_once(one.comment for one in here if one.start < right and one.end > left),
            ends=_once(one.comment for one in here if one.end == right or (one.end > end and right == end)),
        )
        for left, right in pairwise(cuts)
    )
    begun = [one for one in here if one.is_first and one.start >= start]
    return Paragraph(
        pieces, tuple(one.comment for one in sorted(begun, key=lambda one: (one.start, one.comment["number"])))
    )


def _once(comments: Any) -> tuple[dict[str, Any], ...]:
    unique = {one["number"]: one for one in comments}
    return tuple(unique[number] for number in sorted(unique))
