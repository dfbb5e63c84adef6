"""What stands in for a word that must not leave: as long, of the same shape, and nothing like it."""

from __future__ import annotations

import hashlib
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import count

TRIES = 400

_CONSONANTS = "bdfgklmnprstvz"
_VOWELS = "aiou"
# Scripts without capitals, whose names stand between other letters; each gets neutral signs of its own.
_STEMS = "甲乙丙丁戊己庚辛壬癸子丑寅卯辰巳午未申酉戌亥"
_SYLLABLES = "가나다라마바사아자차카타파하"


def fold(text: str) -> str:
    """Return the text as one compares names: without accents, invisible characters and case."""
    if text.isascii():
        return text.lower()
    return _bare(_bare(text).upper().casefold())


def _bare(text: str) -> str:
    return "".join(
        char for char in unicodedata.normalize("NFKD", text) if unicodedata.category(char) not in ("Mn", "Cf")
    )


def crowded(text: str) -> bool:
    """Return whether the word is in a script that puts no spaces around names (Chinese, Japanese, Korean)."""
    return any(
        "\u3040" <= char <= "\u9fff" or "\uac00" <= char <= "\ud7a3" or "\U00020000" <= char <= "\U0003ffff"
        for char in text
    )


class Pseudonyms:
    """Invents words for one request. What is invented depends on lengths and on how many came before, never on what it
    stands for: nobody who reads it can try out which word it was made from.
    """

    def __init__(self, taken: Callable[[str], bool]) -> None:
        self._taken = taken
        self._tried: Counter[tuple[str, int]] = Counter()

    def name(self, word: str) -> str:
        """Return a small-lettered name as long as the word that is not taken (while there are any of that length)."""
        if not crowded(word):
            length = len(word)
            return self._first_free("name", length, lambda index, number: _spoken(index, number, length=length))
        signs = _SYLLABLES if any("\uac00" <= char <= "\ud7a3" for char in word) else _STEMS
        return self._first_free(signs, len(word), lambda _, number: signs[number % len(signs)])

    def scrambled(self, word: str, *, until: int | None = None) -> str:
        """Return the word with other letters and digits before `until`, and the same signs between them."""
        end = len(word) if until is None else until
        shape = "".join("0" if char.isdecimal() else "a" if char.isalpha() else char for char in word)
        return self._first_free(
            shape, len(word), lambda index, number: _instead(word[index], number) if index < end else word[index]
        )

    def _first_free(self, kind: str, length: int, letter: Callable[[int, int], str]) -> str:
        for _ in range(TRIES):
            self._tried[kind, length] += 1
            numbers = _numbers(f"{length}|{self._tried[kind, length]}")
            word = "".join(letter(index, next(numbers)) for index in range(length))
            if not self._taken(word):
                break
        return word


def _spoken(index: int, number: int, *, length: int) -> str:
    """Return the letter of a name that can be said, and whose end makes it hardly ever a word."""
    letters = _VOWELS if index % 2 else _CONSONANTS
    if index == length - 1 and length > 2:
        letters = "u" if index % 2 else "fkvz"
    return letters[number % len(letters)]


def _instead(char: str, number: int) -> str:
    if char.isdecimal():
        # The same script's digits lie side by side.
        return chr(ord(char) - unicodedata.decimal(char) + number % 10)
    if char.isalpha():
        letter = (_CONSONANTS + _VOWELS)[number % (len(_CONSONANTS) + len(_VOWELS))]
        return letter.upper() if char.isupper() else letter
    # A combining mark on a letter of ours would make another letter of it.
    return "o" if unicodedata.category(char)[0] == "M" else char


def _numbers(seed: str) -> Iterator[int]:
    for block in count():
        yield from hashlib.sha256(f"{seed}|{block}".encode()).digest()
