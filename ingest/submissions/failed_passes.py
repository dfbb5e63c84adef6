"""Failed passes, which ended without a result: list, retry and discard them."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response, jsonify

from ingest.submissions import rerun_schemas, schemas
from ingest.submissions.receipts import send_hints
from ingest.submissions.routes import accepted_again
from ingest.web import pagination
from ingest.web.identity import Identity, staff
from ingest.web.openapi import operation
from ingest.web.pagination import page_of
from models import essays, failed_passes, orgs
from models.failed_passes import FailedPass
from models.jobs import Queue

blueprint = Blueprint("given_up", __name__)


@blueprint.get("/v1/given-up")
@operation(
    "List failed passes",
    answers={200: rerun_schemas.FailedPassPage},
    parameters=pagination.PARAMETERS,
    problems=("invalid-payload", "forbidden"),
)
def list_all() -> Response:
    """Return the passes of your courses (admins: of the org) that ended without a result and were not discarded."""
    who = staff()
    limit, before = pagination.limit(), pagination.cursor()
    with who.session():
        found = failed_passes.list_all(org=who.org, limit=limit + 1, before=before)
    return page_of(rerun_schemas.FailedPassPage, found, limit=limit, show=_to_schema, key=lambda failed: failed.id)


@blueprint.post("/v1/submissions/<uuid:submission_id>/retry")
@operation(
    "Retry the failed passes of a submission",
    answers={202: schemas.Receipt},
    problems=("forbidden", "reading-off"),
    headers={
        202: {
            "Location": "URL of the submission's status",
            "Retry-After": "seconds to wait before the first status request",
        }
    },
)
def retry(submission_id: UUID) -> Response:
    """Queue the failed passes of this submission again, from their first attempt, discarded ones included. Idempotent.

    Refused with 409 while the org's `ai_policy` is `none`.
    """
    who = staff()
    retry_as(who, submission_id)
    return accepted_again(submission_id, who)


def retry_as(who: Identity, submission_id: UUID) -> None:
    """Queue the failed passes of this submission again as this person. Raises ReadingOff."""
    with who.session():
        essays.fetch_status(submission_id, org=who.org)
        orgs.require_reading(who.org)
        failed = failed_passes.list_all(org=who.org, limit=100, submission=submission_id, discarded=True)
        hints = failed_passes.replay(failed, org=who.org, queue=Queue.INTERACTIVE)
    send_hints(tuple(hints))


@blueprint.post("/v1/submissions/<uuid:submission_id>/discard")
@operation("Discard the failed passes of a submission", answers={200: rerun_schemas.Discarded}, problems=("forbidden",))
def discard(submission_id: UUID) -> Response:
    """Remove the failed passes of this submission from the list. Its status does not change, and a retry is still possible."""
    return jsonify({"discarded": discard_as(staff(), submission_id)})


def discard_as(who: Identity, submission_id: UUID) -> int:
    """Remove the failed passes of this submission from the list as this person; return how many."""
    with who.session():
        essays.fetch_status(submission_id, org=who.org)
        failed = failed_passes.list_all(org=who.org, limit=100, submission=submission_id)
        return failed_passes.discard(failed)


def _to_schema(failed: FailedPass) -> rerun_schemas.FailedPass:
    return rerun_schemas.FailedPass(
        id=failed.id,
        submission_id=failed.submission_id,
        essay_id=failed.essay_id,
        pass_=failed.name,
        reason=failed.reason,
        finished_at=failed.finished_at,
    )
