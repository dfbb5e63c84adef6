"""Receive Live Events of Canvas: each says that an attempt at an assignment is there. A worker fetches it from Canvas later.

An event is thin on purpose: Canvas cuts the text in it without saying so. Nothing that a student wrote is read or stored here.
"""

from __future__ import annotations

import hashlib
import json
import re
from http import HTTPStatus
from typing import Annotated, Any, Literal
from uuid import UUID

from flask import Response, request
from pydantic import BaseModel, StrictStr, StringConstraints

from ingest.submissions import canvas_token
from ingest.submissions.schemas import Ignored, Noted
from ingest.web import outgoing, rate_limits
from ingest.web.body import check, check_encoding
from ingest.web.key_sets import key_sets
from ingest.web.problems import Problem
from ingest.web.responses import json_response
from ingest.web.schemas import Moment, Whole
from models import arrivals, canvas_sites, events
from models.callers import Source
from models.canvas_sites import HANDED_IN, READ_TYPES, Attempt, Signing, own_id
from models.db import session
from models.events import Delivery, Outcome

RESUBMIT = "plagiarism_resubmit"
UPDATED = "submission_updated"
HANDLED = frozenset({"submission_created", UPDATED, RESUBMIT})

_PLAIN = re.compile(r"[A-Za-z0-9_.:+-]{1,100}")
CanvasId = Annotated[StrictStr, StringConstraints(pattern=r"^[1-9][0-9]{0,18}$")]
Word = Annotated[StrictStr, StringConstraints(pattern=r"^[A-Za-z0-9_.]{1,60}$")]
# An account's random name.
AccountUuid = Annotated[StrictStr, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,100}$")]


class Metadata(BaseModel):
    """The members of an event's metadata that we use."""

    event_name: Word
    root_account_id: CanvasId
    root_account_uuid: AccountUuid
    context_type: Word | None = None
    context_id: CanvasId | None = None


class Submission(BaseModel):
    """The members of an event's body that we use: ids and times, and nothing that anybody wrote."""

    submission_id: CanvasId
    assignment_id: CanvasId
    user_id: CanvasId
    group_id: CanvasId | None = None
    attempt: Annotated[int, Whole(ge=0, le=100_000)] | None = None
    submission_type: Word | None = None
    submitted_at: Moment | None = None
    workflow_state: Word | None = None


class Event(BaseModel):
    """A Live Event about a submission."""

    metadata: Metadata
    body: Submission


def take_in(source: Source) -> Response:
    """Return the answer to an event of a Canvas source. Raises Problem."""
    check_encoding()
    body = request.get_data()
    if len(body) > canvas_token.MAX_BYTES:
        raise Problem("payload-too-large", f"The event is larger than {canvas_token.MAX_BYTES // 1024} KiB.")
    with session(org=source.org, role="ec_lms", actor=source.id):
        signing = canvas_sites.fetch_signing(source.id, org=source.org)
    claims = canvas_token.verify(body, jwks_url=signing.jwks_url, key_sets=key_sets(), client=outgoing.client())
    used = _used(claims)
    if signing.root_account_uuid not in (None, used["metadata"].get("root_account_uuid")):
        raise _of_another_account()
    # Count only after verifying, so that a sender without the key cannot use up the rate of Canvas.
    rate_limits.count(f"source:{source.id}")
    delivery = Delivery(
        org=source.org, source=source.id, event_id=hashlib.sha256(body).hexdigest(), body=json.dumps(used).encode()
    )  # fmt: skip
    try:
        return carry_out(delivery, signing)
    except Problem as problem:
        _store(
            delivery,
            outcome="refused",
            reason=problem.slug,
            problem={"detail": problem.detail, "errors": problem.errors},
        )
        raise


def carry_out(delivery: Delivery, signing: Signing | None = None, *, stored: UUID | None = None) -> Response:
    """Carry out an authentic event, of which `delivery` holds what is used, and return its answer. Raises Problem.

    `stored` is the id under which it is stored already, when it is carried out again.
    """
    found = json.loads(delivery.body)
    with session(org=delivery.org, role="ec_lms", actor=delivery.source):
        signing = signing or canvas_sites.fetch_signing(delivery.source, org=delivery.org)
        canvas_sites.note_event(delivery.source, org=delivery.org)
    name = found["metadata"].get("event_name")
    if not isinstance(name, str) or name not in HANDLED:
        return _ignored("events of this kind are not acted on")
    event = check(found, Event)
    reason = _why_ignored(event, signing)
    if reason is None:
        return _note(delivery, event)
    if stored is None:
        _store(delivery, outcome="ignored", reason=reason)
    return _ignored(reason)


def _note(delivery: Delivery, event: Event) -> Response:
    attempt, name = _attempt_of(event), event.metadata.event_name
    with session(org=delivery.org, role="ec_lms", actor=delivery.source):
        if not canvas_sites.keep_account(delivery.source, attempt.root_account, org=delivery.org):
            raise _of_another_account()
        if attempt.group:
            # A group keeps the author of its first attempt, whose next version this is.
            before = arrivals.find_place(delivery.source, attempt.version_before, org=delivery.org)
            attempt = attempt.by_author_of(before)
        arrival, is_new = arrivals.note(delivery.source, attempt.to_arrival(), org=delivery.org)
        if not is_new and name == RESUBMIT:
            arrivals.fetch_again(arrival, org=delivery.org)
    if not is_new and name == UPDATED:
        # A teacher has graded it, or commented on it.
        return _ignored("this attempt is known")
    return json_response(Noted(noted="the hand-in is fetched"), status=HTTPStatus.ACCEPTED)


def _why_ignored(event: Event, signing: Signing) -> str | None:
    """Return why there is no essay to fetch, or None. The reason is stored as it is and names nobody."""
    found = event.body
    if not found.attempt or found.submitted_at is None or found.workflow_state not in HANDED_IN:
        return "nothing is handed in"
    if found.submission_type not in READ_TYPES:
        return f"hand-ins of type {found.submission_type or 'none'!r} are not read"
    if found.submitted_at < signing.begins_at:
        return "it was handed in before this source was made"
    return None


def _attempt_of(event: Event) -> Attempt:
    metadata, found = event.metadata, event.body
    assert found.attempt is not None
    assert found.submitted_at is not None

    def own(given: str) -> str:
        return own_id(given, root_account=metadata.root_account_id)

    course = metadata.context_id if metadata.context_type == "Course" else None
    return Attempt(
        root_account=metadata.root_account_uuid, submission=own(found.submission_id), assignment=own(found.assignment_id),
        user=own(found.user_id), attempt=found.attempt, course=own(course) if course else None,
        group=own(found.group_id) if found.group_id else None, submitted_at=found.submitted_at,
    )  # fmt: skip


def _used(claims: dict[str, Any]) -> dict[str, Any]:
    """Return the members of an event that we use. Texts, and who and where somebody was, are left out before anything is stored."""
    return {part: _plain(claims.get(part), model) for part, model in (("metadata", Metadata), ("body", Submission))}


def _plain(given: Any, model: type[BaseModel]) -> dict[str, Any]:
    known = given if isinstance(given, dict) else {}
    return {name: _short(known[name]) for name in model.model_fields if name in known}


def _short(value: Any) -> Any:
    """Return an id, a number, a time or a word as it is, and an empty object in place of anything else."""
    is_plain = value is None or isinstance(value, int) or (isinstance(value, str) and bool(_PLAIN.fullmatch(value)))
    return value if is_plain else {}


def _of_another_account() -> Problem:
    """Return the problem of an event of another account: the signature proves only that some account of Canvas sent it."""
    return Problem("invalid-signature", "The event is of another account of Canvas than this source.")


def _ignored(reason: str) -> Response:
    """Return 200: after many failures Canvas switches the subscription off."""
    return json_response(Ignored(ignored=reason))


def _store(
    delivery: Delivery, *, outcome: Literal["ignored", "refused"], reason: str, problem: dict[str, Any] | None = None
) -> None:
    """Store what is used of an event that led to nothing, so that an admin sees why. It holds ids of Canvas only."""
    kind: Outcome = outcome
    with session(org=delivery.org, role="ec_lms", actor=delivery.source):
        events.store_delivery(delivery, outcome=kind, reason=reason, problem=problem)
