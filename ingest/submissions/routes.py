"""Handing in, and watching what becomes of it."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterator
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, current_app, g, jsonify, request

from ingest.submissions import schemas
from ingest.web.body import read_body
from ingest.web.identity import Identity, identity
from ingest.web.long_poll import LongPollSlots
from ingest.web.openapi import Parameter, operation
from ingest.web.problems import Problem
from ingest.web.schemas import MAX_CHARACTERS
from models import essays, events
from models.broker import HintBroker
from models.errors import DomainError
from models.essays import Draft, Receipt, SubmissionSource
from models.jobs import Queue
from models.queue import place_of
from models.users import recognise_student

blueprint = Blueprint("submissions", __name__)

LONGEST_WAIT_SECONDS = 25
STREAM_SECONDS = 300.0
FINAL = ("completed", "partial", "failed", "superseded", "cancelled")
# No comma in a bare key: that is how a server joins two headers of one name.
_KEY = re.compile(r'"([\x20\x21\x23-\x7e]{1,255})"|([\x21\x23-\x2b\x2d-\x7e]{1,255})')
_WAIT = re.compile(r"\bwait\s*=\s*\"?([0-9]{1,4})\"?")

IDEMPOTENCY_KEY = Parameter(
    name="Idempotency-Key",
    where="header",
    description="API keys must send one. Kept for 7 days: the same key and body get the same answer, another body gets 422.",
    schema={"type": "string", "minLength": 1, "maxLength": 257, "pattern": r'^("[ !#-~]{1,255}"|[!#-+\--~]{1,255})$'},
)
PREFER = Parameter(
    name="Prefer",
    where="header",
    description=f"wait=N holds the answer until the state changes, for at most N seconds (up to {LONGEST_WAIT_SECONDS}). "
    "Other preferences are passed over (RFC 7240).",
    schema={"type": "string"},
)
IF_NONE_MATCH = Parameter(
    name="If-None-Match",
    where="header",
    description="The ETag of the state already known.",
    schema={"type": "string"},
)


@blueprint.post("/v1/submissions")
@operation(
    "Hand in an essay",
    answers={202: schemas.Receipt},
    body=schemas.Submission,
    parameters=(IDEMPOTENCY_KEY,),
    problems=(
        "idempotency-key-missing", "idempotency-key-invalid", "idempotency-key-reused", "request-in-progress", "not-found",
        "essay-empty", "essay-too-long", "invalid-text", "forbidden",
    ),
    headers={202: {"Location": "the submission's status", "Retry-After": "seconds until it is worth asking"}},
)  # fmt: skip
def hand_in() -> Response:
    """Store a version and queue its three passes. It will reach a final state, whatever breaks meanwhile."""
    who = identity(scope="submit")
    key = idempotency_key(needed=who.is_api_key)
    wanted = read_body(schemas.Submission)
    draft = to_draft(wanted, source="api" if who.is_api_key else "app")
    if who.is_api_key != (wanted.student is not None):
        detail = "is needed when an API key hands in" if who.is_api_key else "may only be given with an API key"
        raise Problem("invalid-payload", f"student {detail}.", errors=[{"pointer": "/student", "detail": detail}])
    hints: tuple[Any, ...] = ()
    with who.session():
        answer = _known_answer(key, who)
        if answer is None:
            author = who.user or author_of(wanted, org=who.org)
            receipt = essays.receive(author, draft, org=who.org)
            answer, hints = to_answer(receipt), receipt.hints
            if key is not None:
                events.keep_answer(key, org=who.org, caller=who.caller, answer=answer)
    send_hints(hints)
    return accepted(answer)


@blueprint.get("/v1/submissions/<uuid:submission_id>")
@operation(
    "How far is it",
    answers={200: schemas.Status, 304: None},
    problems=("forbidden",),
    parameters=(PREFER, IF_NONE_MATCH),
    headers={200: {"ETag": "changes when the state does", "Retry-After": "sent while it is not final"}},
)
def status(submission_id: UUID) -> Response:
    """Answer the state of each pass. With `Prefer: wait=N`, hold until it differs from If-None-Match, or from now."""
    who = identity(scope="read")
    body = read_status(submission_id, who)
    known = request.if_none_match
    asked = _WAIT.search(request.headers.get("Prefer", ""))
    held = False
    before = etag(body)
    if asked and body["status"] not in FINAL and (not known or known.contains_raw(before)):
        waiting: LongPollSlots = current_app.extensions["essaycoach.waiting"]
        with waiting.slot() as free:
            held = free
            if free:
                g.waited = True
                seconds = min(int(asked.group(1)), LONGEST_WAIT_SECONDS)
                body = waiting.wait_until(
                    lambda: read_status(submission_id, who, with_place=False),
                    lambda new: etag(new) != before,
                    seconds=seconds,
                    now=body,
                )
    if held and body["status"] not in FINAL:
        body = read_status(submission_id, who)
    tag = etag(body)
    response = Response(status=304) if known and known.contains_raw(tag) else jsonify(body)
    response.headers["ETag"] = tag
    if held:
        response.headers["Preference-Applied"] = f"wait={asked.group(1)}" if asked else ""
    if body["status"] not in FINAL:
        response.headers["Retry-After"] = "2"
    return response


@blueprint.get("/v1/submissions/<uuid:submission_id>/events")
@operation("Follow it", answers={200: "text/event-stream"}, problems=("forbidden",))
def follow(submission_id: UUID) -> Response:
    """Stream one event per change of state, ending with the final one. Past the bound of listeners, answer the state once."""
    who = identity(scope="read")
    first = read_status(submission_id, who)
    waiting: LongPollSlots = current_app.extensions["essaycoach.waiting"]
    g.waited = True

    def stream() -> Iterator[str]:
        body = first
        yield event_of(body)
        with waiting.slot() as free:
            remaining = STREAM_SECONDS if free else 0.0
            while body["status"] not in FINAL and remaining > 0:
                tag = etag(body)
                step = min(15.0, remaining)
                remaining -= step
                try:
                    newer = waiting.wait_until(
                        lambda: read_status(submission_id, who, with_place=False),
                        lambda new: etag(new) != tag,  # noqa: B023 - asked before the loop goes on
                        seconds=step,
                        now=body,
                    )
                except DomainError:
                    return  # signed out, erased, or the database is away: who asks again is told which
                # A comment line keeps proxies from closing a quiet stream.
                yield event_of(newer) if etag(newer) != tag else ": still waiting\n\n"
                body = newer

    return Response(stream(), content_type="text/event-stream", headers={"Retry-After": "2", "X-Accel-Buffering": "no"})


def idempotency_key(*, needed: bool) -> str | None:
    """Return this request's Idempotency-Key, bare or quoted. Raises Problem."""
    given = request.headers.getlist("Idempotency-Key")
    if not given:
        if needed:
            raise Problem("idempotency-key-missing", "API keys must send an Idempotency-Key header.")
        return None
    matched = _KEY.fullmatch(given[0].strip()) if len(given) == 1 else None
    if matched is None:
        raise Problem(
            "idempotency-key-invalid", "The Idempotency-Key must be one header of 1 to 255 visible ASCII characters."
        )
    return matched.group(1) or matched.group(2)


def to_draft(wanted: schemas.Submission, *, source: SubmissionSource) -> Draft:
    """Return the checked request as a draft. Raises Problem for a text that cannot be accepted."""
    if not wanted.text.strip():
        raise Problem(
            "essay-empty", "The text has no visible character.", errors=[{"pointer": "/text", "detail": "is blank"}]
        )
    if len(wanted.text) > MAX_CHARACTERS:
        detail = f"has {len(wanted.text):,} characters; at most {MAX_CHARACTERS:,} are read"
        raise Problem("essay-too-long", f"The text {detail}.", errors=[{"pointer": "/text", "detail": detail}])
    return Draft(
        title=wanted.title,
        text=wanted.text,
        source=source,
        assignment=wanted.assignment_id,
        essay=wanted.essay_id,
        category=wanted.category,
        language=wanted.language,
        external_id=wanted.external_id,
        submitted_at=wanted.submitted_at,
        queue=Queue(wanted.queue),
    )


def author_of(wanted: schemas.Submission, *, org: UUID) -> UUID:
    """Return the user an LMS hands in for, added or enrolled if need be. Call it as ec_lms."""
    assert wanted.student is not None
    student = wanted.student
    author = recognise_student(student.external_id, org=org, name=student.name, email=student.email)
    if wanted.assignment_id is not None:
        essays.enrol(author, assignment=wanted.assignment_id, org=org)
    return author


def to_answer(receipt: Receipt) -> dict[str, Any]:
    """Return the receipt as it is sent."""
    return {
        "id": str(receipt.submission),
        "essay_id": str(receipt.essay),
        "version": receipt.version,
        "status": receipt.status,
        "links": to_links(receipt.submission, essay=receipt.essay),
    }


def to_links(submission: UUID, *, essay: UUID | str) -> dict[str, str]:
    """Return where to look next."""
    at = f"/v1/submissions/{submission}"
    return {"self": at, "feedback": f"{at}/feedback", "events": f"{at}/events", "essay": f"/v1/essays/{essay}"}


def accepted(answer: dict[str, Any]) -> Response:
    """Return the 202 that carries a receipt."""
    response = jsonify(answer)
    response.status_code = 202
    response.headers["Location"] = answer["links"]["self"]
    response.headers["Retry-After"] = "2"
    return response


def accepted_again(submission: UUID, who: Identity) -> Response:
    """Return the 202 for a version that goes round once more, with its state as it is now."""
    found = read_status(submission, who, with_place=False)
    known = {name: found[name] for name in ("id", "essay_id", "version", "status")}
    return accepted({**known, "links": to_links(submission, essay=found["essay_id"])})


def send_hints(hints: tuple[Any, ...]) -> None:
    """The hints are on their way, or left to the clock. Call it after the commit."""
    broker: HintBroker = current_app.extensions["essaycoach.broker"]
    broker.send(hints)


def read_status(submission: UUID, who: Identity, *, with_place: bool = True) -> dict[str, Any]:
    """Return a submission's state as it is sent; its place among all that wait only on demand. Raises NotFound."""
    with who.session():
        found = essays.fetch_status(submission, org=who.org)
        waits = any(one["state"] == "queued" for one in found)
        place = place_of(submission) if waits and with_place else None
    first = found[0]
    return {
        "id": str(first["id"]),
        "essay_id": str(first["essay_id"]),
        "version": first["version"],
        "status": first["status"],
        "received_at": _moment(first["received_at"]),
        "completed_at": _moment(first["completed_at"]),
        "released": first["released"],
        "passes": {
            one["name"]: {
                "status": "retrying" if one["state"] == "queued" and one["error"] else one["state"],
                "attempts": one["attempt"],
                "started_at": _moment(one["started_at"]),
                "finished_at": _moment(one["finished_at"]),
                "comments": one["comments"],
                "reason": one["error"],
            }
            for one in found
        },
        "queue": {"position": place.position, "estimated_seconds": math.ceil(place.seconds)} if place else None,
    }


def etag(body: dict[str, Any]) -> str:
    """Return the tag of a state. Weak: the place in the queue moves without the state changing."""
    state = {name: value for name, value in body.items() if name != "queue"}
    return f'W/"{hashlib.sha256(json.dumps(state, sort_keys=True).encode()).hexdigest()[:32]}"'


def event_of(body: dict[str, Any]) -> str:
    """Return a state as one server-sent event."""
    return f"event: status\ndata: {json.dumps(body)}\n\n"


def _known_answer(key: str | None, who: Identity) -> dict[str, Any] | None:
    if key is None:
        return None
    digest = hashlib.sha256(request.method.encode() + request.path.encode() + request.get_data()).digest()
    return events.claim_key(key, org=who.org, caller=who.caller, request_sha256=digest)


def _moment(moment: Any) -> str | None:
    return None if moment is None else moment.isoformat().replace("+00:00", "Z")
