"""Answer a hand-in that is stored: the receipt, its links, and the hints for the workers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from flask import Response, current_app, jsonify

from ingest.web.request_log import note_hand_in
from models.broker import HintBroker
from models.essays import Receipt


def to_answer(receipt: Receipt, *, warnings: Sequence[dict[str, str]] = (), below: str = "") -> dict[str, Any]:
    """Return the receipt in the shape of `schemas.Receipt`, with these warnings and its own.

    `below` is the JSON pointer of the submission in the body.
    """
    own = [{"pointer": below + pointer, "detail": detail} for pointer, detail in receipt.warnings]
    answer = {
        "id": str(receipt.submission),
        "essay_id": str(receipt.essay),
        "version": receipt.version,
        "status": receipt.status,
        "links": to_links(receipt.submission, essay=receipt.essay),
    }
    return {**answer, "warnings": [*warnings, *own]} if warnings or own else answer


def to_links(submission: UUID, *, essay: UUID | str) -> dict[str, str]:
    """Return the links of a submission in the shape of `schemas.Links`."""
    at = f"/v1/submissions/{submission}"
    parts = {name: f"{at}/{name}" for name in ("feedback", "text", "events")}
    return {"self": at, **parts, "essay": f"/v1/essays/{essay}"}


def accepted(answer: dict[str, Any]) -> Response:
    """Return the 202 response for an answer in the shape of `schemas.Receipt`."""
    note_hand_in(answer["id"])
    response = jsonify(answer)
    response.status_code = 202
    response.headers["Location"] = answer["links"]["self"]
    response.headers["Retry-After"] = "2"
    return response


def send_hints(hints: tuple[Any, ...]) -> None:
    """Send the hints. Without Redis the clock sends them later. Call it after the commit."""
    broker: HintBroker = current_app.extensions["essaycoach.broker"]
    broker.send(hints)
