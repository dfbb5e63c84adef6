"""What an engine says about one place in the text, in one shape for every engine."""

from __future__ import annotations

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


class Engine(Protocol):
    """A checker of English that can be asked about one text at a time, from the engine thread only."""

    name: str
    version: str
    common: frozenset[str]

    def flags(self, text: str, blocks: tuple[Block, ...], dialect: str) -> list[Flag]:
        """Return what the engine says about `text`, read block by block, in order of place."""
        ...
