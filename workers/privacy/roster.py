"""The people around an essay, and where a text names them, writes to them or numbers them."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property, partial
from itertools import pairwise
from typing import Literal, NamedTuple
from uuid import UUID

from models.people_of_course import CoursePerson, SealedPeople, fetch_sealed_around
from workers.privacy.contacts import contacts
from workers.privacy.name_index import WORD, Beginnings, NameIndex
from workers.privacy.name_search import SEARCHES, disguised, unspaced, words
from workers.providers.local.lexicon import tags
from workers.text.kept_briefly import kept_briefly
from workers.text.skeleton import UNSPACED, Skeleton, is_small, looks_latin, looks_lettered, skeleton

_MIN_ID_LENGTH = 4
# A number of four digits is usually a year.
_MIN_NUMBER_LENGTH = 5
_MIN_LOCAL_LETTERS = 6  # of the part of an address before the @, when it has only letters: it may be a word
_MIN_SPACED_ID = 6
_ROSTERS = 16  # courses whose rosters are kept
_TEXTS = 512  # texts of assignments and rubrics whose names are kept
_NUMBER = re.compile(r"\d{5,}")
_RUN = re.compile(rf"[^\W_{UNSPACED}]+")

How = Literal["name", "whole_name", "address"]


class Named(NamedTuple):
    """A part of a text to mask, in offsets of the stored text."""

    start: int
    end: int
    how: How


class Roster:
    """The names, e-mail addresses and ids of the people around an essay, prepared for searching a text."""

    def __init__(self, people: Sequence[CoursePerson]) -> None:
        self._index = NameIndex()
        self._literals: set[str] = set()
        self._spaced_ids: set[str] = set()
        for person in people:
            self._index.add(person.name)
        for person in people:
            self._add_address(skeleton(person.email.strip()).lower)
            self._add_id(skeleton(person.external_id.strip()).lower)

    def knows(self, folded: str) -> bool:
        """Return whether this folded word is part of a person's name."""
        return folded in self._index.parts

    def names_in(self, text: str) -> list[tuple[int, int]]:
        """Return the places of names in a text, in no order; they may overlap."""
        return [(start, end) for start, end, _ in self._names(text, skeleton(text))]

    def places_in(self, text: str) -> list[Named]:
        """Return each part of a text to mask, from left to right, without overlaps."""
        if not text:
            return []
        shown = skeleton(text)
        found = [
            *(Named(*shown.place(*place), "address") for place in contacts(shown.text)),
            *(Named(*shown.place(*place), "address") for place in _grown(shown, self._literal_places(shown))),
            *self._names(text, shown),
        ]
        return _merged(found)

    def _add_address(self, email: str) -> None:
        self._add_literal(email)
        local = email.partition("@")[0]
        parts = WORD.findall(local)
        if len(parts) > 1:
            self._index.add_words(parts)
        is_word = local.isalpha() and (len(local) < _MIN_LOCAL_LETTERS or self.knows(local) or bool(tags(local)))
        if not is_word:
            self._add_literal(local)

    def _add_id(self, external_id: str) -> None:
        self._add_literal(external_id)
        for number in _NUMBER.findall(external_id):
            self._add_literal(number)
            if len(number) >= _MIN_SPACED_ID:
                self._spaced_ids.add(number)
        bare = "".join(filter(str.isalnum, external_id))
        if len(bare) >= _MIN_SPACED_ID and any(map(str.isdecimal, bare)):
            self._spaced_ids.add(bare)

    def _add_literal(self, text: str) -> None:
        if len(text) >= (_MIN_NUMBER_LENGTH if text.isdecimal() else _MIN_ID_LENGTH):
            self._literals.add(text)

    def _literal_places(self, shown: Skeleton) -> Iterator[tuple[int, int]]:
        for literal in self._literals_by_start.possible_in(shown.lower):
            for at, end in _occurrences(literal, shown.lower):
                if not (_continues(shown.lower, at - 1, literal) or _continues(shown.lower, end, literal)):
                    yield at, end
        for one in self._spaced_ids_by_start.possible_in(shown.letters):
            for at, end in _occurrences(one, shown.letters):
                places = shown.letter_places[at:end]
                first, last = places[0], places[-1] + 1
                # At most one mark or space stands between two characters of an id.
                near = all(b - a <= 2 for a, b in pairwise(places))
                if near and not (_continues(shown.lower, first - 1, one) or _continues(shown.lower, last, one)):
                    yield first, last

    def _names(self, text: str, shown: Skeleton) -> Iterator[Named]:
        yield from (Named(*shown.place(*place), "name") for place in unspaced(shown, self._index))
        yield from self._names_as_read(shown, self._index, text)
        for table, latin in enumerate(shown.as_latin()):
            yield from self._names_as_read(latin, self._indexes_as_latin[table], text)
        lettered = shown.as_letters()
        if lettered is not None:
            parts = self._parts_as_letters
            for run in re.finditer(r"[^\W_]+", lettered.text):
                if lettered.lower[slice(*run.span())] in parts and not shown.text[slice(*run.span())].isalpha():
                    yield Named(*shown.place(*run.span()), "whole_name")
        if len(shown.text) != len(text):
            apart = skeleton(text, gaps=True)
            yield from (Named(*apart.place(*place), "name") for place in words(apart, self._index))

    @staticmethod
    def _names_as_read(shown: Skeleton, index: NameIndex, text: str) -> Iterator[Named]:
        for start, end in words(shown, index):
            yield Named(*shown.place(start, end), "whole_name" if is_small(shown.text[start]) else "name")
        found = [place for search in SEARCHES for place in search(shown, index)]
        if not text.isascii():
            found += disguised(shown, index, text)
        for place in _grown(shown, found):
            yield Named(*shown.place(*place), "whole_name")

    @cached_property
    def _literals_by_start(self) -> Beginnings:
        return Beginnings(self._literals, letters=_MIN_ID_LENGTH)

    @cached_property
    def _spaced_ids_by_start(self) -> Beginnings:
        return Beginnings(self._spaced_ids, letters=_MIN_SPACED_ID)

    @cached_property
    def _indexes_as_latin(self) -> tuple[NameIndex, NameIndex]:
        return self._index.mapped(looks_latin), self._index.mapped(partial(looks_latin, table=1))

    @cached_property
    def _parts_as_letters(self) -> set[str]:
        return {looks_lettered(part) for part in self._index.parts if len(part) > 2}


def roster_around(essay: UUID, *, org: UUID, most: int) -> Roster:
    """Return the roster of the people around an essay. While nobody in a course changes, all its essays share one for seconds.

    Needs a session of the org. Raises MasterKeyMissing.
    """
    return _roster_of(fetch_sealed_around(essay, org=org, most=most))


@kept_briefly(most=_ROSTERS)
def _roster_of(people: SealedPeople) -> Roster:
    return Roster(people.open())


@kept_briefly()
def places_in_essay(roster: Roster, text: str) -> tuple[Named, ...]:
    """Return what `roster.places_in` returns. All passes of an essay share it."""
    return tuple(roster.places_in(text))


@kept_briefly(most=_TEXTS)
def places_in_task(roster: Roster, text: str) -> tuple[Named, ...]:
    """Return what `roster.places_in` returns, for words of an assignment or its rubric. All essays of a class share it."""
    return tuple(roster.places_in(text))


def _grown(shown: Skeleton, places: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Yield places extended to whole words: what is left of a word could tell the rest."""
    found = list(places)
    runs = [run.span() for run in _RUN.finditer(shown.text)] if found else []
    starts = [start for start, _ in runs]
    for start, end in found:
        first, last = bisect_right(starts, start) - 1, bisect_right(starts, end - 1) - 1
        begins = runs[first][0] if first >= 0 and start < runs[first][1] else start
        yield begins, max(end, runs[last][1]) if last >= 0 else end


def _occurrences(literal: str, text: str) -> Iterator[tuple[int, int]]:
    at = text.find(literal)
    while at >= 0:
        yield at, at + len(literal)
        at = text.find(literal, at + len(literal))


def _continues(text: str, index: int, literal: str) -> bool:
    if not 0 <= index < len(text):
        return False
    edge = literal[0] if index < 0 else literal[-1]
    return (text[index].isdecimal() if literal.isdecimal() else text[index].isalnum()) and edge.isalnum()


def _merged(found: Iterable[Named]) -> list[Named]:
    """Return the places from left to right. Of two that overlap, the larger one swallows the other, or both become one."""
    merged: list[Named] = []
    for one in sorted(found, key=lambda named: (named.start, -named.end)):
        last = merged[-1] if merged else None
        if last is None or one.start >= last.end:
            merged.append(one)
        elif one.end > last.end:
            merged[-1] = Named(last.start, one.end, "whole_name")
    return merged
