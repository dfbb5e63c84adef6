"""The skeleton of a text: the letters that a reader takes in, with the way back to the stored text.

It goes further than `folding`: accents, forms of one letter and everything without ink disappear, so that a word can be found
however it is written. `as_latin` also takes letters of other alphabets for the Latin ones that they look like.
"""

from __future__ import annotations

import re
import unicodedata
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from workers.text.folding import LATIN_LOOKALIKES, fold
from workers.text.invisible_characters import invisible

_SPLIT_WORD = re.compile(r"(?<=[^\W\d_])-[ \t]{0,8}+\n[ \t]{0,8}+(?=[^\W\d_])")
# Every character but those that `_PLAIN` leaves as they are.
_TO_CHANGE = re.compile("[^ -_a-~\n]")
_TO_CHANGE_OR_JOIN = re.compile(f"(?P<split>{_SPLIT_WORD.pattern})|{_TO_CHANGE.pattern}")
# Scripts that put no spaces around names.
UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3\uf900-\ufaff\U00020000-\U0003ffff"
)
_NO_LETTER = re.compile(r"[\W_]+")
_UNSPACED = re.compile(f"[{UNSPACED}]")
_HAS_INVISIBLE = re.compile("[^\x20-\x7e\n\t]")

# Letters that Unicode does not take apart.
_PLAIN_LETTERS = {
    **dict(
        zip(
            "øØłŁđĐħĦıðÐŧŦɑɡɩɪʟʀɴʏʜɢʙᴀᴄᴅᴇᴊᴋᴍᴏᴘᴛᴜᴠᴡᴢꜱƙƴɓɗςىةكیک",
            "oOlLdDhHidDtTagiilrnyhgbacdejkmoptuvwzskybdσيهكيك",
            strict=True,
        )
    ),
    **dict(zip("ךםןףץ", "כמנפצ", strict=True)),
    "æ": "ae",
    "Æ": "AE",
    "œ": "oe",
    "Œ": "OE",
    "ß": "ss",
    "ẞ": "SS",
    "þ": "th",
    "Þ": "TH",
    "ـ": "",
    **dict.fromkeys("ʼʻʹʽˈ’‘`´", "'"),
}
_LETTER_SIGNS = ((0x1F150, "A"), (0x1F170, "A"), (0x1F1E6, "A"))

# What looks like a Latin letter in print, beyond the letters that `folding` takes for Latin in every text.
_LOOKALIKES = {
    **LATIN_LOOKALIKES,
    **dict(zip("вкмнтгпиьӏӀҮүԌօոսհցգՍՕΥηκτυχωγβεμσϲζ", "bkmhtrnublIYyGonuhcqUOYnktuxwybeuocz", strict=True)),
    **dict(zip("ᎪᏴᏟᎠᎬᏀᎻᎥᎫᏦᏞᎷᏃᎾᏢᎡᏚᎢᏙᎳᎩᏃ", "ABCDEGHiJKLMZOPRSTVWYZ", strict=True)),
}
# Some Greek letters look like one Latin letter when they are small and like another one when they are capital.
_TABLES = (str.maketrans(_LOOKALIKES), str.maketrans({**_LOOKALIKES, **dict(zip("ημνυ", "hmny", strict=True))}))
_LOOKALIKE = re.compile(f"[{''.join(_LOOKALIKES)}]")
_TWO_LOOKS = re.compile("[ημνυΗΜΝΥ]")
_AS_LETTERS = str.maketrans("0134579$@|lL", "oieasigsaiiI")
_MIXED_WITH_DIGITS = re.compile(r"[^\W\d_][0-9$@|]|[0-9$@|][^\W\d_]")


@dataclass(frozen=True, kw_only=True)
class Skeleton:
    """A skeleton. `starts` and `ends` hold, for each of its characters, offsets in the stored text; `lower` is as long."""

    text: str
    lower: str
    starts: Sequence[int]
    ends: Sequence[int]

    @cached_property
    def letters(self) -> str:
        """Only the letters and digits, in small letters."""
        return _NO_LETTER.sub("", self.lower)

    @cached_property
    def letter_places(self) -> list[int]:
        """The offset in the skeleton of each of `letters`."""
        return [at for at, char in enumerate(self.lower) if char.isalnum()]

    def place(self, start: int, end: int) -> tuple[int, int]:
        """Return the offsets in the stored text of a part that is not empty."""
        return self.starts[start], self.ends[end - 1]

    def as_latin(self) -> tuple[Skeleton, ...]:
        """Return the skeleton with look-alike letters as Latin ones, once for each table of `looks_latin` that is of use."""
        if not _LOOKALIKE.search(self.text):
            return ()
        return tuple(map(self._translated, _TABLES if _TWO_LOOKS.search(self.text) else _TABLES[:1]))

    def as_letters(self) -> Skeleton | None:
        """Return the skeleton with digits as the letters that they look like, or None where none stands beside a letter."""
        return self._translated(_AS_LETTERS) if _MIXED_WITH_DIGITS.search(self.text) else None

    def _translated(self, table: dict[int, int] | dict[int, str]) -> Skeleton:
        text = self.text.translate(table)
        return Skeleton(text=text, lower=lower_keeping_length(text), starts=self.starts, ends=self.ends)


def looks_latin(folded: str, table: int = 0) -> str:
    """Return letters of a skeleton with look-alike letters as Latin ones."""
    return folded.translate(_TABLES[table])


def is_small(char: str) -> bool:
    """Return whether it is a small letter of a script in which names begin with a capital. Georgian is no such script."""
    return char.islower() and char.title() != char


def looks_lettered(folded: str) -> str:
    """Return letters of a skeleton in the form that `as_letters` gives them."""
    return folded.translate(_AS_LETTERS)


def is_unspaced_script(text: str) -> bool:
    """Return whether the text is in a script that puts no spaces around names, such as Chinese, Korean or Thai."""
    return _UNSPACED.search(text) is not None


def skeleton(text: str, *, gaps: bool = False) -> Skeleton:
    """Return the skeleton of a text. With `gaps`, an invisible character is a space: it may separate two words."""
    if text.isascii() and text.isprintable():
        return Skeleton(text=text, lower=text.lower(), starts=range(len(text)), ends=range(1, len(text) + 1))
    folded = None if gaps else fold(text, keeps_alphabets=True)
    shown = text if folded is None else folded.text
    if shown is text and text.isascii() and (gaps or not _SPLIT_WORD.search(shown)):
        return Skeleton(text=text, lower=text.lower(), starts=range(len(text)), ends=range(1, len(text) + 1))
    shown_starts, shown_ends = (
        (range(len(text)), range(1, len(text) + 1)) if folded is None else (folded.starts, folded.ends)
    )
    characters: list[str] = []
    starts, ends = array("I"), array("I")
    done = 0
    for found in (_TO_CHANGE if gaps else _TO_CHANGE_OR_JOIN).finditer(shown):
        at = found.start()
        characters.append(shown[done:at])
        starts.extend(shown_starts[done:at])
        ends.extend(shown_ends[done:at])
        done = found.end()
        if found.lastgroup == "split":
            continue
        char, start, end = found[0], shown_starts[at], shown_ends[at]
        plain = _PLAIN[char]
        if gaps and not plain and not _is_mark(char):
            plain = " "
        if not plain and ends and _is_mark(char):
            ends[-1] = max(ends[-1], end)  # a mark belongs to the letter before it
        for one in plain:
            characters.append(one)
            starts.append(start)
            ends.append(end)
    characters.append(shown[done:])
    starts.extend(shown_starts[done:])
    ends.extend(shown_ends[done:])
    whole = "".join(characters)
    return Skeleton(text=whole, lower=lower_keeping_length(whole), starts=starts, ends=ends)


def has_invisible(text: str) -> bool:
    """Return whether the text holds a character that is dropped from a skeleton and is no accent."""
    return any(not _PLAIN[char] and not _is_mark(char) for char in set(_HAS_INVISIBLE.findall(text)))


def lower_keeping_length(text: str) -> str:
    """Return the text in small letters, changed character by character and never in length, so that offsets stay valid."""
    lowered = text.lower()
    if text.isascii() or (len(lowered) == len(text) and "Σ" not in text):
        return lowered
    return "".join(low if len(low := char.lower()) == 1 else char for char in text)


def _is_mark(char: str) -> bool:
    return unicodedata.category(char)[0] == "M"


class _Plain(dict[str, str]):
    """The plain form of each character, worked out when it is first asked for."""

    def __missing__(self, char: str) -> str:
        self[char] = found = _plain(char)
        return found


def _plain(char: str) -> str:
    if char in _PLAIN_LETTERS:
        return _PLAIN_LETTERS[char]
    if char.isspace():
        return "\n" if char in "\n\r\x85\u2028\u2029" else " "
    category = unicodedata.category(char)
    if category in ("Mn", "Me", "Cn") or invisible(char) or category in ("Cf", "Cc") or char in "\u115f\u1160":
        return ""
    if category == "Mc":
        # A vowel sign becomes its letter, because it is part of a word and would otherwise end it.
        name = unicodedata.name(char, "").replace("VOWEL SIGN", "LETTER")
        try:
            return unicodedata.lookup(name)
        except KeyError:
            return ""
    if char.isdecimal():
        return str(unicodedata.decimal(char))
    for first, letter in _LETTER_SIGNS:
        if first <= ord(char) < first + 26:
            return chr(ord(letter) + ord(char) - first)
    if _UNSPACED.match(char) or "\u1100" <= char <= "\u11ff":
        return unicodedata.normalize("NFC", char)
    parts = unicodedata.normalize("NFKD", char)
    kept = "".join(_PLAIN_LETTERS.get(one, one) for one in parts if not _is_mark(one))
    return unicodedata.normalize("NFC", kept) if _UNSPACED.search(kept) else kept


_PLAIN = _Plain()
