"""Check an org's audit chain from its first entry to its last. All hashes are computed here, not in the database.

The check distinguishes six kinds of tampering: an entry was changed, removed, reordered, taken from another org, or inserted,
or the tail was cut off. If the head was set back as well, a cut tail is found only with signed heads (audit_heads.py).
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
# Entries are chained soon after they are made, in the order of their ids. One that is this much older was inserted later.
BACKDATED_MS = 5 * 60 * 1000
# At most so many faults of an org are reported one by one and compared with each other. The rest are only counted.
MOST_FAULTS = 30


@dataclass(frozen=True, kw_only=True)
class Fault:
    """Something in the chain that is not as it was written. `words` describes it for people."""

    kind: FaultKind
    place: int
    words: str
    entry: UUID | None = None


@dataclass(kw_only=True)
class Report:
    """The result of the check of one org's chain."""

    checked: int = 0
    waiting: int = 0
    more: int = 0
    faults: list[Fault] = field(default_factory=list)

    @property
    def found(self) -> int:
        """Return the number of all faults, including those that are only counted."""
        return len(self.faults) + self.more

    def add(self, kind: FaultKind, place: int, words: str, *, entry: Entry | None = None) -> None:
        """Add a fault to the report, or only count it when there are MOST_FAULTS already."""
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
    """Check the chain of an org from its first entry to its last, and return the report. Call it with the clock's role.

    `others` are the orgs, by slug, from which an entry may have come. `signed` are the signed heads of this org. `tell` is
    called with the number of checked entries after each place.
    """
    with session(org=org):
        head = audit.fetch_head(org)
    chain_check = _ChainCheck(head, signed)
    for place, group in groupby(_entries(org), key=lambda entry: entry.sequence):
        chain_check.check_place(place, list(group))
        tell(chain_check.report.checked)
    chain_check.finish()
    for invalid in chain_check.invalid_entries:
        kind, words = _explain(invalid, org=org, others=others, among=chain_check.invalid_entries)
        chain_check.report.add(kind, invalid.entry.sequence, words, entry=invalid.entry)
    with session(org=org):
        # The chain may have grown meanwhile, so read the head again after the last entry.
        head = audit.fetch_head(org)
        chain_check.report.waiting = audit.count_unchained(org)
    end = head.sequence if head else 0
    if chain_check.last > end:
        words = f"set back: the head in the database ends at place {end}, and entries go on to {chain_check.last}"
        chain_check.report.add("head", chain_check.last, words)
    chain_check.report.faults.sort(key=lambda fault: fault.place)
    return chain_check.report


@dataclass(frozen=True, kw_only=True)
class _InvalidEntry:
    """An entry whose hash does not follow from any hash of the place before (`before`)."""

    entry: Entry
    before: frozenset[bytes]


@dataclass(frozen=True, kw_only=True)
class _RecordedHead:
    """A recorded head: the chain must have this hash in this place. `kind` is the fault if it has not."""

    head: Head
    name: str
    kind: FaultKind


class _ChainCheck:
    """Checks the entries of a chain in the order of their places, and collects what does not fit."""

    def __init__(self, head: Head | None, signed: Sequence[SignedHead]) -> None:
        self.report = Report()
        self.invalid_entries: list[_InvalidEntry] = []
        self.last = 0
        self._previous_hashes = frozenset([START])
        self._age_check = _AgeCheck()
        recorded_heads = [
            _RecordedHead(head=one.head, name=f"the head signed at {one.at}", kind="rewritten") for one in signed
        ]
        if head is not None and head.sequence > 0:
            recorded_heads.append(_RecordedHead(head=head, name="the head in the database", kind="head"))
        self._recorded_heads = sorted(recorded_heads, key=lambda recorded: recorded.head.sequence, reverse=True)

    def check_place(self, place: int, entries: list[Entry]) -> None:
        """Check the entries of one place. There is one, unless somebody inserted another."""
        self.report.checked += len(entries)
        for entry in entries:
            anomaly = self._age_check.find_anomaly(entry)
            if anomaly is not None:
                self.report.add("backdated", place, f"suspicious: {anomaly}", entry=entry)
        if place < 1:
            for entry in entries:
                self.report.add("doubled", place, "put in: there is nothing before the first place", entry=entry)
            return
        if place > self.last + 1:
            self.report.add("missing", self.last + 1, f"missing: {_places_text(self.last + 1, place - 1)}")
            # The entry before is unknown now, so accept the next one without a check.
            self._previous_hashes = frozenset()
        valid = self._find_valid(place, entries)
        self.last, self._previous_hashes = place, frozenset(entry.hash for entry in ([valid] if valid else entries))
        while self._recorded_heads and self._recorded_heads[-1].head.sequence <= place:
            recorded = self._recorded_heads.pop()
            if recorded.head.sequence == place and recorded.head.hash not in self._previous_hashes:
                words = f"written anew: {recorded.name} has another hash in this place, so something up to here is not what it was"
                self.report.add(recorded.kind, place, words)

    def finish(self) -> None:
        """End the check after the last entry. A recorded head of a later place shows that the tail was cut off."""
        for recorded in reversed(self._recorded_heads):
            words = (
                f"cut off: {recorded.name} is at place {recorded.head.sequence}, and the last entry is at {self.last}"
            )
            self.report.add("cut", recorded.head.sequence, words)

    def _find_valid(self, place: int, entries: list[Entry]) -> Entry | None:
        """Return the entry whose hash follows from the place before, or None. Report or collect the other entries."""
        following = [
            one
            for one in entries
            if not self._previous_hashes or any(_follows(before, one) for before in self._previous_hashes)
        ]
        valid = following[0] if following else None
        for entry in entries:
            if entry is valid:
                continue
            if valid is not None:
                self.report.add("doubled", place, "put in: another entry has this place", entry=entry)
            elif len(self.invalid_entries) < MOST_FAULTS:
                self.invalid_entries.append(_InvalidEntry(entry=entry, before=self._previous_hashes))
            else:
                self.report.more += 1
        return valid


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
    invalid: _InvalidEntry, *, org: UUID, others: Mapping[str, UUID], among: Sequence[_InvalidEntry]
) -> tuple[FaultKind, str]:
    """Return what happened to an entry, by searching for the place or the org in which its hash would be right."""
    entry = invalid.entry
    says = entry.says.removeprefix(f'["{org}", {entry.sequence}, ')
    places = {one.entry.sequence + step for one in among for step in (-1, 0, 1)} - {entry.sequence}
    known_hashes = {START} | {one.entry.hash for one in among} | {found for one in among for found in one.before}
    for place in sorted(places):
        if any(_was_chained(says, entry, org=org, place=place, before=before) for before in known_hashes):
            return "moved", f"out of order: it was chained in place {place}"
    for slug, other in sorted(others.items()):
        with session(org=other):
            before_there = audit.hashes_at(other, entry.sequence - 1) if entry.sequence > 1 else [START]
        if any(_was_chained(says, entry, org=other, place=entry.sequence, before=before) for before in before_there):
            return "foreign", f"an entry of another org: it was chained in {slug}"
    return "changed", "changed or put in: its hash does not follow from what it says and from the entry before it"


def _was_chained(says: str, entry: Entry, *, org: UUID, place: int, before: bytes) -> bool:
    return hashlib.sha256(before + f'["{org}", {place}, {says}'.encode()).digest() == entry.hash


def _places_text(first: int, last: int) -> str:
    return f"the entry in place {first}" if first == last else f"the entries in places {first} to {last}"


class _AgeCheck:
    """Finds entries whose id holds a time that does not fit their place."""

    def __init__(self) -> None:
        self._newest = 0
        self._now = time.time_ns() // 1_000_000

    def find_anomaly(self, entry: Entry) -> str | None:
        """Return what is wrong with the time in this entry's id, or None."""
        # The first 48 bits of a UUIDv7 are its time in milliseconds.
        made_ms = entry.id.int >> 80
        if entry.id.version != 7:
            return "its id was not drawn by the database"
        if made_ms > self._now + BACKDATED_MS:
            return "it claims to be of the future"
        older_ms, self._newest = self._newest - made_ms, max(self._newest, made_ms)
        if older_ms > BACKDATED_MS:
            return f"it claims to be {older_ms // 60_000} minutes older than an entry before it"
        return None
