"""What a reader finds in a file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

FileFormat = Literal["docx", "pdf", "odt", "rtf", "html", "txt"]
# So much of the hidden text is shown to an educator.
EXCERPT_CHARACTERS = 120

_NOT_STORABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
_SPACES_AT_LINE_END = re.compile(r"[ \t]+$", re.MULTILINE)
_BLANK_LINES = re.compile(r"\n{3,}")


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


def tidy(text: str) -> str:
    """Return the text with plain line ends and without characters that cannot be stored or seen."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\f", "\n\n").replace("\v", "\n")
    text = _SPACES_AT_LINE_END.sub("", _NOT_STORABLE.sub("", text))
    return _BLANK_LINES.sub("\n\n", text).strip("\n")


def pieces(found: Sequence[str]) -> tuple[str, ...]:
    """Return the pieces of hidden text that have words, each on one line."""
    flat = (" ".join(tidy(one).split()) for one in found)
    return tuple(one for one in flat if one)
