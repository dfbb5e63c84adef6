"""The API keys of a school: make, replace and revoke them. The text of a key is shown once."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, Response, request, url_for

from ingest.admin import connection_schemas as schemas
from ingest.admin.api_keys import pepper
from ingest.pages import field_names
from ingest.pages.admin_parts import PAGE, REFUSALS, Refusal, admin, admin_page, confirm, cut, lines
from ingest.pages.forms import check_body, read_form
from ingest.pages.rendering import page_blueprint, see
from ingest.pages.wording import gettext
from ingest.web import pagination
from ingest.web.identity import Identity
from ingest.web.step_up import require_step_up
from models import connections
from models.connections import EVERY_SCOPE, ApiKey

blueprint: Blueprint = page_blueprint("admin_keys")


@blueprint.get("/admin/keys")
def list_keys() -> Response:
    """List the API keys, newest first."""
    return _list_page(admin())


@blueprint.post("/admin/keys")
def add_key() -> Response:
    """Make a key, and show its text this once."""
    who = admin()
    day = request.form.get("expires_on")
    said = {
        "scopes": request.form.getlist("scopes"),
        "creates_courses": bool(request.form.get("creates_courses")),
        "networks": lines("networks"),
        # The key works until this day is over.
        "expires_at": f"{day}T23:59:59Z" if day else None,
    }
    try:
        wanted = read_form(schemas.ApiKeyDraft, also=said)
        with who.session():
            require_step_up(who)
            key_id, text = connections.add_api_key(
                wanted.name, org=who.org, pepper=pepper(), scopes=wanted.scopes, expires_at=wanted.expires_at,
                creates_courses=wanted.creates_courses, networks=wanted.networks,
            )  # fmt: skip
    except REFUSALS as refusal:
        return _list_page(who, refusal=refusal, values={**request.form, "scopes": said["scopes"]})
    return _text_page(who, key_id, text)


@blueprint.get("/admin/keys/<uuid:key_id>/rotate")
def ask_rotate(key_id: UUID) -> Response:
    """Say what replacing a key does."""
    found = _fetch(admin(), key_id)
    says = [
        gettext("A new key with the same rights is made. The next page shows it, once."),
        gettext("The present key works for one more day: give your LMS the new one until then."),
    ]
    return _confirm(found, gettext("Replace this key"), says, button=gettext("Replace"))


@blueprint.post("/admin/keys/<uuid:key_id>/rotate")
def rotate(key_id: UUID) -> Response:
    """Make a key that replaces this one, and show its text this once."""
    who = admin()
    check_body()
    try:
        with who.session():
            require_step_up(who)
            new_id, text = connections.rotate_api_key(key_id, org=who.org, pepper=pepper())
    except REFUSALS as refusal:
        return _list_page(who, refusal=refusal)
    return _text_page(who, new_id, text)


@blueprint.get("/admin/keys/<uuid:key_id>/revoke")
def ask_revoke(key_id: UUID) -> Response:
    """Say what revoking a key does."""
    found = _fetch(admin(), key_id)
    says = [
        gettext("Whoever uses this key is refused from the next request on."),
        gettext("This cannot be taken back. What was handed in with it stays."),
    ]
    return _confirm(found, gettext("Revoke this key"), says, button=gettext("Revoke"))


@blueprint.post("/admin/keys/<uuid:key_id>/revoke")
def revoke(key_id: UUID) -> Response:
    """Revoke the key for ever."""
    who = admin()
    check_body()
    with who.session():
        connections.revoke_api_key(key_id, org=who.org)
    return see(url_for("admin_keys.list_keys", did="revoked"))


def _list_page(who: Identity, *, refusal: Refusal | None = None, values: Any = None) -> Response:
    with who.session():
        found = connections.list_api_keys(org=who.org, limit=PAGE + 1, before=pagination.cursor())
    shown = values or {"scopes": connections.USUAL_SCOPES}
    listed = cut(found, key=lambda key: key.id)
    refusal = field_names.in_words(refusal, field_names.of_key())
    return admin_page("admin_keys.html", refusal=refusal, values=shown, scopes=EVERY_SCOPE, **listed)


def _text_page(who: Identity, key_id: UUID, text: str) -> Response:
    found = _fetch(who, key_id)
    back = url_for("admin_keys.list_keys")
    return admin_page("admin_secret.html", code=201, kind="key", name=found.name, secret=text, url=None, back=back)


def _confirm(found: ApiKey, title: str, says: list[str], *, button: str) -> Response:
    about = f"{found.name} ({found.prefix}…)"
    return confirm(title, says, about=about, button=button, back=url_for("admin_keys.list_keys"))


def _fetch(who: Identity, key_id: UUID) -> ApiKey:
    with who.session():
        return connections.fetch_api_key(key_id, org=who.org)
