"""The people of a school: find, add, change, invite and disable them, and end their sessions."""

from __future__ import annotations

from typing import Any, cast, get_args
from uuid import UUID

from flask import Blueprint, Response, request, url_for

from ingest.accounts import passwords
from ingest.accounts import sessions as account_sessions
from ingest.admin import schemas
from ingest.admin import users as user_routes
from ingest.pages.admin_parts import PAGE, REFUSALS, Refusal, admin, admin_page, confirm, cut
from ingest.pages.admin_phrases import role_name
from ingest.pages.forms import check_body, read_form
from ingest.pages.rendering import page_blueprint, see
from ingest.pages.wording import gettext
from ingest.web import pagination
from ingest.web.body import check
from ingest.web.identity import Identity
from models import open_sessions, users
from models.users import Person, PersonRole

blueprint: Blueprint = page_blueprint("admin_people")

ROLES = get_args(schemas.Role)
# What the form of a person changes. The role has a page of its own.
FIELDS = ("name", "email", "external_id", "language")


@blueprint.get("/admin/people")
def list_people() -> Response:
    """List the people of the school, newest first."""
    return _list_page(admin())


@blueprint.post("/admin/people")
def add_person() -> Response:
    """Add a person, and show them."""
    who = admin()
    try:
        person, _ = user_routes.add_as(who, read_form(schemas.NewPerson))
    except REFUSALS as refusal:
        return _list_page(who, refusal=refusal, values=request.form)
    return _see(person.id, "added")


@blueprint.post("/admin/people/search")
def find_person() -> Response:
    """Show the person with this e-mail or external id. Sent as a form, because addresses would stay in logs as part of an address."""
    who = admin()
    try:
        wanted = read_form(schemas.PersonSearch)
    except REFUSALS as refusal:
        return _list_page(who, refusal=refusal, wanted=request.form)
    with who.session():
        found = users.list_people(org=who.org, limit=1, email=wanted.email, external_id=wanted.external_id)
    if found:
        return _see(found[0].id)
    return _list_page(who, wanted=request.form, nobody=True)


@blueprint.get("/admin/people/<uuid:user_id>")
def one_person(user_id: UUID) -> Response:
    """Show a person, their sessions, and what can be done."""
    return _person_page(admin(), user_id)


@blueprint.post("/admin/people/<uuid:user_id>")
def change_person(user_id: UUID) -> Response:
    """Change what the form says differently; an emptied field is cleared."""
    who = admin()
    check_body()
    try:
        with who.session():
            person = users.fetch_person(user_id, org=who.org)
        sent = {name: request.form.get(name, "").strip() for name in FIELDS}
        changes = {name: value or None for name, value in sent.items() if value != (getattr(person, name) or "")}
        user_routes.change_as(who, user_id, check(changes, schemas.PersonChange).changes())
    except REFUSALS as refusal:
        return _person_page(who, user_id, refusal=refusal, values=request.form)
    return _see(user_id, "saved")


@blueprint.get("/admin/people/<uuid:user_id>/role")
def ask_role(user_id: UUID) -> Response:
    """Ask for the new role, and say what it means."""
    who = admin()
    return admin_page("admin_role.html", person=_fetch(who, user_id), roles=ROLES)


@blueprint.post("/admin/people/<uuid:user_id>/role")
def change_role(user_id: UUID) -> Response:
    """Give the person another role."""
    who = admin()
    try:
        changes = read_form(schemas.PersonChange).changes()
        user_routes.change_as(who, user_id, {"role": changes["role"]} if changes.get("role") else {})
    except REFUSALS as refusal:
        return admin_page("admin_role.html", refusal=refusal, person=_fetch(who, user_id), roles=ROLES)
    return _see(user_id, "role")


@blueprint.post("/admin/people/<uuid:user_id>/invite")
def invite(user_id: UUID) -> Response:
    """Mail the person a link to choose a password."""
    who = admin()
    check_body()
    try:
        passwords.invite_as(who, user_id)
    except REFUSALS as refusal:
        return _person_page(who, user_id, refusal=refusal)
    return _see(user_id, "invited")


@blueprint.get("/admin/people/<uuid:user_id>/disable")
def ask_disable(user_id: UUID) -> Response:
    """Say what disabling does."""
    person = _fetch(admin(), user_id)
    says = [
        gettext("They are signed out everywhere and can no longer sign in."),
        gettext("Links that were mailed to them stop working."),
        gettext("Their essays and comments stay, and you can enable them again."),
    ]
    return confirm(
        gettext("Disable this person"), says, about=_known_as(person), button=gettext("Disable"), back=_address(user_id)
    )


@blueprint.post("/admin/people/<uuid:user_id>/disable")
def disable(user_id: UUID) -> Response:
    """Disable the person."""
    return _change(user_id, {"disabled": True}, "disabled")


@blueprint.post("/admin/people/<uuid:user_id>/enable")
def enable(user_id: UUID) -> Response:
    """Let the person sign in again."""
    return _change(user_id, {"disabled": False}, "enabled")


@blueprint.get("/admin/people/<uuid:user_id>/end-sessions")
def ask_end_sessions(user_id: UUID) -> Response:
    """Say what ending all sessions does."""
    person = _fetch(admin(), user_id)
    says = [gettext("They are signed out on every device. They may sign in again.")]
    title, button = gettext("End all sessions of this person"), gettext("End all sessions")
    return confirm(title, says, about=_known_as(person), button=button, back=_address(user_id))


@blueprint.post("/admin/people/<uuid:user_id>/end-sessions")
def end_sessions(user_id: UUID) -> Response:
    """End all sessions of the person."""
    who = admin()
    check_body()
    try:
        account_sessions.end_all_as(who, user_id)
    except REFUSALS as refusal:
        return _person_page(who, user_id, refusal=refusal)
    return _see(user_id, "ended")


def _change(user_id: UUID, changes: dict[str, Any], did: str) -> Response:
    who = admin()
    check_body()
    try:
        user_routes.change_as(who, user_id, changes)
    except REFUSALS as refusal:
        return _person_page(who, user_id, refusal=refusal)
    return _see(user_id, did)


def _list_page(who: Identity, *, refusal: Refusal | None = None, **values: Any) -> Response:
    role = request.args.get("role") or None
    if role not in (None, *ROLES):
        raise pagination.invalid_parameter("role", f"must be one of {', '.join(ROLES)}")
    with who.session():
        found = users.list_people(
            org=who.org, limit=PAGE + 1, before=pagination.cursor(), role=cast("PersonRole | None", role)
        )
    shown = {"values": {}, "wanted": {}, "nobody": False, **values}
    people = cut(found, key=lambda person: person.id)
    return admin_page("admin_people.html", refusal=refusal, roles=ROLES, role=role, **people, **shown)


def _person_page(who: Identity, user_id: UUID, *, refusal: Refusal | None = None, values: Any = None) -> Response:
    with who.session():
        person = users.fetch_person(user_id, org=who.org)
        sessions = open_sessions.list_sessions(
            user_id, org=who.org, limit=PAGE, staff_idle_hours=account_sessions.idle_hours()
        )
    shown = values or {name: getattr(person, name) for name in FIELDS}
    return admin_page(
        "admin_person.html", refusal=refusal, person=person, known_as=_known_as(person), values=shown,
        sessions=sessions, is_self=user_id == who.user,
    )  # fmt: skip


def _fetch(who: Identity, user_id: UUID) -> Person:
    with who.session():
        return users.fetch_person(user_id, org=who.org)


def _known_as(person: Person) -> str:
    return person.name or person.email or person.external_id or role_name(person.role)


def _address(user_id: UUID) -> str:
    return url_for("admin_people.one_person", user_id=user_id)


def _see(user_id: UUID, did: str | None = None) -> Response:
    return see(url_for("admin_people.one_person", user_id=user_id, did=did))
