"""What of an essay is sent to a remote reader, and where words quoted from it stand in the whole.

Paragraphs that stand in the last draft to the letter are not sent again. A quote is looked up in the whole text, so that
every offset is true, but it can only be found in what was sent.
"""

from __future__ import annotations

import re
from dataclasses import replace

from workers.injection.invisible_characters import show
from workers.passes.anchor import CONTEXT, Anchor
from workers.passes.feedback import QuotedSpan
from workers.passes.request import PassRequest

# No stored text holds it, and a quote that is found to hold it stands where nothing was sent.
_UNSENT = "\0"
_BREAK = re.compile(r"\n[ \t\r]*\n\s*")


def unchanged(request: PassRequest) -> tuple[tuple[int, int], ...]:
    """Return the places of the text that are not sent."""
    return request.earlier.unchanged if request.earlier is not None else ()


def paragraphs(request: PassRequest) -> list[dict[str, object]]:
    """Return the essay's paragraphs in order, numbered from 1: the text of each, or of an unchanged one how many words it has."""
    found: list[dict[str, object]] = []

    def add(**what: object) -> None:
        found.append({"n": len(found) + 1, **what})

    at = 0
    for start, end in (*unchanged(request), (len(request.text), len(request.text))):
        for part in _BREAK.split(request.text[at:start]):
            if part.strip():
                add(text=show(part.strip("\r\n")))
        if start < end:
            add(unchanged=len(request.text[start:end].split()))
        at = end
    return found


class Excerpt:
    """One essay as far as it was sent, in which many quotes can be looked up."""

    def __init__(self, request: PassRequest) -> None:
        self._places = unchanged(request)
        self._text = text = request.text
        for start, end in self._places:
            text = text[:start] + _UNSENT * (end - start) + text[end:]
        self._anchor = Anchor(text)

    def span(self, quote: str, *, prefix: str = "", suffix: str = "") -> QuotedSpan:
        """Return the proven place of the quote in the whole text, or a span with match "none" where it was not sent."""
        found = self._anchor.span(quote, prefix=prefix, suffix=suffix)
        if not self._places or found.match == "none":
            return found
        if _UNSENT in found.quote:
            return QuotedSpan(start=0, end=0, quote=quote, prefix=prefix, suffix=suffix, match="none")
        before, after = max(0, found.start - CONTEXT), found.end + CONTEXT
        return replace(found, prefix=self._text[before : found.start], suffix=self._text[found.end : after])
