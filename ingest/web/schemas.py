"""Field types and models that several folders share. The OpenAPI document contains their descriptions and docstrings."""

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

from models.identifiers import fold_identifier

MAX_CHARACTERS = 100_000
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?([Zz]|[+-]\d{2}:\d{2})")


def _require_string(value: Any) -> Any:
    if not isinstance(value, str):
        raise ValueError("must be a string")  # noqa: TRY004 - pydantic turns ValueError into a field error
    return value


def _require_date_text(value: Any) -> Any:
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        raise ValueError("must be an RFC 3339 time with a zone, such as 2026-11-23T08:30:00Z")
    return value


def _to_utc(value: datetime) -> datetime:
    # PostgreSQL accepts no offset beyond 16 hours, and Python cannot read a time outside its calendar.
    try:
        moment = value.astimezone(UTC)
    except OverflowError:
        raise ValueError("lies outside the calendar") from None
    if moment.year == 1:
        raise ValueError("must lie after the year 1")
    return moment


Id = Annotated[UUID, BeforeValidator(_require_string)]
Moment = Annotated[datetime, BeforeValidator(_require_date_text), AfterValidator(_to_utc)]
Short = Annotated[StrictStr, StringConstraints(min_length=1, max_length=200, pattern=r"\S")]
ExternalId = Annotated[StrictStr, StringConstraints(min_length=1, max_length=255, pattern=r"\S")]
Language = Annotated[StrictStr, StringConstraints(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$", max_length=35)]
Share = Annotated[float, Field(ge=0, le=1)]


class Health(BaseModel):
    """The state of the service, and the result of each check."""

    status: Literal["ok", "degraded", "unavailable"]
    checks: dict[str, str] = {}


class FieldError(BaseModel):
    """One invalid field."""

    pointer: Annotated[str, Field(description="JSON pointer to the field; `?name` for a query parameter")]
    detail: Annotated[str, Field(description="what is wrong with the field")]


class ProblemDocument(BaseModel):
    """An error answer (RFC 9457 problem document)."""

    type: Annotated[str, Field(description="`/problems/` and the name of the problem; use it to tell problems apart")]
    title: Annotated[str, Field(description="short text for this type of problem")]
    status: Annotated[int, Field(description="the HTTP status code")]
    detail: Annotated[str, Field(description="what was wrong with this request")]
    instance: Annotated[str, Field(description="the request id, also in the X-Request-Id header")]
    errors: Annotated[list[FieldError] | None, Field(description="the invalid fields, if there are any")] = None


Cursor = Annotated[str | None, Field(description="send it as `cursor` to get the next page; null on the last page")]


def optional_not_null() -> Any:
    """Return the default for a member that may be left out but must not be null. The default itself is never read."""
    return Field(default_factory=lambda: None)


class RequestBody(BaseModel):
    """The base of the request models that refuse unknown members."""

    model_config = ConfigDict(extra="forbid")

    def changes(self) -> dict[str, Any]:
        """Return the members that the client sent, and no defaults."""
        return {name: getattr(self, name) for name in self.model_fields_set}


Prompt = Annotated[StrictStr, StringConstraints(max_length=20_000)]


class Span(BaseModel):
    """The passage of the essay that a comment is about. Unless `match` is `none`, text[start:end] equals `quote`."""

    start: Annotated[int, Field(description="offset of the first character, counted in Unicode code points")]
    end: Annotated[int, Field(description="offset after the last character")]
    unit: Annotated[Literal["code_points"], Field(description="the unit of `start` and `end`")]
    quote: Annotated[str, Field(description="the passage itself")]
    prefix: Annotated[str, Field(description="the text right before the quote")]
    suffix: Annotated[str, Field(description="the text right after the quote")]
    match: Annotated[
        Literal["exact", "normalised", "none"],
        Field(
            description="how the quote was found in the text: exact; normalised (equal after unifying spaces, "
            "quotation marks, dashes and invisible characters); none (not found: `start` and `end` are 0, and `quote` is "
            "what the model claimed)"
        ),
    ]


def _fold(value: str) -> str:
    folded = fold_identifier(value)
    if not folded:
        raise ValueError("has no visible character")
    return folded


# An id of another system in the form in which it is stored and compared (models/identifiers.py).
FoldedId = Annotated[ExternalId, AfterValidator(_fold)]
