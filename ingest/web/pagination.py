"""Keyset pagination and query parameters: at most `limit` items on a page, newest first, and a cursor for the next page."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from flask import Response, request
from pydantic import BaseModel, TypeAdapter, ValidationError

from ingest.web.messages import TIME_FORM, UUID_FORM
from ingest.web.openapi import Parameter
from ingest.web.problems import Problem
from ingest.web.responses import json_response
from ingest.web.schemas import Moment

Model = TypeVar("Model", bound=BaseModel)
Item = TypeVar("Item")

PAGE = 50
_MOMENT: TypeAdapter[datetime] = TypeAdapter(Moment)
_CURSOR_FORM = "must be the next_cursor of the page before, with the same other parameters"
_CURSOR = re.compile(r"[A-Za-z0-9_-]{22}")
LIMIT = Parameter(
    name="limit",
    where="query",
    description=f"The number of items on a page (default {PAGE}).",
    schema={"type": "integer", "minimum": 1, "maximum": 100},
)
CURSOR = Parameter(
    name="cursor",
    where="query",
    description="The `next_cursor` of the previous page. Leave it out for the first page.",
    schema={"type": "string", "pattern": "^[A-Za-z0-9_-]{22}$"},
)
PARAMETERS = (LIMIT, CURSOR)
_POSITION = re.compile(r"[A-Za-z0-9_-]{32}")
# The largest rank: as microseconds since 1970 it is in the year 2255.
_MAX_RANK = 2**53 - 1
POSITION_CURSOR = Parameter(
    name="cursor",
    where="query",
    description="The `next_cursor` of the previous page, asked for with the same other parameters. Leave it out for the first page.",
    schema={"type": "string", "pattern": "^[A-Za-z0-9_-]{32}$"},
)


def limit() -> int:
    """Return how many items this request asks for, PAGE by default. Raises Problem."""
    value = request.args.get("limit", str(PAGE))
    if not (value.isascii() and value.isdigit() and len(value) <= 3 and 1 <= int(value) <= 100):
        raise invalid_parameter("limit", "must be a whole number from 1 to 100")
    return int(value)


def cursor() -> UUID | None:
    """Return the id of the last item of the previous page, or None for the first page. Raises Problem."""
    value = request.args.get("cursor")
    if value is None:
        return None
    try:
        if not _CURSOR.fullmatch(value):
            raise ValueError(value)
        return UUID(bytes=base64.b64decode(value + "==", altchars=b"-_", validate=True))
    except (binascii.Error, ValueError):
        raise invalid_parameter("cursor", _CURSOR_FORM) from None


def next_cursor(last: UUID) -> str:
    """Return the cursor for the page that follows the item with this id."""
    return base64.urlsafe_b64encode(last.bytes).decode().rstrip("=")


def position() -> tuple[int, UUID] | None:
    """Return the rank and id of the last item of the previous page of a list that is not sorted by id alone. Raises Problem."""
    value = request.args.get("cursor")
    if value is None:
        return None
    raw = base64.b64decode(value, altchars=b"-_") if _POSITION.fullmatch(value) else b""
    rank = int.from_bytes(raw[:8])
    if not raw or rank > _MAX_RANK:
        raise invalid_parameter("cursor", _CURSOR_FORM)
    return rank, UUID(bytes=raw[8:])


def position_cursor(rank: int, last: UUID) -> str:
    """Return the cursor for the page that follows the item with this rank (what the list is sorted by) and this id."""
    return base64.urlsafe_b64encode(rank.to_bytes(8) + last.bytes).decode()


def choice(name: str, allowed: Sequence[str], *, default: str) -> str:
    """Return the value of a query parameter that has a list of allowed values. Raises Problem."""
    value = request.args.get(name, default)
    if value not in allowed:
        raise invalid_parameter(name, f"must be one of {', '.join(allowed)}")
    return value


def optional_choice(name: str, allowed: Sequence[str]) -> str | None:
    """Return the value of a query parameter that has a list of allowed values, or None when it is left out. Raises Problem."""
    return choice(name, allowed, default="") if name in request.args else None


def moment(name: str) -> datetime | None:
    """Return the time that a query parameter names, or None when it is left out. Raises Problem."""
    value = request.args.get(name)
    try:
        return None if value is None else _MOMENT.validate_python(value)
    except ValidationError:
        raise invalid_parameter(name, f"{TIME_FORM}; write + as %2B") from None


def page_of(
    model: type[Model],
    found: Sequence[Item],
    *,
    limit: int,
    show: Callable[[Item], Any] = lambda item: item,
    key: Callable[[Item], UUID] = lambda item: item["id"],  # type: ignore[index]  # rows are dictionaries
    cursor: Callable[[Item], str] | None = None,
) -> Response:
    """Return a page of at most `limit` items of `found`.

    The caller reads `limit + 1` items: the extra one shows that there is a next page. `show` turns an item into what is sent;
    `key` returns the id by which the list is sorted. `cursor` returns the cursor of a list that is sorted by more than an id.
    """
    page = found[:limit]
    cursor_of = cursor or (lambda item: next_cursor(key(item)))
    more = cursor_of(page[-1]) if len(found) > limit else None
    return json_response(model.model_validate({"items": [show(item) for item in page], "next_cursor": more}))


def id_parameter(name: str, description: str) -> Parameter:
    """Return the documentation of a query parameter that filters by id."""
    return Parameter(name=name, where="query", description=description, schema={"type": "string", "format": "uuid"})


def id_filter(name: str) -> UUID | None:
    """Return the id by which this request filters, or None when it names none. Raises Problem."""
    value = request.args.get(name)
    if value is None:
        return None
    try:
        found = UUID(value)
    except ValueError:
        raise invalid_parameter(name, UUID_FORM) from None
    if str(found) != value.lower():
        raise invalid_parameter(name, UUID_FORM)
    return found


def invalid_parameter(name: str, detail: str) -> Problem:
    """Return the problem that a query parameter is not acceptable."""
    return Problem("invalid-payload", f"{name} {detail}.", errors=[{"pointer": f"?{name}", "detail": detail}])
