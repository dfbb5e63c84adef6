"""What an LMS sends by itself: Standard Webhooks, verified on the raw bytes, each event carried out once for ever."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response, jsonify, request

from ingest.submissions import schemas, webhook_signature
from ingest.submissions.routes import accepted, author_of, send_hints, to_answer, to_draft
from ingest.web import rate_limits
from ingest.web.body import check, check_headers, parse, read_bytes
from ingest.web.openapi import Parameter, operation
from ingest.web.problems import Problem, from_domain
from models import essays, events
from models.connections import find_source
from models.db import session
from models.errors import DomainError, Invalid, NotFound
from models.events import Delivery
from models.jobs import Hint
from models.users import data_key

blueprint = Blueprint("webhooks", __name__)

HANDLED = ("submission.created", "submission.updated")
HEADERS = (
    Parameter(
        name="webhook-id",
        where="header",
        required=True,
        description="Unique per event; the same on a retry.",
        schema={"type": "string"},
    ),
    Parameter(
        name="webhook-timestamp",
        where="header",
        required=True,
        description="Unix seconds of this attempt.",
        schema={"type": "string", "pattern": "^[0-9]{1,12}$"},
    ),
    Parameter(
        name="webhook-signature",
        where="header",
        required=True,
        description="v1,<base64 HMAC-SHA256 of id.timestamp.body>; several separated by spaces.",
        schema={"type": "string"},
    ),
)


@blueprint.post("/v1/webhooks/<uuid:source_id>")
@operation(
    "Take a delivery from an LMS",
    answers={202: schemas.Receipt, 200: schemas.Ignored},
    body=schemas.Event,
    parameters=HEADERS,
    problems=(
        "missing-signature", "invalid-signature", "timestamp-out-of-range", "idempotency-key-reused", "request-in-progress",
        "essay-empty", "essay-too-long", "invalid-text",
    ),
    security=("signature",),
    headers={202: {"Location": "the submission's status", "Retry-After": "seconds until it is worth asking"}},
)  # fmt: skip
def receive(source_id: UUID) -> Response:
    """Store the event and what follows from it in one transaction. A known id with the same body gets the same answer."""
    rate_limits.count_address()
    with session(role="ec_auth"):
        source = find_source(source_id)
    body = read_bytes()
    event_id = webhook_signature.verify(request.headers, body, secrets=source.secrets)
    # Counted only now: whoever merely knows the address must not be able to use the LMS's share up.
    rate_limits.count(f"source:{source.id}")
    delivery = Delivery(org=source.org, source=source.id, event_id=event_id, body=body)
    try:
        wanted, reason = _read(body)
        if wanted is None:
            return _ignore(delivery, reason)
        return _carry_out(delivery, wanted)
    except (Problem, Invalid, NotFound) as refusal:
        problem = _below_data(from_domain(refusal)) if isinstance(refusal, DomainError) else refusal
        _keep_refused(delivery, problem)
        raise problem from None


def _read(body: bytes) -> tuple[schemas.Submission | None, str]:
    check_headers()
    event = check(parse(body), schemas.Event)
    if event.type not in HANDLED:
        return None, f"events of type {event.type!r} are not acted on"
    try:
        wanted = check(event.data, schemas.Submission)
    except Problem as problem:
        raise _below_data(problem) from None
    if wanted.student is None:
        detail = "is needed: whose essay is it?"
        raise Problem("invalid-payload", f"student {detail}", errors=[{"pointer": "/data/student", "detail": detail}])
    return wanted, ""


def _carry_out(delivery: Delivery, wanted: schemas.Submission) -> Response:
    try:
        draft = to_draft(wanted, source="webhook")
    except Problem as problem:
        raise _below_data(problem) from None
    hints: tuple[Hint, ...] = ()
    with session(org=delivery.org, role="ec_lms", actor=delivery.source):
        answer = events.record_first_delivery(delivery)
        if answer is None:
            author = author_of(wanted, org=delivery.org)
            receipt = essays.receive(author, draft, org=delivery.org)
            answer, hints = to_answer(receipt), receipt.hints
            events.store_delivery_answer(delivery, answer=answer, submission=receipt.submission)
            events.store_delivery(
                delivery,
                outcome="accepted",
                user=author,
                key=data_key(author, org=delivery.org),
                submission=receipt.submission,
            )
    send_hints(hints)
    # What a repeat led to may have been erased since.
    return jsonify(answer) if "ignored" in answer else accepted(answer)


def _ignore(delivery: Delivery, reason: str) -> Response:
    """Answer 200: a 4xx for something authentic would make many an LMS switch the endpoint off."""
    with session(org=delivery.org, role="ec_lms", actor=delivery.source):
        answer = events.record_first_delivery(delivery)
        if answer is None:
            answer = {"ignored": reason}
            events.store_delivery_answer(delivery, answer=answer)
            events.store_delivery(delivery, outcome="ignored", reason=reason)
    return jsonify(answer)


def _keep_refused(delivery: Delivery, problem: Problem) -> None:
    """Authentic but unusable: the bytes are kept, so that nothing a school sent is lost. The id stays free for a corrected one."""
    with session(org=delivery.org, role="ec_lms", actor=delivery.source):
        events.store_delivery(delivery, outcome="refused", reason=problem.slug)


def _below_data(problem: Problem) -> Problem:
    below = [{**one, "pointer": "/data" + one["pointer"]} for one in problem.errors or []]
    return Problem(problem.slug, problem.detail, errors=below or None, headers=problem.headers)
