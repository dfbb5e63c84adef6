"""Create, list, change, rotate and revoke the API keys of an org. Admins only. The text of a key is shown once."""

from __future__ import annotations

from dataclasses import asdict
from uuid import UUID

from flask import Blueprint, Response, current_app

from ingest.admin import connection_schemas as schemas
from ingest.settings import IngestSettings
from ingest.web import pagination
from ingest.web.body import read_body, read_optional_body
from ingest.web.identity import admin
from ingest.web.openapi import operation
from ingest.web.pagination import page_of
from ingest.web.responses import json_response
from ingest.web.step_up import require_step_up
from models import connections
from models.connections import ApiKey

blueprint = Blueprint("api_keys", __name__)

LOCATION = {201: {"Location": "URL of the new key"}}


@blueprint.get("/v1/api-keys")
@operation(
    "List API keys",
    answers={200: schemas.ApiKeys},
    parameters=pagination.PARAMETERS,
    problems=("invalid-payload", "forbidden"),
)
def list_keys() -> Response:
    """Return the API keys of the org, revoked ones included, newest first, one page per request. Admins only."""
    who = admin()
    limit, before = pagination.limit(), pagination.cursor()
    with who.session():
        found = connections.list_api_keys(org=who.org, limit=limit + 1, before=before)
    return page_of(schemas.ApiKeys, found, limit=limit, show=_to_schema, key=lambda api_key: api_key.id)


@blueprint.post("/v1/api-keys")
@operation(
    "Create an API key",
    answers={201: schemas.NewApiKey},
    body=schemas.ApiKeyDraft,
    problems=("forbidden", "sign-in-again"),
    headers=LOCATION,
)
def make() -> Response:
    """Create an API key for an LMS. The answer is the only one that contains the text of the key. Admins only."""
    who = admin()
    payload = read_body(schemas.ApiKeyDraft)
    with who.session():
        require_step_up(who)
        key, text = connections.add_api_key(
            payload.name,
            org=who.org,
            pepper=pepper(),
            scopes=payload.scopes,
            expires_at=payload.expires_at,
            creates_courses=payload.creates_courses,
            networks=payload.networks,
        )
        created = connections.fetch_api_key(key, org=who.org)
    return _respond_with_text(created, text)


@blueprint.get("/v1/api-keys/<uuid:key_id>")
@operation("Get an API key", answers={200: schemas.ApiKey}, problems=("forbidden",))
def one_key(key_id: UUID) -> Response:
    """Return an API key without its text. Admins only."""
    who = admin()
    with who.session():
        found = connections.fetch_api_key(key_id, org=who.org)
    return json_response(_to_schema(found))


@blueprint.patch("/v1/api-keys/<uuid:key_id>")
@operation(
    "Change an API key",
    answers={200: schemas.ApiKey},
    body=schemas.ApiKeyChanges,
    problems=("forbidden", "sign-in-again"),
)
def change(key_id: UUID) -> Response:
    """Change the name, rights or expiry of a key, from the next request on. Its text stays the same. Admins only."""
    who = admin()
    payload = read_body(schemas.ApiKeyChanges)
    with who.session():
        require_step_up(who)
        connections.change_api_key(key_id, org=who.org, changes=payload.model_dump(exclude_unset=True))
        found = connections.fetch_api_key(key_id, org=who.org)
    return json_response(_to_schema(found))


@blueprint.delete("/v1/api-keys/<uuid:key_id>")
@operation("Revoke an API key", answers={204: None}, problems=("forbidden",))
def revoke(key_id: UUID) -> tuple[str, int]:
    """Revoke a key permanently. It is refused from the next request on. Idempotent. Admins only."""
    who = admin()
    with who.session():
        connections.revoke_api_key(key_id, org=who.org)
    return "", 204


@blueprint.post("/v1/api-keys/<uuid:key_id>/rotate")
@operation(
    "Rotate an API key",
    answers={201: schemas.NewApiKey},
    body=schemas.Rotation,
    optional_body=True,
    problems=("forbidden", "key-ended", "sign-in-again"),
    headers=LOCATION,
)
def rotate(key_id: UUID) -> Response:
    """Create a new key with the name, rights and expiry of this one. The old key stops working after the overlap. Admins only."""
    who = admin()
    payload = read_optional_body(schemas.Rotation)
    with who.session():
        require_step_up(who)
        key, text = connections.rotate_api_key(
            key_id, org=who.org, pepper=pepper(), overlap_seconds=payload.overlap_seconds
        )
        created = connections.fetch_api_key(key, org=who.org)
    return _respond_with_text(created, text)


def pepper() -> bytes:
    """Return the secret that the digests of API keys are made with."""
    settings: IngestSettings = current_app.extensions["essaycoach.settings"]
    return settings.api_key_pepper


def _to_schema(found: ApiKey) -> schemas.ApiKey:
    return schemas.ApiKey(**asdict(found))


def _respond_with_text(created: ApiKey, text: str) -> Response:
    answer = schemas.NewApiKey(**asdict(created), key=text)
    return json_response(answer, status=201, at=f"/v1/api-keys/{created.id}")
