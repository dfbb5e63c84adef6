"""The endpoints of a school, which the pages call webhooks: make, change, test and switch them off, and send what failed again."""

from __future__ import annotations

from datetime import date
from typing import Any, cast, get_args
from uuid import UUID

from flask import Blueprint, Response, request, url_for

from ingest.admin import endpoint_schemas as schemas
from ingest.admin import endpoints as endpoint_routes
from ingest.admin.connection_schemas import Rotation
from ingest.pages import field_names
from ingest.pages.admin_parts import PAGE, REFUSALS, Refusal, admin, admin_page, confirm, cut
from ingest.pages.forms import check_body
from ingest.pages.rendering import page_blueprint, see
from ingest.pages.wording import gettext
from ingest.web import pagination
from ingest.web.body import check, invalid_member
from ingest.web.identity import Identity
from models import endpoint_deliveries, endpoints
from models.endpoint_deliveries import KEEP_DELIVERIES_DAYS, Outcome
from models.endpoints import EVENTS, Endpoint

blueprint: Blueprint = page_blueprint("admin_endpoints")

OUTCOMES = get_args(Outcome)


@blueprint.get("/admin/webhooks")
def list_endpoints() -> Response:
    """List the endpoints, with what became of the newest delivery to each."""
    return _list_page(admin())


@blueprint.post("/admin/webhooks")
def add_endpoint() -> Response:
    """Make an endpoint, and show its secret this once."""
    who = admin()
    check_body()
    try:
        found, secret = endpoint_routes.make_as(who, check(_said(), schemas.EndpointDraft))
    except REFUSALS as refusal:
        return _list_page(who, refusal=refusal, values=_said())
    return _secret_page(found, secret)


@blueprint.get("/admin/webhooks/<uuid:endpoint_id>")
def one_endpoint(endpoint_id: UUID) -> Response:
    """Show an endpoint, without its secret, and what was sent to it."""
    return _endpoint_page(admin(), endpoint_id)


@blueprint.post("/admin/webhooks/<uuid:endpoint_id>")
def change_endpoint(endpoint_id: UUID) -> Response:
    """Change the name, the address and the events of the endpoint."""
    who = admin()
    check_body()
    try:
        endpoint_routes.change_as(who, endpoint_id, check(_said(), schemas.EndpointChanges))
    except REFUSALS as refusal:
        return _endpoint_page(who, endpoint_id, refusal=refusal, values=_said())
    return _see(endpoint_id, "saved")


@blueprint.get("/admin/webhooks/<uuid:endpoint_id>/rotate")
def ask_rotate(endpoint_id: UUID) -> Response:
    """Say what a new secret does."""
    found = _fetch(admin(), endpoint_id)
    says = [
        gettext("A new secret is made. The next page shows it, once."),
        gettext("For one more day what we send is signed with the present secret too: give your system the new one until then."),
    ]  # fmt: skip
    title = gettext("Make a new secret")
    return confirm(title, says, about=found.name, button=title, back=_address(endpoint_id))


@blueprint.post("/admin/webhooks/<uuid:endpoint_id>/rotate")
def rotate(endpoint_id: UUID) -> Response:
    """Make a new secret, and show it this once."""
    who = admin()
    check_body()
    return _secret_page(*endpoint_routes.rotate_as(who, endpoint_id, Rotation()))


@blueprint.get("/admin/webhooks/<uuid:endpoint_id>/delete")
def ask_delete(endpoint_id: UUID) -> Response:
    """Say what switching an endpoint off does."""
    found = _fetch(admin(), endpoint_id)
    says = [
        gettext("Nothing is sent to it from then on, and what waits is not sent any more."),
        gettext("Nothing is kept for it while it is off. You can switch it on again."),
    ]
    title = gettext("Switch this webhook off")
    return confirm(title, says, about=found.name, button=gettext("Switch off"), back=_address(endpoint_id))


@blueprint.post("/admin/webhooks/<uuid:endpoint_id>/delete")
def switch_off(endpoint_id: UUID) -> Response:
    """Send nothing more to the endpoint."""
    who = admin()
    check_body()
    endpoint_routes.disable_as(who, endpoint_id)
    return _see(endpoint_id, "unhooked")


@blueprint.post("/admin/webhooks/<uuid:endpoint_id>/enable")
def switch_on(endpoint_id: UUID) -> Response:
    """Send events to the endpoint again."""
    who = admin()
    check_body()
    try:
        endpoint_routes.change_as(who, endpoint_id, schemas.EndpointChanges(disabled=False))
    except REFUSALS as refusal:
        return _endpoint_page(who, endpoint_id, refusal=refusal)
    return _see(endpoint_id, "on")


@blueprint.post("/admin/webhooks/<uuid:endpoint_id>/ping")
def ping(endpoint_id: UUID) -> Response:
    """Send a test event."""
    who = admin()
    check_body()
    try:
        endpoint_routes.ping_as(who, endpoint_id)
    except REFUSALS as refusal:
        return _endpoint_page(who, endpoint_id, refusal=refusal)
    return _see(endpoint_id, "queued")


@blueprint.post("/admin/webhooks/<uuid:endpoint_id>/redeliver")
def redeliver_failed(endpoint_id: UUID) -> Response:
    """Send again what was given up since the beginning of a day."""
    who = admin()
    check_body()
    try:
        wanted = check({"since": f"{_day('since')}T00:00:00Z"}, schemas.Redelivery)
        queued = endpoint_routes.redeliver_failed_as(who, endpoint_id, wanted)
    except REFUSALS as refusal:
        return _endpoint_page(who, endpoint_id, refusal=refusal)
    return _see(endpoint_id, "again" if queued else "none_failed")


@blueprint.post("/admin/webhooks/<uuid:endpoint_id>/deliveries/<uuid:sent_id>/redeliver")
def redeliver(endpoint_id: UUID, sent_id: UUID) -> Response:
    """Send one delivery again."""
    who = admin()
    check_body()
    try:
        endpoint_routes.redeliver_as(who, endpoint_id, sent_id)
    except REFUSALS as refusal:
        return _endpoint_page(who, endpoint_id, refusal=refusal)
    return _see(endpoint_id, "queued")


def _day(field: str) -> date:
    """Return the day that this field of the form says. Raises Problem."""
    try:
        return date.fromisoformat(request.form.get(field, ""))
    except ValueError:
        raise invalid_member(f"/{field}", "must be a day, such as 2026-11-23") from None


def _said() -> dict[str, Any]:
    form = request.form
    return {"name": form.get("name", ""), "url": form.get("url", "").strip(), "events": form.getlist("events")}


def _list_page(who: Identity, *, refusal: Refusal | None = None, values: dict[str, Any] | None = None) -> Response:
    with who.session():
        found = endpoints.list_endpoints(org=who.org, limit=PAGE + 1, before=pagination.cursor())
        listed = cut(found, key=lambda endpoint: endpoint.id)
        latest = endpoint_deliveries.fetch_latest([one.id for one in listed["items"]], org=who.org)
    refusal = field_names.in_words(refusal, field_names.of_endpoint())
    return admin_page(
        "admin_endpoints.html", refusal=refusal, values=values or {"events": EVENTS}, is_refused=values is not None, events=EVENTS,
        latest=latest, **listed,
    )  # fmt: skip


def _endpoint_page(
    who: Identity, endpoint_id: UUID, *, refusal: Refusal | None = None, values: dict[str, Any] | None = None
) -> Response:
    outcome = pagination.choice("outcome", (*OUTCOMES, "all"), default="all")
    with who.session():
        found = endpoints.fetch_endpoint(endpoint_id, org=who.org)
        sent = endpoint_deliveries.list_deliveries(
            endpoint_id, org=who.org, limit=PAGE + 1, before=pagination.cursor(),
            outcome=None if outcome == "all" else cast("Outcome", outcome),
        )  # fmt: skip
    stored = {"name": found.name, "url": found.url, "events": found.events}
    refusal = field_names.in_words(refusal, field_names.of_endpoint())
    return admin_page(
        "admin_endpoint.html", refusal=refusal, endpoint=found, values=values or stored, events=EVENTS, outcome=outcome,
        outcomes=("all", *OUTCOMES), days=KEEP_DELIVERIES_DAYS, **cut(sent, key=lambda delivery: delivery.id),
    )  # fmt: skip


def _secret_page(found: Endpoint, secret: str) -> Response:
    return admin_page(
        "admin_secret.html",
        code=201,
        kind="endpoint",
        name=found.name,
        secret=secret,
        url=None,
        back=_address(found.id),
    )


def _fetch(who: Identity, endpoint_id: UUID) -> Endpoint:
    with who.session():
        return endpoints.fetch_endpoint(endpoint_id, org=who.org)


def _address(endpoint_id: UUID) -> str:
    return url_for("admin_endpoints.one_endpoint", endpoint_id=endpoint_id)


def _see(endpoint_id: UUID, did: str) -> Response:
    return see(url_for("admin_endpoints.one_endpoint", endpoint_id=endpoint_id, did=did))
