"""What an engine says about one place in the text, in one shape for every engine."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from workers.providers.local.guards import Block


@dataclass(frozen=True, kw_only=True, slots=True)
class Flag:
    """One complaint of one engine: `text[start:end]` in code points, and what it would put there instead."""

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
    """Flags found again by their place, so that tens of thousands of them cost no more than their number."""

    _WIDTH = 64

    def __init__(self, flags: Iterable[Flag] = ()) -> None:
        self._buckets: dict[int, list[tuple[int, Flag]]] = {}
        self._count = 0
        for flag in flags:
            self.add(flag)

    def add(self, flag: Flag) -> None:
        """The flag is found from now on."""
        for bucket in self._touched(flag):
            self._buckets.setdefault(bucket, []).append((self._count, flag))
        self._count += 1

    def beside(self, flag: Flag) -> list[Flag]:
        """Return the flags that share a character with this one, in the order they were added."""
        near = {
            number: other
            for bucket in self._touched(flag)
            for number, other in self._buckets.get(bucket, ())
            if flag.start < other.end and other.start < flag.end
        }
        return [near[number] for number in sorted(near)]

    def _touched(self, flag: Flag) -> range:
        return range(flag.start // self._WIDTH, max(flag.end - 1, flag.start) // self._WIDTH + 1)


class Engine(Protocol):
    """A checker of English that can be asked about one text at a time, from the engine thread only."""

    name: str
    version: str
    common: frozenset[str]

    def flags(self, text: str, blocks: tuple[Block, ...], dialect: str) -> list[Flag]:
        """Return what the engine says about `text`, read block by block, in order of place."""
        ...
