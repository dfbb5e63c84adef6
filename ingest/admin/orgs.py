"""The settings of the org, and its categories of writing."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, Response

from ingest.admin import org_schemas, schemas
from ingest.web import pagination
from ingest.web.body import read_body
from ingest.web.identity import Identity, admin, signed_in
from ingest.web.openapi import operation
from ingest.web.pagination import page_of
from ingest.web.problems import Problem
from ingest.web.responses import CREATED, json_response
from ingest.web.step_up import require_step_up
from models import ledger, orgs
from models.networks import is_within

blueprint = Blueprint("orgs", __name__)

# Whoever has a stolen session must not loosen these.
SIGN_IN_RULES = frozenset({"admin_networks", "password_roles", "second_factor_required", "step_up"})


@blueprint.get("/v1/org")
@operation("Get your org", answers={200: org_schemas.Org}, problems=("forbidden",))
def one_org() -> Response:
    """Return your org with its settings and its AI cost this month. Admins only."""
    return json_response(org_schemas.Org(**fetch_as(admin())))


@blueprint.patch("/v1/org")
@operation(
    "Change your org",
    answers={200: org_schemas.Org},
    body=org_schemas.OrgChange,
    problems=("forbidden", "approval-needed", "sign-in-again"),
)
def change_org() -> Response:
    """Change the settings that are sent; they apply to essays handed in from now on. Admins only.

    `require_approval` also applies to essays that wait to be read. `admin_networks` applies to all admins from their next request
    on; it must hold the address that you send it from. With `step_up` on, the rules of sign-in need a sign-in of the last 15
    minutes. A retention that is set or shortened deletes nothing for 7 days;
    `GET /v1/org/retention` says what will go.
    """
    who = admin()
    changes = read_body(org_schemas.OrgChange).changes()
    return json_response(org_schemas.Org(**change_as(who, changes)))


def fetch_as(who: Identity) -> dict[str, Any]:
    """Return the org of this admin with its settings and its AI cost this month."""
    with who.session():
        return {**orgs.fetch_org(who.org), "spent_this_month_micros": ledger.spent_this_month()}


def change_as(who: Identity, changes: dict[str, Any]) -> dict[str, Any]:
    """Change the org as this admin and return it as `fetch_as` does. Raises Problem for networks that would lock them out."""
    if not is_within(who.address, changes.get("admin_networks", ())):
        detail = f"must hold your own address, {who.address or 'which this server does not know'}, or be empty"
        raise Problem(
            "invalid-payload",
            f"admin_networks {detail}: otherwise you would lock yourself out.",
            errors=[{"pointer": "/admin_networks", "detail": detail}],
        )
    with who.session():
        if not SIGN_IN_RULES.isdisjoint(changes):
            require_step_up(who)
        found = orgs.change_org(who.org, changes=changes)
        return {**found, "spent_this_month_micros": ledger.spent_this_month()}


@blueprint.get("/v1/categories")
@operation(
    "List categories",
    answers={200: schemas.Categories},
    parameters=pagination.PARAMETERS,
    problems=("invalid-payload", "forbidden"),
)
def list_categories() -> Response:
    """Return the categories of writing of your org, newest first, one page per request."""
    who = signed_in()
    limit, before = pagination.limit(), pagination.cursor()
    with who.session():
        found = orgs.list_categories(org=who.org, limit=limit + 1, before=before)
    return page_of(schemas.Categories, found, limit=limit)


@blueprint.post("/v1/categories")
@operation(
    "Add a category",
    answers={201: schemas.Category},
    body=schemas.NewCategory,
    problems=("forbidden", "conflict"),
    headers=CREATED,
)
def add_category() -> Response:
    """Add a category of writing. Admins only."""
    who = admin()
    payload = read_body(schemas.NewCategory)
    with who.session():
        found = orgs.add_category(payload.slug, org=who.org, name=payload.name)
    return json_response(schemas.Category(**found), status=201, at=f"/v1/categories/{found['id']}")


@blueprint.get("/v1/categories/<uuid:category_id>")
@operation("Get a category", answers={200: schemas.Category}, problems=("forbidden",))
def one_category(category_id: UUID) -> Response:
    """Return a category of writing."""
    who = signed_in()
    with who.session():
        found = orgs.fetch_category(category_id, org=who.org)
    return json_response(schemas.Category(**found))


@blueprint.patch("/v1/categories/<uuid:category_id>")
@operation(
    "Change a category",
    answers={200: schemas.Category},
    body=schemas.CategoryChange,
    problems=("forbidden", "conflict"),
)
def change_category(category_id: UUID) -> Response:
    """Change the members that are sent. Essays of the category show the change; an LMS must send a new slug from then on.

    Admins only.
    """
    who = admin()
    changes = read_body(schemas.CategoryChange).changes()
    with who.session():
        found = orgs.change_category(category_id, org=who.org, changes=changes)
    return json_response(schemas.Category(**found))


@blueprint.delete("/v1/categories/<uuid:category_id>")
@operation("Delete a category", answers={204: None}, problems=("forbidden", "in-use"))
def delete_category(category_id: UUID) -> tuple[str, int]:
    """Delete a category of writing. Refused with 409 when an assignment or an essay has it. Admins only."""
    who = admin()
    with who.session():
        orgs.delete_category(category_id, org=who.org)
    return "", 204
