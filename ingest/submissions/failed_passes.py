"""Passes that ended without a result: which they are, and what an educator or admin may do about them."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response, jsonify

from ingest.submissions import schemas
from ingest.submissions.routes import accepted_again, send_hints
from ingest.web import pagination
from ingest.web.identity import actor_of, staff
from ingest.web.openapi import operation
from ingest.web.pagination import page_of
from models import essays, failed_passes
from models.failed_passes import FailedPass
from models.jobs import Queue

blueprint = Blueprint("given_up", __name__)


@blueprint.get("/v1/given-up")
@operation(
    "List passes that gave up",
    answers={200: schemas.FailedPassPage},
    parameters=pagination.PARAMETERS,
    problems=("invalid-payload", "forbidden"),
)
def list_all() -> Response:
    """Answer the passes of your courses (admins: of the org) that ended without a result and were not discarded."""
    who = staff()
    limit, before = pagination.limit(), pagination.cursor()
    with who.session():
        found = failed_passes.list_all(org=who.org, limit=limit + 1, before=before)
    return page_of(schemas.FailedPassPage, found, limit=limit, show=_failed_pass, key=lambda one: one.id)


@blueprint.post("/v1/submissions/<uuid:submission_id>/retry")
@operation(
    "Try again what gave up",
    answers={202: schemas.Receipt},
    problems=("forbidden",),
    headers={202: {"Location": "the submission's status", "Retry-After": "seconds until it is worth asking"}},
)
def retry(submission_id: UUID) -> Response:
    """Queue the passes of this submission that gave up, from their first attempt. Asking twice is as asking once."""
    who = staff()
    with who.session():
        essays.fetch_status(submission_id, org=who.org)
        wanted = failed_passes.list_all(org=who.org, limit=100, submission=submission_id, discarded=True)
        hints = failed_passes.replay(wanted, org=who.org, queue=Queue.INTERACTIVE, actor=actor_of(who))
    send_hints(tuple(hints))
    return accepted_again(submission_id, who)


@blueprint.post("/v1/submissions/<uuid:submission_id>/discard")
@operation("Hear no more of what gave up", answers={200: schemas.Discarded}, problems=("forbidden",))
def discard(submission_id: UUID) -> Response:
    """Take the given-up passes of this submission off the list. Its status stays as it is; a retry brings them back."""
    who = staff()
    with who.session():
        essays.fetch_status(submission_id, org=who.org)
        wanted = failed_passes.list_all(org=who.org, limit=100, submission=submission_id)
        discarded = failed_passes.discard(wanted, org=who.org, actor=actor_of(who))
    return jsonify({"discarded": discarded})


def _failed_pass(one: FailedPass) -> schemas.FailedPass:
    return schemas.FailedPass(
        id=one.id,
        submission_id=one.submission_id,
        essay_id=one.essay_id,
        pass_=one.name,
        reason=one.reason,
        finished_at=one.finished_at,
    )
