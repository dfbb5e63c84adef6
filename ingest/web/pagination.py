"""Keyset pagination: at most `limit` items a page, newest first, and a cursor for the next page. Query parameters too."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Sequence
from typing import Any, TypeVar
from uuid import UUID

from flask import Response, request
from pydantic import BaseModel

from ingest.web.openapi import Parameter
from ingest.web.problems import Problem
from ingest.web.responses import json_response

Model = TypeVar("Model", bound=BaseModel)
Item = TypeVar("Item")

PAGE = 50
_CURSOR = re.compile(r"[A-Za-z0-9_-]{22}")
LIMIT = Parameter(
    name="limit",
    where="query",
    description=f"How many (default {PAGE}).",
    schema={"type": "integer", "minimum": 1, "maximum": 100},
)
CURSOR = Parameter(
    name="cursor",
    where="query",
    description="The next_cursor of the page before.",
    schema={"type": "string", "pattern": "^[A-Za-z0-9_-]{22}$"},
)
PARAMETERS = (LIMIT, CURSOR)


def limit() -> int:
    """Return how many items this request wants. Raises Problem."""
    given = request.args.get("limit", str(PAGE))
    if not (given.isascii() and given.isdigit() and len(given) <= 3 and 1 <= int(given) <= 100):
        raise not_acceptable("limit", "must be a whole number from 1 to 100")
    return int(given)


def cursor() -> UUID | None:
    """Return the id after which this request wants to go on, if it names one. Raises Problem."""
    given = request.args.get("cursor")
    if given is None:
        return None
    try:
        if not _CURSOR.fullmatch(given):
            raise ValueError(given)
        return UUID(bytes=base64.b64decode(given + "==", altchars=b"-_", validate=True))
    except (binascii.Error, ValueError):
        raise not_acceptable("cursor", "is not a next_cursor from here") from None


def next_cursor(last: UUID) -> str:
    """Return the cursor of the page that follows the item with this id."""
    return base64.urlsafe_b64encode(last.bytes).decode().rstrip("=")


def page_of(
    model: type[Model],
    found: Sequence[Item],
    *,
    limit: int,
    show: Callable[[Item], Any] = lambda item: item,
    key: Callable[[Item], UUID] = lambda item: item["id"],  # type: ignore[index]  # rows are dictionaries
) -> Response:
    """Return a page of at most `limit` items. One more was read, so that we know whether there is a next page.

    `show` turns an item into what is sent, `key` returns the id that the list is sorted by.
    """
    page = found[:limit]
    more = next_cursor(key(page[-1])) if len(found) > limit else None
    return json_response(model.model_validate({"items": [show(one) for one in page], "next_cursor": more}))


def id_parameter(name: str, description: str) -> Parameter:
    """Return the documentation of a filter by id."""
    return Parameter(name=name, where="query", description=description, schema={"type": "string", "format": "uuid"})


def wanted_id(name: str) -> UUID | None:
    """Return the id this request filters by, if it names one. Raises Problem."""
    given = request.args.get(name)
    if given is None:
        return None
    try:
        found = UUID(given)
    except ValueError:
        raise not_acceptable(name, "must be a UUID") from None
    if str(found) != given.lower():
        raise not_acceptable(name, "must be a UUID")
    return found


def not_acceptable(name: str, detail: str) -> Problem:
    """Return the problem of a query parameter."""
    return Problem("invalid-payload", f"{name} {detail}.", errors=[{"pointer": f"?{name}", "detail": detail}])
