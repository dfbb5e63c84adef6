"""Request and answer models. OpenAPI is generated from these, so a field's description is its documentation."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictStr,
    StringConstraints,
)

MAX_CHARACTERS = 100_000
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?([Zz]|[+-]\d{2}:\d{2})")


def _text_only(value: Any) -> Any:
    if not isinstance(value, str):
        raise ValueError("must be a string")  # noqa: TRY004 - pydantic turns ValueError into a field error
    return value


def _date_text(value: Any) -> Any:
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        raise ValueError("must be an RFC 3339 time with a zone, such as 2026-11-23T08:30:00Z")
    return value


def _in_utc(value: datetime) -> datetime:
    # PostgreSQL knows no zone beyond 16 hours, and what falls out of the calendar could not be read again.
    try:
        moment = value.astimezone(UTC)
    except OverflowError:
        raise ValueError("lies outside the calendar") from None
    if moment.year == 1:
        raise ValueError("must lie after the year 1")
    return moment


Id = Annotated[UUID, BeforeValidator(_text_only)]
Moment = Annotated[datetime, BeforeValidator(_date_text), AfterValidator(_in_utc)]
Short = Annotated[StrictStr, StringConstraints(min_length=1, max_length=200, pattern=r"\S")]
ExternalId = Annotated[StrictStr, StringConstraints(min_length=1, max_length=255, pattern=r"\S")]
Language = Annotated[StrictStr, StringConstraints(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$", max_length=35)]
Share = Annotated[float, Field(ge=0, le=1)]


class Health(BaseModel):
    """How the service is."""

    status: Literal["ok", "degraded", "unavailable"]
    checks: dict[str, str] = {}


class FieldError(BaseModel):
    """One field that was not acceptable."""

    pointer: str
    detail: str


class ProblemDocument(BaseModel):
    """Why the request was not carried out (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    instance: Annotated[str, Field(description="the request id, also in X-Request-Id")]
    errors: list[FieldError] | None = None


Cursor = Annotated[str | None, Field(description="pass it as `cursor` for the next page; null on the last")]


def absent() -> Any:
    """Return the default of a member that may be left out but not be null; it is never read."""
    return Field(default_factory=lambda: None)


class RequestBody(BaseModel):
    """What somebody sends to administer."""

    model_config = ConfigDict(extra="forbid")

    def changes(self) -> dict[str, Any]:
        """Return exactly what was sent."""
        return {name: getattr(self, name) for name in self.model_fields_set}


Prompt = Annotated[StrictStr, StringConstraints(max_length=20_000)]


class Span(BaseModel):
    """The words a comment is about: text[start:end] == quote, counted in code points, unless match is none."""

    start: int
    end: int
    unit: Literal["code_points"]
    quote: str
    prefix: str
    suffix: str
    match: Literal["exact", "normalised", "none"]
