"""The webhook sources of an org: made, looked at, changed, turned over and disabled by its admins. Secrets are shown once."""

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
from models import connections
from models.connections import SourceCard

blueprint = Blueprint("sources", __name__)

LOCATION = {201: {"Location": "the source, without its secret"}}


@blueprint.get("/v1/sources")
@operation(
    "List webhook sources",
    answers={200: schemas.Sources},
    parameters=pagination.PARAMETERS,
    problems=("invalid-payload", "forbidden"),
)
def list_all() -> Response:
    """Answer the org's webhook sources, disabled ones included, newest first."""
    who = admin()
    limit, before = pagination.limit(), pagination.cursor()
    with who.session():
        found = connections.list_sources(org=who.org, limit=limit + 1, before=before)
    return page_of(schemas.Sources, found, limit=limit, show=_card, key=lambda one: one.id)


@blueprint.post("/v1/sources")
@operation(
    "Make a webhook source",
    answers={201: schemas.NewSecret},
    body=schemas.SourceDraft,
    problems=("forbidden",),
    headers=LOCATION,
)
def make() -> Response:
    """Answer a new source: where its LMS delivers to, and the secret it signs with, which is shown only now."""
    who = admin()
    wanted = read_body(schemas.SourceDraft)
    with who.session():
        source, secret = connections.add_source(wanted.name, org=who.org)
        made = connections.fetch_source(source, org=who.org)
    return _shown_once(made, secret)


@blueprint.get("/v1/sources/<uuid:source_id>")
@operation("One webhook source", answers={200: schemas.Source}, problems=("forbidden",))
def one_source(source_id: UUID) -> Response:
    """Answer what is known of a source; never its secrets."""
    who = admin()
    with who.session():
        found = connections.fetch_source(source_id, org=who.org)
    return json_response(_card(found))


@blueprint.patch("/v1/sources/<uuid:source_id>")
@operation(
    "Change a webhook source", answers={200: schemas.Source}, body=schemas.SourceChanges, problems=("forbidden",)
)
def change(source_id: UUID) -> Response:
    """Change a source's name, disable it, or enable it again, from the next delivery on."""
    who = admin()
    wanted = read_body(schemas.SourceChanges)
    with who.session():
        connections.change_source(source_id, org=who.org, **wanted.model_dump(exclude_unset=True))
        found = connections.fetch_source(source_id, org=who.org)
    return json_response(_card(found))


@blueprint.delete("/v1/sources/<uuid:source_id>")
@operation("Disable a webhook source", answers={204: None}, problems=("forbidden",))
def disable(source_id: UUID) -> tuple[str, int]:
    """Disable a source: its address answers 404 from the next delivery on. What it sent stays known."""
    who = admin()
    with who.session():
        connections.change_source(source_id, org=who.org, disabled=True)
    return "", 204


@blueprint.post("/v1/sources/<uuid:source_id>/rotate")
@operation(
    "Turn a source's secret over",
    answers={201: schemas.NewSecret},
    body=schemas.Rotation,
    problems=("forbidden",),
    headers=LOCATION,
)
def rotate(source_id: UUID) -> Response:
    """Answer a new secret. The one before signs too until the overlap is over; an older one does not any more."""
    who = admin()
    wanted = read_body(schemas.Rotation)
    with who.session():
        secret = connections.rotate_source(source_id, org=who.org, overlap_seconds=wanted.overlap_seconds)
        found = connections.fetch_source(source_id, org=who.org)
    return _shown_once(found, secret)


def _card(found: SourceCard) -> schemas.Source:
    return schemas.Source(**_facts(found))


def _facts(found: SourceCard) -> dict[str, Any]:
    return {
        "id": found.id,
        "name": found.name,
        "url": f"/v1/webhooks/{found.id}",
        "created_at": found.created_at,
        "disabled": found.disabled_at is not None,
        "previous_secret_until": found.previous_secret_until,
    }


def _shown_once(found: SourceCard, secret: str) -> Response:
    response = Response(
        schemas.NewSecret(**_facts(found), secret=secret).model_dump_json(), status=201, content_type="application/json"
    )
    response.headers["Location"] = f"/v1/sources/{found.id}"
    return response
