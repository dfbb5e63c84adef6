"""One claimed pass with all it takes to carry it out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from models.crypto import Key
from models.feedback import Author
from models.lineage import EarlierReading
from models.passes import Claim, MadeWith
from workers.providers.contract import PassRequest, Provider
from workers.revisions.carry_over import Memory


@dataclass(frozen=True, kw_only=True)
class Work:
    """A claimed pass with everything needed to carry it out, in the clear, for as long as that takes."""

    claim: Claim
    author: Author
    key: Key
    request: PassRequest
    criteria: dict[str, dict[str, Any]]
    provider: Provider
    made_with: MadeWith
    earlier: EarlierReading | None
    pause_seconds: float
    probe: bool
    falls_back: bool
    memory: Memory | None = None  # the last draft beside this one, once they have been compared
