"""Search a skeleton for the names of a roster, however they are written: as words, in handles, or letter by letter.

Every function takes a skeleton and an index, and yields the places of what it finds in the skeleton.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise

from workers.privacy.endings import is_form
from workers.privacy.name_index import WORD, NameIndex
from workers.providers.local.lexicon import tags
from workers.text.skeleton import Skeleton, is_small

Offsets = tuple[int, int]
Search = Callable[[Skeleton, NameIndex], Iterable[Offsets]]

# What may stand between two words of one name.
_BETWEEN = re.compile(r"[ \t'.,\-‐‑–_/|·•+&*:;()\"]{0,4}\n?[ \t]{0,3}")
_SENTENCE_END = re.compile(r"[.;:]\s")
_MAX_GAP = 4
_MAX_INITIALS = 2  # single letters between two words of a name, as in `alice m. o'brien`
_SURE_JOINED = 8  # letters of a joined name that is a name within a longer word too
_SURE_PART = 5  # letters of a part that is a name within a longer handle too
_MAX_PIECES = 5
# Single letters with something between them, as in `A-l-i-c-e`.
# In the scripts of India one sign is a letter with its vowel.
_LETTER = r"(?:[\u0900-\u0dff]{1,3}+|[^\W_])"
_SPELLED_OUT = re.compile(rf"(?<![^\W_]){_LETTER}(?:[\W_]{{1,3}}{_LETTER}(?![^\W_])){{1,400}}")
_COMPOUND = re.compile(r"(?<![^\W\d_])[^\W\d_]++(?:(?:[^\w\s]|_){1,2}[^\W\d_]++)+")
_IDENTIFIER = re.compile(r"[@#]?\w+(?:[.\-]\w+)*")
_LETTERS_BEFORE = re.compile(r"[^\W\d_]+\Z")
_LETTERS_AFTER = re.compile(r"[^\W\d_]+")
_LONGEST_WORD = 40
_HANDLE_MARKS = re.compile(r"[@#\d]|(?<=[^\W_])_+(?=[^\W_])")


def words(shown: Skeleton, index: NameIndex) -> Iterator[Offsets]:
    """Yield names that are written as names: a whole word with a capital, with or without an ending, or a part of `iAmAlice`."""
    text, lower = shown.text, shown.lower
    for found in WORD.finditer(text):
        start, end = found.span()
        word, folded = found[0], lower[start:end]
        if word == folded and word.isascii():
            continue
        small = is_small(word[0])
        if small and word == folded:
            continue
        if not small:
            if folded in index.parts:
                yield start, end
                continue
            # A name with an s but without an apostrophe, as in `Alices book`. The s stays.
            if folded.endswith("s") and folded[:-1] in index.parts:
                yield start, end - 1
                continue
            if is_form(folded, index.parts, index.stems):
                yield start, end
                continue
        if _has_name_within(word, folded, index):
            yield start, end


def _has_name_within(word: str, folded: str, index: NameIndex) -> bool:
    humps = [
        at
        for at in range(1, len(word))
        if word[at].isupper() and (word[at - 1].islower() or (at + 1 < len(word) and word[at + 1].islower()))
    ]
    edges = [0, *humps, len(word)]
    if not humps:
        return False
    return (
        folded in index.parts
        or _holds_long_part(folded, index)
        or any(
            folded[start:end] in index.parts or is_form(folded[start:end], index.parts, index.stems)
            for start, end in pairwise(edges)
            if end - start > 1
        )
    )


def pairs(shown: Skeleton, index: NameIndex) -> Iterator[Offsets]:
    """Yield two words of one person's name beside each other, in any case and order, with or without an initial between."""
    found = [one.span() for one in WORD.finditer(shown.lower)]
    for at, (start, end) in enumerate(found[:-1]):
        partners = index.partners.get(shown.lower[start:end])
        if partners is None:
            continue
        after = at + 1
        while after < min(at + _MAX_INITIALS + 1, len(found) - 1) and found[after][1] - found[after][0] == 1:
            after += 1
        second = shown.lower[slice(*found[after])]
        if second in partners or second[:-1] in partners or is_form(second, partners, set()):
            row = found[at : after + 1]
            if all(
                _BETWEEN.fullmatch(shown.text, a[1], b[0])
                # A sentence ends between two words of a name only where an initial seems to end one.
                and (a[1] - a[0] == 1 or not _SENTENCE_END.match(shown.text, a[1]))
                for a, b in pairwise(row)
            ):
                yield start, found[after][1]


def joined(shown: Skeleton, index: NameIndex) -> Iterator[Offsets]:
    """Yield several parts of a name in a row, in any case, with anything or nothing between: `alicesmith`, `Al_ice.smi-th`."""
    for name in index.joined_by_start.possible_in(shown.letters):
        at = shown.letters.find(name)
        while at >= 0:
            end = at + len(name)
            places = shown.letter_places[at:end]
            if _is_joined(shown, places, index.joined[name]):
                yield places[0], places[-1] + 1
            at = shown.letters.find(name, end)


def _is_joined(shown: Skeleton, places: Sequence[int], cuts: set[int]) -> bool:
    text, first, last = shown.text, places[0], places[-1] + 1
    gaps = {at: text[a + 1 : b] for at, (a, b) in enumerate(pairwise(places), 1) if b - a > 1}
    if any(len(gap) > _MAX_GAP for gap in gaps.values()):
        return False
    begins = first == 0 or not text[first - 1].isalpha() or text[first].isupper()
    ends = last == len(text) or not text[last].isalpha()
    if not gaps:
        if begins and ends:
            # `another` is no name of Ann Other.
            return not (text[first].islower() and tags(shown.lower[first:last]))
        return len(places) >= _SURE_JOINED and not tags(_word_around(shown, first, last))
    if len(gaps) == len(places) - 1:
        return True  # each letter stands alone, in a row that may hold more
    # A space within a part of a name is chance, and so is the end of a sentence.
    return (
        begins
        and ends
        and not any(_SENTENCE_END.match(gap) or (at not in cuts and not gap.strip()) for at, gap in gaps.items())
    )


def _word_around(shown: Skeleton, first: int, last: int) -> str:
    before = _LETTERS_BEFORE.search(shown.lower[max(0, first - _LONGEST_WORD) : first])
    after = _LETTERS_AFTER.match(shown.lower[last : last + _LONGEST_WORD])
    return (before[0] if before else "") + shown.lower[first:last] + (after[0] if after else "")


def spelled_out(shown: Skeleton, index: NameIndex) -> Iterator[Offsets]:
    """Yield names whose letters stand one by one: `A-l-i-c-e`, `a l i c e`."""
    names, lengths = index.single_words
    for found in _SPELLED_OUT.finditer(shown.lower):
        places = [at for at in range(*found.span()) if shown.lower[at].isalnum()]
        letters = "".join(shown.lower[at] for at in places)
        for at in range(len(letters)):
            if any(letters[at : at + length] in names for length in lengths):
                yield found.span()
                break


def compounds(shown: Skeleton, index: NameIndex) -> Iterator[Offsets]:
    """Yield names with a mark within: `Al-ice`, `Al*ice`, `Al.ice`."""
    for found in _COMPOUND.finditer(shown.text):
        pieces = [one.span() for one in WORD.finditer(shown.text, *found.span())]
        for at, (start, end) in enumerate(pieces):
            if is_small(shown.text[start]):
                continue
            whole = shown.lower[start:end]
            for first, last in pieces[at + 1 : at + _MAX_PIECES]:
                whole += shown.lower[first:last]
                if whole in index.parts:
                    yield start, last


def identifiers(shown: Skeleton, index: NameIndex) -> Iterator[Offsets]:
    """Yield handles, tags and user names with a name in them, in any case: `@alice`, `alice_99`, `#iamalice`, `a_smith`."""
    for found in _IDENTIFIER.finditer(shown.text):
        # Underscores around a word only emphasise it.
        bare = found[0].strip("_")
        if not _HANDLE_MARKS.search(bare):
            continue
        start = found.start() + found[0].index(bare)
        # The end of a sentence may stand without a space behind a handle.
        segments = [shown.lower[slice(*one.span())] for one in WORD.finditer(shown.text, start, start + len(bare))]
        if any(_names_someone(one, index, tagged=bare[0] in "@#") for one in segments):
            yield start, start + len(bare)


def _names_someone(segment: str, index: NameIndex, *, tagged: bool) -> bool:
    if len(segment) > 2 and segment in index.parts:
        return True
    if segment in index.initialled or segment in index.joined:
        return True
    return tagged and _holds_long_part(segment, index)


def _holds_long_part(word: str, index: NameIndex) -> bool:
    return len(word) <= _LONGEST_WORD and any(
        word[start:end] in index.parts for start in range(len(word)) for end in range(start + _SURE_PART, len(word) + 1)
    )


def disguised(shown: Skeleton, index: NameIndex, text: str) -> Iterator[Offsets]:
    """Yield names in small letters with look-alike, styled or invisible characters in them, which no ordinary word has."""
    for found in WORD.finditer(shown.lower):
        if found[0] in index.parts and len(found[0]) > 2:
            first, last = shown.place(*found.span())
            plain = unicodedata.normalize("NFD", text[first:last].replace("\u00ad", ""))
            if "".join(char for char in plain.lower() if unicodedata.category(char) != "Mn") != found[0]:
                yield found.span()


def unspaced(shown: Skeleton, index: NameIndex) -> Iterator[Offsets]:
    """Yield names in scripts that put no spaces around them, wherever they stand."""
    for name in index.unspaced_by_start.possible_in(shown.lower):
        at = shown.lower.find(name)
        while at >= 0:
            yield at, at + len(name)
            at = shown.lower.find(name, at + len(name))


SEARCHES: tuple[Search, ...] = (pairs, joined, spelled_out, compounds, identifiers)
