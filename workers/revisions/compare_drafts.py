"""Two drafts of one essay, sentence by sentence: what stands as it was, what was touched, and what is gone.

Sentences that are the same to the letter belong together wherever they stand. What is left between two of them is paired by
likeness, the likest first. Everything is linear in the length of the drafts, but for the gaps, which are cut to size.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict, deque
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

from workers.passes.anchor import whole
from workers.passes.segmentation import Piece, paragraphs, sentences, words

Offsets = tuple[int, int]
State = Literal["same", "touched", "rewritten", "gone"]

MOST_IN_A_GAP = 40  # sentences of a gap that are compared with each other; the rest are paired in their order
LONGEST_COMPARED = 1_500  # characters of a sentence compared letter by letter


@dataclass(frozen=True, slots=True)
class Trace:
    """What became of a place of the old draft. `at` is where its words stand in the new one, when they still do."""

    state: State
    at: Offsets | None = None


class Drafts:
    """An old and a new text, compared once."""

    def __init__(self, old: str, new: str) -> None:
        self._old, self._new = old, new
        self._before, self._after = _sentences(old), _sentences(new)
        self._starts = [one.start for one in self._before]
        self._same: dict[int, int] = {}
        self._like: dict[int, int] = {}
        self._match_same()
        self._match_like()

    def identical(self) -> bool:
        """Return whether the paragraphs are the same ones in the same order."""
        before, after = ([one.text for one in paragraphs(text)] for text in (self._old, self._new))
        return before == after

    def unchanged(self) -> tuple[Offsets, ...]:
        """Return the places in the new text, in order, of paragraphs that stand in the old one to the letter."""
        known = Counter(one.text for one in paragraphs(self._old))
        found: list[Offsets] = []
        for one in paragraphs(self._new):
            if known[one.text] > 0:
                known[one.text] -= 1
                found.append((one.start, one.end))
        return tuple(found)

    def trace(self, start: int, end: int) -> Trace:
        """Return what became of `old[start:end]`."""
        inside = self._covering(start, end)
        if not inside:
            return self._trace_bare(start, end)
        first = inside[0]
        if first in self._same and all(index in self._same for index in inside):
            at = self._after[self._same[first]].start + start - self._before[first].start
            if self._new[at : at + end - start] == self._old[start:end]:
                return Trace("same", (at, at + end - start))
        traced = [self._trace_in(index, start, end) for index in inside]
        touched = next((one for one in traced if one.state == "touched"), None)
        if touched is not None and len(inside) == 1:
            return touched
        return Trace("gone" if all(one.state == "gone" for one in traced) else "rewritten")

    def _covering(self, start: int, end: int) -> list[int]:
        index = max(0, bisect_right(self._starts, start) - 1)
        found: list[int] = []
        while index < len(self._before) and self._before[index].start < end:
            if self._before[index].end > start:
                found.append(index)
            index += 1
        return found

    def _trace_bare(self, start: int, end: int) -> Trace:
        # No sentence: a wall of emoji, or the space between two sentences. It stands only if it stands once.
        quote = self._old[start:end]
        at = self._new.find(quote)
        if at < 0 or not quote.strip() or self._new.find(quote, at + 1) >= 0:
            return Trace("gone")
        return Trace("same", (at, at + len(quote)))

    def _trace_in(self, index: int, start: int, end: int) -> Trace:
        other = self._same.get(index, self._like.get(index))
        if other is None:
            return Trace("gone")
        old, new = self._before[index], self._after[other]
        if start < old.start or end > old.end or max(len(old.text), len(new.text)) > LONGEST_COMPARED:
            return Trace("rewritten")
        return self._stands(old, new, start - old.start, end - old.start)

    def _stands(self, old: Piece, new: Piece, start: int, end: int) -> Trace:
        for block in SequenceMatcher(None, old.text, new.text, autojunk=False).get_matching_blocks():
            if block.a <= start and end <= block.a + block.size:
                first = new.start + block.b + start - block.a
                last = first + end - start
                return Trace("touched", (first, last)) if self._whole_words(first, last) else Trace("rewritten")
        return Trace("rewritten")

    def _whole_words(self, first: int, last: int) -> bool:
        """Return whether the place cuts no word: `go` is not what stands in `goes`."""
        text = self._new
        cuts = (first, last)
        return all(
            whole(text, at) and not (0 < at < len(text) and text[at - 1].isalnum() and text[at].isalnum())
            for at in cuts
        )

    def _match_same(self) -> None:
        waiting: dict[str, deque[int]] = defaultdict(deque)
        for index, one in enumerate(self._after):
            waiting[_key(one)].append(index)
        for index, one in enumerate(self._before):
            if waiting[_key(one)]:
                self._same[index] = waiting[_key(one)].popleft()

    def _match_like(self) -> None:
        taken = set(self._same.values())
        free = [index for index in range(len(self._after)) if index not in taken]
        at = 0
        gap: list[int] = []
        for index in range(len(self._before) + 1):
            if index < len(self._before) and index not in self._same:
                gap.append(index)
                continue
            end = self._same[index] if index < len(self._before) else len(self._after)
            room: list[int] = []
            # A sentence that moved ahead leaves its gap to the next one.
            while at < len(free) and free[at] < end:
                room.append(free[at])
                at += 1
            if gap:
                self._pair(gap, room)
            gap = []

    def _pair(self, gap: list[int], room: list[int]) -> None:
        near = range(min(len(gap), MOST_IN_A_GAP))
        profiles = {index: _profile(self._after[index]) for index in room[:MOST_IN_A_GAP]}
        scored = sorted(
            (-_likeness(_profile(self._before[gap[k]]), profile), gap[k], other)
            for k in near
            for other, profile in profiles.items()
        )
        left = set(room)
        for _, index, other in scored:
            if index not in self._like and other in left:
                self._like[index] = other
                left.discard(other)
        rest = [index for index in gap if index not in self._like]
        self._like.update(zip(rest, sorted(left), strict=False))


def _sentences(text: str) -> list[Piece]:
    return [one for part in paragraphs(text) for one in sentences(part.text, start=part.start)]


def _key(piece: Piece) -> str:
    return " ".join(piece.text.split())


Profile = tuple[Counter[str], Counter[str]]


def _profile(piece: Piece) -> Profile:
    text = piece.text[:LONGEST_COMPARED].casefold()
    return Counter(word.text for word in words(text)), Counter(text[at : at + 3] for at in range(len(text) - 2))


def _likeness(one: Profile, other: Profile) -> float:
    """Return 0 to 1: how many words and how many runs of three letters two sentences share."""
    shares = [
        2 * (mine & theirs).total() / total if (total := mine.total() + theirs.total()) else 0.0
        for mine, theirs in zip(one, other, strict=True)
    ]
    return round(sum(shares) / 2, 6)
