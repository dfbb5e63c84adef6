"""Create, list, change, rotate and disable the sources of an org: webhooks and Moodle sites. Admins only. A secret is shown once."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any
from uuid import UUID

from flask import Blueprint, Response

from ingest.admin import connection_schemas as schemas
from ingest.web import outgoing, pagination
from ingest.web.body import read_body
from ingest.web.identity import admin
from ingest.web.openapi import operation
from ingest.web.pagination import page_of
from ingest.web.problems import Problem
from ingest.web.responses import json_response
from ingest.web.step_up import require_step_up
from models import connections, moodle_sites
from models.connections import SourceCard
from models.moodle_sites import Site
from outgoing.client import url_objection

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
        listed = connections.list_sources(org=who.org, limit=limit + 1, before=before)
        sites = moodle_sites.fetch_sites([source.id for source in listed], org=who.org)
    found = [(source, sites.get(source.id)) for source in listed]
    return page_of(schemas.Sources, found, limit=limit, show=_to_schema, key=lambda source: source[0].id)


@blueprint.post("/v1/sources")
@operation(
    "Create a source",
    answers={201: schemas.NewSecret},
    body=schemas.SourceDraft,
    problems=("forbidden", "sign-in-again"),
    headers=LOCATION,
)
def make() -> Response:
    """Create a source. For webhooks the answer has the path for deliveries and, only this once, the signing secret. Admins only.

    With `kind` `moodle` we look at the site at once, and then regularly; its status says how that went.
    """
    who = admin()
    payload = read_body(schemas.SourceDraft)
    check_draft(payload)
    with who.session():
        require_step_up(who)
        source, secret = store(payload, org=who.org)
        created = _read(source, org=who.org)
    return _respond_with_secret(created, secret)


@blueprint.get("/v1/sources/<uuid:source_id>")
@operation("Get a webhook source", answers={200: schemas.Source}, problems=("forbidden",))
def one_source(source_id: UUID) -> Response:
    """Return a webhook source without its secrets. Admins only."""
    who = admin()
    with who.session():
        found = _read(source_id, org=who.org)
    return json_response(_to_schema(found))


@blueprint.patch("/v1/sources/<uuid:source_id>")
@operation(
    "Change a webhook source",
    answers={200: schemas.Source},
    body=schemas.SourceChanges,
    problems=("forbidden", "sign-in-again"),
)
def change(source_id: UUID) -> Response:
    """Change the name or the right of a source, disable it or enable it again, from the next delivery on. Admins only.

    A Moodle site is looked at at once after each change.
    """
    who = admin()
    payload = read_body(schemas.SourceChanges)
    changes = payload.model_dump(exclude_unset=True)
    site_changes = changes.pop("moodle", None) or {}
    _check_addresses(site_changes)
    with who.session():
        require_step_up(who)
        connections.change_source(source_id, org=who.org, **changes)
        if site_changes:
            moodle_sites.change_site(source_id, org=who.org, changes=site_changes)
        moodle_sites.look_now(source_id, org=who.org)
        found = _read(source_id, org=who.org)
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
        found = _read(source_id, org=who.org)
    return _respond_with_secret(found, secret)


def check_draft(payload: schemas.SourceDraft) -> None:
    """Check that a draft has the settings of its kind, and that its addresses may be called. Raises Problem."""
    if (payload.kind == "moodle") != (payload.moodle is not None):
        raise _bad_moodle("/moodle", "is needed for a Moodle site, and only for one")
    if payload.moodle is not None:
        _check_addresses(payload.moodle.model_dump())


def store(payload: schemas.SourceDraft, *, org: UUID) -> tuple[UUID, str | None]:
    """Store the source and return its id, and its secret if it has one."""
    if payload.moodle is None:
        return connections.add_source(
            payload.name, org=org, creates_courses=payload.creates_courses, networks=payload.networks
        )
    creates = payload.creates_courses or "creates_courses" not in payload.model_fields_set
    settings = payload.moodle.model_dump()
    settings["site"] = settings["site"].rstrip("/")
    return moodle_sites.add_site(payload.name, org=org, creates_courses=creates, **settings), None


def _read(source: UUID, *, org: UUID) -> tuple[SourceCard, Site | None]:
    return connections.fetch_source(source, org=org), moodle_sites.fetch_site(source, org=org)


def _check_addresses(settings: dict[str, Any]) -> None:
    """Check the addresses in the settings of a Moodle site. Raises Problem."""
    for member in ("site", "pages_url"):
        url = settings.get(member)
        objection = url_objection(url, allow_local=outgoing.client().allows_local) if url else None
        if objection is None and url and "?" in url:
            objection = "must have nothing after a question mark"
        if objection is not None:
            raise _bad_moodle(f"/moodle/{member}", objection)


def _bad_moodle(pointer: str, detail: str) -> Problem:
    return Problem("invalid-payload", f"{pointer[1:]} {detail}.", errors=[{"pointer": pointer, "detail": detail}])


def _to_schema(found: tuple[SourceCard, Site | None]) -> schemas.Source:
    return schemas.Source(**_members(*found))


def _members(found: SourceCard, site: Site | None) -> dict[str, Any]:
    return {
        "id": found.id,
        "kind": found.kind,
        "name": found.name,
        "url": f"/v1/webhooks/{found.id}" if found.kind == "signed" else None,
        "moodle": asdict(site) if site else None,
        "creates_courses": found.creates_courses,
        "networks": found.networks,
        "created_at": found.created_at,
        "disabled": found.disabled_at is not None,
        "previous_secret_until": found.previous_secret_until,
    }


def _respond_with_secret(found: tuple[SourceCard, Site | None], secret: str | None) -> Response:
    response = Response(
        schemas.NewSecret(**_members(*found), secret=secret).model_dump_json(),
        status=201,
        content_type="application/json",
    )
    response.headers["Location"] = f"/v1/sources/{found[0].id}"
    return response
