"""Call a provider for one pass. Every call is on record before it is made, and its raw answer before anything reads it."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import asdict

from models import ai_responses, circuit_breaker, passes
from models.ai_responses import Call, CallEnd
from models.db import session
from models.log import logger
from workers.job.context import PassContext
from workers.job.retry_policy import retry_while_database_away
from workers.passes.request import PassRequest
from workers.providers.contract import BatchAway, GiveUp, Outcome, ProviderError, Repair, Reply

log = logger(__name__)

# How often a pass looks whether the vendor's batch has its answer.
BATCH_LOOK_SECONDS = 60.0


def fetch_reply(context: PassContext, *, use_batches: bool) -> Reply | None:
    """Return the provider's reply, or None when the pass now waits for a batch.

    An answer that cannot be read is asked for once more. Raises OverBudget, ReadingOff, ProviderError.
    """
    claim, provider, previous = context.claim, context.provider, context.previous
    if provider.remote and previous is not None and previous.nothing_new:
        # Nothing changed since the draft before: no call is made, and the earlier comments are carried over.
        return Reply(answer=previous.answer(), raw="", model=previous.reader[1], stop_reason="")
    try:
        if claim.batch is not None and provider.in_batches:
            return _collect(context, claim.batch)
        if claim.in_bulk and use_batches and provider.in_batches and _submit(context):
            return None
        return _ask(context, repair=None)
    except Repair as unreadable:
        return _ask(context, repair=unreadable)


def _ask(context: PassContext, *, repair: Repair | None) -> Reply:
    call = retry_while_database_away(_open_call, context)
    reply = _record(context, call, lambda: context.provider.ask(context.request, repair=repair))
    assert reply is not None
    return reply


def _submit(context: PassContext) -> bool:
    """Submit the request as a batch and let the pass wait for it. Return False where the vendor refuses batches."""
    call = retry_while_database_away(_open_call, context, batch=True)
    submitted: list[str] = []

    def submit() -> None:
        submitted.append(context.provider.submit(context.request))

    try:
        _record(context, call, submit)
    except ProviderError as error:
        if error.outcome is not Outcome.BAD_REQUEST:
            raise
        log.warning("no batch taken", provider=context.provider.name)
        return False
    _wait_for_batch(context, submitted[0], call)
    return True


def _collect(context: PassContext, batch: str) -> Reply | None:
    """Return the batch's answer, or None when it is not ready and the pass waits on."""
    claim = context.claim
    assert claim.batch_call is not None
    call = Call(
        id=claim.batch_call,
        org=claim.org,
        user=context.author.user,
        provider=context.provider.name,
        pass_name=claim.name,
    )
    reply = _record(context, call, lambda: context.provider.collect(batch, context.request))
    if reply is None:
        _wait_for_batch(context, batch, call)
    return reply


def _wait_for_batch(context: PassContext, batch: str, call: Call) -> None:
    def wait() -> None:
        with session(org=context.claim.org):
            passes.wait_for_batch(context.claim, batch=batch, call=call.id, look_in_seconds=BATCH_LOOK_SECONDS)

    retry_while_database_away(wait)


def _record(context: PassContext, call: Call, step: Callable[[], Reply | None]) -> Reply | None:
    """Run one step of a call, record how it ended, and return its reply. A step without a reply leaves the call open."""
    started = time.monotonic()

    def complete(end: CallEnd, *, answered: bool = False) -> None:
        with session(org=context.claim.org):
            ai_responses.complete_call(call, end=end, key=context.key)
            if context.claim.batch is not None:
                passes.leave_batch(context.claim)
            if context.probe and answered:
                circuit_breaker.resume(context.provider.name)
        log.info(
            "provider called",
            provider=call.provider,
            model=end.model,
            outcome=end.outcome,
            latency_ms=end.latency_ms,
            input_tokens=end.input_tokens,
            output_tokens=end.output_tokens,
            cost_micros=end.cost_micros,
        )

    try:
        reply = step()
    except BatchAway:
        # The vendor could not be asked about the batch. The batch itself goes on, so the call stays open.
        raise
    except ProviderError as error:
        answered = isinstance(error, Repair | GiveUp)
        retry_while_database_away(complete, _call_end(error.outcome, error, started), answered=answered)
        raise
    except Exception as bug:
        log.exception("provider crashed", provider=context.provider.name)
        crashed = GiveUp(Outcome.CRASHED, type(bug).__name__, model=context.provider.model)
        retry_while_database_away(complete, _call_end(Outcome.CRASHED, crashed, started))
        raise crashed from bug
    if reply is not None:
        retry_while_database_away(complete, _call_end(Outcome.OK, reply, started), answered=True)
    return reply


def _open_call(context: PassContext, *, batch: bool = False) -> Call:
    """Record the call and reserve its expected cost. Raises OverBudget, and ReadingOff when the policy has changed since the claim."""
    with session(org=context.claim.org):
        return ai_responses.open_call(
            context.claim,
            user=context.author.user,
            provider=context.provider.name,
            model=context.provider.model,
            prompt_version=context.provider.prompt_version(context.claim.name),
            request_sha256=_request_sha256(context.request),
            reserved_micros=context.provider.expected_cost_micros(context.request),
            batch=batch,
        )


def _request_sha256(request: PassRequest) -> bytes:
    return hashlib.sha256(
        json.dumps(request.content(), default=vars, sort_keys=True, ensure_ascii=False).encode()
    ).digest()


def _call_end(outcome: Outcome, source: Reply | ProviderError, started: float) -> CallEnd:
    return CallEnd(
        outcome=outcome,
        raw=source.raw,
        model=source.model,
        stop_reason=source.stop_reason,
        latency_ms=round((time.monotonic() - started) * 1000),
        **asdict(source.usage),
    )
