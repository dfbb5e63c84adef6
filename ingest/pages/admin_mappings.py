"""How what a source delivers is read: change the mapping of a custom source, and try a sample out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, request, url_for

from ingest.admin import connection_schemas as schemas
from ingest.admin import sources as source_routes
from ingest.pages import field_names, mapping_form
from ingest.pages.admin_parts import REFUSALS, Refusal, admin, admin_page
from ingest.pages.forms import check_body
from ingest.pages.rendering import page_blueprint, see
from ingest.submissions.source_trials import Tried, fetch_to_try, try_sample
from ingest.web.body import check
from ingest.web.identity import Identity
from ingest.web.step_up import require_step_up
from models import connections
from models.errors import NotFound

blueprint: Blueprint = page_blueprint("admin_mappings")


@blueprint.get("/admin/sources/<uuid:custom_id>/mapping")
def one_mapping(custom_id: UUID) -> Response:
    """Show how the deliveries of a custom source are read."""
    return _mapping_page(admin(), custom_id)


@blueprint.post("/admin/sources/<uuid:custom_id>/mapping")
def change_mapping(custom_id: UUID) -> Response:
    """Read the deliveries in another way from the next one on."""
    who = admin()
    check_body()
    try:
        wanted = check({"mapping": mapping_form.read_mapping()}, schemas.SourceChanges)
        with who.session():
            require_step_up(who)
            source_routes.change_card(custom_id, org=who.org, changes=wanted.model_dump(exclude_unset=True))
    except REFUSALS as refusal:
        return _mapping_page(who, custom_id, refusal=refusal, values=request.form)
    return see(url_for("admin_sources.one_source", source_id=custom_id, did="saved"))


@blueprint.get("/admin/sources/<uuid:source_id>/try")
def ask_try(source_id: UUID) -> Response:
    """Ask for a sample of what the LMS sends."""
    return _try_page(admin(), source_id)


@blueprint.post("/admin/sources/<uuid:source_id>/try")
def try_out(source_id: UUID) -> Response:
    """Show what the sample would become. Nothing is stored."""
    who = admin()
    check_body(with_files=True)
    return _try_page(who, source_id, sample=request.form.get("sample", ""))


def _mapping_page(who: Identity, source_id: UUID, *, refusal: Refusal | None = None, values: Any = None) -> Response:
    with who.session():
        source = connections.fetch_source(source_id, org=who.org)
    if source.mapping is None:
        raise NotFound("This source has no mapping.")
    refusal = field_names.in_words(refusal, field_names.of_source())
    shown = values or mapping_form.to_values(source.mapping)
    return admin_page("admin_mapping.html", refusal=refusal, source=source, mapped=mapping_form.fields(), values=shown)


def _try_page(who: Identity, source_id: UUID, *, sample: str | None = None) -> Response:
    source = fetch_to_try(who, source_id)
    tried = None if sample is None else try_sample(source, sample.encode())
    parts = list(_parts(tried)) if tried is not None else []
    return admin_page("admin_try.html", source=source, sample=sample or "", tried=tried, parts=parts)


def _parts(tried: Tried) -> Iterator[tuple[str, str]]:
    """Yield what the sample says of a hand-in beside its text, each part by the name that the form of the mapping gives it."""
    for name, label in mapping_form.member_names():
        value: Any = tried.submission or {}
        for step in name.split("/"):
            value = value.get(step, {}) if isinstance(value, dict) else {}
        if name != "text" and value not in ({}, None):
            yield label, str(value)
