"""Words in an answer that are not the model's own: copied from the essay, from our rules, or said on the essay's order.

Everything is compared as bare letters, so that case, spacing, look-alike letters and invisible characters hide nothing, and
against the essay as it stands, backwards, by rot13, in leet and decoded. Where the essay seems to speak to a machine, three
words in a row from there are a copy; anywhere else it takes eight, because feedback quotes.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from functools import lru_cache

from workers.injection.decoding import disguises, letters, passages
from workers.injection.detector import spoken

COPIED_WORDS, COPIED_LETTERS = 8, 20  # so much in a row, equal to the essay's or the rules', is no coincidence
ORDERED_WORDS, ORDERED_LETTERS = 3, 10  # the same, of a passage that speaks to a machine
DICTATED_WORDS, DICTATED_LETTERS = (
    3,
    10,
)  # a whole sentence of at least so much that stands in the essay was dictated by it
_MARKER_PART = 12
_LEFT = 4  # with fewer words of its own left, nothing was said

# Scripts without spaces: two characters count as one word.
_UNIT = re.compile(
    r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]{1,2}|"
    r"[^\W\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]+"
)
_SENTENCE = re.compile(r"[^.!?:;。！？\n]+")
_CODE = re.compile(r"(?=\w*\d)(?=\w*[^\W\d_])\w{6,}|[^\W\d_a-z]{6,}|\w+_\w+")

Units = list[re.Match[str]]


class LeakFilter:
    """What one essay could make a model say, ready to be looked for in each thing the model said."""

    def __init__(self, *, title: str, text: str, marker: str, rules: str) -> None:
        self._marker = marker
        essay = [*disguises(title), *disguises(text), *_meanings(text)]
        self._essay = "\0".join(essay)
        self._rules = _disguised_rules(rules)
        ordered = spoken(title, text)
        # A title that is an order is told by the detector; an ordinary one is only words.
        self._ordered = "\0".join(disguises(ordered)) if ordered else ""

    @property
    def suspected(self) -> bool:
        """Whether the essay seems to speak to a machine."""
        return bool(self._ordered)

    def without(self, text: str) -> str:
        """Return the text with each copy as an ellipsis, or nothing if little else is left."""
        if self._recites(text):
            return ""
        units = list(_UNIT.finditer(text))
        copied = self._copied(text, units)
        if not copied:
            return text
        if len(units) - len(copied) < _LEFT:
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

    def foreign(self, text: str) -> bool:
        """Return whether the text holds our rules, the marker, or what the essay orders; the essay's other words are welcome."""
        units = list(_UNIT.finditer(text))
        return self._recites(text) or bool(
            _runs(units, self._rules, words=COPIED_WORDS, least=COPIED_LETTERS) or self._obeyed(units)
        )

    def _recites(self, text: str) -> bool:
        # The marker is known to nobody but the prompt: an answer that carries a part of it recites the prompt.
        digits = re.sub(r"[^0-9a-f]", "", text.casefold())
        ways = (digits, digits[::-1])
        parts = (self._marker[at : at + _MARKER_PART] for at in range(len(self._marker) - _MARKER_PART + 1))
        return len(digits) >= _MARKER_PART and any(part in way for part in parts for way in ways)

    def _copied(self, text: str, units: Units) -> set[int]:
        copied = _runs(units, self._essay + "\0" + self._rules, words=COPIED_WORDS, least=COPIED_LETTERS)
        copied |= self._obeyed(units)
        starts = [unit.start() for unit in units]
        for sentence in _SENTENCE.finditer(text):
            inside = range(bisect_left(starts, sentence.start()), bisect_left(starts, sentence.end()))
            said = letters(sentence[0])
            if len(inside) >= DICTATED_WORDS and len(said) >= DICTATED_LETTERS and said in self._essay:
                copied.update(inside)
        return copied

    def _obeyed(self, units: Units) -> set[int]:
        if not self._ordered:
            return set()
        found = _runs(units, self._ordered, words=ORDERED_WORDS, least=ORDERED_LETTERS)
        for at, unit in enumerate(units):
            if _CODE.fullmatch(unit[0]) and letters(unit[0]) in self._ordered:
                found.add(at)
        return found


def _meanings(text: str) -> list[str]:
    return [letters(meaning) for *_, meaning in passages(text)]


@lru_cache(maxsize=1)
def _disguised_rules(rules: str) -> str:
    return "\0".join(disguises(rules))


@lru_cache(maxsize=4096)
def _letters(word: str) -> str:
    return letters(word)


def _runs(units: Units, known: str, *, words: int, least: int) -> set[int]:
    """Return the numbers of the units that stand in a row, so many and so long, in what is known."""
    folded = [_letters(unit[0]) for unit in units]
    seen: dict[str, bool] = {}
    copied: set[int] = set()
    for first in range(len(folded)):
        last, size = first, 0
        while last < len(folded) and (last - first < words or size < least):
            size += len(folded[last])
            last += 1
        if last - first < words or size < least:
            break
        run = "".join(folded[first:last])
        if run not in seen:
            seen[run] = run in known
        if seen[run]:
            copied.update(range(first, last))
    return copied
