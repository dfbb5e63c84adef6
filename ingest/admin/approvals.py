"""What one admin asks for and another approves, in an org with dual_approval. Admins only."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, Response

from ingest.admin import approval_schemas as schemas
from ingest.web import pagination
from ingest.web.body import read_body
from ingest.web.identity import Identity, admin
from ingest.web.openapi import operation
from ingest.web.pagination import page_of
from ingest.web.responses import CREATED, json_response
from ingest.web.step_up import require_step_up
from models import approvals, orgs, rights

blueprint = Blueprint("approvals", __name__)


@blueprint.get("/v1/approvals")
@operation(
    "List requests for approval",
    answers={200: schemas.Approvals},
    parameters=pagination.PARAMETERS,
    problems=("invalid-payload", "forbidden"),
)
def list_approvals() -> Response:
    """Return what the admins of your org asked for, newest first, one page per request. Admins only."""
    who = admin()
    limit, before = pagination.limit(), pagination.cursor()
    with who.session():
        found = approvals.list_requests(org=who.org, limit=limit + 1, before=before)
    return page_of(schemas.Approvals, found, limit=limit)


@blueprint.post("/v1/approvals")
@operation(
    "Ask for an approval",
    answers={201: schemas.Approval},
    body=schemas.NewApproval,
    problems=("forbidden",),
    headers=CREATED,
)
def ask() -> Response:
    """Ask the other admins to approve the removal of the school or the end of dual_approval. Admins only.

    A second request for the same returns the one that is open.
    """
    who = admin()
    action = read_body(schemas.NewApproval).action
    with who.session():
        found = approvals.fetch(approvals.ask(action), org=who.org)
    return json_response(schemas.Approval(**found), status=201, at=f"/v1/approvals/{found['id']}")


@blueprint.get("/v1/approvals/<uuid:approval_id>")
@operation("Get a request for approval", answers={200: schemas.Approval}, problems=("forbidden",))
def one_approval(approval_id: UUID) -> Response:
    """Return a request and its state. Admins only."""
    who = admin()
    with who.session():
        found = approvals.fetch(approval_id, org=who.org)
    return json_response(schemas.Approval(**found))


@blueprint.post("/v1/approvals/<uuid:approval_id>/approve")
@operation(
    "Approve a request",
    answers={200: schemas.Approval},
    problems=("forbidden", "approval-ended", "own-request", "on-hold", "last-admin", "sign-in-again"),
)
def approve(approval_id: UUID) -> Response:
    """Approve what another admin asked for. An erasure and the end of dual_approval are carried out at once.

    An export is then ready for the admin who asked, a removal for the operator, until the request expires. Admins only.
    """
    return json_response(schemas.Approval(**approve_as(admin(), approval_id)))


def approve_as(who: Identity, approval_id: UUID) -> dict[str, Any]:
    """Approve a request as this admin, carry out what can be carried out at once, and return the request."""
    assert who.user is not None
    with who.session():
        require_step_up(who)
        found = approvals.approve(approval_id, org=who.org, by=who.user)
        if found["action"] == "erase_person":
            rights.request_erasure(found["user_id"], org=who.org)
        elif found["action"] == "end_dual_approval":
            orgs.change_org(who.org, changes={"dual_approval": False})
        return approvals.fetch(approval_id, org=who.org)
