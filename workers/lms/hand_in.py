"""What was handed in, as an LMS names it: a typed text and files that are not fetched yet."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class HandedInFile:
    """A file of a hand-in, not fetched yet."""

    name: str
    url: str
    size: int


@dataclass(frozen=True, kw_only=True)
class Content:
    """The typed text of a hand-in (HTML unless it is plain), and its files."""

    text: str
    text_is_plain: bool
    files: tuple[HandedInFile, ...]
