"""Response models of the audit trail and of kept logs."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from ingest.web.schemas import Cursor


class AuditEntry(BaseModel):
    """One entry of the audit trail: who did what to which entity. Entries never change."""

    id: UUID
    created_at: datetime
    actor_id: Annotated[
        UUID | None, Field(description="the person, API key or source; null for a program of EssayCoach")
    ]
    actor_role: str
    request_id: str | None
    action: Annotated[str, Field(description="what was done, such as feedback_released")]
    entity: Annotated[str, Field(description="the kind of thing, such as submission")]
    entity_id: UUID
    detail: Annotated[dict[str, Any], Field(description="ids and names of changed columns, never their values")]
    sequence: Annotated[
        int | None,
        Field(description="its position in the org's hash chain; null for a moment, until it is added to the chain"),
    ]


class AuditEntries(BaseModel):
    """A page of the audit trail, newest first."""

    items: list[AuditEntry]
    next_cursor: Cursor


class LogLine(BaseModel):
    """A warning or an error that a program kept for the org: what happened, with facts and ids, never names or text."""

    id: UUID
    created_at: datetime
    program: Annotated[str, Field(description="ingest, worker or clock")]
    level: Literal["warning", "error"]
    event: Annotated[str, Field(description="what happened, such as `webhook delivery refused`")]
    request_id: Annotated[str | None, Field(description="the `X-Request-Id` of the request, if there was one")]
    context: Annotated[dict[str, Any], Field(description="facts and ids")]


class LogLines(BaseModel):
    """A page of kept warnings and errors, newest first."""

    items: list[LogLine]
    next_cursor: Cursor
