"""Pages of a list: at most `limit` items, newest first, and the cursor that leads to the next ones."""

from __future__ import annotations

import base64
import binascii
import re
from uuid import UUID

from flask import request

from ingest.web.openapi import Parameter
from ingest.web.problems import Problem

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


def limit() -> int:
    """Return how many items this request wants. Raises Problem."""
    given = request.args.get("limit", str(PAGE))
    if not (given.isascii() and given.isdigit() and len(given) <= 3 and 1 <= int(given) <= 100):
        raise _not_acceptable("limit", "must be a whole number from 1 to 100")
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
        raise _not_acceptable("cursor", "is not a next_cursor from here") from None


def next_cursor(last: UUID) -> str:
    """Return the cursor of the page that follows the item with this id."""
    return base64.urlsafe_b64encode(last.bytes).decode().rstrip("=")


def _not_acceptable(name: str, detail: str) -> Problem:
    return Problem("invalid-payload", f"{name} {detail}.", errors=[{"pointer": f"?{name}", "detail": detail}])
