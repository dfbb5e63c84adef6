"""Receive webhook deliveries (Standard Webhooks) from an LMS. Each event is verified on its raw bytes and handled only once."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, jsonify, request

from documents.rich_text.read import HandedIn
from ingest.submissions import canvas_events, custom_webhooks, moodle_events, schemas, webhook_signature
from ingest.submissions.drafts import FILE_SECONDS, author_of, receive_draft, text_of, to_draft, with_lms_assignment
from ingest.submissions.receipts import accepted, send_hints, to_answer
from ingest.web import rate_limits, security_log, system_log
from ingest.web.body import check_encoding, check_headers, check_needed, parse, read_bytes
from ingest.web.client_address import request_address
from ingest.web.mapping import Mapping
from ingest.web.openapi import Parameter, operation
from ingest.web.problems import Problem, from_domain
from models import deliveries, events, restored
from models.callers import Source, find_source
from models.connections import SourceCard
from models.db import session
from models.delivery_students import Student, recognise
from models.errors import AuthorLimit, DomainError, Invalid, KeyReused, NotFound
from models.events import Delivery
from models.jobs import Hint
from models.networks import is_within
from models.users import data_key

blueprint = Blueprint("webhooks", __name__)

CREATED = "submission.created"
_PLAIN_TYPE = re.compile(r"[A-Za-z][A-Za-z0-9_.:/-]{0,59}")
# A delivery over a limit of its author is kept as well, and one whose id came before: an LMS that does not send it again has lost nothing.
STORED_REFUSALS = (Invalid, NotFound, AuthorLimit, KeyReused)
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
    answers={202: (schemas.Receipt, schemas.Noted), 200: schemas.Ignored},
    body=schemas.Event,
    parameters=HEADERS,
    problems=(
        "missing-signature", "invalid-signature", "timestamp-out-of-range", "idempotency-key-reused", "request-in-progress",
        "essay-empty", "essay-too-long", "invalid-text", "author-limit",
    ),
    security=("signature",),
    headers={
        202: {
            "Location": "URL of the submission's status, when the event holds the text",
            "Retry-After": "seconds to wait before the first status request, when the event holds the text",
        }
    },
)  # fmt: skip
def receive(source_id: UUID) -> Response:
    """Store an event of an LMS and the submission in it, in one transaction.

    `submission.created` and `submission.updated` are handled; other types get 200 and are ignored. A repeated webhook-id with
    the same type and data gets the same answer, with others 422. A compressed body is refused before its signature is checked,
    and is not stored: the signature is that of the uncompressed bytes. The three headers may also be called svix-id,
    svix-timestamp and svix-signature; when a webhook- header is there, the svix- headers are not read. A bad value that the
    essay does not need is left out and named in `warnings`.

    A source of kind `custom` takes what its `mapping` describes: any JSON, with the signature in a header of its own. One of kind
    `canvas` takes Live Events of Canvas: a body that is a signed JSON Web Token, without these headers. It answers 202 when a hand-in
    is fetched. One of kind `moodle_webhookengine` takes events of that plugin, and answers 202 when the site is asked now.
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
    if source.kind == "canvas":
        return canvas_events.take_in(source)
    # Some platforms compress the body but sign the text: say what is wrong before the signature fails for that reason.
    check_encoding()
    body = read_bytes()
    mapping = read_mapping(source)
    if mapping is None:
        event_id = webhook_signature.verify(request.headers, body, secrets=source.secrets)
    else:
        event_id = custom_webhooks.verify(request.headers, body, secrets=source.secrets, mapping=mapping)
    # Count only after verifying, so that a sender without the secret cannot use up the LMS's rate limit.
    rate_limits.count(f"source:{source.id}")
    delivery = Delivery(org=source.org, source=source.id, event_id=event_id, body=body)
    try:
        check_headers()
        if source.kind == "moodle_webhookengine":
            return moodle_events.carry_out(delivery, parse(body))
        return carry_out(delivery, mapping=mapping)
    except (Problem, *STORED_REFUSALS) as refusal:
        problem = as_problem(refusal, mapping)
        # An event of Moodle's plugin names people and holds no essay: nothing of it is kept.
        if source.kind != "moodle_webhookengine":
            _store_refused(delivery, problem, mapping=mapping)
        raise problem from None


def read_mapping(source: Source | SourceCard) -> Mapping | None:
    """Return how the source's deliveries are read, or None when they have our form."""
    return None if source.mapping is None else Mapping(**source.mapping)


def carry_out(delivery: Delivery, *, mapping: Mapping | None, stored: UUID | None = None) -> Response:
    """Carry out an authentic delivery once and return its answer. Raises Problem, Invalid, NotFound, AuthorLimit, KeyReused, InProgress.

    `stored` is the id under which the delivery is stored already, when it is carried out again.
    """
    said = parse(delivery.body)
    if mapping is not None:
        said = custom_webhooks.to_event(said, mapping)
        # A repeat says the same where the mapping looks. A counter of attempts beside it makes no other event.
        delivery = replace(delivery, event=said)
    named = said.get("type") if isinstance(said, dict) else None
    # Whatever else it holds: of what is not acted on nothing is needed but its name.
    if isinstance(named, str) and named and named not in HANDLED:
        return _ignore(delivery, _why_ignored(named), mapping=mapping, stored=stored)
    event, warnings = check_needed(said, schemas.Event)
    return _hand_in(delivery, event, warnings, mapping=mapping, stored=stored)


def as_problem(refusal: Problem | DomainError, mapping: Mapping | None) -> Problem:
    """Return the problem with which a delivery is refused. Its pointers lead into the event as the LMS sent it."""
    problem = _point_into_data(from_domain(refusal)) if isinstance(refusal, DomainError) else refusal
    return problem if mapping is None else custom_webhooks.point_back(problem, mapping)


def read_submission(event: schemas.Event) -> tuple[schemas.Submission, HandedIn, list[dict[str, str]]]:
    """Return the submission in the event, its text in plain words (empty for a file), and warnings. Raises Problem.

    Pointers lead into the event.
    """
    try:
        payload, warnings = check_needed(event.data, schemas.Submission)
        if payload.student is None:
            detail = "is needed: whose essay is it?"
            raise Problem("invalid-payload", f"student {detail}", errors=[{"pointer": "/student", "detail": detail}])
        return payload, text_of(payload), _below_data(warnings)
    except Problem as problem:
        raise _point_into_data(problem) from None


def _hand_in(
    delivery: Delivery,
    event: schemas.Event,
    warnings: list[dict[str, str]],
    *,
    mapping: Mapping | None,
    stored: UUID | None,
) -> Response:
    payload, text, more = read_submission(event)
    warnings = [*warnings, *more]
    if mapping is not None:
        warnings = custom_webhooks.point_errors_back(warnings, mapping)
    draft = replace(
        to_draft(payload, text, source="webhook"),
        submitted_at=payload.submitted_at or event.timestamp,
        is_update=event.type != CREATED,
    )
    hints: tuple[Hint, ...] = ()
    seconds = FILE_SECONDS if payload.file_id else None
    with session(org=delivery.org, role="ec_lms", actor=delivery.source, answer_seconds=seconds):
        answer = events.record_first_delivery(delivery)
        if answer is None:
            draft = with_lms_assignment(draft, payload)
            author = author_of(payload, draft, org=delivery.org)
            receipt = receive_draft(author, draft, org=delivery.org, file=payload.file_id)
            answer = to_answer(receipt, warnings=warnings, below="/data")
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


def _ignore(delivery: Delivery, reason: str, *, mapping: Mapping | None, stored: UUID | None) -> Response:
    """Store the event and answer 200. Many LMSs would disable the endpoint after a 4xx for an authentic event.

    One with a mapping may still hand in: when the mapping was mended meanwhile, and it comes or is replayed again.
    """
    is_final = mapping is None
    with session(org=delivery.org, role="ec_lms", actor=delivery.source):
        known = events.record_first_delivery(delivery) if is_final else None
        answer = known or {"ignored": reason}
        if known is None:
            if is_final:
                events.store_delivery_answer(delivery, answer=answer)
            if stored is None:
                _store_unused(delivery, mapping=mapping, outcome="ignored", reason=reason)
    return jsonify(answer)


def _why_ignored(event_type: str) -> str:
    """Return the reason, which is stored as it is. It repeats the type only if that is a word and no text of a person."""
    shown = repr(event_type) if _PLAIN_TYPE.fullmatch(event_type) else "this kind"
    return f"events of type {shown} are not acted on"


def _store_refused(delivery: Delivery, problem: Problem, *, mapping: Mapping | None) -> None:
    """Store the body of an authentic delivery that is refused, so that nothing is lost. A new id stays free for a corrected one."""
    with session(org=delivery.org, role="ec_lms", actor=delivery.source):
        said = {"detail": problem.detail, "errors": problem.errors}
        _store_unused(delivery, mapping=mapping, outcome="refused", reason=problem.slug, problem=said)


def _store_unused(
    delivery: Delivery,
    *,
    mapping: Mapping | None,
    outcome: events.Outcome,
    reason: str,
    problem: dict[str, Any] | None = None,
) -> None:
    """Store a delivery that led to no essay, under the key of the student whom it names, if it names one who is known."""
    student = recognise(delivery.text(), org=delivery.org)
    if student is None and mapping is not None:
        student = _recognise_by(mapping, delivery)
    user, key = (student.id, student.key) if student else (None, None)
    events.store_delivery(delivery, outcome=outcome, reason=reason, problem=problem, user=user, key=key)


def _recognise_by(mapping: Mapping, delivery: Delivery) -> Student | None:
    """Return the one known student whom a delivery names where the mapping looks, whatever the LMS calls that place."""
    try:
        data = custom_webhooks.data_of(parse(delivery.body), mapping)
    except Problem:
        return None
    return recognise(json.dumps(data), org=delivery.org)


def _point_into_data(problem: Problem) -> Problem:
    return Problem(
        problem.slug, problem.detail, errors=_below_data(problem.errors or []) or None, headers=problem.headers
    )


def _below_data(errors: list[dict[str, str]]) -> list[dict[str, str]]:
    return [{**error, "pointer": "/data" + error["pointer"]} for error in errors]
