"""Put the lines of a PDF together as paragraphs. A PDF says where letters stand; what belongs together is a guess from that.

A line continues the one before unless there is more room between them than between the lines of a paragraph, their letters have
different sizes, it is indented, it begins a list item, or the line before ended early.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

_BULLET = re.compile(r"[\u2022\u00b7\u25aa\u25e6\u25cb\u25cf\u25a0\uf0b7\uf0a7]\s*|[-\u2013]\s+")
_NUMBERED = re.compile(r"\(?(?:[0-9]{1,2}|[a-z])[.)]\s+\S")
_PAGE_NUMBER = re.compile(r"\W*(?:page\s*)?[0-9]{1,3}(?:\s*(?:/|of)\s*[0-9]{1,3})?\W*", re.IGNORECASE)
_SENTENCE_END = re.compile(r"[.!?:…。！？][\"'”’»)\]]*$")
_HYPHEN = re.compile(r"(?<=[^\W\d_])[-\u2010]$")
_LIGATURES = {
    0xFB00: "ff",
    0xFB01: "fi",
    0xFB02: "fl",
    0xFB03: "ffi",
    0xFB04: "ffl",
    0xFB05: "st",
    0xFB06: "st",
    0xAD: None,
}
# Shares of a line's length or of the size of its letters, tried on PDFs of LibreOffice, Chromium and pdfTeX, with single and double
# line spacing.
_FULL, _EARLY = 0.8, 0.7
_MORE_ROOM, _OTHER_SIZE, _INDENTED = 1.3, 0.1, 0.8


@dataclass(frozen=True, kw_only=True)
class Line:
    """A line of a page: its text, where it begins in points (y grows upwards), and the size of its letters."""

    text: str
    x: float
    y: float
    size: float


def to_paragraphs(pages: Sequence[Sequence[Line]]) -> str:
    """Return the text of the pages: a blank line between paragraphs, and none between the items of a list."""
    bodies = [_without_page_number(page) for page in pages]
    lines = [line for page in bodies for line in page]
    if not lines:
        return ""
    measure = _Measure(bodies)
    paragraphs: list[str] = [_begin(lines[0].text)]
    starts_page = {id(page[0]) for page in bodies if page}
    for before, line in pairwise(lines):
        if measure.is_apart(before, line, other_page=id(line) in starts_page, in_item=_is_item(paragraphs[-1])):
            paragraphs.append(_begin(line.text))
        else:
            paragraphs[-1] = _join(paragraphs[-1], line.text)
    return _lay_out(paragraphs)


class _Measure:
    """The left edge, the usual length of a line and the room between the lines of a paragraph, over all pages."""

    def __init__(self, pages: Sequence[Sequence[Line]]) -> None:
        lines = [line for page in pages for line in page]
        # The longest tenth of the lines are as long as a line can be.
        self._length = sorted(len(line.text) for line in lines)[-1 - len(lines) // 10]
        self._left = min(line.x for line in lines)
        gaps = [
            before.y - line.y
            for page in pages
            for before, line in pairwise(page)
            if len(before.text) >= _FULL * self._length and before.y > line.y
        ]
        # Some full lines end a paragraph, so the room after them is larger.
        self._room = sorted(gaps)[len(gaps) // 4] if gaps else 0.0

    def is_apart(self, before: Line, line: Line, *, other_page: bool, in_item: bool) -> bool:
        """Return whether the line begins a paragraph or a list item."""
        if _BULLET.match(line.text) or _NUMBERED.match(line.text):
            return True
        if abs(before.size - line.size) > _OTHER_SIZE * max(before.size, line.size):
            return True
        if len(before.text) < _EARLY * self._length and (
            _SENTENCE_END.search(before.text) or not line.text[0].islower()
        ):
            return True
        if other_page:
            return bool(_SENTENCE_END.search(before.text)) and len(before.text) < _FULL * self._length
        if before.y - line.y > _MORE_ROOM * (self._room or 1.5 * line.size):
            return True
        indent = line.x - before.x > _INDENTED * line.size
        return indent and not in_item


def _without_page_number(page: Sequence[Line]) -> Sequence[Line]:
    """Return the lines without the number of the page above or below them."""
    edges = {line.y for line in page}
    top, bottom = max(edges, default=0.0), min(edges, default=0.0)
    return [
        line for line in page if not (line.y in (top, bottom) and len(page) > 1 and _PAGE_NUMBER.fullmatch(line.text))
    ]


def _begin(text: str) -> str:
    return _BULLET.sub("- ", text, count=1) if _BULLET.match(text) else text


def _is_item(text: str) -> bool:
    return text.startswith("- ") or _NUMBERED.match(text) is not None


def _join(text: str, more: str) -> str:
    if _HYPHEN.search(text) and more[:1].islower():
        return text[:-1] + more
    return f"{text} {more}"


def _lay_out(paragraphs: Sequence[str]) -> str:
    text = [paragraphs[0]]
    for before, one in pairwise(paragraphs):
        text += ["\n" if _is_item(before) and _is_item(one) else "\n\n", one]
    return "".join(text).translate(_LIGATURES)
