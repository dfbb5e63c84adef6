"""The lines of a folded text, in runs without a blank line, and what a single line ends with."""

from __future__ import annotations

import re
from dataclasses import dataclass

_ENDS_SENTENCE = re.compile(r"[.!?\u2026][\"'\u201d\u2019)\]*_]{0,3}$")
# A capital after a full stop within a line. Initials and titles are short, so the word before has three letters or more.
_SENTENCE_END_INSIDE = re.compile(r"\w{3}[.!?\u2026][\"'\u201d\u2019)]{0,2} {1,3}[\"'\u201c\u2018(]?[A-Z]")
_FIRST_WORD = re.compile(r"\S+")


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """A line without the white space around it: `text` stands at `start` of the folded text. `indent` is in columns."""

    start: int
    text: str
    indent: int

    @property
    def end(self) -> int:
        """Return the offset after the last character."""
        return self.start + len(self.text)

    @property
    def width(self) -> int:
        """Return how many columns the line takes, with its indentation."""
        return self.indent + len(self.text)

    @property
    def ends_sentence(self) -> bool:
        """Return whether the line ends like a sentence."""
        return _ENDS_SENTENCE.search(self.text[-6:]) is not None

    @property
    def sentence_ends_inside(self) -> int:
        """Return how many sentences end before the end of the line."""
        return len(_SENTENCE_END_INSIDE.findall(self.text))

    @property
    def first_word(self) -> str:
        """Return the characters before the first space."""
        found = _FIRST_WORD.match(self.text)
        return found[0] if found else ""


def runs(text: str) -> list[list[Line]]:
    """Return the lines of a text, split where a line is blank."""
    found: list[list[Line]] = [[]]
    at = 0
    for raw in text.split("\n"):
        stripped = raw.strip()
        if stripped:
            spaces = raw[: len(raw) - len(raw.lstrip())]
            found[-1].append(Line(start=at + len(spaces), text=stripped, indent=len(spaces.replace("\t", "    "))))
        elif found[-1]:
            found.append([])
        at += len(raw) + 1
    return [run for run in found if run]
