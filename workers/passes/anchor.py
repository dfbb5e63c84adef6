"""The only place where a quote with its context becomes a `Span`.

A span is a proof: `text[start:end] == quote` in code points of the stored text. What cannot be proven, or fits in two
places, keeps the quote and gets match "none"; a lookalike is worse than no anchor. Four steps, first that holds:

1. the quote occurs exactly, and with several hits the context fits exactly one;
2. the same after normalising white space, quotation marks, dashes, NFC and characters nobody can see;
3. no context fits anywhere, but the quote occurs in one place only, however it is read;
4. none.
"""

from __future__ import annotations

import unicodedata
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass

from workers.injection.invisible_characters import drop, hide
from workers.passes.feedback import QuotedSpan
from workers.passes.request import Match

Offsets = tuple[int, int]

CONTEXT = 32  # code points kept on each side of a proven place
LONGEST_QUOTE = 2_000  # code points; nobody points at more, and looking for much more in a hostile text takes long

_FLAG_RUN = 64  # flags are pairs of letters; past this many in a row nobody is quoting, and counting gets slow

_LOOKALIKES = str.maketrans(
    {
        **dict.fromkeys("‘’‚‛′‵ʼ`´", "'"),
        **dict.fromkeys("“”„‟″«»", '"'),
        **dict.fromkeys("‐‑‒–—―−", "-"),
        "…": "...",
    }
)


def anchor(text: str, quote: str, *, prefix: str = "", suffix: str = "") -> QuotedSpan:
    """Return the proven place of the quote in the text, or a span with match "none"."""
    return Anchor(text).span(quote, prefix=prefix, suffix=suffix)


class Anchor:
    """One essay, read once, in which many quotes can be looked up."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._view: _View | None = None  # built only when an exact, single hit does not settle it

    def span(self, quote: str, *, prefix: str = "", suffix: str = "") -> QuotedSpan:
        """Return the proven place of the quote, or a span with match "none" that keeps the quote."""
        found = self._find(quote, prefix=prefix, suffix=suffix)
        if found is None:
            return QuotedSpan(start=0, end=0, quote=quote, prefix=prefix, suffix=suffix, match="none")
        (start, end), match = found
        before, after = self._around(start, end)
        return QuotedSpan(start=start, end=end, quote=self._text[start:end], prefix=before, suffix=after, match=match)

    def _find(self, quote: str, *, prefix: str, suffix: str) -> tuple[Offsets, Match] | None:
        if not quote.strip() or len(quote) > LONGEST_QUOTE:
            return None
        hidden = hide(quote)
        exact = self._exact(hidden) or self._exact(quote)
        before, after = _normal(hide(prefix)).strip(), _normal(hide(suffix)).strip()
        if not (before or after):
            if exact:
                return (exact[0], "exact") if len(exact) == 1 else None
            normal = self._normalised(hidden)
            return (normal[0], "normalised") if len(normal) == 1 else None

        view = self._viewed()
        normal = self._normalised(hidden)
        layers: tuple[tuple[list[Offsets], Match], ...] = ((exact, "exact"), (normal, "normalised"))
        for hits, match in layers:
            fitting = [hit for hit in hits if view.fits(hit, before=before, after=after)]
            if fitting:
                return (fitting[0], match) if len(fitting) == 1 else None
        # The context was copied badly. A quote that occurs once, however it is read, is still proven by itself.
        places = {*exact, *normal}
        if len(places) != 1:
            return None
        return (places.pop(), "exact" if exact else "normalised")

    def _around(self, start: int, end: int) -> tuple[str, str]:
        # The stored text's own words, not the asker's: they will find this place again in the next draft.
        first, last = max(0, start - CONTEXT), min(len(self._text), end + CONTEXT)
        return self._text[first:start], self._text[end:last]

    def _exact(self, quote: str) -> list[Offsets]:
        return [
            (start, start + len(quote))
            for start in _occurrences(self._text, quote)
            if whole(self._text, start) and whole(self._text, start + len(quote))
        ]

    def _normalised(self, quote: str) -> list[Offsets]:
        view = self._viewed()
        return [
            (start, end)
            for start, end in view.places(_normal(quote).strip())
            if whole(self._text, start) and whole(self._text, end)
        ]

    def _viewed(self) -> _View:
        if self._view is None:
            self._view = _View.of(self._text)
        return self._view


def whole(text: str, index: int) -> bool:
    """Return whether a cut at the index leaves letters with their accents, and emoji with their parts, in one piece."""
    if index <= 0 or index >= len(text):
        return True
    before, after = text[index - 1], text[index]
    if before.isascii() and after.isascii():
        return True
    if _joins(after) or before == "\u200d":
        return False
    if _flag_letter(before) and _flag_letter(after):
        run = 0
        while run < index and run <= _FLAG_RUN and _flag_letter(text[index - 1 - run]):
            run += 1
        return run <= _FLAG_RUN and run % 2 == 0
    return True


def _joins(char: str) -> bool:
    # Marks, joiners, skin tones, and the Hangul and Kirat Rai letters that compose with the letter before them.
    return (
        unicodedata.category(char)[0] == "M"
        or char in "\u200c\u200d"
        or "\U0001f3fb" <= char <= "\U0001f3ff"
        or "\u1160" <= char <= "\u11ff"
        or "\U00016d63" <= char <= "\U00016d6a"
    )


def _flag_letter(char: str) -> bool:
    return "\U0001f1e6" <= char <= "\U0001f1ff"


def _occurrences(text: str, quote: str) -> Iterator[int]:
    at = text.find(quote)
    while at >= 0:
        yield at
        at = text.find(quote, at + 1)


def _pieces(text: str) -> Iterator[Offsets]:
    # Cuts only where composition cannot reach across, so NFC of the pieces is NFC of the whole.
    start = 0
    for index in range(1, len(text)):
        if not _joins(text[index]):
            yield start, index
            start = index
    if text:
        yield start, len(text)


def _normal_piece(piece: str) -> str:
    if piece.isspace():
        return " "
    return unicodedata.normalize("NFC", drop(piece)).translate(_LOOKALIKES)


def _normal(text: str) -> str:
    return _View.of(text).string


@dataclass(frozen=True)
class _View:
    """A text in normal form; `starts` and `ends` say where in the stored text each of its characters came from."""

    string: str
    starts: list[int]
    ends: list[int]

    @classmethod
    def of(cls, text: str) -> _View:
        chars: list[str] = []
        starts: list[int] = []
        ends: list[int] = []
        for start, end in _pieces(text):
            piece = _normal_piece(text[start:end])
            if piece == " " and chars and chars[-1] == " ":
                ends[-1] = end
                continue
            for char in piece:
                chars.append(char)
                starts.append(start)
                ends.append(end)
        return cls("".join(chars), starts, ends)

    def places(self, quote: str) -> list[Offsets]:
        """Return where in the stored text the normal quote stands, cutting nothing that was one character there."""
        if not quote:
            return []
        found: list[Offsets] = []
        for at in _occurrences(self.string, quote):
            last = at + len(quote) - 1
            opens = at == 0 or self.starts[at - 1] != self.starts[at]
            closes = last + 1 == len(self.string) or self.ends[last + 1] != self.ends[last]
            if opens and closes:
                found.append((self.starts[at], self.ends[last]))
        return found

    def fits(self, place: Offsets, *, before: str, after: str) -> bool:
        """Return whether the words around the place end with `before` and begin with `after`, both in normal form."""
        left = self._index(place[0])
        right = self._index(place[1])
        while left > 0 and self.string[left - 1] == " ":
            left -= 1
        while right < len(self.string) and self.string[right] == " ":
            right += 1
        return self.string.endswith(before, 0, left) and self.string.startswith(after, right)

    def _index(self, offset: int) -> int:
        return bisect_left(self.starts, offset)
