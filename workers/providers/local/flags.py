"""The type in which every engine reports a mistake, and the protocol of an engine."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from workers.providers.local.guards import Block


@dataclass(frozen=True, kw_only=True, slots=True)
class Flag:
    """One mistake reported by one engine, at `text[start:end]` in code points, with the engine's suggestions.

    `dialect_only`: lingotweaker says that the word belongs to another dialect. `variant_of`: the first of Harper's
    suggestions that differs from the word only as American and British spelling differ.
    """

    engine: str
    rule: str
    group: str
    type: str
    start: int
    end: int
    message: str
    suggestions: tuple[str, ...]
    dialect_only: bool = False
    variant_of: str | None = None


class FlaggedRanges:
    """Flags indexed by place, so that a search for overlaps costs little also among tens of thousands of flags."""

    _BUCKET_CHARACTERS = 64

    def __init__(self, flags: Iterable[Flag] = ()) -> None:
        self._buckets: dict[int, list[tuple[int, Flag]]] = {}
        self._count = 0
        for flag in flags:
            self.add(flag)

    def add(self, flag: Flag) -> None:
        """Add a flag to the index."""
        for bucket in self._bucket_numbers(flag):
            self._buckets.setdefault(bucket, []).append((self._count, flag))
        self._count += 1

    def overlapping(self, flag: Flag) -> list[Flag]:
        """Return the flags that share a character with this one, in the order in which they were added."""
        overlapping = {
            number: other
            for bucket in self._bucket_numbers(flag)
            for number, other in self._buckets.get(bucket, ())
            if flag.start < other.end and other.start < flag.end
        }
        return [overlapping[number] for number in sorted(overlapping)]

    def _bucket_numbers(self, flag: Flag) -> range:
        return range(
            flag.start // self._BUCKET_CHARACTERS, max(flag.end - 1, flag.start) // self._BUCKET_CHARACTERS + 1
        )


class Engine(Protocol):
    """A checker of English. It reads one text at a time, and only the engine thread may call it."""

    name: str
    version: str
    common: frozenset[str]

    def flags(self, text: str, blocks: tuple[Block, ...], dialect: str) -> list[Flag]:
        """Return the flags of `text`, which is read block by block, in order of place."""
        ...
