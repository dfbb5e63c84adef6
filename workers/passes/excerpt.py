"""Choose the part of an essay that is sent to a remote provider, and anchor quotes from it in the whole text.

Paragraphs that are identical in the last draft are not sent again. Quotes get offsets of the whole text, but a quote can
only be found in the part that was sent.
"""

from __future__ import annotations

import re
from dataclasses import replace

from workers.passes.anchor import CONTEXT, Anchor
from workers.passes.feedback import QuotedSpan
from workers.passes.request import PassRequest
from workers.text.invisible_characters import to_marks

# Fills the places that were not sent. No stored text holds it, so a hit that holds it reaches into such a place.
_UNSENT = "\0"
_PARAGRAPH_BREAK = re.compile(r"\n[ \t\r]*\n\s*")


def unchanged(request: PassRequest) -> tuple[tuple[int, int], ...]:
    """Return the offsets of the text that is not sent, in order."""
    return request.earlier.unchanged if request.earlier is not None else ()


def paragraphs(request: PassRequest) -> list[dict[str, object]]:
    """Return the essay's paragraphs in order, numbered from 1 (`n`).

    A paragraph has its `text`, or, where it is unchanged and not sent, its number of words (`unchanged`).
    """
    found: list[dict[str, object]] = []

    def add(**fields: object) -> None:
        found.append({"n": len(found) + 1, **fields})

    at = 0
    for start, end in (*unchanged(request), (len(request.text), len(request.text))):
        for part in _PARAGRAPH_BREAK.split(request.text[at:start]):
            if part.strip():
                add(text=to_marks(part.strip("\r\n")))
        if start < end:
            add(unchanged=len(request.text[start:end].split()))
        at = end
    return found


class Excerpt:
    """The part of one essay that was sent, in which many quotes can be looked up."""

    def __init__(self, request: PassRequest) -> None:
        self._places = unchanged(request)
        self._text = text = request.text
        for start, end in self._places:
            text = text[:start] + _UNSENT * (end - start) + text[end:]
        self._anchor = Anchor(text)

    def span(self, quote: str, *, prefix: str = "", suffix: str = "") -> QuotedSpan:
        """Return the proven place of the quote in the whole text, or a span with match "none" when the sent part does not hold it."""
        found = self._anchor.span(quote, prefix=prefix, suffix=suffix)
        if not self._places or found.match == "none":
            return found
        if _UNSENT in found.quote:
            return QuotedSpan(start=0, end=0, quote=quote, prefix=prefix, suffix=suffix, match="none")
        before, after = max(0, found.start - CONTEXT), found.end + CONTEXT
        return replace(found, prefix=self._text[before : found.start], suffix=self._text[found.end : after])
