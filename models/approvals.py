"""What one admin asks for and another approves, in an org with dual_approval.

The database decides who may approve and what counts as approved (migration 0034): two different admins of the org who can
sign in, within 7 days of the request, once.
"""

from __future__ import annotations

from typing import Any, Literal
from uuid import UUID

from models.db import row, rows
from models.errors import ApprovalEnded, NotFound, OwnRequest

Action = Literal["erase_person", "export_person", "remove_org", "end_dual_approval"]

_SELECT = """
select id, action, user_id, requested_by, requested_at, requested_at + interval '7 days' as expires_at, approved_by,
    approved_at, used_at, approval_state(a) as state
from approvals as a where org_id = %(org)s
"""


def are_needed(org: UUID) -> bool:
    """Return whether the org wants two admins to agree."""
    found = row("select dual_approval from orgs where id = %s", (org,))
    return bool(found and found["dual_approval"])


def ask(action: Action, *, person: UUID | None = None) -> UUID:
    """Ask for this as the acting admin, and return the request: an open one of the same admin if there is one."""
    found = row("select request_approval(%s, %s) as id", (action, person))
    assert found is not None
    return UUID(str(found["id"]))


def approve(request: UUID, *, org: UUID, by: UUID) -> dict[str, Any]:
    """Approve a request as the acting admin and return it; the caller carries it out. Call it as ec_admin.

    Raises NotFound, OwnRequest, and ApprovalEnded when it was approved before, has expired, or its admin is one no longer.
    """
    found = row("select approve_request(%s) as answer", (request,))
    answer = found["answer"] if found else "missing"
    if answer == "missing":
        raise NotFound("There is no such request.")
    if answer == "own":
        raise OwnRequest("You asked for this yourself: another admin must approve it.")
    if answer != "approved":
        raise ApprovalEnded(f"This request is {answer}.")
    approved = fetch(request, org=org)
    if approved["action"] == "erase_person" and approved["user_id"] == by:
        raise OwnRequest("This request is about yourself: another admin must approve it.")
    return approved


def use(action: Action, *, person: UUID | None = None) -> bool:
    """Use up an approval for this, and return whether there was one. An export goes only to the admin who asked for it."""
    found = row("select use_approval(%s, %s) as used", (action, person))
    return bool(found and found["used"])


def fetch(request: UUID, *, org: UUID) -> dict[str, Any]:
    """Return a request. Call it as ec_admin. Raises NotFound."""
    found = row(f"{_SELECT} and id = %(id)s", {"org": org, "id": request})
    if found is None:
        raise NotFound("There is no such request.")
    return found


def list_requests(*, org: UUID, limit: int, before: UUID | None = None) -> list[dict[str, Any]]:
    """Return the requests, newest first; `before` is the last id of the previous page. Call it as ec_admin."""
    return rows(
        f"{_SELECT} and (%(before)s::uuid is null or id < %(before)s) order by id desc limit %(limit)s",
        {"org": org, "before": before, "limit": limit},
    )
