"""Calls to providers: each call is stored before it is made and completed after it, also when it failed."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from peewee import fn

from models import ledger
from models.crypto import AssociatedData, Key
from models.db import new_ids, row
from models.passes import Claim
from models.review_counts import Approved
from models.tables import AiResponses


@dataclass(frozen=True, kw_only=True)
class Call:
    """A call that is stored with the outcome "open"."""

    id: UUID
    org: UUID
    provider: str
    pass_name: str


@dataclass(frozen=True, kw_only=True)
class CallEnd:
    """The end of a call: outcome, raw answer, tokens, cost in micro-dollars, latency in milliseconds."""

    outcome: str
    raw: str
    model: str
    stop_reason: str
    input_tokens: int
    output_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    cost_micros: int
    latency_ms: int


def open_call(
    held: Claim,
    *,
    user: UUID,
    provider: str,
    model: str,
    prompt_version: str,
    request_sha256: bytes,
    reserved_micros: int = 0,
    batch: bool = False,
) -> Call:
    """Store that this call is about to be made, and reserve its cost. Commit before making the call."""
    call = new_ids(1)[0]
    AiResponses.insert(
        id=call,
        org_id=held.org,
        submission_id=held.submission,
        user_id=user,
        pass_=held.name,
        attempt=held.attempt,
        provider=provider,
        model=model,
        prompt_version=prompt_version,
        request_sha256=request_sha256,
        reserved_micros=reserved_micros,
        batch=batch,
    ).execute()
    return Call(id=call, org=held.org, provider=provider, pass_name=held.name)


def fetch_reader(call: UUID, *, org: UUID) -> Approved | None:
    """Return the provider, model and prompt version with which a call was opened, or None when it is erased."""
    found = row("select provider, model, prompt_version from ai_responses where org_id = %s and id = %s", (org, call))
    return Approved(**found) if found else None


def complete_call(call: Call, *, end: CallEnd, key: Key) -> None:
    """Store how the call ended, with the raw answer encrypted by the author's key, and add its cost to the ledger and its author's share.

    A failed call is stored too, with as much as there is of it. Calls to the local provider do not enter the ledger.
    Idempotent, so that the caller can repeat it after an uncertain commit.
    """
    change = AiResponses.update(
        outcome=end.outcome,
        raw=key.seal(end.raw, place=AssociatedData("ai_responses", "raw", call.org, call.id)),
        model=end.model,
        stop_reason=end.stop_reason or None,
        input_tokens=end.input_tokens,
        output_tokens=end.output_tokens,
        cache_read_tokens=end.cache_read_tokens,
        cache_write_tokens=end.cache_write_tokens,
        cost_micros=end.cost_micros,
        latency_ms=end.latency_ms,
        completed_at=fn.now(),
    )
    is_open = (AiResponses.org_id == call.org) & (AiResponses.id == call.id) & (AiResponses.outcome == "open")
    updated = change.where(is_open).execute()
    if updated and call.provider != ledger.FREE:
        ledger.add(
            org=call.org,
            provider=call.provider,
            model=end.model,
            pass_name=call.pass_name,
            failed=end.outcome != "ok",
            tokens=(end.input_tokens, end.output_tokens, end.cache_read_tokens, end.cache_write_tokens),
            cost_micros=end.cost_micros,
        )
        row("select note_author_cost(%s)", (call.id,))
