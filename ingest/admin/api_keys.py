"""The API keys of an org: made, looked at, changed, turned over and revoked by its admins. A key's text is shown once."""

from __future__ import annotations

from dataclasses import asdict
from uuid import UUID

from flask import Blueprint, Response, current_app

from ingest.admin import connection_schemas as schemas
from ingest.settings import IngestSettings
from ingest.web import pagination
from ingest.web.body import read_body
from ingest.web.identity import admin
from ingest.web.openapi import operation
from ingest.web.pagination import page_of
from ingest.web.responses import json_response
from models import connections
from models.connections import ApiKey

blueprint = Blueprint("api_keys", __name__)

LOCATION = {201: {"Location": "the new key, without its text"}}


@blueprint.get("/v1/api-keys")
@operation(
    "List API keys",
    answers={200: schemas.ApiKeys},
    parameters=pagination.PARAMETERS,
    problems=("invalid-payload", "forbidden"),
)
def list_keys() -> Response:
    """Answer the org's API keys, revoked ones included, newest first."""
    who = admin()
    limit, before = pagination.limit(), pagination.cursor()
    with who.session():
        found = connections.list_api_keys(org=who.org, limit=limit + 1, before=before)
    return page_of(schemas.ApiKeys, found, limit=limit, show=_card, key=lambda one: one.id)


@blueprint.post("/v1/api-keys")
@operation(
    "Make an API key",
    answers={201: schemas.NewApiKey},
    body=schemas.ApiKeyDraft,
    problems=("forbidden",),
    headers=LOCATION,
)
def make() -> Response:
    """Answer a new API key. This is the only time its text is shown."""
    who = admin()
    wanted = read_body(schemas.ApiKeyDraft)
    with who.session():
        key, text = connections.add_api_key(
            wanted.name, org=who.org, pepper=_pepper(), scopes=wanted.scopes, expires_at=wanted.expires_at
        )
        made = connections.fetch_api_key(key, org=who.org)
    return _shown_once(made, text)


@blueprint.get("/v1/api-keys/<uuid:key_id>")
@operation("One API key", answers={200: schemas.ApiKey}, problems=("forbidden",))
def one_key(key_id: UUID) -> Response:
    """Answer what is known of an API key; never its text."""
    who = admin()
    with who.session():
        found = connections.fetch_api_key(key_id, org=who.org)
    return json_response(_card(found))


@blueprint.patch("/v1/api-keys/<uuid:key_id>")
@operation("Change an API key", answers={200: schemas.ApiKey}, body=schemas.ApiKeyChanges, problems=("forbidden",))
def change(key_id: UUID) -> Response:
    """Change a key's name, scopes or end, from the next request on. Its text stays as it is."""
    who = admin()
    wanted = read_body(schemas.ApiKeyChanges)
    with who.session():
        connections.change_api_key(key_id, org=who.org, changes=wanted.model_dump(exclude_unset=True))
        found = connections.fetch_api_key(key_id, org=who.org)
    return json_response(_card(found))


@blueprint.delete("/v1/api-keys/<uuid:key_id>")
@operation("Revoke an API key", answers={204: None}, problems=("forbidden",))
def revoke(key_id: UUID) -> tuple[str, int]:
    """Revoke a key: it is refused from the next request on, for good. Revoking twice is as once."""
    who = admin()
    with who.session():
        connections.revoke_api_key(key_id, org=who.org)
    return "", 204


@blueprint.post("/v1/api-keys/<uuid:key_id>/rotate")
@operation(
    "Turn an API key over",
    answers={201: schemas.NewApiKey},
    body=schemas.Rotation,
    problems=("forbidden", "key-ended"),
    headers=LOCATION,
)
def rotate(key_id: UUID) -> Response:
    """Answer a new key with this one's name, scopes and end. The old one stops working when the overlap is over."""
    who = admin()
    wanted = read_body(schemas.Rotation)
    with who.session():
        key, text = connections.rotate_api_key(
            key_id, org=who.org, pepper=_pepper(), overlap_seconds=wanted.overlap_seconds
        )
        made = connections.fetch_api_key(key, org=who.org)
    return _shown_once(made, text)


def _pepper() -> bytes:
    settings: IngestSettings = current_app.extensions["essaycoach.settings"]
    return settings.api_key_pepper


def _card(found: ApiKey) -> schemas.ApiKey:
    return schemas.ApiKey(**asdict(found))


def _shown_once(made: ApiKey, text: str) -> Response:
    response = Response(
        schemas.NewApiKey(**asdict(made), key=text).model_dump_json(), status=201, content_type="application/json"
    )
    response.headers["Location"] = f"/v1/api-keys/{made.id}"
    return response
