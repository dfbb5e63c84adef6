"""Compare two drafts of an essay sentence by sentence: what is unchanged, what was changed, and what is gone.

Identical sentences are paired wherever they are. The sentences in the gaps between them are paired by similarity, the most
similar first. The time is linear in the length of the drafts, except in the gaps, where the number of compared sentences is
limited.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict, deque
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

from workers.passes.anchor import is_clean_cut
from workers.text.segmentation import Piece, paragraphs, sentences, words

Offsets = tuple[int, int]
State = Literal["same", "touched", "rewritten", "gone"]

MOST_IN_A_GAP = 40  # sentences of a gap that are compared with each other; the others are paired in order
LONGEST_COMPARED = 1_500  # characters; a longer sentence is not compared letter by letter


@dataclass(frozen=True, slots=True)
class Trace:
    """What became of a place in the old draft. `at` is the place of its words in the new draft, if they are still there."""

    state: State
    at: Offsets | None = None


class Drafts:
    """An old and a new draft, compared once when the object is made."""

    def __init__(self, old: str, new: str) -> None:
        self._old, self._new = old, new
        self._old_sentences, self._new_sentences = _sentences(old), _sentences(new)
        self._old_starts = [one.start for one in self._old_sentences]
        self._identical: dict[int, int] = {}
        self._similar: dict[int, int] = {}
        self._match_identical()
        self._match_similar()

    def identical(self) -> bool:
        """Return whether both drafts have the same paragraphs in the same order."""
        before, after = ([one.text for one in paragraphs(text)] for text in (self._old, self._new))
        return before == after

    def unchanged(self) -> tuple[Offsets, ...]:
        """Return the offsets in the new draft, in order, of paragraphs that are identical in the old draft."""
        known = Counter(one.text for one in paragraphs(self._old))
        found: list[Offsets] = []
        for one in paragraphs(self._new):
            if known[one.text] > 0:
                known[one.text] -= 1
                found.append((one.start, one.end))
        return tuple(found)

    def trace(self, start: int, end: int) -> Trace:
        """Return what became of `old[start:end]` in the new draft."""
        indexes = self._sentences_at(start, end)
        if not indexes:
            return self._trace_outside_sentences(start, end)
        first = indexes[0]
        if first in self._identical and all(index in self._identical for index in indexes):
            at = self._new_sentences[self._identical[first]].start + start - self._old_sentences[first].start
            if self._new[at : at + end - start] == self._old[start:end]:
                return Trace("same", (at, at + end - start))
        traced = [self._trace_in_sentence(index, start, end) for index in indexes]
        touched = next((one for one in traced if one.state == "touched"), None)
        if touched is not None and len(indexes) == 1:
            return touched
        return Trace("gone" if all(one.state == "gone" for one in traced) else "rewritten")

    def _sentences_at(self, start: int, end: int) -> list[int]:
        index = max(0, bisect_right(self._old_starts, start) - 1)
        found: list[int] = []
        while index < len(self._old_sentences) and self._old_sentences[index].start < end:
            if self._old_sentences[index].end > start:
                found.append(index)
            index += 1
        return found

    def _trace_outside_sentences(self, start: int, end: int) -> Trace:
        # The place is in no sentence: a row of emoji, or the space between two sentences. Accept only a single hit.
        quote = self._old[start:end]
        at = self._new.find(quote)
        if at < 0 or not quote.strip() or self._new.find(quote, at + 1) >= 0:
            return Trace("gone")
        return Trace("same", (at, at + len(quote)))

    def _trace_in_sentence(self, index: int, start: int, end: int) -> Trace:
        other = self._identical.get(index, self._similar.get(index))
        if other is None:
            return Trace("gone")
        old, new = self._old_sentences[index], self._new_sentences[other]
        if start < old.start or end > old.end or max(len(old.text), len(new.text)) > LONGEST_COMPARED:
            return Trace("rewritten")
        return self._trace_in_pair(old, new, start - old.start, end - old.start)

    def _trace_in_pair(self, old: Piece, new: Piece, start: int, end: int) -> Trace:
        for block in SequenceMatcher(None, old.text, new.text, autojunk=False).get_matching_blocks():
            if block.a <= start and end <= block.a + block.size:
                first = new.start + block.b + start - block.a
                last = first + end - start
                return Trace("touched", (first, last)) if self._cuts_no_word(first, last) else Trace("rewritten")
        return Trace("rewritten")

    def _cuts_no_word(self, first: int, last: int) -> bool:
        """Return whether the place in the new draft cuts no word: `go` is not found in `goes`."""
        text = self._new
        cuts = (first, last)
        return all(
            is_clean_cut(text, at) and not (0 < at < len(text) and text[at - 1].isalnum() and text[at].isalnum())
            for at in cuts
        )

    def _match_identical(self) -> None:
        unmatched: dict[str, deque[int]] = defaultdict(deque)
        for index, one in enumerate(self._new_sentences):
            unmatched[_normalised(one)].append(index)
        for index, one in enumerate(self._old_sentences):
            if unmatched[_normalised(one)]:
                self._identical[index] = unmatched[_normalised(one)].popleft()

    def _match_similar(self) -> None:
        matched = set(self._identical.values())
        free = [index for index in range(len(self._new_sentences)) if index not in matched]
        at = 0
        gap: list[int] = []
        for index in range(len(self._old_sentences) + 1):
            if index < len(self._old_sentences) and index not in self._identical:
                gap.append(index)
                continue
            end = self._identical[index] if index < len(self._old_sentences) else len(self._new_sentences)
            candidates: list[int] = []
            # If a sentence moved to an earlier place, this collects nothing, and the next gap gets the free sentences.
            while at < len(free) and free[at] < end:
                candidates.append(free[at])
                at += 1
            if gap:
                self._pair(gap, candidates)
            gap = []

    def _pair(self, gap: list[int], candidates: list[int]) -> None:
        compared = range(min(len(gap), MOST_IN_A_GAP))
        profiles = {index: _profile(self._new_sentences[index]) for index in candidates[:MOST_IN_A_GAP]}
        scored = sorted(
            (-_similarity(_profile(self._old_sentences[gap[k]]), profile), gap[k], other)
            for k in compared
            for other, profile in profiles.items()
        )
        unpaired = set(candidates)
        for _, index, other in scored:
            if index not in self._similar and other in unpaired:
                self._similar[index] = other
                unpaired.discard(other)
        rest = [index for index in gap if index not in self._similar]
        self._similar.update(zip(rest, sorted(unpaired), strict=False))


def _sentences(text: str) -> list[Piece]:
    return [one for part in paragraphs(text) for one in sentences(part.text, start=part.start)]


def _normalised(piece: Piece) -> str:
    return " ".join(piece.text.split())


Profile = tuple[Counter[str], Counter[str]]


def _profile(piece: Piece) -> Profile:
    text = piece.text[:LONGEST_COMPARED].casefold()
    return Counter(word.text for word in words(text)), Counter(text[at : at + 3] for at in range(len(text) - 2))


def _similarity(one: Profile, other: Profile) -> float:
    """Return the similarity of two sentences from 0 to 1: the mean share of common words and of common runs of three characters."""
    shares = [
        2 * (mine & theirs).total() / total if (total := mine.total() + theirs.total()) else 0.0
        for mine, theirs in zip(one, other, strict=True)
    ]
    return round(sum(shares) / 2, 6)
