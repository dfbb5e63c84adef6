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
)

from ingest.admin.schemas import Note
from ingest.web.schemas import Cursor, RequestBody, Short, Whole

MAX_CRITERIA = 20
MAX_LEVELS = 10
MAX_POINTS = 1000


class _Named(Protocol):
    @property
    def name(self) -> str: ...


def _check_names_differ(items: Sequence[_Named]) -> None:
    # The model picks criteria and levels by name, and cannot tell two apart that differ by a space or a capital letter.
    if len({item.name.strip().casefold() for item in items}) != len(items):
        raise ValueError("names must differ by more than spaces and capitals")


class Level(RequestBody):
    """A level of achievement for a criterion, and its points."""

    name: Short
    points: Annotated[int, Whole(ge=0, le=MAX_POINTS)]
    description: Note = ""


def _check_levels(levels: list[Level]) -> list[Level]:
    _check_names_differ(levels)
    return levels


class Criterion(RequestBody):
    """One criterion by which an essay is assessed."""

    name: Short
    description: Note = ""
    levels: Annotated[list[Level], Field(min_length=2, max_length=MAX_LEVELS), AfterValidator(_check_levels)]


def _check_criteria(criteria: list[Criterion]) -> list[Criterion]:
    _check_names_differ(criteria)
    return criteria


class NewRubric(RequestBody):
    """A new rubric. A rubric never changes: other words make another rubric, the same words give the existing one."""

    name: Short
    criteria: Annotated[list[Criterion], Field(min_length=1, max_length=MAX_CRITERIA), AfterValidator(_check_criteria)]


class RubricHead(BaseModel):
    """A rubric without its criteria."""

    id: UUID
    name: str
    created_at: datetime


class KnownLevel(BaseModel):
    """A level of achievement for a criterion, and its points."""

    name: str
    points: int
    description: str


class KnownCriterion(BaseModel):
    """One criterion of a rubric."""

    id: UUID
    name: str
    description: str
    levels: list[KnownLevel]


class Rubric(RubricHead):
    """A rubric with its criteria in order."""

    criteria: list[KnownCriterion]


class Rubrics(BaseModel):
    """A page of rubrics, newest first."""

    items: list[RubricHead]
    next_cursor: Cursor
