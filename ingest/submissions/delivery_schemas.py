"""Response models of stored webhook deliveries."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from ingest.web.schemas import Cursor, FieldError


class Delivery(BaseModel):
    """A webhook delivery as it was received, and what became of it."""

    id: UUID
    event_id: Annotated[str, Field(description="its webhook-id")]
    received_at: datetime
    outcome: Annotated[
        Literal["accepted", "ignored", "refused"],
        Field(description="a refused delivery becomes accepted when a replay succeeds"),
    ]
    reason: Annotated[
        str | None, Field(description="refused: the name of the problem; ignored: why, in a sentence; accepted: null")
    ]
    detail: Annotated[str | None, Field(description="what was wrong with a refused delivery, in a sentence")]
    errors: Annotated[list[FieldError] | None, Field(description="the invalid fields of a refused delivery")]
    submission_id: UUID | None
    replayed_at: Annotated[
        datetime | None, Field(description="when an admin last had it carried out again; null: never")
    ]
    body: Annotated[
        str | None,
        Field(
            description="what it said. In a list null for a student's accepted delivery and for a body of more than 64 KiB: "
            "get the delivery itself"
        ),
    ]


class Deliveries(BaseModel):
    """A page of deliveries, newest first."""

    items: list[Delivery]
    next_cursor: Cursor
