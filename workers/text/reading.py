"""Read a text once for everything that works on it: its clean text, its blocks and spans, and the way back."""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from workers.text.folding import Folded, fold
from workers.text.inline import Inline, InlineKind, find_inline
from workers.text.kept_briefly import kept_briefly
from workers.text.layout import KEPT_LINES, Group, Kind, group_lines
from workers.text.lines import Line, runs
from workers.text.naming import name_groups

_BETWEEN_BLOCKS = "\n\n"
_SPLIT_WORD = re.compile(r"\w-$")
_MEASURE = re.compile(r"(?<=\d)\"")


@dataclass(frozen=True, kw_only=True, slots=True)
class Block:
    """A part of the clean text of one kind."""

    start: int
    end: int
    kind: Kind


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """A text as a reader sees it. Offsets are code points of `clean`; `original_span` leads back to `original`.

    In `clean`, blocks are separated by one blank line, the lines of a paragraph are joined, and characters are plain. Blocks are
    in order and do not overlap. `inline` spans are in order; they may lie within each other.
    """

    original: str
    clean: str
    blocks: tuple[Block, ...]
    inline: tuple[Inline, ...]
    _starts: array[int]
    _ends: array[int]

    def original_span(self, start: int, end: int) -> tuple[int, int]:
        """Return the offsets in the stored text of `clean[start:end]`, which must not be empty."""
        return self._starts[start], self._ends[end - 1]

    def clean_span(self, start: int, end: int) -> tuple[int, int] | None:
        """Return the offsets in `clean` of these code points of the stored text, or None where it holds none of them."""
        first, last = bisect_right(self._ends, start), bisect_left(self._starts, end)
        return (first, last) if first < last else None

    def spans(self, *kinds: InlineKind) -> tuple[Inline, ...]:
        """Return the inline spans of these kinds, in order."""
        return tuple(span for span in self.inline if span.kind in kinds)

    @property
    def notes(self) -> tuple[str, ...]:
        """Return sentences for educators about characters that are not what they seem to be."""
        decoded, lookalikes = self.spans(InlineKind.WRONG_DECODING), self.spans(InlineKind.LOOKALIKE)
        found: list[str] = []
        if decoded:
            found.append(
                f"The text was decoded wrongly before it arrived ({self._examples(decoded)}, {_times(decoded)}); it was read as if"
                " it were right, and nothing was said about these places."
            )
        if lookalikes:
            found.append(
                f"The text has words with letters of another alphabet that look like Latin ones ({self._examples(lookalikes)},"
                f" {_times(lookalikes)}); they were read as Latin letters, and nothing was said about them."
            )
        return tuple(found)

    def _examples(self, spans: Iterable[Inline]) -> str:
        quotes = (self.original[slice(*self.original_span(span.start, span.end))] for span in spans)
        return ", ".join(f"\u201c{quote[:20]}\u201d" for quote in list(dict.fromkeys(quotes))[:2])


def _times(spans: tuple[Inline, ...]) -> str:
    return "one place" if len(spans) == 1 else f"{len(spans)} places"


@kept_briefly()
def read(text: str) -> Reading:
    """Return the reading of a text. The same text always gives the same reading, in time linear in its length."""
    folded = fold(text)
    groups = group_lines(runs(folded.text))
    name_groups(groups)
    writer = _Writer(folded)
    blocks = tuple(writer.add(group) for group in _merged(groups))
    clean = writer.text()
    inline = find_inline(clean, blocks=[(block.start, block.end) for block in blocks])
    measures = {span.end - 1 for span in inline if span.kind is InlineKind.MEASUREMENT and clean[span.end - 1] == '"'}
    if measures:
        # An inch mark written as a prime cannot be taken for a quotation mark.
        clean = "".join("\u2033" if at in measures else character for at, character in enumerate(clean))
    return Reading(
        original=text,
        clean=clean,
        blocks=blocks,
        inline=tuple(sorted((*inline, *writer.inline()), key=lambda span: (span.start, span.end, span.kind))),
        _starts=writer.starts,
        _ends=writer.ends,
    )


def _merged(groups: list[Group]) -> list[Group]:
    """Return the groups with those of the list of references as one, and so the lines of one header or closing."""
    found: list[Group] = []
    for group in groups:
        last = found[-1] if found else None
        if last is not None and last.kind is group.kind and _is_one(last, group):
            last.lines.extend(group.lines)
        else:
            found.append(group)
    return found


def _is_one(first: Group, second: Group) -> bool:
    """Return whether two groups of the same kind are one block, however their lines were broken."""
    together = first.run == second.run and first.kind in (Kind.HEADER, Kind.LETTER_PART)
    return first.kind is Kind.REFERENCES or together


class _Writer:
    """Write the clean text block by block, and keep for each of its characters the offsets in the stored text."""

    def __init__(self, folded: Folded) -> None:
        self._folded = folded
        self._parts: list[str] = []
        self._length = 0
        self.starts, self.ends = array("I"), array("I")
        self._places: list[tuple[int, int]] = []  # where each line of the folded text begins, in both texts
        self._split_words: list[int] = []

    def add(self, group: Group) -> Block:
        """Add a block to the clean text."""
        if self._length:
            self._separate(_BETWEEN_BLOCKS, group.lines[0].start)
        start = self._length
        self._line(group.lines[0])
        for before, line in pairwise(group.lines):
            if group.kind in KEPT_LINES:
                self._separate("\n", line.start)
            elif _SPLIT_WORD.search(before.text) and line.text[0].isalpha():
                self._split_words.append(self._length)
            else:
                self._separate(" ", line.start)
            self._line(line)
        return Block(start=start, end=self._length, kind=group.kind)

    def text(self) -> str:
        """Return the clean text."""
        return "".join(self._parts)

    def inline(self) -> list[Inline]:
        """Return the spans that only the characters and lines of the stored text show."""
        found = [Inline(start=at - 1, end=at + 1, kind=InlineKind.SPLIT_WORD) for at in self._split_words]
        for kind, places in (
            (InlineKind.WRONG_DECODING, self._folded.decoded),
            (InlineKind.LOOKALIKE, self._folded.lookalikes),
        ):
            found += [Inline(start=start, end=end, kind=kind) for start, end in self._moved(places)]
        return found

    def _moved(self, places: Iterable[tuple[int, int]]) -> Iterable[tuple[int, int]]:
        """Yield places of the folded text as places of the clean text."""
        lines = iter(self._places)
        line = next(lines, None)
        following = next(lines, None)
        for start, end in places:
            while following is not None and following[0] <= start:
                line, following = following, next(lines, None)
            if line is not None:
                shift = line[1] - line[0]
                if 0 <= start + shift < end + shift <= self._length:
                    yield start + shift, end + shift

    def _line(self, line: Line) -> None:
        self._places.append((line.start, self._length))
        self._parts.append(line.text.replace("\t", " "))
        self.starts.extend(self._folded.starts[line.start : line.end])
        self.ends.extend(self._folded.ends[line.start : line.end])
        self._length += len(line.text)

    def _separate(self, by: str, before: int) -> None:
        """Add characters that stand for the line end before this place of the folded text."""
        self._parts.append(by)
        for _ in by:
            self.starts.append(self._folded.starts[before - 1])
            self.ends.append(self._folded.ends[before - 1])
        self._length += len(by)
