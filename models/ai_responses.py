"""Every call to a provider, on record: opened before the call, completed after it, also when it failed."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from peewee import fn

from models.crypto import Key, Place
from models.db import new_ids
from models.passes import Claim
from models.tables import AiResponses


@dataclass(frozen=True, kw_only=True)
class Call:
    """A call that is on record as open."""

    id: UUID
    org: UUID


@dataclass(frozen=True, kw_only=True)
class CallEnd:
    """How a call ended: outcome, raw answer, tokens, cost in micro-dollars, latency in milliseconds."""

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
    held: Claim, *, user: UUID, provider: str, model: str, prompt_version: str, request_sha256: bytes
) -> Call:
    """It is on record that this call is about to be made. Commit before making it."""
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
    ).execute()
    return Call(id=call, org=held.org)


def complete_call(call: Call, *, end: CallEnd, key: Key) -> None:
    """The call's end is on record, the raw answer encrypted under the author's key. A failed call keeps what there was."""
    change = AiResponses.update(
        outcome=end.outcome,
        raw=key.seal(end.raw, place=Place("ai_responses", "raw", call.org, call.id)),
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
    change.where((AiResponses.org_id == call.org) & (AiResponses.id == call.id)).execute()
