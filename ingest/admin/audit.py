"""Read the audit trail of an org. Admins only."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response, request

from ingest.admin import audit_schemas as schemas
from ingest.web import pagination
from ingest.web.identity import admin
from ingest.web.messages import UUID_FORM
from ingest.web.openapi import Parameter, operation
from ingest.web.pagination import invalid_parameter, page_of
from models import audit

blueprint = Blueprint("audit", __name__)

ENTITY = Parameter(
    name="entity_id",
    where="query",
    description="Only entries about the entity with this id.",
    schema={"type": "string", "format": "uuid"},
)
ACTOR = Parameter(
    name="actor_id",
    where="query",
    description="Only actions of this person, API key or source.",
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
    """Return the audit entries of the org, newest first, one page per request. Admins only."""
    who = admin()
    limit, before = pagination.limit(), pagination.cursor()
    entity_id, actor_id = _id_filter("entity_id"), _id_filter("actor_id")
    with who.session():
        found = audit.list_newest(org=who.org, limit=limit + 1, before=before, entity_id=entity_id, actor_id=actor_id)
    return page_of(schemas.AuditEntries, found, limit=limit)


def _id_filter(name: str) -> UUID | None:
    value = request.args.get(name)
    if value is None:
        return None
    try:
        return UUID(value)
    except ValueError:
        raise invalid_parameter(name, UUID_FORM) from None
