"""Receive webhook deliveries (Standard Webhooks) from an LMS. Each event is verified on its raw bytes and handled only once."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, jsonify, request

from ingest.submissions import schemas, webhook_signature
from ingest.submissions.routes import (
    accepted,
    author_of,
    read_text,
    send_hints,
    to_answer,
    to_draft,
    with_lms_assignment,
)
from ingest.web import rate_limits, security_log, system_log
from ingest.web.body import check_encoding, check_headers, check_needed, parse, read_bytes
from ingest.web.client_address import request_address
from ingest.web.openapi import Parameter, operation
from ingest.web.problems import Problem, from_domain
from models import deliveries, essays, events, restored
from models.connections import Source, find_source
from models.db import session
from models.delivery_students import recognise
from models.errors import AuthorLimit, DomainError, Invalid, NotFound
from models.events import Delivery
from models.jobs import Hint
from models.networks import is_within
from models.users import data_key

blueprint = Blueprint("webhooks", __name__)

CREATED = "submission.created"
_PLAIN_TYPE = re.compile(r"[A-Za-z][A-Za-z0-9_.:/-]{0,59}")
# A delivery over a limit of its author is kept as well: an LMS that does not send it again has lost nothing.
STORED_REFUSALS = (Invalid, NotFound, AuthorLimit)
RESTORED_COPY = "This is a restored copy of the service: it takes no deliveries until its operator releases it."
HANDLED = (CREATED, "submission.updated")
HEADERS = (
    Parameter(
        name="webhook-id",
        where="header",
        required=True,
        description="The id of the event: unique for each event, and the same when a delivery is repeated.",
        schema={"type": "string"},
    ),
    Parameter(
        name="webhook-timestamp",
        where="header",
        required=True,
        description="The time of this delivery in Unix seconds.",
        schema={"type": "string", "pattern": "^[0-9]{1,12}$"},
    ),
    Parameter(
        name="webhook-signature",
        where="header",
        required=True,
        description="`v1,<base64 HMAC-SHA256 of id.timestamp.body>`; several signatures are separated by spaces.",
        schema={"type": "string"},
    ),
)


@blueprint.post("/v1/webhooks/<uuid:source_id>")
@operation(
    "Receive a webhook delivery",
    answers={202: schemas.Receipt, 200: schemas.Ignored},
    body=schemas.Event,
    parameters=HEADERS,
    problems=(
        "missing-signature", "invalid-signature", "timestamp-out-of-range", "idempotency-key-reused", "request-in-progress",
        "essay-empty", "essay-too-long", "invalid-text", "author-limit",
    ),
    security=("signature",),
    headers={202: {"Location": "URL of the submission's status", "Retry-After": "seconds to wait before the first status request"}},
)  # fmt: skip
def receive(source_id: UUID) -> Response:
    """Store an event of an LMS and the submission in it, in one transaction.

    `submission.created` and `submission.updated` are handled; other types get 200 and are ignored. A repeated webhook-id with
    the same type and data gets the same answer, with others 422. A compressed body is refused before its signature is checked,
    and is not stored: the signature is that of the uncompressed bytes. The three headers may also be called svix-id,
    svix-timestamp and svix-signature; when a webhook- header is there, the svix- headers are not read. A bad value that the
    essay does not need is left out and named in `warnings`.
    """
    rate_limits.count_address()
    if restored.is_held():
        raise Problem("temporarily-unavailable", RESTORED_COPY)
    with session(role="ec_auth"):
        source = find_source(source_id)
    security_log.acts(source.org)
    refused = system_log.keep_if_refused("webhook delivery refused", org=source.org, source_id=source.id)
    with refused, system_log.keep_if_undecipherable(source.org):
        return _take_in(source)


def _take_in(source: Source) -> Response:
    if not is_within(request_address(), source.networks):
        raise Problem(
            "address-refused", "Deliveries to this source are accepted from certain networks only, and not from yours."
        )
    # Some platforms compress the body but sign the text: say what is wrong before the signature fails for that reason.
    check_encoding()
    body = read_bytes()
    event_id = webhook_signature.verify(request.headers, body, secrets=source.secrets)
    # Count only after verifying, so that a sender without the secret cannot use up the LMS's rate limit.
    rate_limits.count(f"source:{source.id}")
    delivery = Delivery(org=source.org, source=source.id, event_id=event_id, body=body)
    try:
        check_headers()
        return carry_out(delivery)
    except (Problem, *STORED_REFUSALS) as refusal:
        problem = as_problem(refusal)
        _store_refused(delivery, problem)
        raise problem from None


def carry_out(delivery: Delivery, *, stored: UUID | None = None) -> Response:
    """Carry out an authentic delivery once and return its answer. Raises Problem, Invalid, NotFound, KeyReused, InProgress.

    `stored` is the id under which the delivery is stored already, when it is carried out again.
    """
    event, warnings = check_needed(parse(delivery.body), schemas.Event)
    if event.type not in HANDLED:
        return _ignore(delivery, _why_ignored(event.type), stored=stored)
    return _hand_in(delivery, event, warnings, stored=stored)


def as_problem(refusal: Problem | DomainError) -> Problem:
    """Return the problem with which a delivery is refused. Its pointers lead into the event."""
    return _point_into_data(from_domain(refusal)) if isinstance(refusal, DomainError) else refusal


def _read_submission(event: schemas.Event) -> tuple[schemas.WebhookSubmission, list[dict[str, str]]]:
    payload, warnings = check_needed(event.data, schemas.WebhookSubmission)
    if payload.student is None:
        detail = "is needed: whose essay is it?"
        raise Problem("invalid-payload", f"student {detail}", errors=[{"pointer": "/student", "detail": detail}])
    return payload, warnings


def _hand_in(
    delivery: Delivery, event: schemas.Event, warnings: list[dict[str, str]], *, stored: UUID | None
) -> Response:
    try:
        payload, more = _read_submission(event)
        draft = replace(
            to_draft(payload, read_text(payload.text), source="webhook"),
            submitted_at=payload.submitted_at or event.timestamp,
            is_update=event.type != CREATED,
        )
    except Problem as problem:
        raise _point_into_data(problem) from None
    hints: tuple[Hint, ...] = ()
    with session(org=delivery.org, role="ec_lms", actor=delivery.source):
        answer = events.record_first_delivery(delivery)
        if answer is None:
            draft = with_lms_assignment(draft, payload)
            author = author_of(payload, draft, org=delivery.org)
            receipt = essays.receive(author, draft, org=delivery.org)
            answer = to_answer(receipt, warnings=[*warnings, *_below_data(more)], below="/data")
            hints = receipt.hints
            events.store_delivery_answer(delivery, answer=answer, submission=receipt.submission)
            if stored is None:
                events.store_delivery(
                    delivery,
                    outcome="accepted",
                    user=author,
                    key=data_key(author, org=delivery.org),
                    submission=receipt.submission,
                )
        if stored is not None and "id" in answer:
            deliveries.settle(stored, delivery, submission=UUID(answer["id"]))
    send_hints(hints)
    # The stored answer of a repeated event says `ignored` when the submission was erased meanwhile.
    return jsonify(answer) if "ignored" in answer else accepted(answer)


def _ignore(delivery: Delivery, reason: str, *, stored: UUID | None) -> Response:
    """Store the event and answer 200. Many LMSs would disable the endpoint after a 4xx for an authentic event."""
    with session(org=delivery.org, role="ec_lms", actor=delivery.source):
        answer = events.record_first_delivery(delivery)
        if answer is None:
            answer = {"ignored": reason}
            events.store_delivery_answer(delivery, answer=answer)
            if stored is None:
                _store_unused(delivery, outcome="ignored", reason=reason)
    return jsonify(answer)


def _why_ignored(event_type: str) -> str:
    """Return the reason, which is stored as it is. It repeats the type only if that is a word and no text of a person."""
    shown = repr(event_type) if _PLAIN_TYPE.fullmatch(event_type) else "this kind"
    return f"events of type {shown} are not acted on"


def _store_refused(delivery: Delivery, problem: Problem) -> None:
    """Store the body of an authentic but invalid delivery, so that nothing is lost. Its id stays free for a corrected delivery."""
    with session(org=delivery.org, role="ec_lms", actor=delivery.source):
        said = {"detail": problem.detail, "errors": problem.errors}
        _store_unused(delivery, outcome="refused", reason=problem.slug, problem=said)


def _store_unused(
    delivery: Delivery, *, outcome: events.Outcome, reason: str, problem: dict[str, Any] | None = None
) -> None:
    """Store a delivery that led to no essay, under the key of the student whom it names, if it names one who is known."""
    student = recognise(delivery.text(), org=delivery.org)
    user, key = (student.id, student.key) if student else (None, None)
    events.store_delivery(delivery, outcome=outcome, reason=reason, problem=problem, user=user, key=key)


def _point_into_data(problem: Problem) -> Problem:
    return Problem(
        problem.slug, problem.detail, errors=_below_data(problem.errors or []) or None, headers=problem.headers
    )


def _below_data(errors: list[dict[str, str]]) -> list[dict[str, str]]:
    return [{**error, "pointer": "/data" + error["pointer"]} for error in errors]
