"""The reading of a text for addresses: without accents, look-alike letters and look-alike signs, with the way back to the text."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

from workers.injection.decoding import LOOKALIKES

_IDEOGRAPHIC_STOPS = "。｡"
# Signs that look like those of an address.
_SIGNS = {
    **dict.fromkeys("。｡․．﹒‧·∙⋅ꓸ۔܁܂⸱ᐧㆍ・･", "."),
    **dict.fromkeys("⁄∕／╱⧸⟋", "/"),
    **dict.fromkeys("＼﹨∖⧵⧹", "\\"),
    **dict.fromkeys("：﹕ː꞉∶︰", ":"),
    **dict.fromkeys("‐‑‒–—−﹣－", "-"),
    **dict.fromkeys("＠﹫", "@"),
}


def read(text: str) -> tuple[str, range | list[int]]:
    """Return the text as a reader takes it in, and the place in the text of each of its characters."""
    if text.isascii():
        return text, range(len(text))
    table = {ord(char): _seen(char) for char in set(text) if not char.isascii()}
    if all(map(_is_single, table.values())) and not any(stop in text for stop in _IDEOGRAPHIC_STOPS):
        return text.translate(table), range(len(text))
    characters: list[str] = []
    places: list[int] = []
    for at, char in enumerate(text):
        seen = char if char.isascii() else _seen(char)
        # Between other letters it ends a sentence: only languages without spaces use it.
        if char in _IDEOGRAPHIC_STOPS and not (text[at + 1 : at + 2].isascii() and text[at + 1 : at + 2].isalnum()):
            seen = char
        characters.append(seen)
        places += [at] * len(seen)
    return "".join(characters), places


def _is_single(seen: str) -> bool:
    return len(seen) == 1


@lru_cache(maxsize=4096)
def _seen(char: str) -> str:
    if char in _SIGNS:
        return _SIGNS[char]
    parts = unicodedata.normalize("NFKD", char)
    bare = "".join(part for part in parts if unicodedata.category(part) not in ("Mn", "Me"))
    latin = "".join(_latin(part) for part in bare)
    return " " if latin.isspace() and latin != "\n" else latin


def _latin(char: str) -> str:
    if char.isdecimal():
        return str(unicodedata.decimal(char))
    if char in _SIGNS:
        return _SIGNS[char]
    small = char.lower()
    found = small.translate(LOOKALIKES)
    if found == small:
        return char
    return found.upper() if char != small else found
