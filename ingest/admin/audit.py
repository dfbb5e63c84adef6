"""The audit trail of an org, for its admins to read."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response, request

from ingest.admin import connection_schemas as schemas
from ingest.web import pagination
from ingest.web.identity import admin
from ingest.web.openapi import Parameter, operation
from ingest.web.pagination import not_acceptable, page_of
from models import audit

blueprint = Blueprint("audit", __name__)

ENTITY = Parameter(
    name="entity_id",
    where="query",
    description="Only what was done to the thing with this id.",
    schema={"type": "string", "format": "uuid"},
)
ACTOR = Parameter(
    name="actor_id",
    where="query",
    description="Only what this person, API key or source did.",
    schema={"type": "string", "format": "uuid"},
)


@blueprint.get("/v1/audit")
@operation(
    "Read the audit trail",
    answers={200: schemas.AuditEntries},
    parameters=(*pagination.PARAMETERS, ENTITY, ACTOR),
    problems=("invalid-payload", "forbidden"),
)
def list_entries() -> Response:
    """Answer the org's audit entries, newest first, a page at a time."""
    who = admin()
    limit, before = pagination.limit(), pagination.cursor()
    entity_id, actor_id = _id("entity_id"), _id("actor_id")
    with who.session():
        found = audit.list_newest(org=who.org, limit=limit + 1, before=before, entity_id=entity_id, actor_id=actor_id)
    return page_of(schemas.AuditEntries, found, limit=limit)


def _id(name: str) -> UUID | None:
    given = request.args.get(name)
    if given is None:
        return None
    try:
        return UUID(given)
    except ValueError:
        raise not_acceptable(name, "is not an id") from None
