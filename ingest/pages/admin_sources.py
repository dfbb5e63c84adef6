"""The sources of a school: make and change webhooks and Moodle sites, a new secret, and what was delivered and refused."""

from __future__ import annotations

from typing import Any, cast, get_args
from uuid import UUID

from flask import Blueprint, Response, request, url_for

from ingest.admin import connection_schemas as schemas
from ingest.admin import lms_schemas
from ingest.admin import sources as source_routes
from ingest.admin.lms_words import explain
from ingest.pages.admin_parts import PAGE, REFUSALS, Refusal, admin, admin_page, confirm, cut, lines
from ingest.pages.forms import check_body
from ingest.pages.rendering import page_blueprint, see
from ingest.pages.wording import gettext
from ingest.submissions import deliveries as delivery_routes
from ingest.web import pagination
from ingest.web.body import check
from ingest.web.identity import Identity
from ingest.web.step_up import require_step_up
from models import connections, deliveries, lms_status, moodle_sites
from models.connections import SourceCard
from models.events import Outcome

blueprint: Blueprint = page_blueprint("admin_sources")

OUTCOMES = get_args(Outcome)


@blueprint.get("/admin/sources")
def list_sources() -> Response:
    """List the webhook sources."""
    return _list_page(admin())


@blueprint.post("/admin/sources")
def add_source() -> Response:
    """Make a source, and show its secret this once."""
    who = admin()
    try:
        check_body()
        wanted = check({"name": request.form.get("name", ""), **(_said_of_moodle() or _said())}, schemas.SourceDraft)
        source_routes.check_draft(wanted)
        with who.session():
            require_step_up(who)
            source_id, secret = source_routes.store(wanted, org=who.org)
    except REFUSALS as refusal:
        return _list_page(who, refusal=refusal, values=request.form)
    return _see(source_id, "saved") if secret is None else _secret_page(who, source_id, secret)


@blueprint.get("/admin/sources/<uuid:source_id>")
def one_source(source_id: UUID) -> Response:
    """Show a source, without its secret."""
    return _source_page(admin(), source_id)


@blueprint.post("/admin/sources/<uuid:source_id>")
def change_source(source_id: UUID) -> Response:
    """Change the name and the rights of the source."""
    who = admin()
    check_body()
    try:
        changes = check({"name": request.form.get("name", ""), **_said()}, schemas.SourceChanges).changes()
        token = request.form.get("token", "").strip()
        new_token = check({"token": token}, lms_schemas.MoodleChanges).token if token else None
        with who.session():
            require_step_up(who)
            connections.change_source(source_id, org=who.org, **changes)
            if new_token is not None:
                moodle_sites.change_site(source_id, org=who.org, changes={"token": new_token})
    except REFUSALS as refusal:
        return _source_page(who, source_id, refusal=refusal, values=request.form)
    return _see(source_id, "saved")


@blueprint.get("/admin/sources/<uuid:source_id>/rotate")
def ask_rotate(source_id: UUID) -> Response:
    """Say what a new secret does."""
    source = _fetch(admin(), source_id)
    says = [
        gettext("A new secret is made. The next page shows it, once."),
        gettext("The secret of now is accepted for one more day: give your LMS the new one until then."),
        gettext("A secret from before that stops working at once."),
    ]
    return confirm(
        gettext("Make a new secret"), says, about=source.name, button=gettext("Make a new secret"), back=_address(source_id)
    )  # fmt: skip


@blueprint.post("/admin/sources/<uuid:source_id>/rotate")
def rotate(source_id: UUID) -> Response:
    """Make a new secret, and show it this once."""
    who = admin()
    check_body()
    with who.session():
        require_step_up(who)
        secret = connections.rotate_source(source_id, org=who.org)
    return _secret_page(who, source_id, secret)


@blueprint.get("/admin/sources/<uuid:source_id>/delete")
def ask_delete(source_id: UUID) -> Response:
    """Say what switching a source off does."""
    source = _fetch(admin(), source_id)
    says = [
        gettext("Every delivery to this source is refused from then on."),
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


def _said() -> dict[str, Any]:
    return {"creates_courses": bool(request.form.get("creates_courses")), "networks": lines("networks")}


def _switch(source_id: UUID, *, disabled: bool) -> Response:
    who = admin()
    check_body()
    with who.session():
        connections.change_source(source_id, org=who.org, disabled=disabled)
        moodle_sites.look_now(source_id, org=who.org)
    return _see(source_id, "off" if disabled else "on")


def _list_page(who: Identity, *, refusal: Refusal | None = None, values: Any = None) -> Response:
    with who.session():
        found = connections.list_sources(org=who.org, limit=PAGE + 1, before=pagination.cursor())
    listed = cut(found, key=lambda source: source.id)
    return admin_page("admin_sources.html", refusal=refusal, values=values or {}, **listed)


def _source_page(who: Identity, source_id: UUID, *, refusal: Refusal | None = None, values: Any = None) -> Response:
    source = _fetch(who, source_id)
    stored = {"name": source.name, "creates_courses": source.creates_courses, "networks": "\n".join(source.networks)}
    url = url_for("webhooks.receive", source_id=source_id, _external=True)
    with who.session():
        site = moodle_sites.fetch_site(source_id, org=who.org)
        status = lms_status.fetch_status(source_id, org=who.org)
    said = explain(status.error, status.error_about)
    return admin_page(
        "admin_source.html", refusal=refusal, source=source, url=url, values=values or stored, site=site, status=status, said=said
    )  # fmt: skip


def _secret_page(who: Identity, source_id: UUID, secret: str) -> Response:
    source = _fetch(who, source_id)
    url = url_for("webhooks.receive", source_id=source_id, _external=True)
    return admin_page(
        "admin_secret.html", code=201, kind="source", name=source.name, secret=secret, url=url, back=_address(source_id)
    )


def _delivery_page(who: Identity, source_id: UUID, delivery_id: UUID, *, refusal: Refusal | None = None) -> Response:
    source = _fetch(who, source_id)
    delivery = delivery_routes.read_as(who, source_id, delivery_id)
    return admin_page("admin_delivery.html", refusal=refusal, source=source, delivery=delivery)


def _said_of_moodle() -> dict[str, Any] | None:
    """Return what the form for a Moodle site says, or None when it is another form."""
    if "site" not in request.form:
        return None
    here = request.host_url.rstrip("/")
    settings = {
        "site": request.form["site"],
        "token": request.form.get("token", "").strip(),
        "pages_url": here if here.startswith("https://") else None,
    }
    return {"kind": "moodle", "moodle": settings}


def _fetch(who: Identity, source_id: UUID) -> SourceCard:
    with who.session():
        return connections.fetch_source(source_id, org=who.org)


def _address(source_id: UUID) -> str:
    return url_for("admin_sources.one_source", source_id=source_id)


def _see(source_id: UUID, did: str) -> Response:
    return see(url_for("admin_sources.one_source", source_id=source_id, did=did))
