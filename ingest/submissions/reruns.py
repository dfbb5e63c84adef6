"""Stale feedback, made with a rubric that no longer applies: list it, and run the passes again."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response

from ingest.submissions import rerun_schemas, schemas
from ingest.submissions.receipts import send_hints
from ingest.submissions.routes import accepted_again
from ingest.web.identity import Identity, staff
from ingest.web.openapi import operation
from ingest.web.responses import json_response
from models import courses, essays, orgs, reruns
from models.jobs import Queue

blueprint = Blueprint("reruns", __name__)

MAX_LISTED = 100
# Versions per transaction, so that other transactions do not wait long for their row locks.
BATCH = 50


@blueprint.get("/v1/assignments/<uuid:assignment_id>/stale")
@operation("List stale feedback", answers={200: rerun_schemas.Stale}, problems=("forbidden",))
def stale(assignment_id: UUID) -> Response:
    """Return the newest versions whose feedback was made with another rubric than the assignment has now."""
    who = staff()
    found = _stale_submissions(assignment_id, who)
    return json_response(rerun_schemas.Stale(stale=len(found), submissions=found[:MAX_LISTED]))


@blueprint.post("/v1/submissions/<uuid:submission_id>/rerun")
@operation(
    "Run the passes of a submission again",
    answers={202: schemas.Receipt},
    problems=("forbidden", "reading-off"),
    headers={
        202: {
            "Location": "URL of the submission's status",
            "Retry-After": "seconds to wait before the first status request",
        }
    },
)
def rerun(submission_id: UUID) -> Response:
    """Queue the finished passes of this submission again. The present comments stay until the new ones are stored.

    A submission that no machine has read gets its passes now. Does nothing when the essay has a newer version. Refused with
    409 while the org's `ai_policy` is `none`.
    """
    who = staff()
    with who.session():
        essays.fetch_status(submission_id, org=who.org)
        orgs.require_reading(who.org)
        hints = reruns.rerun([submission_id], org=who.org, queue=Queue.INTERACTIVE)
    send_hints(tuple(hints))
    return accepted_again(submission_id, who)


@blueprint.post("/v1/assignments/<uuid:assignment_id>/rerun")
@operation(
    "Run the passes with stale feedback again",
    answers={202: rerun_schemas.Rerun},
    problems=("forbidden", "reading-off"),
)
def rerun_stale(assignment_id: UUID) -> Response:
    """Queue all submissions of this assignment whose feedback is stale. They are processed after all interactive work.

    Refused with 409 while the org's `ai_policy` is `none`.
    """
    who = staff()
    submissions, passes = _stale_submissions(assignment_id, who), 0
    with who.session():
        orgs.require_reading(who.org)
    for first in range(0, len(submissions), BATCH):
        with who.session():
            hints = reruns.rerun(submissions[first : first + BATCH], org=who.org, queue=Queue.BULK)
        send_hints(tuple(hints))
        passes += len(hints)
    return json_response(rerun_schemas.Rerun(passes=passes), status=202)


def _stale_submissions(assignment: UUID, who: Identity) -> list[UUID]:
    with who.session():
        courses.fetch_assignment(assignment, org=who.org)
        return reruns.stale_submissions(assignment, org=who.org)
