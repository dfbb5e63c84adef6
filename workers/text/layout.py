"""Split the lines of a text into blocks, each of one kind."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from workers.text import line_kinds
from workers.text.lines import Line
from workers.text.verse import is_verse
from workers.text.wrapping import WIDEST, Wrap, even_out, find_wrap


class Kind(StrEnum):
    """What a block of an essay is."""

    PROSE = "prose"
    TITLE = "title"
    HEADING = "heading"
    HEADER = "header"
    LETTER_PART = "letter part"
    LIST_ITEM = "list item"
    TABLE = "table"
    VERSE = "verse"
    DIALOGUE = "dialogue"
    BLOCK_QUOTATION = "block quotation"
    REFERENCES = "references"
    CODE = "code"


# In blocks of these kinds the end of a line means something, so their lines are not joined.
KEPT_LINES = frozenset(
    {Kind.HEADER, Kind.LETTER_PART, Kind.VERSE, Kind.TABLE, Kind.CODE, Kind.REFERENCES, Kind.BLOCK_QUOTATION}
)


@dataclass(kw_only=True, slots=True)
class Group:
    """Consecutive lines that make one block. `run` is the number of their run; runs are separated by blank lines."""

    lines: list[Line]
    run: int
    kind: Kind = Kind.PROSE

    @property
    def first(self) -> str:
        """Return the first line."""
        return self.lines[0].text

    @property
    def last(self) -> str:
        """Return the last line."""
        return self.lines[-1].text

    @property
    def single(self) -> bool:
        """Return whether this is prose of one line."""
        return self.kind is Kind.PROSE and len(self.lines) == 1


def group_lines(runs: list[list[Line]]) -> list[Group]:
    """Return the lines of a text in groups, whose kinds are known as far as single lines show them."""
    splitter = _Splitter(runs)
    return [group for number, run in enumerate(splitter.runs) for group in splitter.split(run, number)]


@dataclass(slots=True)
class _Splitter:
    """Split the runs of one text, which was written with blank lines between paragraphs or without."""

    runs: list[list[Line]]
    wrap: Wrap | None = field(init=False)
    numbered: bool = field(init=False)
    fence: bool = False

    def __post_init__(self) -> None:
        """Look at the whole text: were its lines broken by a program, and is there a numbered list?"""
        self.wrap = find_wrap(self.runs)
        if self.wrap is None and len(self.runs) > 5 and all(len(run) == 1 for run in self.runs):
            # Lines of a page with double spacing have a blank line between each two.
            one_run = [[line for run in self.runs for line in run]]
            self.wrap = find_wrap(one_run)
            if self.wrap is not None:
                self.runs = one_run
        self.numbered = sum(line_kinds.is_numbered(line.text) for run in self.runs for line in run) > 1

    def split(self, run: list[Line], number: int) -> Iterator[Group]:
        """Yield the groups of a run, without lines that only draw a line."""
        start = 0
        for index in range(len(run) + 1):
            if index == len(run) or line_kinds.is_rule(run[index].text):
                yield from self._split(run[start:index], number)
                start = index + 1

    def _split(self, run: list[Line], number: int) -> Iterator[Group]:
        plain: list[Line] = []
        kinds = [self._line_kind(line) for line in run]
        self._drop_marks_inside(run, kinds)
        _drop_single(kinds, Kind.TABLE)
        _drop_single(kinds, Kind.CODE, unless=any("```" in line.text for line in run))
        group: Group | None = None
        for line, kind in zip(run, kinds, strict=True):
            if kind is None:
                if group is not None and group.kind is Kind.LIST_ITEM and self._goes_on(group.lines[-1], line):
                    group.lines.append(line)
                    continue
                if group is not None:
                    yield group
                    group = None
                plain.append(line)
                continue
            yield from self._split_plain(plain, number)
            plain = []
            if group is not None and group.kind is kind and kind is not Kind.LIST_ITEM:
                group.lines.append(line)
                continue
            if group is not None:
                yield group
            group = Group(lines=[line], run=number, kind=kind)
        if group is not None:
            yield group
        yield from self._split_plain(plain, number)

    def _drop_marks_inside(self, run: list[Line], kinds: list[Kind | None]) -> None:
        """Forget list items that are a dash or number within a sentence, where a program broke the line before it."""
        for index in range(1, len(run)):
            before = run[index - 1]
            inside = (
                self.wrap is not None and self.wrap.full(before, run[index]) and not before.text.endswith((":", ";"))
            )
            if kinds[index] is Kind.LIST_ITEM and kinds[index - 1] is None and inside and not before.ends_sentence:
                kinds[index] = None

    def _line_kind(self, line: Line) -> Kind | None:
        if line.text.startswith("```"):
            self.fence = not self.fence
            return Kind.CODE
        if self.fence or line_kinds.is_code(line.text):
            return Kind.CODE
        if line.text.startswith(">"):
            return Kind.BLOCK_QUOTATION
        if line_kinds.is_bullet(line.text) or (line.text.startswith("\u2014 ") and not line.ends_sentence):
            return Kind.LIST_ITEM
        if self.numbered and line_kinds.is_numbered(line.text):
            return Kind.LIST_ITEM
        if line_kinds.cells(line.text) > 1:
            return Kind.TABLE
        return None

    def _goes_on(self, first: Line, second: Line) -> bool:
        return second.indent > first.indent or (self.wrap is not None and self.wrap.joins(first, second))

    def _split_plain(self, lines: list[Line], number: int) -> Iterator[Group]:
        if not self._set_in(lines) and is_verse(lines, self.wrap, alone=len(self.runs) == 1):
            yield Group(lines=lines, run=number, kind=Kind.VERSE)
            return
        unbroken = any(line.width > WIDEST for line in lines)
        paragraphs: list[list[Line]] = []
        for index, line in enumerate(lines):
            if index and self._joins(lines[index - 1], line, unbroken=unbroken):
                paragraphs[-1].append(line)
            else:
                paragraphs.append([line])
        if self.wrap is not None and len(self.runs) == 1:
            paragraphs = even_out(paragraphs)
        yield from (Group(lines=paragraph, run=number) for paragraph in paragraphs)

    def _set_in(self, lines: list[Line]) -> bool:
        """Return whether lines of the width of prose are indented: they are a quotation rather than verse."""
        return all(line.indent >= 2 for line in lines) and any(len(line.text) > 35 for line in lines)

    def _joins(self, first: Line, second: Line, *, unbroken: bool) -> bool:
        if self.wrap is not None:
            return self.wrap.joins(first, second)
        if len(self.runs) == 1 or (second.text[0] in '"\u201c' and not first.text[-1].islower()):
            return False
        if unbroken:
            # The writer ends a line only with a paragraph, or with a heading or name above it.
            return not first.ends_sentence and second.text[0].islower()
        # Where blank lines separate paragraphs, the lines of one were ended by hand, except that of a heading.
        heading = not first.ends_sentence and first.width < 0.6 * second.width and len(first.text) <= 60
        return not (heading and second.text[0].isupper())


def _drop_single(kinds: list[Kind | None], kind: Kind, *, unless: bool = False) -> None:
    """Forget a kind that only one line of a run has: one line alone is no table and no program."""
    if kinds.count(kind) == 1 and not unless:
        kinds[kinds.index(kind)] = None


def is_dialogue_line(text: str) -> bool:
    """Return whether a line starts with direct speech. A dash starts it only where the line also ends like a sentence."""
    if text[0] == "\u2014":
        return text[-1] in ".!?\u2026,"
    return text[0] in '"\u201c\u2018' or (text[0] == "'" and text[1:2].isupper())
