"""Request and response models of retention and legal holds."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, Field

from ingest.admin.org_schemas import CaseNumber
from ingest.web.schemas import Cursor, RequestBody
from models.retention import MOST_COUNTED, RetentionClass


class RetentionOfClass(BaseModel):
    """What the next run deletes of one class of data."""

    name: RetentionClass
    days: Annotated[int | None, Field(description="the setting of the org; null: nothing of this class is deleted")]
    begins_at: Annotated[datetime | None, Field(description="nothing is deleted before; null: nothing is deleted")]
    next_run_at: datetime | None
    due: Annotated[
        int,
        Field(description=f"how many rows the next run deletes, as things are now; {MOST_COUNTED}: so many or more"),
    ]
    oldest: Annotated[datetime | None, Field(description="the time from which the days of the oldest of them count")]
    newest: datetime | None
    held: Annotated[int, Field(description="how many more would go, but a legal hold keeps them")]
    last_run_at: datetime | None
    last_deleted: Annotated[int | None, Field(description="how many rows the last run deleted; null: there was none")]


class Retention(BaseModel):
    """What will be deleted because of its age, one item for each class."""

    items: list[RetentionOfClass]


class NewHold(RequestBody):
    """A legal hold on a person."""

    case_number: CaseNumber


class Hold(BaseModel):
    """A person of whom nothing is deleted while the hold lasts."""

    user_id: UUID
    case_number: str


class Holds(BaseModel):
    """A page of the people on hold, newest accounts first."""

    items: list[Hold]
    next_cursor: Cursor
