"""Fold the characters of a text to plain ones: what looks the same to a reader becomes the same, with a way back.

The stored text is never changed. Every character of the folded text knows which code points of the stored text it stands for.
"""

from __future__ import annotations

import re
import unicodedata
from array import array
from collections.abc import Iterator
from dataclasses import dataclass

from workers.text.invisible_characters import has_no_effect, invisible

_LINE_ENDS = frozenset("\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029")
_REPLACED = str.maketrans(
    {
        **dict.fromkeys("\u2010\u2011\ufe63\uff0d", "-"),
        **dict.fromkeys("\u00a8\uff02\u275d\u275e\u301d\u301e\u201f\u201e\u00ab\u00bb", '"'),
        **dict.fromkeys("\u02bc\u2032\u00b4\u201b\uff07", "'"),
    }
)
_TWO_MARKS = frozenset(("``", "''", "\u2018\u2018", "\u2019\u2019", "\u00b4\u00b4"))
_SPACE = frozenset("\u00a0\u1680\u202f\u205f\u3000") | frozenset(map(chr, range(0x2000, 0x200B)))

# Letters of other alphabets that look like Latin ones in print.
LATIN_LOOKALIKES = dict(
    zip(
        "АВЕКМНОРСТХУЅІЈаеорсухѕіјһԁԛԝΑΒΕΖΗΙΚΜΝΟΡΤΥΧοανρι",
        "ABEKMHOPCTXYSIJaeopcyxsijhdqwABEZHIKMNOPTYXoavpi",
        strict=True,
    )
)
_WORD = re.compile(r"[^\W\d_]+")
_OTHER_ALPHABET = re.compile("[\u0370-\u03ff\u0400-\u052f]")

# The bytes of UTF-8 read as Windows-1252: "â€™" for an apostrophe. Bytes without a character there stay controls.
_BYTE_OF = {bytes([byte]).decode("cp1252", "ignore") or chr(byte): byte for byte in range(0x80, 0x100)}
_LEAD_LENGTHS = ((0xC2, 0xDF, 2), (0xE2, 0xEF, 3), (0xF0, 0xF4, 4))
_LOST_QUOTE = "\u00e2\u20ac"  # the third byte of a closing quotation mark has no character, and many programs drop it
_REPLACEMENT = "\ufffd"
# French quotation marks have a space within; a straight mark has none.
_SPACE_IN_QUOTATION = re.compile("(?<=\u00ab)[ \u00a0\u202f]|[ \u00a0\u202f](?=\u00bb)")
# In German and Polish a low mark opens a quotation, and the mark that opens an English one closes it.
_CLOSED_BY_OPENING_MARK = re.compile("\u201e[^\u201e\u201c\u201d]{1,2000}\u201c")
_PLAIN_RUN = re.compile(r"[ -&(-_a-~\n\t]+")
_HYPHEN_AT_LINE_END = re.compile(r"\u00ad(?:\r\n|[\n\r\x85\u2028])(?=\w)")


@dataclass(frozen=True, kw_only=True, slots=True)
class Folded:
    """A folded text. `starts` and `ends` hold, for each of its characters, offsets in the stored text.

    `decoded` and `lookalikes` hold the places, in the folded text, of wrongly decoded characters and of words with letters of
    another alphabet.
    """

    text: str
    starts: array[int]
    ends: array[int]
    decoded: tuple[tuple[int, int], ...] = ()
    lookalikes: tuple[tuple[int, int], ...] = ()


def fold(text: str, *, keeps_alphabets: bool = False) -> Folded:
    """Return the text with plain line ends, spaces, letters and marks, and without characters that cannot be seen.

    With `keeps_alphabets`, letters of other alphabets that look like Latin ones stay what they are.
    """
    if text.isascii() and "\r" not in text and "''" not in text and "``" not in text and not _has_controls(text):
        places = array("I", range(len(text) + 1))
        return Folded(text=text, starts=places[:-1], ends=places[1:])
    characters: list[str] = []
    starts, ends = array("I"), array("I")
    decoded: list[tuple[int, int]] = []
    length = 0
    for start, end, replacement, wrong in _pieces(text):
        if wrong:
            decoded.append((length, length + len(replacement)))
        characters.append(replacement)
        length += len(replacement)
        if len(replacement) == end - start and not wrong:
            starts.extend(range(start, end))
            ends.extend(range(start + 1, end + 1))
        else:
            starts.extend([start] * len(replacement))
            ends.extend([end] * len(replacement))
    plain = "".join(characters)
    folded, lookalikes = (plain, ()) if keeps_alphabets else _fold_lookalikes(plain)
    return Folded(text=folded, starts=starts, ends=ends, decoded=tuple(decoded), lookalikes=lookalikes)


def _has_controls(text: str) -> bool:
    return not text.replace("\n", "").replace("\t", "").isprintable()


def _pieces(text: str) -> Iterator[tuple[int, int, str, bool]]:
    """Yield start, end and plain form of each piece of the text, and whether it was decoded wrongly.

    A form that is as long as its piece and not decoded stands for it character by character.
    """
    at = 0
    inner = {found.start() for found in _SPACE_IN_QUOTATION.finditer(text)} if "\u00bb" in text else set()
    closing = {found.end() - 1 for found in _CLOSED_BY_OPENING_MARK.finditer(text)} if "\u201e" in text else set()
    while at < len(text):
        character = text[at]
        if at in closing:
            yield at, at + 1, '"', False
            at += 1
            continue
        if at in inner:
            at += 1
            continue
        if plain := _PLAIN_RUN.match(text, at):
            end = at + 1 if inner else plain.end()
            yield at, end, text[at:end], False
            at = end
            continue
        meant, length = _decode(text, at)
        if hyphen := _HYPHEN_AT_LINE_END.match(text, at):
            length = len(hyphen[0])
        elif length:
            yield at, at + length, _plain(meant), True
        elif character == "\r":
            length = 2 if text[at + 1 : at + 2] == "\n" else 1
            yield at, at + length, "\n", False
        elif text[at : at + 2] in _TWO_MARKS and character not in (text[at - 1 : at], text[at + 2 : at + 3]):
            length = 2
            yield at, at + length, '"', False
        else:
            length = 1
            if not (invisible(character) and character not in _LINE_ENDS) and not has_no_effect(text, at):
                yield at, at + 1, _plain(character), character == _REPLACEMENT
        at += length


def _plain(character: str) -> str:
    if character in _LINE_ENDS:
        return "\n"
    if character in _SPACE:
        return " "
    if (
        "\ufb00" <= character <= "\ufb06"
        or "\uff01" <= character <= "\uff5e"
        or "\U0001d400" <= character <= "\U0001d7ff"
    ):
        return unicodedata.normalize("NFKC", character).translate(_REPLACED)
    return character.translate(_REPLACED)


def _decode(text: str, at: int) -> tuple[str, int]:
    """Return the character that UTF-8 bytes read as Windows-1252 stand for, and how many characters they are, else ("", 0)."""
    lead = _BYTE_OF.get(text[at])
    length = next((size for first, last, size in _LEAD_LENGTHS if lead is not None and first <= lead <= last), 0)
    if lead is None or not length:
        return "", 0
    rest = [_BYTE_OF.get(character, 0) for character in text[at + 1 : at + length]]
    if len(rest) == length - 1 and all(0x80 <= byte <= 0xBF for byte in rest):
        meant = bytes([lead, *rest]).decode("utf-8", "ignore")
        # Other pairs may be meant as they stand, such as a capital É before a closing French quotation mark.
        if meant and (meant <= "\u017f" or "\u2010" <= meant <= "\u2122" or length == 4):
            return meant, length
    if text.startswith(_LOST_QUOTE, at):
        return "\u201d", len(_LOST_QUOTE)
    return "", 0


def _fold_lookalikes(text: str) -> tuple[str, tuple[tuple[int, int], ...]]:
    """Return the text of the same length with look-alike letters as Latin ones in words that are meant as Latin."""
    others = set(_OTHER_ALPHABET.findall(text))
    if not others:
        return text, ()
    # A text that uses the other alphabet in earnest also has letters of it that look like none of ours.
    only_lookalikes = others <= LATIN_LOOKALIKES.keys()
    table = str.maketrans(LATIN_LOOKALIKES)
    places: list[tuple[int, int]] = []
    parts: list[str] = []
    done = 0
    for word in _WORD.finditer(text):
        letters = set(_OTHER_ALPHABET.findall(word[0]))
        mixed = any(character <= "\u024f" for character in word[0])
        if letters and letters <= LATIN_LOOKALIKES.keys() and (mixed or only_lookalikes):
            places.append(word.span())
            parts += [text[done : word.start()], word[0].translate(table)]
            done = word.end()
    return "".join((*parts, text[done:])), tuple(places)
