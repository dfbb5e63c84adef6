"""One claimed pass with all it takes to carry it out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from models.crypto import Key
from models.essays import Task
from models.feedback import Author
from models.jobs import PassName
from models.lineage import EarlierReading
from models.passes import Claim, MadeWith
from workers.passes.request import Criterion, Level, PassRequest
from workers.providers.contract import Provider
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


def request_of(task: Task, pass_name: PassName, criteria: Iterable[Mapping[str, Any]]) -> PassRequest:
    """Return what one reading of this version asks, by the criteria as `fetch_criteria` returns them."""
    return PassRequest(
        pass_name=pass_name,
        text=task.text,
        title=task.title,
        language=task.language,
        feedback_language=task.feedback_language,
        category=task.category,
        assignment_prompt=task.assignment_prompt,
        criteria=tuple(_criterion(one) for one in criteria),
    )


def _criterion(stored: Mapping[str, Any]) -> Criterion:
    levels = tuple(
        Level(name=one["name"], points=one["points"], description=one["description"]) for one in stored["levels"]
    )
    return Criterion(name=stored["name"], description=stored["description"], levels=levels)
