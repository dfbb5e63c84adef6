"""Hand in an essay, read the status of a submission, and follow it as an event stream."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, g, jsonify, request

from ingest.submissions import essay_schemas, schemas
from ingest.submissions.drafts import FILE_SECONDS, author_of, receive_draft, text_of, to_draft, with_lms_assignment
from ingest.submissions.event_stream import FINAL_STATUSES, EventStream, etag
from ingest.submissions.idempotency import IDEMPOTENCY_KEY, idempotency_key, stored_answer
from ingest.submissions.receipts import accepted, send_hints, to_answer, to_links
from ingest.web import long_poll
from ingest.web.body import check_headers, check_needed, invalid_member, parse, read_bytes
from ingest.web.identity import Identity, identity
from ingest.web.openapi import Parameter, operation
from ingest.web.prefer import wait_seconds
from models import essays, events
from models.db import session
from models.queue import to_place

blueprint = Blueprint("submissions", __name__)

MAX_WAIT_SECONDS = 25
PREFER = Parameter(
    name="Prefer",
    where="header",
    description=f"`wait=N` holds the answer until the status changes, for at most N seconds (a longer wish means "
    f"{MAX_WAIT_SECONDS}). Other preferences are ignored (RFC 7240).",
    schema={"type": "string"},
)
LAST_EVENT_ID = Parameter(
    name="Last-Event-ID",
    where="header",
    description="The id of the last event that the client got, as browsers send it when they connect again.",
    schema={"type": "string"},
)
IF_NONE_MATCH = Parameter(
    name="If-None-Match",
    where="header",
    description="The ETag of the status that the client already knows.",
    schema={"type": "string"},
)
STATUS_HEADERS = {
    "ETag": "changes when the status changes",
    "Retry-After": "seconds until the next request; absent when the status is final",
    "Preference-Applied": f"`wait=N` when the answer was held: N is what was granted, at most {MAX_WAIT_SECONDS}",
}

# Otherwise a student could hand in after the deadline and say that it was before.
NOT_YOUR_TIME = "is read from an LMS only: the time of arrival counts; this value is not used"


@blueprint.post("/v1/submissions")
@operation(
    "Hand in an essay",
    answers={202: schemas.Receipt},
    body=schemas.Submission,
    parameters=(IDEMPOTENCY_KEY,),
    problems=(
        "idempotency-key-missing", "idempotency-key-invalid", "idempotency-key-reused", "request-in-progress", "not-found",
        "essay-empty", "essay-too-long", "invalid-text", "forbidden", "author-limit",
    ),
    headers={202: {"Location": "URL of the submission's status", "Retry-After": "seconds to wait before the first status request"}},
)  # fmt: skip
def hand_in() -> Response:
    """Store a version of an essay and queue its three feedback passes (grammar, structure, content).

    Where the org's `ai_policy` is `none`, no pass is queued and the submission is `completed` at once.
    The submission reaches a final status even when parts of the service fail meanwhile. API keys must send `student` and an
    Idempotency-Key; signed-in people hand in for themselves and must not send `student`. The next submission of
    the same student with the same `essay_id`, else the same assignment, else `external_id` becomes the next version of the
    essay. An API key may name the assignment by the LMS's own id (`assignment`). A file is sent to `/v1/files` before, and its id
    is handed in as `file_id` in place of `text`.
    A bad value that the essay does not need (an e-mail, a category, a language) is left out and named in `warnings`.
    """
    who = identity(scope="submit")
    key = idempotency_key(needed=who.is_api_key)
    check_headers()
    body = parse(read_bytes())
    payload, warnings = check_needed(body, schemas.Submission)
    if not who.is_api_key and payload.submitted_at is not None:
        payload = payload.model_copy(update={"submitted_at": None})
        warnings.append({"pointer": "/submitted_at", "detail": NOT_YOUR_TIME})
    if who.is_api_key != (payload.student is not None):
        detail = "is needed when an API key hands in" if who.is_api_key else "may only be given with an API key"
        raise invalid_member("/student", detail)
    if payload.assignment is not None and not who.is_api_key:
        raise invalid_member("/assignment", "may only be given with an API key; send assignment_id")
    return accepted(store(payload, who, key=key, body=body, warnings=warnings))


def store(
    payload: schemas.Submission, who: Identity, *, key: str | None, body: Any, warnings: Sequence[dict[str, str]] = ()
) -> dict[str, Any]:
    """Store a validated hand-in and send its hints; return the answer in the shape of `schemas.Receipt`. Raises Problem.

    With an idempotency `key`, return the answer that was stored for it with the same `body`, if there is one.
    """
    draft = to_draft(payload, text_of(payload), source="api" if who.is_api_key else "app")
    hints: tuple[Any, ...] = ()
    with who.session(answer_seconds=FILE_SECONDS if payload.file_id else None):
        answer = stored_answer(key, who, body)
        if answer is None:
            draft = with_lms_assignment(draft, payload)
            author = who.user or author_of(payload, draft, org=who.org)
            receipt = receive_draft(author, draft, org=who.org, file=payload.file_id)
            answer, hints = to_answer(receipt, warnings=warnings), receipt.hints
            if key is not None:
                events.keep_answer(key, org=who.org, caller=who.caller, answer=answer)
    send_hints(hints)
    return answer


@blueprint.get("/v1/submissions/<uuid:submission_id>")
@operation(
    "Read the status of a submission",
    answers={200: essay_schemas.Status, 304: None},
    problems=("forbidden",),
    parameters=(PREFER, IF_NONE_MATCH),
    headers={200: STATUS_HEADERS, 304: STATUS_HEADERS},
)
def status(submission_id: UUID) -> Response:
    """Return the status of the submission and of each pass.

    With `Prefer: wait=N` the answer is held until the status differs from If-None-Match, or from the present status when that
    header is not sent. When too many requests wait already, the answer comes at once, without Preference-Applied.
    """
    who = identity(scope="read")
    known = request.if_none_match
    wished = wait_seconds(request.headers.get("Prefer", ""))
    seconds = min(wished or 0, MAX_WAIT_SECONDS)
    # Most requests that wish to wait are parked: they need their place only when they are run again.
    body = read_status(submission_id, who, with_place=wished is None or long_poll.is_resumed())
    tag = etag(body)
    held = wished is not None and long_poll.hold(
        org=who.org,
        submission=submission_id,
        caller=who.caller,
        is_person=not who.is_api_key,
        tag=tag,
        seconds=seconds,
        wanted=body["status"] not in FINAL_STATUSES and (not known or known.contains_raw(tag)),
        read_tags=read_tags,
    )
    if wished is not None and not long_poll.is_resumed() and body["status"] not in FINAL_STATUSES:
        body = read_status(submission_id, who)
        tag = etag(body)
    response = Response(status=304) if known and known.contains_raw(tag) else jsonify(body)
    response.headers["ETag"] = tag
    if held:
        response.headers["Preference-Applied"] = f"wait={seconds}"
    if body["status"] not in FINAL_STATUSES:
        response.headers["Retry-After"] = "2"
    return response


@blueprint.get("/v1/submissions/<uuid:submission_id>/events")
@operation(
    "Follow a submission as an event stream",
    answers={200: "text/event-stream"},
    problems=("forbidden",),
    parameters=(LAST_EVENT_ID,),
    headers={
        200: {"Retry-After": "seconds until the next request, when the stream ends at once because too many wait"}
    },
)
def follow(submission_id: UUID) -> Response:
    """Stream one server-sent event for each change of status. The stream ends after the final status, or after 5 minutes.

    A comment line comes at least every 15 seconds. A client that sends the id of the last event it got (Last-Event-ID) does
    not get the same state again. When too many requests wait already, the stream has one event with the present status and ends.
    """
    return follow_as(identity(scope="read"), submission_id)


def follow_as(who: Identity, submission_id: UUID) -> Response:
    """Return the event stream of a submission for this reader. Raises NotFound."""
    first = read_status(submission_id, who)
    g.waited = True
    stream = EventStream(
        who,
        submission_id,
        first,
        known=request.headers.get("Last-Event-ID"),
        read=lambda: read_status(submission_id, who),
        read_tags=read_tags,
    )
    response = Response(stream.begin(), content_type="text/event-stream", headers={"X-Accel-Buffering": "no"})
    if stream.ends_unfinished:
        response.headers["Retry-After"] = "2"
    return response


def accepted_again(submission: UUID, who: Identity) -> Response:
    """Return the 202 response for a version whose passes are queued again, with its present status."""
    found = read_status(submission, who, with_place=False)
    receipt = {name: found[name] for name in ("id", "essay_id", "version", "status")}
    return accepted({**receipt, "links": to_links(submission, essay=found["essay_id"])})


def read_status(submission: UUID, who: Identity, *, with_place: bool = True) -> dict[str, Any]:
    """Return the status of a submission in the shape of `essay_schemas.Status`. Raises NotFound.

    `with_place=False` leaves out the position in the queue.
    """
    with who.session(single=True):
        return to_status(essays.fetch_status(submission, org=who.org, with_place=with_place))


def to_status(found: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return what `essays.fetch_status` found, in the shape of `essay_schemas.Status`."""
    first = found[0]
    place = to_place(first["place"]) if first["place"] else None
    return {
        "id": str(first["id"]),
        "essay_id": str(first["essay_id"]),
        "version": first["version"],
        "status": first["status"],
        "received_at": _rfc3339(first["received_at"]),
        "completed_at": _rfc3339(first["completed_at"]),
        "released": first["released"],
        "format": essays.format_of(first),
        "pictures_left_out": first["pictures_left_out"],
        "reading": "on" if essays.is_read(found) else "off",
        "passes": {
            row["name"]: {
                "status": "retrying" if row["state"] == "queued" and row["error"] else row["state"],
                "attempts": row["attempt"],
                "started_at": _rfc3339(row["started_at"]),
                "finished_at": _rfc3339(row["finished_at"]),
                "comments": row["comments"],
                "reason": row["error"],
            }
            for row in found
            if row["name"] is not None
        },
        "queue": {
            "position": place.position,
            "estimated_seconds": math.ceil(place.seconds),
            "age_seconds": math.ceil(place.age_seconds),
        }
        if place
        else None,
    }


def read_tags(org: UUID, submissions: Sequence[UUID]) -> dict[UUID, str]:
    """Return the ETags of the statuses of these submissions of the org, for the server that lets requests wait for them.

    They are told to nobody: each request reads its own status again before it is answered.
    """
    with session(org=org, role="ec_lms"):
        found = essays.fetch_statuses(submissions, org=org)
    return {submission: etag(to_status(rows)) for submission, rows in found.items()}


def _rfc3339(moment: Any) -> str | None:
    return None if moment is None else moment.isoformat().replace("+00:00", "Z")
