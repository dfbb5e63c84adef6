"""Decide on which parts of a text each grammar rule may speak."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator

from workers.providers.local.flags import Flag
from workers.providers.local.language import detect_language
from workers.text.inline import InlineKind
from workers.text.layout import Kind
from workers.text.line_kinds import marker_length
from workers.text.reading import Reading
from workers.text.segmentation import sentences

# Nothing is said about these: the words are somebody else's, or they are no sentences.
SILENT = frozenset({Kind.HEADER, Kind.TABLE, Kind.BLOCK_QUOTATION, Kind.REFERENCES, Kind.CODE})
SPELLING_ONLY = frozenset({Kind.TITLE, Kind.HEADING, Kind.LETTER_PART, Kind.VERSE})
_SENTENCES = frozenset({Kind.PROSE, Kind.DIALOGUE, Kind.LIST_ITEM})
_END_RULES = frozenset({"END_MARK", "NO_PERIOD", "PUNCTUATION_PARAGRAPH_END", "PUNCTUATION_PARAGRAPH_END2"})
_SILENT_SPANS = (
    InlineKind.CODE,
    InlineKind.CITATION,
    InlineKind.MEASUREMENT,
    InlineKind.FOREIGN,
    InlineKind.SPLIT_WORD,
    InlineKind.LOOKALIKE,
)
_STORY_CATEGORY = re.compile(
    r"narrat|stor(?:y|ies)|poe[mt]|fiction|creative|drama|playwriting|dialogue|diary", re.IGNORECASE
)
_STORY_FROM = 3  # paragraphs of direct speech
_FOREIGN_ROW = 3  # words in a row that no dictionary has
_LONGEST_WORD = 40
_Spans = list[tuple[int, int]]


def is_story(reading: Reading, category: str = "") -> bool:
    """Return whether a text tells a story or is a poem, by its category or its layout.

    A text is a story where at least three paragraphs, and a quarter of all, are direct speech, and a poem where most is verse.
    """
    if _STORY_CATEGORY.search(category):
        return True
    speech = sum(block.kind is Kind.DIALOGUE for block in reading.blocks)
    verse = sum(block.end - block.start for block in reading.blocks if block.kind is Kind.VERSE)
    return (speech >= _STORY_FROM and speech * 4 >= len(reading.blocks)) or verse * 2 > len(reading.clean)


def without_silent_blocks(safe: str, reading: Reading) -> str:
    """Return the text of the engines with spaces for the blocks that they do not read."""
    parts: list[str] = []
    done = 0
    for block in reading.blocks:
        if block.kind in SILENT:
            blank = "".join("\n" if one == "\n" else " " for one in safe[block.start : block.end])
            parts += [safe[done : block.start], blank]
            done = block.end
    return "".join((*parts, safe[done:]))


def with_sentences(reading: Reading) -> list[tuple[int, int]]:
    """Return the places of the blocks that are made of sentences, in order."""
    return [(block.start, block.end) for block in reading.blocks if block.kind in _SENTENCES]


class QuietPlaces:
    """The places of one text whose words are somebody else's, no English or no sentences, so that nobody corrects them.

    `spans` are quiet for every comment, `names` for comments on spelling. Where the essay is not in English, sentences in another
    language are not quiet.
    """

    def __init__(self, reading: Reading, *, english: bool = True) -> None:
        self._blocks = reading.blocks
        self._starts = [block.start for block in reading.blocks]
        self.spans = Ranges(
            (
                *_of(reading, *_SILENT_SPANS),
                *_whole_words(reading),
                *(_foreign_sentences(reading) if english else ()),
                *_markers(reading),
            )
        )
        self.names = Ranges(_of(reading, InlineKind.NAME))

    def kind(self, at: int) -> Kind:
        """Return the kind of the block at this place."""
        index = bisect_right(self._starts, at) - 1
        return self._blocks[index].kind if index >= 0 else Kind.PROSE

    def block_start(self, at: int) -> int:
        """Return where the block at this place begins."""
        index = bisect_right(self._starts, at) - 1
        return self._starts[index] if index >= 0 else 0


class SpeakingRules:
    """The rules of one text: which flags stand on a part of the text on which their rule may speak."""

    def __init__(self, reading: Reading, category: str = "") -> None:
        self._reading = reading
        self._quiet = QuietPlaces(reading)
        # In a story the words within quotation marks are the writer's own.
        self._quoted = Ranges([] if is_story(reading, category) else _of(reading, InlineKind.QUOTATION))

    def kept(self, flags: Iterable[Flag]) -> list[Flag]:
        """Return the flags that may be shown, in the same order."""
        allowed = [flag for flag in flags if self._may_speak(flag)]
        rows = Ranges(_rows_of_unknown_words(allowed, self._reading.clean))
        return [flag for flag in allowed if not rows.touch(flag.start, flag.end)]

    def _may_speak(self, flag: Flag) -> bool:
        kind = self._quiet.kind(flag.start)
        word = self._reading.clean[flag.start : flag.end]
        if kind in SILENT or self._quiet.spans.touch(flag.start, flag.end):
            return False
        if kind in SPELLING_ONLY and flag.type != "spelling":
            return False
        if kind is Kind.LETTER_PART and word[:1].isupper() and flag.start != self._quiet.block_start(flag.start):
            return False
        if kind is not Kind.PROSE and flag.rule in _END_RULES:
            return False
        if kind is Kind.DIALOGUE and flag.type == "capitalisation" and self._after_speech(flag.start):
            return False
        if kind is Kind.LIST_ITEM and flag.type == "capitalisation" and word.split("'")[0] != "i":
            return False
        if kind is not Kind.DIALOGUE and self._quoted.hold(flag.start, flag.end):
            return False
        if flag.type == "spelling" and not word.isascii() and any(letter.isalpha() for letter in word if letter > "~"):
            return False
        return not (flag.type in {"spelling", "capitalisation"} and self._quiet.names.touch(flag.start, flag.end))

    def _after_speech(self, at: int) -> bool:
        # "Is anybody there? asked Sam." goes on after the end of the speech.
        return self._reading.clean[max(0, at - 3) : at].rstrip(" \"'\u2019\u201d")[-1:] in ("?", "!", "\u2026")


class Ranges:
    """Ranges of a text, joined where they overlap."""

    def __init__(self, spans: Iterable[tuple[int, int]]) -> None:
        self._spans: _Spans = []
        for start, end in sorted(spans):
            if self._spans and start < self._spans[-1][1]:
                self._spans[-1] = (self._spans[-1][0], max(end, self._spans[-1][1]))
            else:
                self._spans.append((start, end))
        self._starts = [start for start, _ in self._spans]

    def touch(self, start: int, end: int) -> bool:
        """Return whether a range shares a character with this place."""
        index = bisect_right(self._starts, end - 1) - 1
        return index >= 0 and self._spans[index][1] > start

    def hold(self, start: int, end: int) -> bool:
        """Return whether this place lies within one range."""
        index = bisect_right(self._starts, start) - 1
        return index >= 0 and self._spans[index][1] >= end


def _of(reading: Reading, *kinds: InlineKind) -> _Spans:
    return [(span.start, span.end) for span in reading.spans(*kinds)]


def _whole_words(reading: Reading) -> Iterator[tuple[int, int]]:
    """Yield the words that hold a wrongly decoded character."""
    clean = reading.clean
    for start, end in _of(reading, InlineKind.WRONG_DECODING):
        first, last = start, end
        while first > 0 and (clean[first - 1].isalpha() and start - first < _LONGEST_WORD):
            first -= 1
        while last < len(clean) and (clean[last].isalpha() and last - end < _LONGEST_WORD):
            last += 1
        yield first, last


def _markers(reading: Reading) -> Iterator[tuple[int, int]]:
    """Yield the places of the marks and numbers before list items and headings."""
    for block in reading.blocks:
        if block.kind in (Kind.LIST_ITEM, Kind.HEADING, Kind.TITLE):
            length = marker_length(reading.clean[block.start : block.end][:200])
            if length:
                yield block.start, block.start + length


def _foreign_sentences(reading: Reading) -> Iterator[tuple[int, int]]:
    for block in reading.blocks:
        if block.kind in SILENT:
            continue
        for piece in sentences(reading.clean[block.start : block.end], start=block.start):
            if detect_language(piece.text) not in {None, "en"}:
                yield piece.start, piece.end


def _rows_of_unknown_words(flags: list[Flag], text: str) -> Iterator[tuple[int, int]]:
    """Yield rows of unknown words: they are no English, so no correction fits them."""
    row: _Spans = []
    for start, end in sorted({(flag.start, flag.end) for flag in flags if flag.type == "spelling"}):
        if row and start < row[-1][1]:
            continue
        if row and text[row[-1][1] : start].strip(" '\u2019-"):
            yield from _long_row(row)
            row = []
        row.append((start, end))
    yield from _long_row(row)


def _long_row(row: _Spans) -> Iterator[tuple[int, int]]:
    if len(row) >= _FOREIGN_ROW:
        yield row[0][0], row[-1][1]
