"""The walk along an org's audit chain, from its first entry to its last, with all sums done here and not in the database.

Six ways to bend a chain are told apart: an entry was changed, one is missing, the order is another, one came from another
org, one was put in, the tail was cut. The last one, done thoroughly, shows against signed heads only (audit_heads.py).
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Literal
from uuid import UUID

from models import audit
from models.audit import Entry, Head
from models.db import session
from workers.duties.audit_heads import SignedHead

FaultKind = Literal["changed", "missing", "moved", "foreign", "doubled", "cut", "rewritten", "head", "backdated"]

START = bytes(32)
PAGE = 2000
# An entry is made a moment before it is chained, in the order of its id. One that looks this much older was slipped in.
BACKDATED_MS = 5 * 60 * 1000
# So many faults of an org are told one by one, and compared with each other; more are counted.
MOST_FAULTS = 30


@dataclass(frozen=True, kw_only=True)
class Fault:
    """Something is not as it was written down. `words` is for people."""

    kind: FaultKind
    place: int
    words: str
    entry: UUID | None = None


@dataclass(kw_only=True)
class Report:
    """What the walk along one org's chain found."""

    checked: int = 0
    waiting: int = 0
    more: int = 0
    faults: list[Fault] = field(default_factory=list)

    @property
    def found(self) -> int:
        """Return how many faults there are, those included that are not told one by one."""
        return len(self.faults) + self.more

    def add(self, kind: FaultKind, place: int, words: str, *, entry: Entry | None = None) -> None:
        """The fault is in the report, or counted when there are very many."""
        if len(self.faults) < MOST_FAULTS:
            self.faults.append(Fault(kind=kind, place=place, words=words, entry=entry.id if entry else None))
        else:
            self.more += 1


def check(
    org: UUID,
    *,
    others: Mapping[str, UUID],
    signed: Sequence[SignedHead] = (),
    tell: Callable[[int], None] = lambda _: None,
) -> Report:
    """Return what is to be said about an org's chain, from its first entry to its last. Call it as the clock.

    `others` are the orgs an entry may have come from; `signed`, the heads of this org that were written down elsewhere.
    """
    with session(org=org):
        head = audit.fetch_head(org)
    walk = _Walk(head, signed)
    for place, group in groupby(_entries(org), key=lambda entry: entry.sequence):
        walk.take(place, list(group))
        tell(walk.report.checked)
    walk.arrive()
    for suspect in walk.suspects:
        kind, words = _explain(suspect, org=org, others=others, among=walk.suspects)
        walk.report.add(kind, suspect.entry.sequence, words, entry=suspect.entry)
    with session(org=org):
        # The chain may have grown meanwhile: the head is read again after the last entry.
        head = audit.fetch_head(org)
        walk.report.waiting = audit.count_unchained(org)
    ends = head.sequence if head else 0
    if walk.last > ends:
        words = f"set back: the head in the database ends at place {ends}, and entries go on to {walk.last}"
        walk.report.add("head", walk.last, words)
    walk.report.faults.sort(key=lambda fault: fault.place)
    return walk.report


@dataclass(frozen=True, kw_only=True)
class _Suspect:
    """An entry whose hash does not follow from the hashes before it."""

    entry: Entry
    before: frozenset[bytes]


@dataclass(frozen=True, kw_only=True)
class _Mark:
    """Somebody wrote down that the chain has this hash in this place."""

    head: Head
    name: str
    kind: FaultKind


class _Walk:
    """Takes the entries of a chain in the order of their places, and notes what does not fit."""

    def __init__(self, head: Head | None, signed: Sequence[SignedHead]) -> None:
        self.report = Report()
        self.suspects: list[_Suspect] = []
        self.last = 0
        self._before = frozenset([START])
        self._ages = _Ages()
        marks = [_Mark(head=one.head, name=f"the head signed at {one.at}", kind="rewritten") for one in signed]
        if head is not None and head.sequence > 0:
            marks.append(_Mark(head=head, name="the head in the database", kind="head"))
        self._marks = sorted(marks, key=lambda mark: mark.head.sequence, reverse=True)

    def take(self, place: int, entries: list[Entry]) -> None:
        """The entries of one place are looked at: one, unless somebody put another in."""
        self.report.checked += len(entries)
        for entry in entries:
            doubt = self._ages.doubt(entry)
            if doubt is not None:
                self.report.add("backdated", place, f"suspicious: {doubt}", entry=entry)
        if place < 1:
            for entry in entries:
                self.report.add("doubled", place, "put in: there is nothing before the first place", entry=entry)
            return
        if place > self.last + 1:
            self.report.add("missing", self.last + 1, f"missing: {_span(self.last + 1, place - 1)}")
            # Of the entry before nothing is known now: what follows is taken as it is.
            self._before = frozenset()
        right = self._settle(place, entries)
        self.last, self._before = place, frozenset(entry.hash for entry in ([right] if right else entries))
        while self._marks and self._marks[-1].head.sequence <= place:
            mark = self._marks.pop()
            if mark.head.sequence == place and mark.head.hash not in self._before:
                words = f"written anew: {mark.name} has another hash in this place, so something up to here is not what it was"
                self.report.add(mark.kind, place, words)

    def arrive(self) -> None:
        """The last entry was taken: what was written down about places beyond it is a tail that was cut off."""
        for mark in reversed(self._marks):
            words = f"cut off: {mark.name} is at place {mark.head.sequence}, and the last entry is at {self.last}"
            self.report.add("cut", mark.head.sequence, words)

    def _settle(self, place: int, entries: list[Entry]) -> Entry | None:
        """Return the entry that follows from what is before, if one does; the others are noted."""
        fits = [one for one in entries if not self._before or any(_follows(before, one) for before in self._before)]
        right = fits[0] if fits else None
        for entry in entries:
            if entry is right:
                continue
            if right is not None:
                self.report.add("doubled", place, "put in: another entry has this place", entry=entry)
            elif len(self.suspects) < MOST_FAULTS:
                self.suspects.append(_Suspect(entry=entry, before=self._before))
            else:
                self.report.more += 1
        return right


def _entries(org: UUID) -> Iterator[Entry]:
    last = None
    while True:
        with session(org=org):
            page = audit.list_entries(org=org, limit=PAGE, after=last)
        if not page:
            return
        yield from page
        last = page[-1]


def _follows(before: bytes, entry: Entry) -> bool:
    return hashlib.sha256(before + entry.says.encode()).digest() == entry.hash


def _explain(
    suspect: _Suspect, *, org: UUID, others: Mapping[str, UUID], among: Sequence[_Suspect]
) -> tuple[FaultKind, str]:
    """Return what happened to an entry, by finding out where its hash would be right."""
    entry = suspect.entry
    says = entry.says.removeprefix(f'["{org}", {entry.sequence}, ')
    places = {one.entry.sequence + step for one in among for step in (-1, 0, 1)} - {entry.sequence}
    hashes = {START} | {one.entry.hash for one in among} | {found for one in among for found in one.before}
    for place in sorted(places):
        if any(_was_chained(says, entry, org=org, place=place, before=before) for before in hashes):
            return "moved", f"out of order: it was chained in place {place}"
    for slug, other in sorted(others.items()):
        with session(org=other):
            before_there = audit.hashes_at(other, entry.sequence - 1) if entry.sequence > 1 else [START]
        if any(_was_chained(says, entry, org=other, place=entry.sequence, before=before) for before in before_there):
            return "foreign", f"an entry of another org: it was chained in {slug}"
    return "changed", "changed or put in: its hash does not follow from what it says and from the entry before it"


def _was_chained(says: str, entry: Entry, *, org: UUID, place: int, before: bytes) -> bool:
    return hashlib.sha256(before + f'["{org}", {place}, {says}'.encode()).digest() == entry.hash


def _span(first: int, last: int) -> str:
    return f"the entry in place {first}" if first == last else f"the entries in places {first} to {last}"


class _Ages:
    """Notices entries whose id tells of another time than their place does."""

    def __init__(self) -> None:
        self._newest = 0
        self._now = time.time_ns() // 1_000_000

    def doubt(self, entry: Entry) -> str | None:
        """Return what is odd about the time in this entry's id, if anything."""
        # The first 48 bits of a UUIDv7 are its milliseconds.
        made = entry.id.int >> 80
        if entry.id.version != 7:
            return "its id was not drawn by the database"
        if made > self._now + BACKDATED_MS:
            return "it claims to be of the future"
        older_ms, self._newest = self._newest - made, max(self._newest, made)
        if older_ms > BACKDATED_MS:
            return f"it claims to be {older_ms // 60_000} minutes older than an entry before it"
        return None
