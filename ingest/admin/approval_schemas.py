"""Request and response models of approvals."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from ingest.web.schemas import Cursor, RequestBody


class NewApproval(RequestBody):
    """A request to the other admins. Erasures and exports are asked for at their own addresses."""

    action: Literal["remove_org", "end_dual_approval"]


class Approval(BaseModel):
    """What one admin asked for and another approves."""

    id: UUID
    action: Literal["erase_person", "export_person", "remove_org", "end_dual_approval"]
    user_id: Annotated[UUID | None, Field(description="who is to be erased or exported")]
    requested_by: UUID
    requested_at: datetime
    expires_at: Annotated[datetime, Field(description="afterwards it can neither be approved nor used")]
    approved_by: UUID | None
    approved_at: datetime | None
    used_at: datetime | None
    state: Annotated[
        Literal["waiting", "approved", "used", "expired", "void"],
        Field(description="void: one of the two is no admin any more, or is disabled"),
    ]


class Approvals(BaseModel):
    """A page of requests, newest first."""

    items: list[Approval]
    next_cursor: Cursor
