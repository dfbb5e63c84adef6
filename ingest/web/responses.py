"""What the doors of administration share: who may come in, and how they answer."""

from __future__ import annotations

from typing import Any, TypeVar
from uuid import UUID

from flask import Response, request
from pydantic import BaseModel

from ingest.web import pagination
from ingest.web.identity import Identity, identity
from ingest.web.openapi import Parameter
from ingest.web.problems import Problem

Model = TypeVar("Model", bound=BaseModel)

CREATED = {201: {"Location": "where it is"}}


def signed_in() -> Identity:
    """Return the person, in whichever role, this request acts for. Raises Problem."""
    return identity(api_keys=False)


def shown(answer: BaseModel, *, status: int = 200, at: str | None = None) -> Response:
    """Return the answer as JSON; `at` is where it can be read again."""
    response = Response(answer.model_dump_json(), status=status, content_type="application/json")
    if at is not None:
        response.headers["Location"] = at
    return response


def page_of(model: type[Model], found: list[dict[str, Any]], *, limit: int, key: str = "id") -> Response:
    """Return a page of at most `limit` items; one more was found when there is a next page. `key` is what it is sorted by."""
    page = found[:limit]
    next_cursor = pagination.next_cursor(page[-1][key]) if len(found) > limit else None
    return shown(model.model_validate({"items": page, "next_cursor": next_cursor}))


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
