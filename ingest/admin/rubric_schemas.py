"""Request and response models of rubrics."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Protocol
from uuid import UUID

from pydantic import (
    AfterValidator,
    BaseModel,
    Field,
    StrictInt,
)

from ingest.admin.schemas import Note
from ingest.web.schemas import Cursor, RequestBody, Short

MOST_CRITERIA = 20


MOST_LEVELS = 10


MOST_POINTS = 1000


class _Named(Protocol):
    @property
    def name(self) -> str: ...


def _must_differ(items: Sequence[_Named]) -> None:
    # The AI picks criteria and levels by name: two that differ by a space or a capital are one to it.
    if len({one.name.strip().casefold() for one in items}) != len(items):
        raise ValueError("names must differ by more than spaces and capitals")


class Level(RequestBody):
    """How well a criterion can be met, and what that is worth."""

    name: Short
    points: Annotated[StrictInt, Field(ge=0, le=MOST_POINTS)]
    description: Note = ""


def _levels(levels: list[Level]) -> list[Level]:
    _must_differ(levels)
    return levels


class Criterion(RequestBody):
    """One thing an essay is judged by."""

    name: Short
    description: Note = ""
    levels: Annotated[list[Level], Field(min_length=2, max_length=MOST_LEVELS), AfterValidator(_levels)]


def _criteria(criteria: list[Criterion]) -> list[Criterion]:
    _must_differ(criteria)
    return criteria


class NewRubric(RequestBody):
    """What essays are judged by. It never changes: another wording is another rubric, the same wording the same one."""

    name: Short
    criteria: Annotated[list[Criterion], Field(min_length=1, max_length=MOST_CRITERIA), AfterValidator(_criteria)]


class RubricHead(BaseModel):
    """A rubric without its criteria."""

    id: UUID
    name: str
    created_at: datetime


class KnownLevel(BaseModel):
    """How well a criterion can be met, and what that is worth."""

    name: str
    points: int
    description: str


class KnownCriterion(BaseModel):
    """One criterion of a rubric, as feedback names it."""

    id: UUID
    name: str
    description: str
    levels: list[KnownLevel]


class Rubric(RubricHead):
    """A rubric with its criteria in their order."""

    criteria: list[KnownCriterion]


class Rubrics(BaseModel):
    """A page of rubrics, newest first."""

    items: list[RubricHead]
    next_cursor: Cursor
