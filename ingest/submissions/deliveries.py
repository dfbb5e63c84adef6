"""The stored deliveries of a source: why one was refused, what it said, and carrying it out again. Admins only."""

from __future__ import annotations

from typing import cast, get_args
from uuid import UUID

from flask import Blueprint, Response

from ingest.submissions import canvas_events, custom_webhooks
from ingest.submissions import delivery_schemas as schemas
from ingest.submissions.schemas import Ignored, Receipt
from ingest.submissions.webhooks import STORED_REFUSALS, as_problem, carry_out, read_mapping
from ingest.web import pagination
from ingest.web.access_log import note_read_deliveries
from ingest.web.identity import Identity, admin
from ingest.web.openapi import Parameter, operation
from ingest.web.pagination import page_of
from ingest.web.problems import PROBLEM_TYPES, Problem
from ingest.web.responses import json_response
from models import connections, deliveries, events
from models.audit import write_entry
from models.deliveries import StoredDelivery
from models.events import Outcome

blueprint = Blueprint("deliveries", __name__)

OUTCOME = Parameter(
    name="outcome",
    where="query",
    description="Only deliveries with this outcome.",
    schema={"enum": list(get_args(Outcome))},
)


@blueprint.get("/v1/sources/<uuid:source_id>/deliveries")
@operation(
    "List the deliveries of a source",
    answers={200: schemas.Deliveries},
    parameters=(*pagination.PARAMETERS, OUTCOME),
    problems=("invalid-payload", "forbidden"),
)
def list_deliveries(source_id: UUID) -> Response:
    """Return what the source delivered, newest first, one page per request, with the reasons of refusals. Admins only.

    A page that shows bodies is recorded in the audit trail.
    """
    who = admin()
    limit, before = pagination.limit(), pagination.cursor()
    outcome = pagination.optional_choice("outcome", get_args(Outcome))
    with who.session():
        connections.fetch_source(source_id, org=who.org)
        found = deliveries.list_deliveries(
            source_id, org=who.org, limit=limit + 1, before=before, outcome=cast("Outcome | None", outcome)
        )
        shown = [str(delivery.id) for delivery in found[:limit] if delivery.body is not None]
        if shown:
            note_read_deliveries(entity="source", entity_id=source_id, deliveries=shown)
    return page_of(schemas.Deliveries, found, limit=limit, show=to_schema, key=lambda delivery: delivery.id)


@blueprint.get("/v1/sources/<uuid:source_id>/deliveries/<uuid:delivery_id>")
@operation("Get a delivery of a source", answers={200: schemas.Delivery}, problems=("forbidden",))
def one_delivery(source_id: UUID, delivery_id: UUID) -> Response:
    """Return a delivery with its body. Recorded in the audit trail. Admins only."""
    return json_response(read_as(admin(), source_id, delivery_id))


def read_as(who: Identity, source_id: UUID, delivery_id: UUID) -> schemas.Delivery:
    """Return a delivery with its body to this admin, and write that down."""
    with who.session():
        found = deliveries.fetch_delivery(delivery_id, org=who.org, source=source_id)
        person = {"user_id": str(found.user)} if found.user else {}
        note_read_deliveries(entity="delivery", entity_id=delivery_id, **person)
    return to_schema(found)


@blueprint.post("/v1/sources/<uuid:source_id>/deliveries/<uuid:delivery_id>/replay")
@operation(
    "Carry out a delivery again",
    answers={202: Receipt, 200: Ignored},
    problems=(
        "forbidden", "malformed-json", "invalid-payload", "idempotency-key-reused", "request-in-progress", "essay-empty",
        "essay-too-long", "invalid-text", "author-limit",
    ),
    headers={202: {"Location": "URL of the submission's status", "Retry-After": "seconds to wait before the first status request"}},
)  # fmt: skip
def replay(source_id: UUID, delivery_id: UUID) -> Response:
    """Carry out the stored delivery as if the LMS had sent it again, and answer as the webhook would. Admins only.

    A webhook-id leads to one submission, however often it is delivered and replayed. A delivery that is still refused stays as it
    is. Recorded in the audit trail.
    """
    return replay_as(admin(), source_id, delivery_id)


def replay_as(who: Identity, source_id: UUID, delivery_id: UUID) -> Response:
    """Carry out a stored delivery again as this admin. Raises Problem when it is refused again."""
    with who.session():
        source = connections.fetch_source(source_id, org=who.org)
        found = deliveries.fetch_delivery(delivery_id, org=who.org, source=source_id)
        led_to = deliveries.event_of(found.submission, org=who.org, source=source_id) if found.submission else None
        deliveries.mark_replayed(delivery_id, org=who.org)
        write_entry(
            "delivery_replayed", entity="delivery", entity_id=delivery_id,
            source_id=str(source_id), outcome=found.outcome,
        )  # fmt: skip
    assert found.body is not None
    mapping = read_mapping(source)
    body, event_id = found.body.encode(), led_to or found.event_id
    if mapping is not None and led_to is None:
        # The mapping may look elsewhere for the id since then, as it does for what comes now.
        event_id = custom_webhooks.event_id_of(body, mapping)
    delivery = events.Delivery(org=who.org, source=source_id, event_id=event_id, body=body)
    try:
        if source.kind == "canvas":
            return canvas_events.carry_out(delivery, stored=delivery_id)
        return carry_out(delivery, mapping=mapping, stored=delivery_id)
    except (Problem, *STORED_REFUSALS) as refusal:
        raise as_problem(refusal, mapping) from None


def to_schema(found: StoredDelivery) -> schemas.Delivery:
    """Return a delivery as admins see it, with a sentence about why it was refused."""
    detail, errors = found.problem.get("detail"), found.problem.get("errors")
    if detail is None and found.outcome == "refused" and found.reason in PROBLEM_TYPES:
        detail = f"{PROBLEM_TYPES[found.reason].title}."
    return schemas.Delivery(
        id=found.id,
        event_id=found.event_id,
        received_at=found.received_at,
        outcome=found.outcome,
        reason=found.reason,
        detail=detail,
        errors=errors,
        submission_id=found.submission,
        replayed_at=found.replayed_at,
        body=found.body,
    )
