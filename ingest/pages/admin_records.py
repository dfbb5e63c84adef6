"""What waits and what happened: approvals, failed passes, the system log, and the audit trail."""

from __future__ import annotations

from typing import get_args
from uuid import UUID

from flask import Blueprint, Response, request, url_for

from ingest.admin import approval_schemas
from ingest.admin import approvals as approval_routes
from ingest.pages.admin_parts import PAGE, REFUSALS, Refusal, admin, admin_page, confirm, cut
from ingest.pages.admin_phrases import word
from ingest.pages.forms import check_body, read_form
from ingest.pages.rendering import page_blueprint, see
from ingest.pages.wording import gettext
from ingest.submissions import failed_passes as failed_pass_routes
from ingest.web import pagination
from ingest.web.identity import Identity
from models import approvals, audit, events, failed_passes, users
from models.errors import NotFound
from models.events import LogLevel

blueprint: Blueprint = page_blueprint("admin_records")

ASKED = get_args(approval_schemas.NewApproval.model_fields["action"].annotation)
LEVELS = get_args(LogLevel)


@blueprint.get("/admin/approvals")
def list_approvals() -> Response:
    """List what administrators asked for."""
    return _approvals_page(admin())


@blueprint.get("/admin/approvals/ask")
def ask_to_ask() -> Response:
    """Say what asking does."""
    admin()
    action = pagination.choice("action", ASKED, default="")
    says = {
        "remove_org": gettext("When another administrator approves it, the operator can remove the school with everything in it."),
        "end_dual_approval": gettext("When another one approves it, one administrator alone can erase and export people again."),
    }  # fmt: skip
    both = [says[action], gettext("The request ends by itself after 7 days.")]
    back = url_for("admin_records.list_approvals")
    return confirm(word(action), both, button=gettext("Ask"), back=back, action=action)


@blueprint.post("/admin/approvals/ask")
def ask() -> Response:
    """Ask the other administrators."""
    who = admin()
    try:
        wanted = read_form(approval_schemas.NewApproval)
        with who.session():
            approvals.ask(wanted.action)
    except REFUSALS as refusal:
        return _approvals_page(who, refusal=refusal)
    return see(url_for("admin_records.list_approvals", did="asked"))


@blueprint.get("/admin/approvals/<uuid:approval_id>/approve")
def ask_approve(approval_id: UUID) -> Response:
    """Say what approving does."""
    who = admin()
    with who.session():
        found = approvals.fetch(approval_id, org=who.org)
        about = _names(who, [found["user_id"]]).get(found["user_id"], "")
    says = {
        "erase_person": gettext("The person's data is unreadable at once and deleted within seconds. Nobody can bring it back."),
        "export_person": gettext("The administrator who asked can download all data of the person, once."),
        "remove_org": gettext("The operator can remove the school with everything in it."),
        "end_dual_approval": gettext("From now on one administrator alone can erase and export people."),
    }  # fmt: skip
    return confirm(
        word(found["action"]), [says[found["action"]]], about=about, button=gettext("Approve"), back=url_for("admin_records.list_approvals")
    )  # fmt: skip


@blueprint.post("/admin/approvals/<uuid:approval_id>/approve")
def approve(approval_id: UUID) -> Response:
    """Approve what another administrator asked for."""
    who = admin()
    check_body()
    try:
        approval_routes.approve_as(who, approval_id)
    except REFUSALS as refusal:
        return _approvals_page(who, refusal=refusal)
    return see(url_for("admin_records.list_approvals", did="approved"))


@blueprint.get("/admin/failed-passes")
def list_failed() -> Response:
    """List the passes that ended without a result."""
    return _failed_page(admin())


@blueprint.post("/admin/failed-passes/<uuid:submission_id>")
def settle_failed(submission_id: UUID) -> Response:
    """Read the submission again, or with `discard` take its failed passes off the list."""
    who = admin()
    check_body()
    try:
        if request.form.get("discard"):
            failed_pass_routes.discard_as(who, submission_id)
        else:
            failed_pass_routes.retry_as(who, submission_id)
    except REFUSALS as refusal:
        return _failed_page(who, refusal=refusal)
    did = "discarded" if request.form.get("discard") else "retried"
    return see(url_for("admin_records.list_failed", did=did))


@blueprint.get("/admin/logs")
def list_logs() -> Response:
    """List the kept warnings and errors, newest first."""
    who = admin()
    level = pagination.optional_choice("level", LEVELS)
    with who.session():
        found = events.list_logs(org=who.org, limit=PAGE + 1, before=pagination.cursor(), level=level)
    return admin_page("admin_logs.html", level=level, levels=LEVELS, **cut(found, key=lambda line: line["id"]))


@blueprint.get("/admin/audit")
def list_audit() -> Response:
    """List the newest entries of the audit trail, all of them or those about one thing or by one actor."""
    who = admin()
    entity, actor = pagination.id_filter("entity_id"), pagination.id_filter("actor_id")
    with who.session():
        found = audit.list_newest(
            org=who.org, limit=PAGE + 1, before=pagination.cursor(), entity_id=entity, actor_id=actor
        )
        listed = cut(found, key=lambda entry: entry["id"])
        names = _names(who, [entry["actor_id"] for entry in listed["items"]])
    return admin_page("admin_audit.html", names=names, entity=entity, actor=actor, **listed)


def _approvals_page(who: Identity, *, refusal: Refusal | None = None) -> Response:
    with who.session():
        found = approvals.list_requests(org=who.org, limit=PAGE + 1, before=pagination.cursor())
        listed = cut(found, key=lambda request: request["id"])
        people = [one[name] for one in listed["items"] for name in ("requested_by", "approved_by", "user_id")]
        names, are_needed = _names(who, people), approvals.are_needed(who.org)
    return admin_page(
        "admin_approvals.html", refusal=refusal, names=names, are_needed=are_needed, own=who.user, asked=ASKED, **listed
    )


def _failed_page(who: Identity, *, refusal: Refusal | None = None) -> Response:
    with who.session():
        found = failed_passes.list_all(org=who.org, limit=PAGE + 1, before=pagination.cursor())
    return admin_page("admin_failed.html", refusal=refusal, **cut(found, key=lambda failed: failed.id))


def _names(who: Identity, people: list[UUID | None]) -> dict[UUID, str]:
    """Return what each of these people is called. One who was erased, and an API key, has no name. Needs an open session."""
    named = {}
    for one in {person for person in people if person is not None}:
        try:
            person = users.fetch_person(one, org=who.org)
        except NotFound:
            continue
        named[one] = person.name or person.email or person.external_id or ""
    return named
