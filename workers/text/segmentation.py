"""Split a text into paragraphs, sentences and words, with offsets in code points."""

from __future__ import annotations

import re
from dataclasses import dataclass

_WORD = re.compile(r"[^\W\d_]+(?:['\u2019-][^\W\d_]+)*")


# Every line end of Unicode counts, and a carriage return with a line feed is one.
_END = r"(?:\r\n|[\n\x0b\x0c\x85\u2028\u2029]|\r(?!\n))"
_BLANK = r"[^\S\n\r\x0b\x0c\x85\u2028\u2029]*"
_BLANK_LINES = re.compile(f"{_END}{_BLANK}(?:{_END}{_BLANK})+")
_LINE = re.compile(_END)


_SENTENCE_END = re.compile(
    r"(?<![.!?\u2026])[.!?\u2026]++[\"'\u201d\u2019)\]]*+(?=\s|$)|(?<=[a-z])[.!?](?=[A-Z][a-z ])|[\n\r\x0b\x0c\x85\u2028\u2029]"
)


_ABBREVIATION = re.compile(
    r"(?:\b(?:mr|mrs|ms|dr|prof|st|vs|etc|e\.g|i\.e|cf|al|fig|no|vol|pp?|ed|eds|jr|sr|gen|col|sgt|capt|rev|hon|inc|ltd|co|"
    r"corp|dept|univ|approx|jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec|a\.m|p\.m|u\.s|u\.k|ph\.d)|\b[A-Za-z])\.$",
    re.IGNORECASE,
)


# These abbreviations may also end a sentence. The sentence goes on only before a small letter.
_MAY_END_SENTENCE = re.compile(r"(?:\betc|\bal|\binc|\bltd|\bco|a\.m|p\.m|u\.s|u\.k|\b[Ii])\.$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of the essay: `text == essay[start:end]`."""

    start: int
    end: int
    text: str


def words(text: str) -> list[Piece]:
    """Return the words of a text. A contraction or hyphenated word is one word."""
    return [Piece(match.start(), match.end(), match.group()) for match in _WORD.finditer(text)]


def _trimmed(text: str, start: int, end: int) -> Piece | None:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return Piece(start, end, text[start:end]) if end > start else None


def _split(text: str, pattern: re.Pattern[str]) -> list[Piece]:
    edges = [0, *(edge for match in pattern.finditer(text) for edge in match.span()), len(text)]
    pieces = (_trimmed(text, edges[index], edges[index + 1]) for index in range(0, len(edges), 2))
    return [piece for piece in pieces if piece]


def paragraphs(text: str) -> list[Piece]:
    """Return the paragraphs: the text split at blank lines, or at single line ends where there are no blank lines."""
    found = _split(text, _BLANK_LINES)
    return found if len(found) > 1 else _split(text, _LINE)


def sentences(text: str, *, start: int = 0) -> list[Piece]:
    """Return the sentences of a paragraph that hold a letter or digit. `start` is added to every offset."""
    found: list[Piece] = []
    begin = 0
    for match in _SENTENCE_END.finditer(text):
        before = text[max(0, match.start() - 12) : match.start() + 1]
        if match.group() == "." and _ABBREVIATION.search(before):
            following = text[match.end() : match.end() + 3].lstrip()[:1]
            if not _MAY_END_SENTENCE.search(before) or not following.isupper():
                continue
        if (piece := _trimmed(text, begin, match.end())) is not None:
            found.append(Piece(piece.start + start, piece.end + start, piece.text))
        begin = match.end()
    if (piece := _trimmed(text, begin, len(text))) is not None:
        found.append(Piece(piece.start + start, piece.end + start, piece.text))
    return [piece for piece in found if any(character.isalnum() for character in piece.text)]
