"""Anchor a quote with its context in an essay: the only place where a `QuotedSpan` is made from a model's quote.

A span is a proof: `text[start:end] == quote` in code points of the stored text. A quote that cannot be proven, or that
fits in two places, is kept with match "none": a wrong place is worse than no place. The first of these steps that holds
decides:

1. The quote occurs exactly. Of several hits, the context fits exactly one.
2. The same, after normalising white space, quotation marks, dashes, NFC and invisible characters.
3. The same in the text as a reader sees it (`workers.text.reading`), when neither occurs at all: words that a line end splits,
   marks of quoted lines, ligatures, look-alike letters and wrongly decoded characters.
4. The context fits nowhere, but the quote occurs in only one place, exact and normalised hits taken together.
5. Match "none".
"""

from __future__ import annotations

import re
import unicodedata
from array import array
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from workers.passes.feedback import QuotedSpan
from workers.passes.request import Match
from workers.text.folding import fold
from workers.text.invisible_characters import from_marks, remove_invisible
from workers.text.kept_briefly import kept_briefly
from workers.text.reading import read

Offsets = tuple[int, int]

CONTEXT = 32  # code points kept on each side of a proven place
LONGEST_QUOTE = 2_000  # code points; no comment needs more, and a search for much more in a hostile text takes long

_NOT_ASCII = re.compile(r"[^\x00-\x7f]")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f]")
_INNER_HYPHEN = re.compile(r"(?<=\w)-(?=\w)")
_QUOTED_LINE = re.compile(r"^>[ >]{0,8}", re.MULTILINE)
_MAX_FLAG_RUN = 64  # flags are pairs of letters; a longer row of them is no quote, and counting it gets slow

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
    """One essay in which many quotes can be looked up. Its normal forms are made where needed, once for all three passes."""

    def __init__(self, text: str) -> None:
        self._text = text

    def span(self, quote: str, *, prefix: str = "", suffix: str = "") -> QuotedSpan:
        """Return the proven place of the quote with the text around it, or a span with match "none" that keeps the quote."""
        found = self._find(quote, prefix=prefix, suffix=suffix)
        if found is None:
            return QuotedSpan(start=0, end=0, quote=quote, prefix=prefix, suffix=suffix, match="none")
        (start, end), match = found
        before, after = self._context_around(start, end)
        return QuotedSpan(start=start, end=end, quote=self._text[start:end], prefix=before, suffix=after, match=match)

    def _find(self, quote: str, *, prefix: str, suffix: str) -> tuple[Offsets, Match] | None:
        if not quote.strip() or len(quote) > LONGEST_QUOTE:
            return None
        unmarked = from_marks(quote)
        exact = self._exact_hits(unmarked) or self._exact_hits(quote)
        before, after = _normal(from_marks(prefix)).strip(), _normal(from_marks(suffix)).strip()
        if not (before or after):
            if exact:
                return (exact[0], "exact") if len(exact) == 1 else None
            normal = self._normalised_hits(unmarked) or self._hits_as_seen(unmarked)
            return (normal[0], "normalised") if len(normal) == 1 else None

        view = self._normal_text
        normal = self._normalised_hits(unmarked)
        if not exact and not normal:
            view = self._seen_text
            normal = self._hits_as_seen(unmarked)
            before, after = _seen(before), _seen(after)
        layers: tuple[tuple[list[Offsets], Match], ...] = ((exact, "exact"), (normal, "normalised"))
        for hits, match in layers:
            fitting = [hit for hit in hits if view.fits(hit, before=before, after=after)]
            if fitting:
                return (fitting[0], match) if len(fitting) == 1 else None
        # The model copied the context badly. A quote that occurs only once is still proven by itself.
        places = {*exact, *normal}
        if len(places) != 1:
            return None
        return (places.pop(), "exact" if exact else "normalised")

    def _context_around(self, start: int, end: int) -> tuple[str, str]:
        # Take the context from the stored text, not from the model: it must find this place again in the next draft.
        first, last = max(0, start - CONTEXT), min(len(self._text), end + CONTEXT)
        return self._text[first:start], self._text[end:last]

    def _exact_hits(self, quote: str) -> list[Offsets]:
        return [
            (start, start + len(quote))
            for start in _occurrences(self._text, quote)
            if is_clean_cut(self._text, start) and is_clean_cut(self._text, start + len(quote))
        ]

    def _normalised_hits(self, quote: str) -> list[Offsets]:
        view = self._normal_text
        return [
            (start, end)
            for start, end in view.places(_normal(quote).strip())
            if is_clean_cut(self._text, start) and is_clean_cut(self._text, end)
        ]

    def _hits_as_seen(self, quote: str) -> list[Offsets]:
        return [
            (start, end)
            for start, end in self._seen_text.places(_seen(quote))
            if is_clean_cut(self._text, start) and is_clean_cut(self._text, end)
        ]

    @cached_property
    def _normal_text(self) -> _NormalText:
        return _normal_text(self._text)

    @cached_property
    def _seen_text(self) -> _NormalText:
        return _seen_text(self._text)


def is_clean_cut(text: str, index: int) -> bool:
    """Return whether a cut at the index separates no letter from its accents and no emoji into its parts."""
    if index <= 0 or index >= len(text):
        return True
    before, after = text[index - 1], text[index]
    if before.isascii() and after.isascii():
        return True
    if _joins_previous(after) or before == "\u200d":
        return False
    if _is_flag_letter(before) and _is_flag_letter(after):
        run = 0
        while run < index and run <= _MAX_FLAG_RUN and _is_flag_letter(text[index - 1 - run]):
            run += 1
        return run <= _MAX_FLAG_RUN and run % 2 == 0
    return True


def _joins_previous(char: str) -> bool:
    # Marks, joiners, skin tones, and the Hangul and Kirat Rai letters that compose with the letter before.
    return (
        unicodedata.category(char)[0] == "M"
        or char in "\u200c\u200d"
        or "\U0001f3fb" <= char <= "\U0001f3ff"
        or "\u1160" <= char <= "\u11ff"
        or "\U00016d63" <= char <= "\U00016d6a"
    )


def _is_flag_letter(char: str) -> bool:
    return "\U0001f1e6" <= char <= "\U0001f1ff"


def _occurrences(text: str, quote: str) -> Iterator[int]:
    at = text.find(quote)
    while at >= 0:
        yield at
        at = text.find(quote, at + 1)


def _pieces(text: str) -> Iterator[Offsets]:
    # Cut only where no character composes with the one before, so that NFC of the pieces is NFC of the whole.
    start = 0
    for index in range(1, len(text)):
        if not _joins_previous(text[index]):
            yield start, index
            start = index
    if text:
        yield start, len(text)


def _runs(text: str) -> Iterator[tuple[int, int, str, bool]]:
    """Yield start, end and normal form of each part of the text, and whether each character of it has one of its own."""
    unusual = set(_NOT_ASCII.findall(text))
    if any(map(_joins_previous, unusual)):
        yield from ((start, end, _normal_piece(text[start:end]), False) for start, end in _pieces(text))
        return
    # No character joins another one, so that long runs can be translated at once.
    table = {char: _normal_piece(char) for char in {*unusual, *_CONTROLS.findall(text), "`"}}
    apart = "".join(char for char, normal in table.items() if len(normal) != 1)
    translation = str.maketrans({char: normal for char, normal in table.items() if len(normal) == 1})
    word = rf"[^\s{re.escape(apart)}]+"
    runs = re.compile(rf"{word}(?: {word})*|\s+|.")
    for found in runs.finditer(text):
        start, end = found.span()
        run = found[0]
        if run[0].isspace():
            yield start, end, " ", False
        elif run in table:
            yield start, end, table[run], False
        else:
            yield start, end, run.translate(translation), True


def _normal_piece(piece: str) -> str:
    if piece.isspace():
        return " "
    return unicodedata.normalize("NFC", remove_invisible(piece)).translate(_LOOKALIKES)


def _normal(text: str) -> str:
    return _NormalText.of(text).string


def _seen(words: str) -> str:
    return _INNER_HYPHEN.sub("", _normal(fold(words).text)).strip()


@dataclass(frozen=True)
class _NormalText:
    """A text in normal form. `starts` and `ends` hold, for each of its characters, the offsets in the stored text."""

    string: str
    starts: array[int]
    ends: array[int]

    @classmethod
    def of(cls, text: str) -> _NormalText:
        parts: list[str] = []
        starts, ends = array("I"), array("I")
        for start, end, normal, each in _runs(text):
            if normal == " " and parts and parts[-1] == " ":
                ends[-1] = end
                continue
            if normal:
                parts.append(normal)
            if each:
                starts.extend(range(start, end))
                ends.extend(range(start + 1, end + 1))
            else:
                starts.extend([start] * len(normal))
                ends.extend([end] * len(normal))
        return cls("".join(parts), starts, ends)

    @classmethod
    def as_seen(cls, text: str) -> _NormalText:
        """Return the normal form of the text as a reader sees it, with offsets in the stored text."""
        reading = read(text)
        clean = list(reading.clean)
        for mark in _QUOTED_LINE.finditer(reading.clean):
            clean[mark.start() : mark.end()] = " " * (mark.end() - mark.start())
        normal = cls.of("".join(clean))
        # Whether a hyphen at the end of a line is the writer's or that of a program, nobody sees.
        hyphens = {found.start() for found in _INNER_HYPHEN.finditer(normal.string)}
        kept = [at for at in range(len(normal.string)) if at not in hyphens]
        places = [reading.original_span(normal.starts[at], normal.ends[at]) for at in kept]
        starts, ends = (
            (array("I", offsets) for offsets in zip(*places, strict=True)) if places else (array("I"), array("I"))
        )
        return cls("".join(normal.string[at] for at in kept), starts, ends)

    def places(self, quote: str) -> list[Offsets]:
        """Return the offsets in the stored text of every hit of the normalised quote that cuts no stored character."""
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
        """Return whether the text ends with `before` left of the place and begins with `after` right of it, both normalised."""
        left = self._index(place[0])
        right = self._index(place[1])
        while left > 0 and self.string[left - 1] == " ":
            left -= 1
        while right < len(self.string) and self.string[right] == " ":
            right += 1
        return self.string.endswith(before, 0, left) and self.string.startswith(after, right)

    def _index(self, offset: int) -> int:
        return bisect_left(self.starts, offset)


@kept_briefly()
def _normal_text(text: str) -> _NormalText:
    return _NormalText.of(text)


@kept_briefly()
def _seen_text(text: str) -> _NormalText:
    return _NormalText.as_seen(text)
