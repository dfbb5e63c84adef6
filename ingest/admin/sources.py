"""Create, list, change, rotate and disable the sources of an org: webhooks, and LMSs that we ask. Admins only. A secret is shown once."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from flask import Blueprint, Response

from ingest.admin import connection_schemas as schemas
from ingest.web import outgoing, pagination
from ingest.web.body import invalid_member, read_body, read_optional_body
from ingest.web.identity import admin
from ingest.web.openapi import operation
from ingest.web.pagination import page_of
from ingest.web.problems import Problem
from ingest.web.responses import json_response
from ingest.web.step_up import require_step_up
from models import canvas_sites, connections, moodle_sites
from models.connections import DELIVERING_KINDS, SIGNING_KINDS, SourceCard, SourceKind
from outgoing.client import url_objection

blueprint = Blueprint("sources", __name__)

# The secret of a sender of Standard Webhooks: base64 behind a prefix.
_STANDARD_SECRET = re.compile(r"whsec_(?:[A-Za-z0-9+/]{4}){4,}(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")
LOCATION = {201: {"Location": "URL of the source"}}
# An LMS of these kinds may have made its secret itself.
OWN_SECRET_KINDS: tuple[SourceKind, ...] = ("custom", "moodle_webhookengine")
MOODLE_KINDS: tuple[SourceKind, ...] = ("moodle", "moodle_webhookengine")


@blueprint.get("/v1/sources")
@operation(
    "List sources",
    answers={200: schemas.Sources},
    parameters=pagination.PARAMETERS,
    problems=("invalid-payload", "forbidden"),
)
def list_all() -> Response:
    """Return the sources of the org, disabled ones included, newest first, one page per request. Admins only."""
    who = admin()
    limit, before = pagination.limit(), pagination.cursor()
    with who.session():
        listed = connections.list_sources(org=who.org, limit=limit + 1, before=before)
        found = _with_settings(listed, org=who.org)
    return page_of(schemas.Sources, found, limit=limit, show=_to_schema, key=lambda source: source.card.id)


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

    With `kind` `moodle` we look at the site at once, and then regularly; its status says how that went. With `custom`, try a
    delivery of your LMS out before it sends one. With `canvas`, give the path to a subscription of Live Events.
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
@operation("Get a source", answers={200: schemas.Source}, problems=("forbidden",))
def one_source(source_id: UUID) -> Response:
    """Return a source without its secrets. Admins only."""
    who = admin()
    with who.session():
        found = _read(source_id, org=who.org)
    return json_response(_to_schema(found))


@blueprint.patch("/v1/sources/<uuid:source_id>")
@operation(
    "Change a source",
    answers={200: schemas.Source},
    body=schemas.SourceChanges,
    problems=("forbidden", "sign-in-again"),
)
def change(source_id: UUID) -> Response:
    """Change a source, disable it or enable it again, from the next delivery on. Admins only.

    A Moodle site is looked at at once after each change.
    """
    who = admin()
    payload = read_body(schemas.SourceChanges)
    changes = payload.model_dump(exclude_unset=True)
    moodle_changes, canvas_changes = (changes.pop(lms, None) or {} for lms in ("moodle", "canvas"))
    _check_addresses("moodle", moodle_changes)
    _check_addresses("canvas", canvas_changes)
    with who.session():
        require_step_up(who)
        kind = change_card(source_id, org=who.org, changes=changes)
        if moodle_changes and kind not in MOODLE_KINDS:
            raise invalid_member("/moodle", "is for Moodle sites only")
        if canvas_changes and kind != "canvas":
            raise invalid_member("/canvas", "is for a Canvas only")
        if moodle_changes:
            moodle_sites.change_site(source_id, org=who.org, changes=moodle_changes)
        if canvas_changes:
            canvas_sites.change_site(source_id, org=who.org, changes=canvas_changes)
        moodle_sites.look_now(source_id, org=who.org)
        found = _read(source_id, org=who.org)
    return json_response(_to_schema(found))


@blueprint.delete("/v1/sources/<uuid:source_id>")
@operation("Disable a source", answers={204: None}, problems=("forbidden",))
def disable(source_id: UUID) -> tuple[str, int]:
    """Disable a source. Deliveries to it get 404 from the next one on, and its LMS is not asked. What came stays. Admins only."""
    who = admin()
    with who.session():
        connections.change_source(source_id, org=who.org, disabled=True)
    return "", 204


@blueprint.post("/v1/sources/<uuid:source_id>/rotate")
@operation(
    "Rotate the secret of a source",
    answers={201: schemas.NewSecret},
    body=schemas.SourceRotation,
    optional_body=True,
    problems=("forbidden", "sign-in-again", "no-secret"),
    headers=LOCATION,
)
def rotate(source_id: UUID) -> Response:
    """Create a new signing secret. The previous secret is accepted until the overlap ends; older ones are refused. Admins only.

    A source that we ask with a token of its LMS (`moodle`, `canvas`) has no such secret.
    """
    who = admin()
    payload = read_optional_body(schemas.SourceRotation)
    with who.session():
        require_step_up(who)
        secret = rotate_secret(source_id, payload, org=who.org)
        found = _read(source_id, org=who.org)
    return _respond_with_secret(found, secret)


def check_draft(payload: schemas.SourceDraft) -> None:
    """Check that a draft has the settings of its kind, and that its addresses may be called. Raises Problem."""
    is_moodle = payload.kind in MOODLE_KINDS
    if is_moodle != (payload.moodle is not None):
        raise invalid_member("/moodle", "is needed for a Moodle site, and only for one")
    if (payload.kind == "canvas") != (payload.canvas is not None):
        raise invalid_member("/canvas", "is needed for a Canvas, and only for one")
    if (payload.kind == "custom") != (payload.mapping is not None):
        raise invalid_member("/mapping", "is needed for a custom source, and only for one")
    _check_secret(payload.secret, kind=payload.kind)
    for lms, settings in (("moodle", payload.moodle), ("canvas", payload.canvas)):
        if settings is not None:
            _check_addresses(lms, settings.model_dump())


def store(payload: schemas.SourceDraft, *, org: UUID) -> tuple[UUID, str | None]:
    """Store the source and return its id, and its secret if the LMS is to sign with it."""
    asked = payload.moodle or payload.canvas
    if asked is None:
        return connections.add_source(
            payload.name, org=org, creates_courses=payload.creates_courses, networks=payload.networks, kind=payload.kind,
            secret=payload.secret, mapping=payload.mapping.model_dump() if payload.mapping else None,
        )  # fmt: skip
    creates = payload.creates_courses or "creates_courses" not in payload.model_fields_set
    settings = {
        **asked.model_dump(), "site": asked.site.rstrip("/"), "creates_courses": creates, "networks": payload.networks,
    }  # fmt: skip
    if payload.canvas is not None:
        return canvas_sites.add_site(payload.name, org=org, **settings), None
    tells_us = payload.kind == "moodle_webhookengine"
    source, secret = moodle_sites.add_site(payload.name, org=org, tells_us=tells_us, secret=payload.secret, **settings)
    return source, secret if tells_us else None


def change_card(source: UUID, *, org: UUID, changes: dict[str, Any]) -> SourceKind:
    """Change what every kind of source has, and the mapping of a custom one; return its kind. Needs an open session.

    Raises Problem and NotFound.
    """
    kind = connections.fetch_source(source, org=org).kind
    if changes.get("mapping") is not None and kind != "custom":
        raise invalid_member("/mapping", "is for custom sources only")
    connections.change_source(source, org=org, **changes)
    return kind


def rotate_secret(source: UUID, wanted: schemas.SourceRotation, *, org: UUID) -> str:
    """Give a source a new secret, and return it. Needs an open session. Raises Problem and NotFound."""
    kind = connections.fetch_source(source, org=org).kind
    if kind not in SIGNING_KINDS:
        raise Problem("no-secret", f"A source of kind {kind} has no secret of ours: change its token with PATCH.")
    _check_secret(wanted.secret, kind=kind)
    return connections.rotate_source(source, org=org, overlap_seconds=wanted.overlap_seconds, secret=wanted.secret)


@dataclass(frozen=True)
class _Found:
    """A source with the settings of its LMS, if that is one that we ask."""

    card: SourceCard
    moodle: moodle_sites.Site | None
    canvas: canvas_sites.Site | None


def _read(source: UUID, *, org: UUID) -> _Found:
    [found] = _with_settings([connections.fetch_source(source, org=org)], org=org)
    return found


def _with_settings(cards: Sequence[SourceCard], *, org: UUID) -> list[_Found]:
    ids = [card.id for card in cards]
    of_moodle, of_canvas = moodle_sites.fetch_sites(ids, org=org), canvas_sites.fetch_sites(ids, org=org)
    return [_Found(card, of_moodle.get(card.id), of_canvas.get(card.id)) for card in cards]


def _check_addresses(lms: str, settings: dict[str, Any]) -> None:
    """Check the addresses in the settings of an LMS that we ask. Raises Problem."""
    for member in ("site", "jwks_url", "pages_url"):
        url = settings.get(member)
        if not url:
            continue
        client = outgoing.client()
        # Students open our pages, and we call the others.
        is_opened = member == "pages_url"
        objection = url_objection(url, allow_local=client.allows_local) if is_opened else client.objection(url)
        if objection is None and "?" in url:
            objection = "must have nothing after a question mark"
        if objection is not None:
            raise invalid_member(f"/{lms}/{member}", objection)


def _check_secret(secret: str | None, *, kind: SourceKind) -> None:
    """Check a secret that the LMS has made. Raises Problem."""
    if secret is None:
        return
    if kind == "moodle":
        raise invalid_member("/secret", "is for a Moodle whose plugin tells us at once, and only for one")
    if kind not in OWN_SECRET_KINDS:
        raise invalid_member("/secret", "is made by us for this kind of source; leave it empty")
    if kind == "moodle_webhookengine" and not _STANDARD_SECRET.fullmatch(secret):
        raise invalid_member("/secret", "must begin with whsec_, as the plugin shows it")


def _to_schema(source: _Found) -> schemas.Source:
    return schemas.Source(**_members(source))


def _members(source: _Found) -> dict[str, Any]:
    found = source.card
    return {
        "id": found.id,
        "kind": found.kind,
        "name": found.name,
        "url": f"/v1/webhooks/{found.id}" if found.kind in DELIVERING_KINDS else None,
        "moodle": asdict(source.moodle) if source.moodle else None,
        "canvas": asdict(source.canvas) if source.canvas else None,
        "mapping": found.mapping,
        "creates_courses": found.creates_courses,
        "networks": found.networks,
        "created_at": found.created_at,
        "disabled": found.disabled_at is not None,
        "previous_secret_until": found.previous_secret_until,
    }


def _respond_with_secret(found: _Found, secret: str | None) -> Response:
    answer = schemas.NewSecret(**_members(found), secret=secret)
    return json_response(answer, status=201, at=f"/v1/sources/{found.card.id}")
