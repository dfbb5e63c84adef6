"""Leak filter: remove words from an answer that leak our rules, copy the essay, or obey an order in the essay.

Texts are compared as bare letters, so that case, spacing, look-alike letters and invisible characters hide nothing. The essay
is compared as it is, reversed, decoded by rot13, decoded from leet, and with its encoded passages decoded. Three words in a
row from a passage that seems to address the AI (prompt injection) are a copy. From anywhere else it takes eight words,
because feedback quotes the essay.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from functools import lru_cache

from workers.injection.decoding import disguises, letters, passages
from workers.injection.detector import suspicious_passages
from workers.text.kept_briefly import kept_briefly

# At least so many words and letters in a row that are equal to the essay or the rules are a copy, not a coincidence.
COPIED_WORDS, COPIED_LETTERS = 8, 20
# The same for a passage that addresses the AI.
ORDERED_WORDS, ORDERED_LETTERS = 3, 10
# A whole sentence of an answer, at least so long, that the essay also holds was dictated by the essay.
DICTATED_WORDS, DICTATED_LETTERS = 3, 10
_MARKER_PART = 12  # hex digits of the prompt's marker that show a leak of the prompt
_MIN_OWN_WORDS = 4  # a text with fewer words of its own left is dropped

# In scripts without spaces, two characters count as one word.
_UNIT = re.compile(
    r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]{1,2}|"
    r"[^\W\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]+"
)
_SENTENCE = re.compile(r"[^.!?:;。！？\n]+")
_CODE_WORD = re.compile(r"(?=\w*\d)(?=\w*[^\W\d_])\w{6,}|[^\W\d_a-z]{6,}|\w+_\w+")

Units = list[re.Match[str]]


class LeakFilter:
    """Finds what one essay or our rules put into a model's texts. Make one per answer and use it for every text of it."""

    def __init__(self, *, title: str, text: str, marker: str, rules: str) -> None:
        self._marker = marker
        self._essay = _disguised_essay(title, text)
        self._rules = _disguised_rules(rules)
        self._orders = _disguised_orders(title, text)

    @property
    def suspected(self) -> bool:
        """Return whether the essay seems to address the AI."""
        return bool(self._orders)

    def redact(self, text: str) -> str:
        """Return the text with each copy replaced by an ellipsis, or an empty string when too little else is left."""
        if self._leaks_marker(text):
            return ""
        units = list(_UNIT.finditer(text))
        copied = self._copied_units(text, units)
        if not copied:
            return text
        if len(units) - len(copied) < _MIN_OWN_WORDS:
            return ""
        kept: list[str] = []
        end = 0
        for index, unit in enumerate(units):
            if index not in copied:
                kept.append(text[end : unit.end()])
            elif index - 1 not in copied:
                kept.append(text[end : unit.start()] + "…")
            end = unit.end()
        return "".join(kept) + text[end:]

    def has_leak(self, text: str) -> bool:
        """Return whether the text holds our rules, the marker, or an order from the essay. Other words of the essay are allowed."""
        units = list(_UNIT.finditer(text))
        return self._leaks_marker(text) or bool(
            _copied_runs(units, self._rules, words=COPIED_WORDS, min_letters=COPIED_LETTERS)
            or self._ordered_units(units)
        )

    def _leaks_marker(self, text: str) -> bool:
        # The marker is only in the prompt, so an answer that holds a part of it leaks the prompt.
        digits = re.sub(r"[^0-9a-f]", "", text.casefold())
        readings = (digits, digits[::-1])
        parts = (self._marker[at : at + _MARKER_PART] for at in range(len(self._marker) - _MARKER_PART + 1))
        return len(digits) >= _MARKER_PART and any(part in reading for part in parts for reading in readings)

    def _copied_units(self, text: str, units: Units) -> set[int]:
        copied = _copied_runs(units, self._essay + "\0" + self._rules, words=COPIED_WORDS, min_letters=COPIED_LETTERS)
        copied |= self._ordered_units(units)
        starts = [unit.start() for unit in units]
        for sentence in _SENTENCE.finditer(text):
            inside = range(bisect_left(starts, sentence.start()), bisect_left(starts, sentence.end()))
            sentence_letters = letters(sentence[0])
            if (
                len(inside) >= DICTATED_WORDS
                and len(sentence_letters) >= DICTATED_LETTERS
                and sentence_letters in self._essay
            ):
                copied.update(inside)
        return copied

    def _ordered_units(self, units: Units) -> set[int]:
        if not self._orders:
            return set()
        found = _copied_runs(units, self._orders, words=ORDERED_WORDS, min_letters=ORDERED_LETTERS)
        for at, unit in enumerate(units):
            if _CODE_WORD.fullmatch(unit[0]) and letters(unit[0]) in self._orders:
                found.add(at)
        return found


@kept_briefly()
def _disguised_essay(title: str, text: str) -> str:
    return "\0".join((*disguises(title), *disguises(text), *_decoded_passages(text)))


@kept_briefly()
def _disguised_orders(title: str, text: str) -> str:
    # An ordinary title is only words. One that is an order is among the sentences that the detector finds.
    orders = suspicious_passages(title, text)
    return "\0".join(disguises(orders)) if orders else ""


def _decoded_passages(text: str) -> list[str]:
    return [letters(decoded) for *_, decoded in passages(text)]


@lru_cache(maxsize=1)
def _disguised_rules(rules: str) -> str:
    return "\0".join(disguises(rules))


@lru_cache(maxsize=4096)
def _letters(word: str) -> str:
    return letters(word)


def _copied_runs(units: Units, known: str, *, words: int, min_letters: int) -> set[int]:
    """Return the indexes of all units in runs that `known` holds.

    A run has at least `words` units and `min_letters` letters in a row.
    """
    folded = [_letters(unit[0]) for unit in units]
    checked: dict[str, bool] = {}
    copied: set[int] = set()
    for first in range(len(folded)):
        last, size = first, 0
        while last < len(folded) and (last - first < words or size < min_letters):
            size += len(folded[last])
            last += 1
        if last - first < words or size < min_letters:
            break
        run = "".join(folded[first:last])
        if run not in checked:
            checked[run] = run in known
        if checked[run]:
            copied.update(range(first, last))
    return copied
