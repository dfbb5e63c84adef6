"""Decoding of disguised text: find and decode encoded passages, and reduce a text to bare letters for comparison.

The detector and the leak filter use it, because a prompt injection may be encoded, reversed or written with look-alikes.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import html
import re
import unicodedata
from collections.abc import Iterator
from urllib.parse import unquote

from workers.text.invisible_characters import remove_invisible

_MAX_PASSAGES = 40  # passages of one encoding that are tried
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{16,}(?:\r?\n[A-Za-z0-9+/_-]{4,}){0,400}={0,2}")
_HEX = re.compile(r"(?<![0-9A-Za-z])(?:(?:0x|\\x)?[0-9a-fA-F]{2}[\s:,]?){8,}")
_BITS = re.compile(r"(?<!\d)(?:[01]{8}\s?){4,}")
_CHAR_CODES = re.compile(r"(?<!\d)(?:\d{2,3}[ ,]{1,2}){7,}\d{2,3}(?!\d)")
_ESCAPES = re.compile(r"(?:\\u[0-9a-fA-F]{4}){4,}")
_PERCENT = re.compile(r"(?:%[0-9a-fA-F]{2}|[A-Za-z0-9._-]){6,}")
_ENTITIES = re.compile(r"(?:&#(?:\d{2,6}|x[0-9a-fA-F]{2,5});\s?){4,}")
_TAGS = re.compile("[\U000e0020-\U000e007e]{4,}")
_SELECTORS = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]{4,}")

# Letters of other alphabets that look like Latin ones, after case folding.
_LATIN_LOOKALIKES = dict(
    zip(
        "асеорхуіјѕһԁԛԝвнкмтгпьαβγεηικνορτυχωϲ",
        "aceopxyijshdqwbhkmtrnbabyenikvoptuxwc",
        strict=True,
    )
)
_FOLDING = str.maketrans(
    {**_LATIN_LOOKALIKES, "0": "o", "1": "i", "l": "i", "ı": "i", "3": "e", "4": "a", "5": "s", "7": "t"}
)
_LEET = str.maketrans({"@": "a", "$": "s", "!": "i", "|": "i", "€": "e", "+": "t"})
LOOKALIKES = str.maketrans(_LATIN_LOOKALIKES)
_NOT_ALPHANUMERIC = re.compile(r"[\W_]+")
_ASCII_LETTERS = {code: _FOLDING.get(code, chr(code)) if chr(code).isalnum() else None for code in range(128)}


def letters(text: str) -> str:
    """Return only the letters and digits, folded so that case, accents, spacing and look-alike letters make no difference."""
    if text.isascii():
        return text.lower().translate(_ASCII_LETTERS)
    folded = unicodedata.normalize("NFKD", remove_invisible(text)).casefold().translate(_FOLDING)
    return _NOT_ALPHANUMERIC.sub("", folded)


def disguises(text: str) -> tuple[str, ...]:
    """Return the `letters` of the text as it is, reversed, with each word reversed, decoded by rot13, and decoded from leet."""
    plain = letters(text)
    words_reversed = letters(" ".join(word[::-1] for word in remove_invisible(text).split()))
    leet = letters(remove_invisible(text).translate(_LEET))
    return tuple(
        dict.fromkeys(
            (plain, plain[::-1], words_reversed, letters(codecs.encode(remove_invisible(text), "rot13")), leet)
        )
    )


def passages(text: str, *, depth: int = 2) -> Iterator[tuple[int, int, str]]:
    """Yield start, end and decoded text of each encoded passage.

    Encodings are base64, hex, bits, character codes, Unicode escapes, percent escapes, HTML entities, hidden tag characters
    and variation selectors. A decoded passage is searched again, `depth` levels deep in all; its offsets are those of the
    outer passage.
    """
    for sign, pattern, decode in _DECODERS:
        if sign not in text:
            continue
        for count, found in enumerate(pattern.finditer(text)):
            if count == _MAX_PASSAGES:
                break
            decoded = decode(found[0])
            if _is_readable(decoded, encoded=found[0]):
                yield *found.span(), decoded
                if depth > 1:
                    yield from ((*found.span(), inner) for *_, inner in passages(decoded, depth=depth - 1))


def _is_readable(decoded: str, *, encoded: str) -> bool:
    if len(decoded) < 4 or decoded == encoded:
        return False
    readable_chars = sum(char.isalpha() or char in " .,!?'\":;\n" for char in decoded)
    # Three random bytes are often a letter of some script, but a real text is ASCII or has spaces.
    return readable_chars >= 0.85 * len(decoded) and (decoded.isascii() or " " in decoded)


def _decode_utf8(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return ""


def _from_base64(found: str) -> str:
    packed = "".join(found.split()).rstrip("=").translate(str.maketrans("-_", "+/"))
    packed = packed[: len(packed) - (len(packed) % 4 == 1)]
    try:
        return _decode_utf8(base64.b64decode(packed + "=" * (-len(packed) % 4)))
    except binascii.Error:
        return ""


def _from_hex(found: str) -> str:
    digits = re.sub(r"0x|\\x|[\s:,]", "", found)
    return _decode_utf8(bytes.fromhex(digits)) if len(digits) % 2 == 0 else ""


def _from_bits(found: str) -> str:
    bits = "".join(found.split())
    return _decode_utf8(bytes(int(bits[at : at + 8], 2) for at in range(0, len(bits), 8)))


def _from_codes(found: str) -> str:
    codes = [int(code) for code in re.findall(r"\d+", found)]
    return "".join(map(chr, codes)) if all(32 <= code < 127 for code in codes) else ""


def _from_escapes(found: str) -> str:
    return remove_invisible(
        "".join(chr(int(code, 16)) for code in re.findall(r"[0-9a-fA-F]{4}", found.replace("\\u", " ")))
    )


def _from_percent(found: str) -> str:
    return unquote(found, errors="ignore") if found.count("%") >= 2 else ""


def _from_tags(found: str) -> str:
    return "".join(chr(ord(char) - 0xE0000) for char in found)


def _from_selectors(found: str) -> str:
    codes = (ord(char) for char in found)
    return _decode_utf8(bytes(code - 0xFE00 if code < 0xE0000 else code - 0xE0100 + 16 for code in codes))


# What a text must hold before a pattern is tried, the pattern of an encoding, and its decoder.
_DECODERS = (
    ("", _BASE64, _from_base64),
    ("", _HEX, _from_hex),
    ("", _BITS, _from_bits),
    ("", _CHAR_CODES, _from_codes),
    ("\\u", _ESCAPES, _from_escapes),
    ("%", _PERCENT, _from_percent),
    ("&#", _ENTITIES, html.unescape),
    ("", _TAGS, _from_tags),
    ("", _SELECTORS, _from_selectors),
)
