"""Build the JSON responses of the REST routes."""

from __future__ import annotations

from flask import Response
from pydantic import BaseModel

CREATED = {201: {"Location": "URL of the new resource"}}


def json_response(answer: BaseModel, *, status: int = 200, at: str | None = None) -> Response:
    """Return the answer as JSON; `at` becomes the Location header, the URL at which it can be read again."""
    response = Response(answer.model_dump_json(by_alias=True), status=status, content_type="application/json")
    if at is not None:
        response.headers["Location"] = at
    return response
