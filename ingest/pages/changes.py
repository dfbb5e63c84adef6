"""What changed between two drafts: the sentence that a comment was about, beside what stands there now."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cached_property
from itertools import accumulate, pairwise

_SENTENCE_END = re.compile(r"[.!?…]+[\"'”’)\]]*\s+|\n+")
_WORD = re.compile(r"\w+|\s+|[^\w\s]")
# Comparing word by word takes a time that grows with the square. A longer change counts as one change.
MAX_WORDS = 600


@dataclass(frozen=True)
class Change:
    """A passage of the earlier draft in its sentence, and the words that stand in that place in the later draft."""

    before: str
    after: str

    @property
    def is_same(self) -> bool:
        """Return whether nothing changed there."""
        return self.before.split() == self.after.split()


class Comparison:
    """Two drafts, compared word by word."""

    def __init__(self, before: str, after: str) -> None:
        """Compare these texts when the first passage is asked for."""
        self._before = before
        self._after = after

    def at(self, start: int, end: int) -> Change:
        """Return the sentence around these code points of the earlier draft, and what became of it."""
        left, right = self._sentence(start, end)
        new_left, new_right = self._moved(left), self._moved(right)
        return Change(self._before[left:right].strip(), self._after[new_left : max(new_left, new_right)].strip())

    def _sentence(self, start: int, end: int) -> tuple[int, int]:
        ends = [0, *(one.end() for one in _SENTENCE_END.finditer(self._before)), len(self._before)]
        left = max(place for place in ends if place <= start)
        return left, min(place for place in ends if place >= end)

    def _moved(self, place: int) -> int:
        """Return where a place of the earlier draft is in the later one; a place inside a change is at the end of the change."""
        for left, right, new_left, new_right in self._stretches:
            if place <= left:
                return new_left
            if place < right:
                is_equal = self._before[left:right] == self._after[new_left:new_right]
                return new_left + place - left if is_equal else new_right
        return len(self._after)

    @cached_property
    def _stretches(self) -> list[tuple[int, int, int, int]]:
        """Return the stretches of the two drafts that belong together, in code points: sentences first, then words."""
        found = []
        for left, right, new_left, new_right in _align(_sentences(self._before), _sentences(self._after)):
            old, new = _words(self._before[left:right]), _words(self._after[new_left:new_right])
            if self._before[left:right] == self._after[new_left:new_right] or max(len(old), len(new)) > MAX_WORDS:
                found.append((left, right, new_left, new_right))
            else:
                inside = _align(old, new)
                found += [(left + a, left + b, new_left + c, new_left + d) for a, b, c, d in inside]
        return found


def _align(old: list[str], new: list[str]) -> list[tuple[int, int, int, int]]:
    """Return the stretches of two lists of texts that belong together, in code points of the joined texts."""
    old_at, new_at = [0, *accumulate(map(len, old))], [0, *accumulate(map(len, new))]
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    return [(old_at[a], old_at[b], new_at[c], new_at[d]) for _, a, b, c, d in matcher.get_opcodes()]


def _sentences(text: str) -> list[str]:
    ends = [0, *(one.end() for one in _SENTENCE_END.finditer(text)), len(text)]
    return [text[left:right] for left, right in pairwise(ends) if left < right]


def _words(text: str) -> list[str]:
    return _WORD.findall(text)
