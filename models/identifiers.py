"""Fold the ids that other systems give to people, courses, assignments and essays, so that one id is one thing everywhere.

A webhook, the API, a roster file and an admin's form all pass an id through `fold_identifier` before they store or look it up.
"""

from __future__ import annotations

import re
import unicodedata

# Spreadsheets keep leading zeros only of text, so people write ="00123" or '00123.
_GUARDED = re.compile(r"=\"([^\"]*)\"|'([^']*)")
# 9.021E+16 or 9,021E+16 from a spreadsheet, 9.021e16 from JavaScript. An id such as 1E5 is left alone.
_ROUNDED = re.compile(r"\d[.,]\d+[eE]\+?\d{1,3}|\d[eE]\+\d{2,3}")


def fold_identifier(identifier: str) -> str:
    """Return the id in Unicode form NFC, without invisible characters around it and without a spreadsheet's guard.

    Upper and lower case stay different. Raises ValueError, with a sentence for people, when a spreadsheet or JavaScript has
    rounded the id: then it may name somebody else.
    """
    folded = fold_spelling(identifier)
    if _ROUNDED.fullmatch(folded):
        raise ValueError(f"{folded} is a rounded number; send the id as text, with all its digits")
    return folded


def fold_spelling(identifier: str) -> str:
    """Return the id as `fold_identifier` does, also when it is a rounded number. Use it to look up what is stored."""
    folded = strip_invisible(unicodedata.normalize("NFC", identifier))
    if guarded := _GUARDED.fullmatch(folded):
        folded = strip_invisible(guarded[1] or guarded[2] or "")
    return folded


def is_invisible(text: str) -> bool:
    """Return whether the text is empty, or has white space and invisible characters only."""
    return all(map(_is_invisible, text))


def strip_invisible(text: str) -> str:
    """Return the text without blanks, control and format characters around it."""
    start, end = 0, len(text)
    while start < end and _is_invisible(text[start]):
        start += 1
    while end > start and _is_invisible(text[end - 1]):
        end -= 1
    return text[start:end]


def _is_invisible(character: str) -> bool:
    return character.isspace() or unicodedata.category(character) in ("Cc", "Cf")
