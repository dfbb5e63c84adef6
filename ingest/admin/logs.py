"""Read the kept warnings and errors of an org. Admins only."""

from __future__ import annotations

from typing import get_args

from flask import Blueprint, Response

from ingest.admin import audit_schemas as schemas
from ingest.web import pagination
from ingest.web.identity import admin
from ingest.web.openapi import Parameter, operation
from ingest.web.pagination import moment, optional_choice, page_of
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
    level, program = optional_choice("level", get_args(LogLevel)), optional_choice("program", get_args(LogProgram))
    since = moment("since")
    with who.session():
        found = events.list_logs(org=who.org, limit=limit + 1, before=before, level=level, program=program, since=since)
    return page_of(schemas.LogLines, found, limit=limit)
