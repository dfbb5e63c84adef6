"""What will be deleted because of its age, and legal holds on people. Admins only."""

from __future__ import annotations

from dataclasses import asdict
from uuid import UUID

from flask import Blueprint, Response

from ingest.admin import retention_schemas as schemas
from ingest.web import pagination
from ingest.web.body import read_body
from ingest.web.identity import admin
from ingest.web.openapi import operation
from ingest.web.pagination import page_of
from ingest.web.responses import json_response
from models import holds, retention

blueprint = Blueprint("retention", __name__)


@blueprint.get("/v1/org/retention")
@operation("Ask what will be deleted", answers={200: schemas.Retention}, problems=("forbidden",))
def report() -> Response:
    """Return for each class of data how many rows the next run deletes, how old they are, and what the last run deleted.

    Admins only.
    """
    who = admin()
    with who.session():
        found = retention.report(who.org)
    return json_response(schemas.Retention.model_validate({"items": [asdict(one) for one in found]}))


@blueprint.get("/v1/holds")
@operation(
    "List the people on hold",
    answers={200: schemas.Holds},
    parameters=pagination.PARAMETERS,
    problems=("invalid-payload", "forbidden"),
)
def list_holds() -> Response:
    """Return the people with a legal hold of their own, one page per request. Admins only."""
    who = admin()
    limit, before = pagination.limit(), pagination.cursor()
    with who.session():
        found = holds.list_held(org=who.org, limit=limit + 1, before=before)
    return page_of(schemas.Holds, found, limit=limit)


@blueprint.put("/v1/users/<uuid:user_id>/hold")
@operation("Place a legal hold", answers={200: schemas.Hold}, body=schemas.NewHold, problems=("forbidden",))
def place_hold(user_id: UUID) -> Response:
    """Keep everything of this person until the hold is lifted: no retention and no erasure deletes any of it. Idempotent.

    Writes an audit entry with the number of the case. Admins only.
    """
    who = admin()
    case_number = read_body(schemas.NewHold).case_number
    with who.session():
        holds.place(user_id, case_number=case_number)
    return json_response(schemas.Hold(user_id=user_id, case_number=case_number))


@blueprint.delete("/v1/users/<uuid:user_id>/hold")
@operation("Lift a legal hold", answers={204: None}, problems=("forbidden",))
def lift_hold(user_id: UUID) -> tuple[str, int]:
    """Lift the hold of this person. What is past its time goes with the next run. Idempotent. Admins only."""
    who = admin()
    with who.session():
        holds.lift(user_id)
    return "", 204
