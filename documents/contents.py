"""What a reader finds in a file."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

FileFormat = Literal["docx", "pdf", "odt", "rtf", "html", "txt"]
# The characters of hidden text that an educator is shown.
EXCERPT_CHARACTERS = 120
# No more of a text is handed on: several times what is taken as an essay, so that whoever refuses it can say how long it is.
MOST_CHARACTERS = 500_000

_NOT_STORABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
_SPACES_AT_LINE_END = re.compile(r"[ \t]+$", re.MULTILINE)
_BLANK_LINES = re.compile(r"\n{3,}")
# Controls, marks of no width, and white space.
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp", "Zs"})
# Letters, a Braille cell and selectors of a form: by their kind they could be seen, but they are drawn as nothing.
_FILLERS = frozenset("\u034f\u115f\u1160\u2800\u3164\ufe0e\ufe0f\uffa0")


@dataclass(frozen=True, kw_only=True)
class Contents:
    """The words of a file as plain text, how many pictures were left out, and what its author hid from readers.

    `hidden` are the pieces of text that are stored in the file and not shown on the page. They are part of `text` as well.
    """

    format: FileFormat
    text: str
    pictures: int = 0
    hidden: tuple[str, ...] = ()

    @property
    def hidden_characters(self) -> int:
        """Return how many characters of the text are hidden."""
        return sum(map(len, self.hidden))

    @property
    def hidden_excerpt(self) -> str:
        """Return the beginning of the hidden text on one line."""
        words = " … ".join(self.hidden)
        return words if len(words) <= EXCERPT_CHARACTERS else words[:EXCERPT_CHARACTERS].rstrip() + "…"


def is_blank(text: str) -> bool:
    """Return whether the text has no character that can be seen. One that this Python does not know yet counts as seen."""
    return all(one in _FILLERS or unicodedata.category(one) in _UNSEEN for one in text)


def tidy(text: str) -> str:
    """Return the text with plain line ends and without characters that cannot be stored or seen."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\f", "\n\n").replace("\v", "\n")
    text = _SPACES_AT_LINE_END.sub("", _NOT_STORABLE.sub("", text))
    return _BLANK_LINES.sub("\n\n", text).strip("\n")


def pieces(found: Sequence[str]) -> tuple[str, ...]:
    """Return the pieces of hidden text that have words, each on one line."""
    flat = (" ".join(tidy(one).split()) for one in found)
    return tuple(one for one in flat if one)
