"""The sources of a school: make and change webhooks and LMSs that we ask, a new secret, and what was delivered and refused."""

from __future__ import annotations

from typing import Any, cast, get_args
from uuid import UUID

from flask import Blueprint, Response, request, url_for

from ingest.admin import canvas_schemas, lms_schemas, source_status
from ingest.admin import connection_schemas as schemas
from ingest.admin import sources as source_routes
from ingest.pages import exchange, field_names, mapping_form, source_forms
from ingest.pages.admin_parts import PAGE, REFUSALS, Refusal, admin, admin_page, confirm, cut
from ingest.pages.forms import check_body, read_form
from ingest.pages.rendering import page_blueprint, see
from ingest.pages.wording import gettext
from ingest.submissions import deliveries as delivery_routes
from ingest.submissions.source_trials import TRIED_KINDS
from ingest.web import pagination
from ingest.web.body import check
from ingest.web.identity import Identity
from ingest.web.step_up import require_step_up
from models import canvas_sites, connections, deliveries, moodle_sites
from models.connections import DELIVERING_KINDS, SIGNING_KINDS, SourceCard
from models.errors import NotFound
from models.events import Outcome

blueprint: Blueprint = page_blueprint("admin_sources")

OUTCOMES = get_args(Outcome)


@blueprint.get("/admin/sources")
def list_sources() -> Response:
    """List the sources."""
    return _list_page(admin())


@blueprint.post("/admin/sources")
def add_source() -> Response:
    """Make a source, and show its secret this once."""
    who = admin()
    try:
        check_body()
        wanted = check({"name": request.form.get("name", ""), **source_forms.read_kind()}, schemas.SourceDraft)
        source_routes.check_draft(wanted)
        with who.session():
            require_step_up(who)
            source_id, secret = source_routes.store(wanted, org=who.org)
    except REFUSALS as refusal:
        return _list_page(who, refusal=refusal, values=request.form)
    # A secret that the LMS has made is known there, and is not shown again.
    return _see(source_id, "saved") if secret in (None, wanted.secret) else _secret_page(who, source_id, secret)


@blueprint.get("/admin/sources/<uuid:source_id>")
def one_source(source_id: UUID) -> Response:
    """Show a source, without its secret."""
    return _source_page(admin(), source_id)


@blueprint.post("/admin/sources/<uuid:source_id>")
def change_source(source_id: UUID) -> Response:
    """Change the name and the rights of the source, and how an LMS is asked and answered."""
    who = admin()
    check_body()
    try:
        changes = check(
            {"name": request.form.get("name", ""), **source_forms.read_rights()}, schemas.SourceChanges
        ).changes()
        is_canvas = _fetch(who, source_id).kind == "canvas"
        model = canvas_schemas.CanvasChanges if is_canvas else lms_schemas.MoodleChanges
        of_site = check(source_forms.read_site(), model).model_dump(exclude_unset=True)
        with who.session():
            require_step_up(who)
            connections.change_source(source_id, org=who.org, **changes)
            if of_site:
                change_site = canvas_sites.change_site if is_canvas else moodle_sites.change_site
                change_site(source_id, org=who.org, changes=of_site)
    except REFUSALS as refusal:
        return _source_page(who, source_id, refusal=refusal, values=request.form)
    return _see(source_id, "saved")


@blueprint.get("/admin/sources/<uuid:source_id>/rotate")
def ask_rotate(source_id: UUID) -> Response:
    """Say what a new secret does."""
    return _rotate_page(admin(), source_id)


@blueprint.post("/admin/sources/<uuid:source_id>/rotate")
def rotate(source_id: UUID) -> Response:
    """Make a new secret, and show it this once."""
    who = admin()
    try:
        wanted = read_form(schemas.SourceRotation)
        with who.session():
            require_step_up(who)
            secret = source_routes.rotate_secret(source_id, wanted, org=who.org)
    except REFUSALS as refusal:
        return _rotate_page(who, source_id, refusal=refusal)
    return _see(source_id, "saved") if secret == wanted.secret else _secret_page(who, source_id, secret)


@blueprint.get("/admin/sources/<uuid:source_id>/delete")
def ask_delete(source_id: UUID) -> Response:
    """Say what switching a source off does."""
    source = _fetch(admin(), source_id)
    says = [
        gettext("Nothing is taken from this source from then on."),
        gettext("What it has sent stays, and you can switch it on again."),
    ]
    return confirm(
        gettext("Switch this source off"), says, about=source.name, button=gettext("Switch off"), back=_address(source_id)
    )  # fmt: skip


@blueprint.post("/admin/sources/<uuid:source_id>/delete")
def delete(source_id: UUID) -> Response:
    """Switch the source off."""
    return _switch(source_id, disabled=True)


@blueprint.post("/admin/sources/<uuid:source_id>/enable")
def enable(source_id: UUID) -> Response:
    """Switch the source on again."""
    return _switch(source_id, disabled=False)


@blueprint.post("/admin/sources/<uuid:source_id>/again")
def again(source_id: UUID) -> Response:
    """Fetch and send again what failed, of a source or a platform."""
    who = admin()
    check_body()
    with who.session():
        kind = connections.fetch_kind(source_id, org=who.org)
        source_status.try_again(source_id, org=who.org)
    if kind == "lti":
        return see(url_for("admin_platforms.one_platform", platform_id=source_id, did="again"))
    return _see(source_id, "again")


@blueprint.get("/admin/sources/<uuid:source_id>/deliveries")
def list_deliveries(source_id: UUID) -> Response:
    """List what was delivered, newest first, without what it said. At first only what was refused."""
    who = admin()
    outcome = pagination.choice("outcome", (*OUTCOMES, "all"), default="refused")
    with who.session():
        source = connections.fetch_source(source_id, org=who.org)
        found = deliveries.list_deliveries(
            source_id, org=who.org, limit=PAGE + 1, before=pagination.cursor(),
            outcome=None if outcome == "all" else cast("Outcome", outcome),
        )  # fmt: skip
    listed = cut([delivery_routes.to_schema(one) for one in found], key=lambda delivery: delivery.id)
    return admin_page(
        "admin_deliveries.html", source=source, outcome=outcome, outcomes=(*reversed(OUTCOMES), "all"), **listed
    )


@blueprint.get("/admin/sources/<uuid:source_id>/deliveries/<uuid:delivery_id>")
def one_delivery(source_id: UUID, delivery_id: UUID) -> Response:
    """Show a delivery and what it said. Recorded in the audit trail."""
    return _delivery_page(admin(), source_id, delivery_id)


@blueprint.post("/admin/sources/<uuid:source_id>/deliveries/<uuid:delivery_id>/replay")
def replay(source_id: UUID, delivery_id: UUID) -> Response:
    """Carry the delivery out again, and show what became of it."""
    who = admin()
    check_body()
    try:
        delivery_routes.replay_as(who, source_id, delivery_id)
    except REFUSALS as refusal:
        return _delivery_page(who, source_id, delivery_id, refusal=refusal)
    address = url_for("admin_sources.one_delivery", source_id=source_id, delivery_id=delivery_id, did="replayed")
    return see(address)


def _switch(source_id: UUID, *, disabled: bool) -> Response:
    who = admin()
    check_body()
    with who.session():
        if not disabled:
            require_step_up(who)
        connections.change_source(source_id, org=who.org, disabled=disabled)
        moodle_sites.look_now(source_id, org=who.org)
    return _see(source_id, "off" if disabled else "on")


def _list_page(who: Identity, *, refusal: Refusal | None = None, values: Any = None) -> Response:
    with who.session():
        found = connections.list_sources(org=who.org, limit=PAGE + 1, before=pagination.cursor())
    listed = cut(found, key=lambda source: source.id)
    return admin_page(
        "admin_sources.html", refusal=field_names.in_words(refusal, field_names.of_source()), values=values or {},
        delivering=DELIVERING_KINDS, mapped=mapping_form.fields(), **listed,
    )  # fmt: skip


def _source_page(who: Identity, source_id: UUID, *, refusal: Refusal | None = None, values: Any = None) -> Response:
    source = _fetch(who, source_id)
    stored: dict[str, Any] = {
        "name": source.name,
        "creates_courses": source.creates_courses,
        "networks": "\n".join(source.networks),
    }
    url = url_for("webhooks.receive", source_id=source_id, _external=True)
    with who.session():
        site, canvas = (found.fetch_site(source_id, org=who.org) for found in (moodle_sites, canvas_sites))
        going = exchange.fetch(source_id, org=who.org)
    if asked := site or canvas:
        stored |= {"returns": asked.returns, "pages_url": asked.pages_url}
    if site:
        stored |= {"courses": "\n".join(map(str, site.courses)), "interval_seconds": site.interval_seconds}
    if canvas:
        stored["root_account_uuid"] = canvas.root_account_uuid
    refusal = field_names.in_words(refusal, field_names.of_source())
    return admin_page(
        "admin_source.html", refusal=refusal, source=source, url=url, values=values or stored, site=site, canvas=canvas,
        exchange=going, delivers=source.kind in DELIVERING_KINDS, signs=source.kind in SIGNING_KINDS,
        can_be_tried=source.kind in TRIED_KINDS,
    )  # fmt: skip


def _secret_page(who: Identity, source_id: UUID, secret: str) -> Response:
    source = _fetch(who, source_id)
    url = url_for("webhooks.receive", source_id=source_id, _external=True)
    return admin_page(
        "admin_secret.html", code=201, kind="source", name=source.name, secret=secret, url=url, back=_address(source_id)
    )


def _rotate_page(who: Identity, source_id: UUID, *, refusal: Refusal | None = None) -> Response:
    source = _fetch(who, source_id)
    if source.kind not in SIGNING_KINDS:
        raise NotFound("This source has no secret.")
    says = [
        gettext("A new secret is made. The next page shows it, once."),
        gettext("The present secret is accepted for one more day: give your LMS the new one until then."),
        gettext("A secret from before that stops working at once."),
    ]
    refusal = field_names.in_words(refusal, field_names.of_source())
    title, makes_its_own = gettext("Make a new secret"), source.kind in source_routes.OWN_SECRET_KINDS
    return admin_page(
        "admin_source_rotate.html", refusal=refusal, title=title, says=says, about=source.name, button=title, fields={},
        back=_address(source_id), makes_its_own=makes_its_own,
    )  # fmt: skip


def _delivery_page(who: Identity, source_id: UUID, delivery_id: UUID, *, refusal: Refusal | None = None) -> Response:
    source = _fetch(who, source_id)
    delivery = delivery_routes.read_as(who, source_id, delivery_id)
    return admin_page("admin_delivery.html", refusal=refusal, source=source, delivery=delivery)


def _fetch(who: Identity, source_id: UUID) -> SourceCard:
    with who.session():
        return connections.fetch_source(source_id, org=who.org)


def _address(source_id: UUID) -> str:
    return url_for("admin_sources.one_source", source_id=source_id)


def _see(source_id: UUID, did: str) -> Response:
    return see(url_for("admin_sources.one_source", source_id=source_id, did=did))
