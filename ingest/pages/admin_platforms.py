"""The platforms of a school (LTI 1.3): invite one, approve what has registered, change it, and switch it off."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, Response, request, url_for

from ingest.lms import rosters, routes, schemas
from ingest.pages import exchange, field_names
from ingest.pages.admin_parts import PAGE, REFUSALS, Refusal, admin, admin_page, confirm, cut, lines
from ingest.pages.forms import check_body, read_form
from ingest.pages.rendering import page_blueprint, see
from ingest.pages.wording import gettext
from ingest.web import outgoing, pagination
from ingest.web.body import check
from ingest.web.identity import Identity
from models import platform_courses, platforms
from models.platforms import PlatformCard

blueprint: Blueprint = page_blueprint("admin_platforms")


@blueprint.get("/admin/platforms")
def list_platforms() -> Response:
    """List the platforms."""
    return _list_page(admin())


@blueprint.post("/admin/platforms")
def invite() -> Response:
    """Make an address for a platform to register itself with, and show it this once."""
    who = admin()
    try:
        creates = {"creates_courses": bool(request.form.get("creates_courses"))}
        card, token = routes.add_as(who, read_form(schemas.PlatformDraft, also=creates))
    except REFUSALS as refusal:
        return _list_page(who, refusal=refusal, values=request.form)
    url, back = routes.registration_url(token), _address(card.platform.id)
    return admin_page("admin_platform_address.html", code=201, name=card.name, url=url, back=back)


@blueprint.get("/admin/platforms/<uuid:platform_id>")
def one_platform(platform_id: UUID) -> Response:
    """Show a platform: what it registered with, and what it must know about us."""
    return _platform_page(admin(), platform_id)


@blueprint.post("/admin/platforms/<uuid:platform_id>")
def change_platform(platform_id: UUID) -> Response:
    """Change the name, the rights, the deployments and the sites of the platform."""
    who = admin()
    check_body()
    said = {
        "name": request.form.get("name", ""), "creates_courses": bool(request.form.get("creates_courses")),
        "deployments": lines("deployments"), "frame_origins": lines("frame_origins"), "scores": request.form.get("scores", "none"),
    }  # fmt: skip
    try:
        routes.change_as(who, platform_id, check(said, schemas.PlatformChanges))
    except REFUSALS as refusal:
        return _platform_page(who, platform_id, refusal=refusal, values=request.form)
    return _see(platform_id, "saved")


@blueprint.post("/admin/platforms/<uuid:platform_id>/values")
def enter_values(platform_id: UUID) -> Response:
    """Store the values of a platform that does not register itself, and accept its launches, also when it was switched off."""
    who = admin()
    check_body()
    entered = {name: request.form.get(name, "").strip() for name in (*routes.OPENED, *routes.CALLED, "client_id")}
    try:
        audience = request.form.get("token_audience", "").strip() or None
        values = {**entered, "token_audience": audience, "deployments": lines("deployments")}
        said = {"state": "active", "values": values}
        routes.change_as(who, platform_id, check(said, schemas.PlatformChanges))
    except REFUSALS as refusal:
        return _platform_page(who, platform_id, refusal=refusal, entered=request.form)
    return _see(platform_id, "platform_on")


@blueprint.get("/admin/platforms/<uuid:platform_id>/approve")
def ask_approve(platform_id: UUID) -> Response:
    """Say what approving a platform does."""
    card = _fetch(admin(), platform_id)
    says = [
        gettext(
            "Whom this LMS names is let in, without a password of ours: students, and teachers of its own courses."
        ),
        gettext("It may say that somebody is a person of your roster, by the id of your school's register."),
        gettext("Approve it only if you know this address:") + f" {card.platform.issuer}",
    ]
    title = gettext("Approve this platform")
    return confirm(title, says, about=card.name, button=gettext("Approve"), back=_address(platform_id))


@blueprint.post("/admin/platforms/<uuid:platform_id>/approve")
def approve(platform_id: UUID) -> Response:
    """Accept launches of the platform."""
    who = admin()
    check_body()
    try:
        routes.change_as(who, platform_id, schemas.PlatformChanges(state="active"))
    except REFUSALS as refusal:
        return _platform_page(who, platform_id, refusal=refusal)
    return _see(platform_id, "platform_on")


@blueprint.get("/admin/platforms/<uuid:platform_id>/delete")
def ask_delete(platform_id: UUID) -> Response:
    """Say what switching a platform off does."""
    card = _fetch(admin(), platform_id)
    says = [
        gettext("Every launch is refused from then on. Everybody whom this LMS has named is signed out."),
        gettext("Its courses, people and essays stay, and you can switch it on again."),
    ]
    title = gettext("Switch this platform off")
    return confirm(title, says, about=card.name, button=gettext("Switch off"), back=_address(platform_id))


@blueprint.post("/admin/platforms/<uuid:platform_id>/delete")
def switch_off(platform_id: UUID) -> Response:
    """Refuse launches of the platform."""
    who = admin()
    check_body()
    routes.change_as(who, platform_id, schemas.PlatformChanges(state="off"))
    return _see(platform_id, "platform_off")


@blueprint.post("/admin/platforms/<uuid:platform_id>/courses/<uuid:course_id>/members")
def fetch_members(platform_id: UUID, course_id: UUID) -> Response:
    """Enrol whom the platform lists in the course."""
    who = admin()
    check_body()
    try:
        rosters.fetch_as(who, platform_id, course_id, client=outgoing.client())
    except REFUSALS as refusal:
        return _platform_page(who, platform_id, refusal=refusal)
    return _see(platform_id, "members")


def _list_page(who: Identity, *, refusal: Refusal | None = None, values: Any = None) -> Response:
    with who.session():
        found = platforms.list_platforms(org=who.org, limit=PAGE + 1, before=pagination.cursor())
    listed = cut(found, key=lambda card: card.platform.id)
    refusal = field_names.in_words(refusal, field_names.of_platform())
    return admin_page("admin_platforms.html", refusal=refusal, values=values or {}, **listed)


def _platform_page(
    who: Identity, platform_id: UUID, *, refusal: Refusal | None = None, values: Any = None, entered: Any = None
) -> Response:
    """Show the platform. `values` and `entered`: what was written into its two forms, when it was refused."""
    card = _fetch(who, platform_id)
    stored = {
        "name": card.name, "creates_courses": card.creates_courses, "deployments": "\n".join(card.platform.deployments),
        "frame_origins": "\n".join(card.platform.frame_origins), "scores": card.platform.scores,
    }  # fmt: skip
    addresses = routes.addresses_of(platform_id)
    with who.session():
        listed = platform_courses.list_courses(platform_id, org=who.org, limit=PAGE)
        going = exchange.fetch(platform_id, org=who.org)
    refusal = field_names.in_words(refusal, field_names.of_platform())
    return admin_page(
        "admin_platform.html", refusal=refusal, card=card, platform=card.platform, addresses=addresses, courses=listed, exchange=going,
        values=values or stored, entered=entered or {**vars(card.platform), "deployments": stored["deployments"]}, is_wrong=bool(entered),
    )  # fmt: skip


def _fetch(who: Identity, platform_id: UUID) -> PlatformCard:
    with who.session():
        return platforms.fetch_platform(platform_id, org=who.org)


def _address(platform_id: UUID) -> str:
    return url_for("admin_platforms.one_platform", platform_id=platform_id)


def _see(platform_id: UUID, did: str) -> Response:
    return see(url_for("admin_platforms.one_platform", platform_id=platform_id, did=did))
