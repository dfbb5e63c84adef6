"""Invisible characters: replace them by visible marks for a model, undo the marks, or remove the characters.

The stored text is never changed: marks exist only in what a model reads and in the quotes it copies.
"""

from __future__ import annotations

import re
import unicodedata

OPEN = "⟦"
_MARK = re.compile(r"⟦U\+([0-9A-F]{4,6})⟧")
_NOT_PLAIN = re.compile(r"[^ -~\n\t\r]")

# Format characters (Cf) that are visible, such as Arabic number signs. Joiners (200C, 200D) shape the letters and emoji
# around them, so they are not replaced either.
_VISIBLE_FORMAT = frozenset("\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd")
_JOINERS = frozenset("\u200c\u200d")
_LINE_SPACE = frozenset("\t\n\r")
# Not format characters, but also blank: fillers, the grapheme joiner, the empty Braille cell and variation selectors.
_BLANK = frozenset("\u034f\u115f\u17b4\u17b5\u2800\u3164\uffa0") | frozenset(map(chr, range(0xFE00, 0xFE0E)))
_EMOJI_STYLE = frozenset("\ufe0e\ufe0f")
_SEPARATORS = frozenset("\u2028\u2029")  # would let the author begin a new line in the prompt


def invisible(char: str) -> bool:
    """Return whether the character can hide or reorder text: controls, bidi, zero-width, tag and selector characters."""
    if char in _LINE_SPACE or char in _JOINERS or char in _VISIBLE_FORMAT:
        return False
    if char in _BLANK or unicodedata.category(char) in ("Cc", "Cf", "Cs"):
        return True
    return "\U000e0100" <= char <= "\U000e01ef"  # variation selectors, each of which can carry a hidden byte


def to_marks(text: str) -> str:
    """Return the text with every invisible character replaced by a mark such as ⟦U+202E⟧. `hide` undoes it exactly.

    The opening bracket itself is replaced too, so that an author cannot write a false mark.
    """
    if not any(map(_may_need_mark, set(_NOT_PLAIN.findall(text)))):
        return text
    return "".join(
        f"⟦U+{ord(char):04X}⟧"
        if char == OPEN or char in _SEPARATORS or invisible(char) or has_no_effect(text, at)
        else char
        for at, char in enumerate(text)
    )


def _may_need_mark(char: str) -> bool:
    return char == OPEN or char in _SEPARATORS or char in _JOINERS or char in _EMOJI_STYLE or invisible(char)


def from_marks(text: str) -> str:
    """Return the text with every mark replaced by the character that it stands for."""
    return _MARK.sub(_char_of, text) if OPEN in text else text


def remove_invisible(text: str) -> str:
    """Return the text without its invisible characters."""
    if text.isascii() and text.isprintable():
        return text
    hidden = {char for char in set(text) if invisible(char)}
    return "".join(char for char in text if char not in hidden) if hidden else text


def remove_ineffective(text: str) -> str:
    """Return the text without its invisible characters, and without joiners and selectors that have no visible effect."""
    kept = remove_invisible(text)
    while not kept.isascii():
        fewer = "".join(char for at, char in enumerate(kept) if not has_no_effect(kept, at))
        if fewer == kept:
            break
        kept = fewer
    return kept


def has_no_effect(text: str, at: int) -> bool:
    """Return whether the character is a joiner between Latin letters or a selector after one, which changes nothing to see."""
    char = text[at]
    if char in _JOINERS:
        return not (0 < at < len(text) - 1 and _can_join(text[at - 1]) and _can_join(text[at + 1]))
    if char in _EMOJI_STYLE:
        return at == 0 or not (text[at - 1] in "#*" or unicodedata.category(text[at - 1]) in _EMOJI_BASES)
    return False


_EMOJI_BASES = frozenset(("So", "Sm", "Sk", "Nd", "Po", "Pd", "No"))


def _can_join(char: str) -> bool:
    return char not in _JOINERS and unicodedata.category(char) in ("Lo", "Mn", "Mc", "So", "Sk", "Sm")


def _char_of(mark: re.Match[str]) -> str:
    # A model may invent a mark that `show` never makes. Leave it as it is: such a quote matches nothing in the essay.
    point = int(mark[1], 16)
    if point > 0x10FFFF or mark[1] != f"{point:04X}":
        return mark[0]
    char = chr(point)
    replaceable = char == OPEN or char in _JOINERS | _EMOJI_STYLE | _SEPARATORS or invisible(char)
    return char if replaceable else mark[0]
