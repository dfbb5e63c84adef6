"""Create, list, change, rotate and disable the webhook sources of an org. Admins only. A secret is shown once."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, Response

from ingest.admin import connection_schemas as schemas
from ingest.web import pagination
from ingest.web.body import read_body
from ingest.web.identity import admin
from ingest.web.openapi import operation
from ingest.web.pagination import page_of
from ingest.web.responses import json_response
from ingest.web.step_up import require_step_up
from models import connections
from models.connections import SourceCard

blueprint = Blueprint("sources", __name__)

LOCATION = {201: {"Location": "URL of the source"}}


@blueprint.get("/v1/sources")
@operation(
    "List webhook sources",
    answers={200: schemas.Sources},
    parameters=pagination.PARAMETERS,
    problems=("invalid-payload", "forbidden"),
)
def list_all() -> Response:
    """Return the webhook sources of the org, disabled ones included, newest first, one page per request. Admins only."""
    who = admin()
    limit, before = pagination.limit(), pagination.cursor()
    with who.session():
        found = connections.list_sources(org=who.org, limit=limit + 1, before=before)
    return page_of(schemas.Sources, found, limit=limit, show=_to_schema, key=lambda source: source.id)


@blueprint.post("/v1/sources")
@operation(
    "Create a webhook source",
    answers={201: schemas.NewSecret},
    body=schemas.SourceDraft,
    problems=("forbidden", "sign-in-again"),
    headers=LOCATION,
)
def make() -> Response:
    """Create a webhook source. The answer has the path for deliveries and, only this once, the signing secret. Admins only."""
    who = admin()
    payload = read_body(schemas.SourceDraft)
    with who.session():
        require_step_up(who)
        source, secret = connections.add_source(
            payload.name, org=who.org, creates_courses=payload.creates_courses, networks=payload.networks
        )
        created = connections.fetch_source(source, org=who.org)
    return _respond_with_secret(created, secret)


@blueprint.get("/v1/sources/<uuid:source_id>")
@operation("Get a webhook source", answers={200: schemas.Source}, problems=("forbidden",))
def one_source(source_id: UUID) -> Response:
    """Return a webhook source without its secrets. Admins only."""
    who = admin()
    with who.session():
        found = connections.fetch_source(source_id, org=who.org)
    return json_response(_to_schema(found))


@blueprint.patch("/v1/sources/<uuid:source_id>")
@operation(
    "Change a webhook source",
    answers={200: schemas.Source},
    body=schemas.SourceChanges,
    problems=("forbidden", "sign-in-again"),
)
def change(source_id: UUID) -> Response:
    """Change the name or the right of a source, disable it or enable it again, from the next delivery on. Admins only."""
    who = admin()
    payload = read_body(schemas.SourceChanges)
    with who.session():
        require_step_up(who)
        connections.change_source(source_id, org=who.org, **payload.model_dump(exclude_unset=True))
        found = connections.fetch_source(source_id, org=who.org)
    return json_response(_to_schema(found))


@blueprint.delete("/v1/sources/<uuid:source_id>")
@operation("Disable a webhook source", answers={204: None}, problems=("forbidden",))
def disable(source_id: UUID) -> tuple[str, int]:
    """Disable a source. Deliveries to it get 404 from the next one on. What it has sent stays stored. Admins only."""
    who = admin()
    with who.session():
        connections.change_source(source_id, org=who.org, disabled=True)
    return "", 204


@blueprint.post("/v1/sources/<uuid:source_id>/rotate")
@operation(
    "Rotate the secret of a webhook source",
    answers={201: schemas.NewSecret},
    body=schemas.Rotation,
    problems=("forbidden", "sign-in-again"),
    headers=LOCATION,
)
def rotate(source_id: UUID) -> Response:
    """Create a new signing secret. The previous secret is accepted until the overlap ends; older ones are refused. Admins only."""
    who = admin()
    payload = read_body(schemas.Rotation)
    with who.session():
        require_step_up(who)
        secret = connections.rotate_source(source_id, org=who.org, overlap_seconds=payload.overlap_seconds)
        found = connections.fetch_source(source_id, org=who.org)
    return _respond_with_secret(found, secret)


def _to_schema(found: SourceCard) -> schemas.Source:
    return schemas.Source(**_members(found))


def _members(found: SourceCard) -> dict[str, Any]:
    return {
        "id": found.id,
        "name": found.name,
        "url": f"/v1/webhooks/{found.id}",
        "creates_courses": found.creates_courses,
        "networks": found.networks,
        "created_at": found.created_at,
        "disabled": found.disabled_at is not None,
        "previous_secret_until": found.previous_secret_until,
    }


def _respond_with_secret(found: SourceCard, secret: str) -> Response:
    response = Response(
        schemas.NewSecret(**_members(found), secret=secret).model_dump_json(),
        status=201,
        content_type="application/json",
    )
    response.headers["Location"] = f"/v1/sources/{found.id}"
    return response
