"""What API keys, webhook sources and the audit trail look like from outside; a secret only where it is shown once."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, BaseModel, Field, StrictBool, StrictInt

from ingest.web.schemas import Cursor, Moment, RequestBody, Short
from models.connections import DAY_SECONDS, LONGEST_OVERLAP_SECONDS, Scope


def _each_once(value: list[Scope]) -> list[Scope]:
    if len(set(value)) != len(value):
        raise ValueError("names a scope twice")
    return value


Scopes = Annotated[
    list[Scope],
    Field(
        min_length=1,
        max_length=2,
        description="submit: hand essays in; read: look at them",
        json_schema_extra={"uniqueItems": True},
    ),
    AfterValidator(_each_once),
]
End = Annotated[Moment | None, Field(description="when the key stops working; null: never")]


class ApiKeyDraft(RequestBody):
    """A key that is to be made."""

    name: Short
    scopes: Scopes = ["submit", "read"]  # noqa: RUF012 - pydantic copies defaults
    expires_at: End = None


class ApiKeyChanges(RequestBody):
    """What is to be different; what is left out stays."""

    # A factory, because a default would be in the schema: to leave a name out is not to empty it.
    name: Short = Field(default_factory=str)
    scopes: Scopes = Field(default_factory=list)
    expires_at: End = None


class Rotation(RequestBody):
    """How long what is replaced still works."""

    overlap_seconds: Annotated[StrictInt, Field(ge=0, le=LONGEST_OVERLAP_SECONDS)] = DAY_SECONDS


class ApiKey(BaseModel):
    """An API key, without what would let anybody use it."""

    id: UUID
    name: str
    prefix: Annotated[str, Field(description="how the key begins, to tell it from others")]
    scopes: list[Scope]
    created_at: datetime
    expires_at: datetime | None
    last_used_on: Annotated[date | None, Field(description="the last day (UTC) it was used; noted once a day")]
    revoked_at: datetime | None


class NewApiKey(ApiKey):
    """An API key with its text, which is shown this once."""

    key: Annotated[str, Field(description="the key itself; it is not stored and cannot be shown again")]


class ApiKeys(BaseModel):
    """A page of API keys, newest first."""

    items: list[ApiKey]
    next_cursor: Cursor


class SourceDraft(RequestBody):
    """A webhook source that is to be made."""

    name: Short


class SourceChanges(RequestBody):
    """What is to be different; what is left out stays."""

    name: Short = Field(default_factory=str)
    disabled: StrictBool = Field(default_factory=bool)


class Source(BaseModel):
    """A webhook source, without its secrets."""

    id: UUID
    name: str
    url: Annotated[str, Field(description="where the LMS delivers to, on this server")]
    created_at: datetime
    disabled: bool
    previous_secret_until: Annotated[
        datetime | None, Field(description="until when the secret before this one signs too")
    ]


class NewSecret(Source):
    """A webhook source with its newest secret, which is shown this once."""

    secret: Annotated[str, Field(description="the signing secret (whsec_…); it cannot be shown again")]


class Sources(BaseModel):
    """A page of webhook sources, newest first."""

    items: list[Source]
    next_cursor: Cursor


class AuditEntry(BaseModel):
    """Something that was done, by whom, for good."""

    id: UUID
    created_at: datetime
    actor_id: Annotated[UUID | None, Field(description="the person, API key or source; null for a program of ours")]
    actor_role: str
    request_id: str | None
    action: str
    entity: str
    entity_id: UUID
    detail: Annotated[dict[str, Any], Field(description="identifiers and names of columns, never what they held")]
    sequence: Annotated[
        int | None, Field(description="its place in the org's chain; null for a moment, until it has one")
    ]


class AuditEntries(BaseModel):
    """A page of the audit trail, newest first."""

    items: list[AuditEntry]
    next_cursor: Cursor
