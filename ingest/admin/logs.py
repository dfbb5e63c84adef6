"""Read the kept warnings and errors of an org. Admins only."""

from __future__ import annotations

from datetime import datetime
from typing import get_args

from flask import Blueprint, Response, request
from pydantic import TypeAdapter, ValidationError

from ingest.admin import connection_schemas as schemas
from ingest.web import pagination
from ingest.web.identity import admin
from ingest.web.openapi import Parameter, operation
from ingest.web.pagination import choice, invalid_parameter, page_of
from ingest.web.schemas import Moment
from models import events
from models.events import LogLevel, LogProgram

blueprint = Blueprint("logs", __name__)

LEVEL = Parameter(
    name="level", where="query", description="Only lines of this level.", schema={"enum": list(get_args(LogLevel))}
)
PROGRAM = Parameter(
    name="program",
    where="query",
    description="Only lines of this program.",
    schema={"enum": list(get_args(LogProgram))},
)
SINCE = Parameter(
    name="since",
    where="query",
    description="Only lines from this time on (RFC 3339).",
    schema={"type": "string", "format": "date-time"},
)
_MOMENT: TypeAdapter[datetime] = TypeAdapter(Moment)


@blueprint.get("/v1/logs")
@operation(
    "Read the kept warnings and errors",
    answers={200: schemas.LogLines},
    parameters=(*pagination.PARAMETERS, LEVEL, PROGRAM, SINCE),
    problems=("invalid-payload", "forbidden"),
)
def list_logs() -> Response:
    """Return the warnings and errors that concern your org, newest first, one page per request. Kept for 90 days. Admins only."""
    who = admin()
    limit, before = pagination.limit(), pagination.cursor()
    level, program, since = _one_of("level", get_args(LogLevel)), _one_of("program", get_args(LogProgram)), _since()
    with who.session():
        found = events.list_logs(org=who.org, limit=limit + 1, before=before, level=level, program=program, since=since)
    return page_of(schemas.LogLines, found, limit=limit)


def _one_of(name: str, allowed: tuple[str, ...]) -> str | None:
    return choice(name, allowed, default="") if name in request.args else None


def _since() -> datetime | None:
    value = request.args.get("since")
    try:
        return None if value is None else _MOMENT.validate_python(value)
    except ValidationError:
        raise invalid_parameter("since", "must be an RFC 3339 time with a zone, such as 2026-11-23T08:30:00Z") from None
