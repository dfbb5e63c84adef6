"""Show an admin what a sample of their LMS would become, without storing anything."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from flask import Blueprint, Response
from pydantic import BaseModel, ConfigDict, Field

from ingest.submissions import custom_webhooks, schemas
from ingest.submissions.webhooks import HANDLED, as_problem, read_mapping, read_submission
from ingest.web.body import check_headers, check_needed, parse, read_bytes
from ingest.web.identity import Identity, admin
from ingest.web.mapping import Mapping
from ingest.web.openapi import operation
from ingest.web.problems import Problem
from ingest.web.responses import json_response
from ingest.web.schemas import FieldError
from models import connections
from models.connections import SourceCard, SourceKind

blueprint = Blueprint("source_trials", __name__)

# These send whole essays.
TRIED_KINDS: tuple[SourceKind, ...] = ("signed", "custom")


class Sample(BaseModel):
    """A body as the LMS would send it: any JSON object."""

    model_config = ConfigDict(extra="allow")


class Tried(BaseModel):
    """What a sample would become."""

    outcome: Annotated[str, Field(description="accepted, ignored or refused", pattern="^(accepted|ignored|refused)$")]
    submission: Annotated[
        dict[str, Any] | None, Field(description="the submission that would be stored; its `text` is plain text")
    ]
    event_type: str | None
    detail: Annotated[str | None, Field(description="why it would be ignored or refused")]
    errors: Annotated[list[FieldError], Field(description="where in the sample, and what is wrong there")]
    warnings: Annotated[list[FieldError], Field(description="values that would not be used")]


@blueprint.post("/v1/sources/<uuid:source_id>/try")
@operation("Try a delivery out", answers={200: Tried}, body=Sample, problems=("forbidden",))
def try_out(source_id: UUID) -> Response:
    """Return what this body would become if the LMS delivered it. Nothing is stored, and no signature is needed. Admins only.

    Whether the assignment, the student and the file are known is not looked up.
    """
    source = fetch_to_try(admin(), source_id)
    check_headers()
    return json_response(try_sample(source, read_bytes()))


def fetch_to_try(who: Identity, source_id: UUID) -> SourceCard:
    """Return a source whose deliveries can be tried out. Raises NotFound and Problem."""
    with who.session():
        source = connections.fetch_source(source_id, org=who.org)
    if source.kind not in TRIED_KINDS:
        raise Problem("invalid-payload", "This source sends no essays: we fetch them from the LMS.")
    return source


def try_sample(source: SourceCard, body: bytes) -> Tried:
    """Return what this body would become if the source delivered it."""
    mapping = read_mapping(source)
    try:
        return _try(parse(body), mapping)
    except Problem as problem:
        found = as_problem(problem, mapping)
        return Tried(
            outcome="refused", submission=None, event_type=None, detail=found.detail,
            errors=[FieldError(**one) for one in found.errors or []], warnings=[],
        )  # fmt: skip


def _try(said: Any, mapping: Mapping | None) -> Tried:
    event, warnings = check_needed(said if mapping is None else custom_webhooks.to_event(said, mapping), schemas.Event)
    if event.type not in HANDLED:
        return Tried(
            outcome="ignored", submission=None, event_type=event.type, detail=_why_ignored(said, event.type, mapping),
            errors=[], warnings=[],
        )  # fmt: skip
    payload, handed_in, more = read_submission(event)
    found = [*warnings, *more]
    if mapping is not None:
        found = custom_webhooks.point_errors_back(found, mapping)
    submission = payload.model_dump(mode="json", exclude_none=True) | {"text": handed_in.text}
    if payload.file_id:
        del submission["text"]
    return Tried(
        outcome="accepted", submission=submission, event_type=event.type, detail=None, errors=[],
        warnings=[FieldError(**one) for one in found],
    )  # fmt: skip


def _why_ignored(said: Any, event_type: str, mapping: Mapping | None) -> str:
    if mapping is None or mapping.event_type is None:
        return f"events of type {event_type!r} are not acted on"
    if custom_webhooks.find(said, mapping.event_type) is None:
        return f"there is no type of the event at {mapping.event_type}"
    return f"the type at {mapping.event_type} is none that hands in: {', '.join(mapping.event_types)}"
