"""What is asked about a version: the one way from its rows to a request."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from models.essays import Task
from models.jobs import PassName
from workers.providers.contract import Criterion, Level, PassRequest


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
