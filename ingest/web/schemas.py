"""Field types and models that several folders share. The OpenAPI document contains their descriptions and docstrings."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, get_args
from uuid import UUID

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    StrictStr,
    StringConstraints,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_core import CoreSchema, core_schema

from ingest.web.messages import LANGUAGE_FORM, NETWORK_FORM, NUMBERED_ID, ORIGIN_FORM, TIME_FORM, UUID_FORM
from models import essays
from models.identifiers import fold_identifier, fold_spelling, is_invisible
from models.languages import MAX_LENGTH, canonical_language
from models.networks import MAX_LENGTH as MAX_LENGTH_OF_NETWORK
from models.networks import MOST_NETWORKS, canonical_network

MAX_CHARACTERS = essays.MAX_CHARACTERS
EMAIL_PATTERN = r"^[^@\s]+@[^@\s]+$"
# Java and student information systems write the zone as +0000 or +00; second 60 is a leap second.
_DATE = re.compile(r"(\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2})(:\d{2}(?:\.\d+)?)?([Zz]|([+-]\d{2}):?(\d{2})?)")

# As ESSAYCOACH_ALLOWED_ORIGINS, over TLS only. A policy of a page cannot name an IPv6 address.
_HTTPS_ORIGIN = re.compile(r"https://[a-z0-9.-]+(:[0-9]{1,5})?")


def _require_string(value: Any) -> Any:
    if not isinstance(value, str):
        raise ValueError(UUID_FORM)  # noqa: TRY004 - pydantic turns ValueError into a field error
    return value.strip()


def _require_date_text(value: Any) -> Any:
    written = _DATE.fullmatch(value.strip()) if isinstance(value, str) else None
    if written is None:
        raise ValueError(TIME_FORM)
    minute, second, zone, hours, minutes = written.groups()
    if second is not None and second.startswith(":60"):
        second = ":59.999"
    if hours is not None:
        zone = f"{hours}:{minutes or '00'}"
    return minute + (second or "") + zone


def _refuse_number(value: Any) -> Any:
    if isinstance(value, int | float) and not isinstance(value, bool):
        raise ValueError(NUMBERED_ID)  # noqa: TRY004 - pydantic turns ValueError into a field error
    return value


def _read_whole(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _fold_id(value: str) -> str:
    folded = fold_identifier(value)
    if not folded:
        raise ValueError("must not be blank")
    return folded


def _read_language(value: str) -> str:
    language = canonical_language(value)
    if language is None:
        raise ValueError(LANGUAGE_FORM)
    return language


def _read_network(value: str) -> str:
    try:
        return canonical_network(value)
    except ValueError:
        raise ValueError(NETWORK_FORM) from None


def _check_origin(value: str) -> str:
    if not _HTTPS_ORIGIN.fullmatch(value):
        raise ValueError(ORIGIN_FORM)
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
ExternalId = Annotated[
    StrictStr,
    StringConstraints(min_length=1, max_length=255, pattern=r"\S"),
    BeforeValidator(_refuse_number),
    AfterValidator(_fold_id),
]
Language = Annotated[StrictStr, StringConstraints(min_length=1, max_length=MAX_LENGTH), AfterValidator(_read_language)]
Networks = Annotated[
    list[
        Annotated[
            StrictStr, StringConstraints(min_length=1, max_length=MAX_LENGTH_OF_NETWORK), AfterValidator(_read_network)
        ]
    ],
    Field(
        max_length=MOST_NETWORKS,
        description="IPv4 and IPv6 networks as CIDR, or single addresses, such as 192.0.2.0/24; empty: everywhere",
    ),
    AfterValidator(lambda networks: list(dict.fromkeys(networks))),
]
EmbedOrigins = Annotated[
    list[Annotated[StrictStr, StringConstraints(min_length=1, max_length=255), AfterValidator(_check_origin)]],
    Field(
        max_length=20,
        description="origins such as https://lms.example:8443 whose pages may show a link to an essay in a frame; empty: none",
    ),
    AfterValidator(lambda origins: list(dict.fromkeys(origins))),
]
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


@dataclass(frozen=True, kw_only=True)
class Whole:
    """Marks a whole number within bounds. JSON may write it as 5.0, which JSON Schema calls an integer too."""

    ge: int
    le: int

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Return the schema of the number. A bound in a `Field` would be lost to the published schema behind a validator."""
        number = core_schema.int_schema(strict=True, ge=self.ge, le=self.le)
        return core_schema.no_info_before_validator_function(_read_whole, number)


class NotNeeded:
    """Marks a member that a submission can do without: a bad value costs that value, and is named in `warnings`."""

    def __get_pydantic_json_schema__(self, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Return the member's schema, with the addition that anything else is accepted too."""
        anything_else = {"description": "anything else is not used, and is named in `warnings` of the answer"}
        return {"anyOf": [handler(core_schema), anything_else]}


class LenientBody(BaseModel):
    """The base of request models. In a member that may be null, a text without a visible character is read as null."""

    @model_validator(mode="before")
    @classmethod
    def _blank_is_null(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        blank = [
            field.alias or name
            for name, field in cls.model_fields.items()
            if isinstance(given := value.get(field.alias or name), str) and _is_blank(given, field)
        ]
        return {**value, **dict.fromkeys(blank)} if blank else value

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Return the model's schema, in which a blank text is allowed where null is."""
        schema = handler(core_schema)
        for member in handler.resolve_ref_schema(schema).get("properties", {}).values():
            if {"type": "null"} in member.get("anyOf", ()):
                member["anyOf"].append({"type": "string", "pattern": r"^\s*$", "description": "the same as null"})
        return schema


def _is_blank(given: str, field: FieldInfo) -> bool:
    kinds = get_args(field.annotation)
    if type(None) not in kinds:
        return False
    # An id may also be nothing but a spreadsheet's guard.
    return fold_spelling(given) == "" if ExternalId in kinds else is_invisible(given)


class RequestBody(LenientBody):
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
