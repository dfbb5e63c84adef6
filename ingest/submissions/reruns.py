"""Feedback made with a rubric that no longer applies: how much there is, and having essays read again."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response

from ingest.submissions import schemas
from ingest.submissions.routes import accepted_again, send_hints
from ingest.web.identity import Identity, actor_of, staff
from ingest.web.openapi import operation
from ingest.web.responses import json_response
from models import courses, essays, reruns
from models.jobs import Queue

blueprint = Blueprint("reruns", __name__)

MOST_LISTED = 100
# So many versions a transaction, so that no other one waits long for their rows.
AT_ONCE = 50


@blueprint.get("/v1/assignments/<uuid:assignment_id>/stale")
@operation("Which feedback is stale", answers={200: schemas.Stale}, problems=("forbidden",))
def stale(assignment_id: UUID) -> Response:
    """Answer which newest versions have feedback made with another rubric than the assignment asks for now."""
    who = staff()
    found = _stale(assignment_id, who)
    return json_response(schemas.Stale(stale=len(found), submissions=found[:MOST_LISTED]))


@blueprint.post("/v1/submissions/<uuid:submission_id>/rerun")
@operation(
    "Read it again",
    answers={202: schemas.Receipt},
    problems=("forbidden",),
    headers={202: {"Location": "the submission's status", "Retry-After": "seconds until it is worth asking"}},
)
def rerun(submission_id: UUID) -> Response:
    """Queue the passes of this submission that are done once more. What they said stands until the new comments are there.

    Nothing happens when the essay has a newer version.
    """
    who = staff()
    with who.session():
        essays.fetch_status(submission_id, org=who.org)
        hints = reruns.rerun([submission_id], org=who.org, queue=Queue.INTERACTIVE, actor=actor_of(who))
    send_hints(tuple(hints))
    return accepted_again(submission_id, who)


@blueprint.post("/v1/assignments/<uuid:assignment_id>/rerun")
@operation("Read again what is stale", answers={202: schemas.Rerun}, problems=("forbidden",))
def rerun_stale(assignment_id: UUID) -> Response:
    """Queue the submissions of this assignment whose feedback is stale once more, after all that somebody waits for."""
    who = staff()
    wanted, passes = _stale(assignment_id, who), 0
    for first in range(0, len(wanted), AT_ONCE):
        with who.session():
            hints = reruns.rerun(wanted[first : first + AT_ONCE], org=who.org, queue=Queue.BULK, actor=actor_of(who))
        send_hints(tuple(hints))
        passes += len(hints)
    return json_response(schemas.Rerun(passes=passes), status=202)


def _stale(assignment: UUID, who: Identity) -> list[UUID]:
    with who.session():
        courses.fetch_assignment(assignment, org=who.org)
        return reruns.stale_submissions(assignment, org=who.org)
