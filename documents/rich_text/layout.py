"""Write the words of an HTML document as lines: blank lines between blocks, marks before list items, tabs between cells."""

from __future__ import annotations

import re

_WHITE_SPACE = re.compile("[ \\t\\n\\r\\f\u00a0\u2007\u202f]+")
_BLANK_LINE = re.compile(r"\n[ \t\r\f]*\n\s*")
# Deeper lists and quotations are shown at this depth, so that a hostile text cannot grow while it is read.
MAX_DEPTH = 8
PARAGRAPH = 2
LINE = 1


class Layout:
    """The lines written so far. Line ends and spaces are held back until the next word, so that none are left over."""

    def __init__(self, *, keep_lines: bool) -> None:
        # A text with inline tags only has its paragraphs in its own line ends.
        self._keep_lines = keep_lines
        self._written: list[str] = []
        self._line_ends = 0
        self._space = ""
        self._mark = ""
        self.quotations = 0
        self.preformatted = 0
        self.cells = 0  # open cells of rows with several cells; everything in them stays on one line

    def __str__(self) -> str:
        """Return the whole text."""
        return "".join(self._written)

    def add(self, words: str) -> None:
        """Add text of the document."""
        if self.preformatted:
            for number, line in enumerate(words.split("\n")):
                if number:
                    self.add_line_end()
                self._write(line.translate({0xA0: " "}))
            return
        for number, paragraph in enumerate(_BLANK_LINE.split(words)):
            if number:
                self.end_block(PARAGRAPH)
            lines = paragraph.split("\n") if self._keep_lines else [paragraph]
            for place, line in enumerate(lines):
                if place:
                    self.end_block(LINE)
                self._add_line(line)

    def _add_line(self, line: str) -> None:
        flat = _WHITE_SPACE.sub(" ", line)
        if flat.startswith(" "):
            self._space = self._space or " "
        self._write(flat.strip(" "))
        if flat.endswith(" "):
            self._space = self._space or " "

    def end_block(self, line_ends: int) -> None:
        """End the line before what comes next: LINE, or PARAGRAPH for a blank line. Twice is as once."""
        if self.cells:
            self._space = self._space or " "
        elif not self._mark:
            self._line_ends, self._space = max(self._line_ends, line_ends), ""

    def add_line_end(self) -> None:
        """End the line as `<br>` does: twice makes a blank line, more often too."""
        if self.cells:
            self._space = self._space or " "
        else:
            self._line_ends, self._space = min(PARAGRAPH, self._line_ends + 1), ""

    def begin_item(self, mark: str, *, depth: int, first: bool) -> None:
        """Begin a list item. Items follow each other without a blank line."""
        if self.cells:
            self.end_block(LINE)
            return
        if not self._mark and not (first and depth == 1):
            self._line_ends = LINE
        self._mark = "  " * (min(depth, MAX_DEPTH) - 1) + mark

    def drop_mark(self) -> None:
        """Forget the mark of a list item in which there was no word."""
        self._mark = ""

    def begin_cell(self, *, first: bool) -> None:
        """Begin a cell of a row with several cells."""
        self.cells += 1
        if not first:
            self._space = self._space.replace(" ", "") + "\t"

    def _write(self, words: str) -> None:
        if not words:
            return
        if self._line_ends or not self._written:
            quoted = "> " * min(self.quotations, MAX_DEPTH)
            self._written += ["\n" * self._line_ends, quoted] if self._written else [quoted]
            self._space = self._space.replace(" ", "")
        self._written += [self._space, self._mark, words]
        self._line_ends, self._space, self._mark = 0, "", ""
