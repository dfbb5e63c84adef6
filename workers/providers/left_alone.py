"""Know the words of an essay that no comment on language is about: names after a title, and quotations in another language."""

from __future__ import annotations

import re

from workers.passes.feedback import Comment
from workers.providers.local.language import ENGLISH_FUNCTION_WORDS, detect_language
from workers.text.segmentation import words

_NAME = re.compile(
    r"\b(?:Mr|Mrs|Ms|Miss|Mx|Dr|Prof|Professor|Sir|Madam|Lord|Lady|Aunt|Uncle|Coach|Principal|President|Queen|King|Imam|Sheikh|"
    r"Rabbi|Saint|Se\u00f1or|Se\u00f1ora|Herr|Frau|Monsieur|Madame)\b\.?[ \u00a0]"
    r"(?P<name>[A-Z][\w'\u2019-]{0,40}(?: [A-Z][\w'\u2019-]{0,40}){0,2})"
)
_QUOTATION = re.compile(
    r"[\"\u201c\u201d\u201e\u00ab\u00bb\u00a8](?P<inside>[^\"\u201c\u201d\u201e\u00ab\u00bb\u00a8\n]{5,400})[\"\u201c\u201d\u00ab\u00bb\u00a8]"
)
_FEWEST_WORDS = 3
_ABOUT_SPELLING = frozenset({"spelling", "capitalisation"})


class LeftAlone:
    """The names and foreign quotations of one essay."""

    def __init__(self, text: str) -> None:
        self._names = [match.span("name") for match in _NAME.finditer(text)]
        self._foreign = [
            match.span("inside") for match in _QUOTATION.finditer(text) if _is_foreign(match.group("inside"))
        ]

    def holds(self, comment: Comment) -> bool:
        """Return whether a comment corrects words of a foreign quotation, or the spelling of a name."""
        if comment.kind == "praise" or comment.span.match == "none":
            return False
        start, end = comment.span.start, comment.span.end
        if any(first <= start and end <= last for first, last in self._foreign):
            return True
        return comment.type in _ABOUT_SPELLING and any(first <= start and end <= last for first, last in self._names)


def _is_foreign(quoted: str) -> bool:
    found = [word.text.lower() for word in words(quoted)]
    language = detect_language(quoted)
    if language is not None:
        return language != "en"
    return len(found) >= _FEWEST_WORDS and ENGLISH_FUNCTION_WORDS.isdisjoint(found)
