"""The names of a roster, prepared for searching a text: parts, pairs of parts, and their joined forms."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate, permutations

from workers.privacy.endings import stems
from workers.text.skeleton import UNSPACED, Skeleton, has_invisible, is_small, is_unspaced_script, skeleton

# Two letters may be a name (Bo, Li, Al), but not these: they are common words.
COMMON_SHORT_WORDS = frozenset(
    "ad ah ai am an as at be by do eh er go ha he hi ho id if in is it la le lo ma me my no of oh ok on or ox pa so to tv uk un"
    " up us we ye da de du el en es et il im ja je ob se si te tu um va wo zu".split()
)
# A word is of one script: a name may stand in a text without spaces. Digits and apostrophes end it.
WORD = re.compile(rf"[{UNSPACED}]+|[^\W\d_{UNSPACED}]+")
_MOST_PARTS = 5  # of one name whose pairs are joined
_MIN_JOINED = 4
_CHARACTERS_FOR_A_WORD = 8  # of a text can be cut into beginnings in the time in which it can be searched for one word
_MIN_UNSPACED = 2
_MIN_UNSPACED_LETTERS = 3  # in the scripts that have letters: Thai, Lao, Khmer, Burmese
_SPELLED = {
    "ä": "ae",
    "ö": "oe",
    "ü": "ue",
    "ø": "oe",
    "å": "aa",
    "Ä": "Ae",
    "Ö": "Oe",
    "Ü": "Ue",
    "Ø": "Oe",
    "Å": "Aa",
}
_SPELLED_OUT = str.maketrans(_SPELLED)


class Beginnings:
    """Words by their first letters. It is quick to see which of many words a text can hold at all.

    No word may be shorter than `letters`.
    """

    def __init__(self, words: Iterable[str], *, letters: int) -> None:
        self._all = tuple(words)
        self._letters = letters
        self._words: dict[str, list[str]] = {}
        for word in self._all:
            self._words.setdefault(word[:letters], []).append(word)

    def possible_in(self, text: str) -> Iterator[str]:
        """Yield, in no order, the words whose first letters stand somewhere in the text."""
        if len(self._all) * _CHARACTERS_FOR_A_WORD < len(text):
            yield from self._all  # to look for each of them is quicker
        elif len(text) >= self._letters:
            last = len(text) - self._letters + 1
            beginnings = {text[at : at + self._letters] for at in range(last)}
            for beginning in self._words.keys() & beginnings:
                yield from self._words[beginning]


@dataclass(kw_only=True)
class NameIndex:
    """The names of a roster in the form of skeletons. Add all names before the first search.

    `partners` holds, for each part of a name, the other parts of the same names. `joined` holds names written as one word,
    with the offsets at which their parts meet, and `initialled` holds parts with an initial before or behind them.
    """

    parts: set[str] = field(default_factory=set)
    stems: set[str] = field(default_factory=set)
    partners: dict[str, set[str]] = field(default_factory=dict)
    joined: dict[str, set[int]] = field(default_factory=dict)
    initialled: set[str] = field(default_factory=set)
    unspaced: set[str] = field(default_factory=set)

    def add(self, name: str) -> None:
        """Add the name of a person."""
        for form in {name, name.translate(_SPELLED_OUT)}:
            self._add_form(form)

    def add_words(self, words: Sequence[str]) -> None:
        """Add the words of a name or of an e-mail address as pairs only: none of them is a name by itself."""
        known = [word for word in words if _is_significant(word)]
        self._add_pairs(dict.fromkeys(known[:_MOST_PARTS]))
        if len(words) > 1 and not all(word in COMMON_SHORT_WORDS for word in words):
            self._add_joined(words)

    def mapped(self, change: Callable[[str], str]) -> NameIndex:
        """Return the index of the names with other letters."""
        return NameIndex(
            parts=set(map(change, self.parts)),
            stems=set(map(change, self.stems)),
            partners={change(part): set(map(change, others)) for part, others in self.partners.items()},
            joined={change(name): cuts for name, cuts in self.joined.items()},
            initialled=set(map(change, self.initialled)),
            unspaced=self.unspaced,
        )

    @cached_property
    def joined_by_start(self) -> Beginnings:
        """The names written as one word, by how they begin."""
        return Beginnings(self.joined, letters=_MIN_JOINED)

    @cached_property
    def unspaced_by_start(self) -> Beginnings:
        """The names in scripts without spaces, by how they begin."""
        return Beginnings(self.unspaced, letters=_MIN_UNSPACED)

    @cached_property
    def single_words(self) -> tuple[set[str], list[int]]:
        """The parts and the names in scripts without spaces, and the lengths of those that may be spelled out."""
        names = self.parts | self.unspaced
        return names, sorted({len(name) for name in names if len(name) > 2 or name in self.unspaced}, reverse=True)

    def _add_form(self, name: str) -> None:
        groups = name.split()
        if is_unspaced_script(name):
            self._add_unspaced(groups)
        groups = [group for group in groups if not is_unspaced_script(group)]
        shown = [skeleton(group) for group in groups]
        words = [word for group in shown for word in _words(group)]
        capitals = any(word[0].isupper() for word in words)
        apart = [word for group in groups if has_invisible(group) for word in _words(skeleton(group, gaps=True))]
        for word in (*words, *apart):
            # In a name with capitals, a small `von` or `de la` is no name by itself.
            if not (capitals and is_small(word[0])):
                self._add_part(word.lower())
        for group in shown:
            lowered = [word.lower() for word in _words(group)]
            if len(lowered) > 1:
                self._add_part("".join(lowered))
                self.add_words(lowered)
        self.add_words([word.lower() for word in words])

    def _add_unspaced(self, groups: list[str]) -> None:
        # A family name of one character occurs in many words, so it is not masked alone. A given name of two is often used alone.
        han = any("\u3040" <= char <= "\ud7a3" for group in groups for char in group)
        names = ["".join(groups), *groups, *(group[1:] for group in groups if han and len(group) == 3)]
        for name in names:
            for form in ("NFC", "NFD"):
                shown = skeleton(unicodedata.normalize(form, name)).lower
                if len(shown) >= (_MIN_UNSPACED if han else _MIN_UNSPACED_LETTERS):
                    self.unspaced.add(shown)

    def _add_part(self, part: str) -> None:
        if _is_significant(part):
            self.parts.add(part)
            self.stems.update(stems(part))

    def _add_pairs(self, known: Iterable[str]) -> None:
        for one, other in permutations(known, 2):
            self.partners.setdefault(one, set()).add(other)
            self._add_joined((one, other))
            self.initialled |= {one[0] + other, other + one[0]}

    def _add_joined(self, words: Sequence[str]) -> None:
        if sum(map(len, words)) >= _MIN_JOINED:
            self.joined.setdefault("".join(words), set()).update(accumulate(map(len, words[:-1])))


def _is_significant(part: str) -> bool:
    return len(part) >= 3 or (len(part) == 2 and part not in COMMON_SHORT_WORDS)


def _words(shown: Skeleton) -> list[str]:
    return WORD.findall(shown.text)
