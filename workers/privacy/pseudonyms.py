"""Pseudonyms for masking: a word as long as the real one and of the same shape, but unrelated to it."""

from __future__ import annotations

import hashlib
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import count

from workers.text.skeleton import is_unspaced_script

TRIES = 400

_CONSONANTS = "bdfgklmnprstvz"
_VOWELS = "aiou"
# Characters for pseudonyms in scripts without capitals and spaces: Chinese and Japanese, and Korean.
_HAN_CHARACTERS = "甲乙丙丁戊己庚辛壬癸子丑寅卯辰巳午未申酉戌亥"
_HANGUL_SYLLABLES = "가나다라마바사아자차카타파하"
# The first letters that a vowel sign may follow, in the scripts of South-East Asia.
_FIRST_LETTERS = {0x0E00: "กขคงจชซดตถทนบปผพมยรลวสหอ", 0x0E80: "ກຂຄງຈຊດຕຖທນບປຜພມຢລວສຫອ", 0x1000: "ကခဂစဆဇတထဒနပဖဗမယရလဝသဟ",
                  0x1780: "កខគងចឆដតថនបផមយរលវសហអ"}  # fmt: skip


def fold(text: str) -> str:
    """Return the text in the form in which names are compared: without accents, invisible characters and case."""
    if text.isascii():
        return text.lower()
    return _without_marks(_without_marks(text).upper().casefold())


def _without_marks(text: str) -> str:
    return "".join(
        char for char in unicodedata.normalize("NFKD", text) if unicodedata.category(char) not in ("Mn", "Cf")
    )


class Pseudonyms:
    """Makes the pseudonyms for one request.

    A pseudonym depends only on the length and shape of the word and on how many were made before, never on the word itself.
    So nobody who reads it can find the word by trying candidates.
    """

    def __init__(self, taken: Callable[[str], bool]) -> None:
        self._is_taken = taken
        self._tries: Counter[tuple[str, int]] = Counter()

    def name(self, word: str) -> str:
        """Return a lower-case name as long as the word that is not taken.

        After TRIES attempts it returns a name that is taken, because there may be no free one of that length.
        """
        if not is_unspaced_script(word):
            length = len(word)
            return self._first_free(
                "name", length, lambda index, number: _pronounceable_letter(index, number, length=length)
            )
        characters = _characters_like(word)
        return self._first_free(characters, len(word), lambda _, number: characters[number % len(characters)])

    def scrambled(self, word: str, *, until: int | None = None) -> str:
        """Return the word with other letters and digits before the index `until`. All other characters stay the same."""
        end = len(word) if until is None else until
        shape = "".join("0" if char.isdecimal() else "a" if char.isalpha() else char for char in word)
        return self._first_free(
            shape, len(word), lambda index, number: _replace_char(word[index], number) if index < end else word[index]
        )

    def _first_free(self, kind: str, length: int, letter: Callable[[int, int], str]) -> str:
        for _ in range(TRIES):
            self._tries[kind, length] += 1
            numbers = _pseudo_random_bytes(f"{length}|{self._tries[kind, length]}")
            word = "".join(letter(index, next(numbers)) for index in range(length))
            if not self._is_taken(word):
                break
        return word


def _characters_like(word: str) -> str:
    if any("\uac00" <= char <= "\ud7a3" for char in word):
        return _HANGUL_SYLLABLES
    return next(
        (letters for first, letters in _FIRST_LETTERS.items() if first <= ord(word[0]) < first + 128), _HAN_CHARACTERS
    )


def _pronounceable_letter(index: int, number: int, *, length: int) -> str:
    """Return one letter of a pronounceable name whose last letter rarely ends a word, so that the name is hardly ever a word."""
    letters = _VOWELS if index % 2 else _CONSONANTS
    if index == length - 1 and length > 2:
        letters = "u" if index % 2 else "fkvz"
    return letters[number % len(letters)]


def _replace_char(char: str, number: int) -> str:
    if char.isdecimal():
        # The ten digits of a script have consecutive code points.
        return chr(ord(char) - unicodedata.decimal(char) + number % 10)
    if char.isalpha():
        letter = (_CONSONANTS + _VOWELS)[number % (len(_CONSONANTS) + len(_VOWELS))]
        return letter.upper() if char.isupper() else letter
    # A combining mark would change the letter before it, so replace the mark by a letter too.
    return "o" if unicodedata.category(char)[0] == "M" else char


def _pseudo_random_bytes(seed: str) -> Iterator[int]:
    for block in count():
        yield from hashlib.sha256(f"{seed}|{block}".encode()).digest()
