"""How the exchange with an LMS goes: its status, what arrived, and having refused things fetched again. Admins only."""

from __future__ import annotations

from typing import cast, get_args
from uuid import UUID

from flask import Blueprint, Response

from ingest.admin import lms_schemas as schemas
from ingest.admin.lms_words import explain, explain_status
from ingest.web import pagination
from ingest.web.identity import admin
from ingest.web.openapi import Parameter, operation
from ingest.web.pagination import page_of
from ingest.web.responses import json_response
from models import arrivals, canvas_sites, connections, lms_status, moodle_sites, returns
from models.arrivals import Arrival, State

blueprint = Blueprint("source_status", __name__)

STATE = Parameter(
    name="state",
    where="query",
    description="Only arrivals in this state. `superseded`: the LMS does not have this version any more.",
    schema={"enum": list(get_args(State))},
)


@blueprint.get("/v1/sources/<uuid:source_id>/status")
@operation("Get the status of a source", answers={200: schemas.SourceStatus}, problems=("forbidden",))
def status(source_id: UUID) -> Response:
    """Return when the last exchange with the LMS was, what went wrong and what to do, and what waits. Admins only.

    A platform (LTI) has a status too, by the same id.
    """
    who = admin()
    with who.session():
        kind = connections.fetch_kind(source_id, org=who.org)
        found = lms_status.fetch_status(source_id, org=who.org)
    problem, advice = explain_status(found)
    return json_response(
        schemas.SourceStatus(
            kind=kind, last_exchange_at=found.last_exchange_at, error=found.error or found.refused_delivery, problem=problem, advice=advice,
            closed_assignments=found.closed, arrivals_waiting=found.arrivals_waiting, arrivals_refused=found.arrivals_refused,
            arrivals_given_up=found.arrivals_given_up, returns_waiting=found.returns_waiting,
            returns_given_up=found.returns_given_up,
        )
    )  # fmt: skip


@blueprint.get("/v1/sources/<uuid:source_id>/arrivals")
@operation(
    "List the arrivals of a source",
    answers={200: schemas.Arrivals},
    parameters=(*pagination.PARAMETERS, STATE),
    problems=("invalid-payload", "forbidden"),
)
def list_arrivals(source_id: UUID) -> Response:
    """Return the versions that the LMS says are there, newest first, one page per request, with the reasons of refusals. Admins only."""
    who = admin()
    limit, before = pagination.limit(), pagination.cursor()
    state = pagination.optional_choice("state", get_args(State))
    with who.session():
        connections.fetch_kind(source_id, org=who.org)
        found = arrivals.list_arrivals(
            source_id, org=who.org, limit=limit + 1, before=before, state=cast("State | None", state)
        )
    return page_of(schemas.Arrivals, found, limit=limit, show=_to_schema, key=lambda arrival: arrival.id)


@blueprint.post("/v1/sources/<uuid:source_id>/replay")
@operation("Fetch and send again what failed", answers={202: schemas.Replayed}, problems=("forbidden",))
def replay(source_id: UUID) -> Response:
    """Look at the LMS now, fetch refused and given-up arrivals again, and send given-up returns again. Admins only.

    Up to 5,000 of each, the oldest first, and returns that nobody wanted last. A Canvas is asked what was handed in within 30 days
    and no event told, in the courses that something came from. Nothing is taken or sent twice. Recorded in the audit trail.
    """
    who = admin()
    with who.session():
        connections.fetch_kind(source_id, org=who.org)
        return json_response(try_again(source_id, org=who.org), status=202)


def try_again(source: UUID, *, org: UUID) -> schemas.Replayed:
    """Look at the LMS of a source now, and queue what failed again. Needs an open session of an admin."""
    moodle_sites.look_now(source, org=org)
    # First: it takes the place of the looks that were given up, which would be queued again.
    canvas_sites.look_back(source)
    return schemas.Replayed(arrivals=arrivals.replay(source), returns=returns.resend(source))


def _to_schema(found: Arrival) -> schemas.Arrival:
    problem, advice = explain(found.error, is_over=found.state == "gave_up")
    assignment, hand_in = found.place.get("assignment"), found.place.get("hand_in")
    return schemas.Arrival(
        id=found.id, state=found.state, created_at=found.created_at, handed_in_at=found.changed_at, attempts=found.attempts,
        next_attempt_at=found.next_attempt_at, error=found.error, problem=problem, advice=advice, submission_id=found.submission,
        assignment_external_id=None if assignment is None else str(assignment),
        hand_in_external_id=None if hand_in is None else str(hand_in),
    )  # fmt: skip
