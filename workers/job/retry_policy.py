"""Decide what becomes of a pass whose provider gave no usable answer, and of a step that could not be stored.

The provider has turned its trouble into a decision (the class of the error). Only this module turns a decision into a state.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from models import circuit_breaker, passes
from models.db import session
from models.errors import DatabaseAway, Refusal
from models.log import logger
from workers.job import approvals
from workers.job.context import PassContext
from workers.providers.contract import GiveUp, Outcome, Pause, ProviderError

log = logger(__name__)

LONGEST_BACKOFF_SECONDS = 60.0
LONGEST_NAMED_WAIT_SECONDS = 3600.0
# An answer that is already paid for is offered to an absent database for this long before it is dropped.
STORE_PATIENCE_SECONDS = 20.0
# How often a pass looks whether its org may spend again.
BUDGET_LOOK_SECONDS = 90.0

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


def handle_provider_error(context: PassContext, error: ProviderError) -> None:
    """Move the pass on as the error's class says: give up, or try again after a wait."""
    claim = context.claim
    if isinstance(error, GiveUp):
        give_up(context, error.outcome)
        return
    wait = max(_named_wait(error) or 0.0, _backoff(claim.attempt))
    with session(org=claim.org):
        paused = _trip_breaker(context, error)
        if paused and context.falls_back:
            wait = 0.0
        elif paused:
            wait = max(wait, paused)
        # A provider-wide failure, or a probe call, does not use up the essay's attempt.
        counts = not (context.probe or isinstance(error, Pause) or error.outcome is Outcome.RATE_LIMITED)
        again = passes.fail(claim, error=error.outcome, retry_in_seconds=wait, counts=counts)
    log.warning("pass put off" if again else "pass given up", outcome=error.outcome, attempt=claim.attempt)


def give_up(context: PassContext, outcome: Outcome) -> None:
    """End the pass without a result, for this reason. A person can replay it."""
    with session(org=context.claim.org):
        passes.give_up(context.claim, error=outcome)
    log.warning("pass given up", outcome=outcome, attempt=context.claim.attempt)


def leave_unread(context: PassContext) -> None:
    """End the pass without a call, because no machine reads in its org any more."""
    with session(org=context.claim.org):
        passes.leave_unread(context.claim)
    log.info("no machine reads")


def wait_for_budget(context: PassContext, *, refusal: Refusal) -> None:
    """Let the pass wait until its org may spend again on its author. The attempt is not used up."""
    claim = context.claim
    wait = BUDGET_LOOK_SECONDS * random.uniform(1, 1.5)  # noqa: S311 - jitter, not a secret
    with session(org=claim.org):
        passes.fail(claim, error=refusal, retry_in_seconds=wait, counts=False)
    log.warning("over budget", reason=refusal)


def wait_for_approval(context: PassContext) -> None:
    """Let the pass wait until its org has approved a reader that can be had. The attempt is not used up."""
    with session(org=context.claim.org):
        approvals.put_off(context.claim, context.replaces or context.provider)


def has_gone(context: PassContext, error: ProviderError) -> bool:
    """Return whether the vendor no longer has the model that an org approved: no reason to pause the calls of all orgs."""
    return context.replaces is not None and isinstance(error, Pause) and error.outcome is Outcome.BAD_REQUEST


def retry_while_database_away(
    step: Callable[Parameters, Result], *args: Parameters.args, **kwargs: Parameters.kwargs
) -> Result:
    """Run a storing step, again and again while the database is away, for at most STORE_PATIENCE_SECONDS.

    The step must be safe to repeat. Raises DatabaseAway when the time is up.
    """
    deadline = time.monotonic() + STORE_PATIENCE_SECONDS
    while True:
        try:
            return step(*args, **kwargs)
        except DatabaseAway:
            if time.monotonic() > deadline:
                raise
            time.sleep(random.uniform(0.1, 0.5))  # noqa: S311 - jitter, not a secret


def _trip_breaker(context: PassContext, error: ProviderError) -> float | None:
    """Tell all workers of a provider-wide failure. Return for how many seconds nobody is to call, if it led to a pause."""
    provider, reason = context.provider, str(error.outcome)
    if not provider.remote:
        return None
    if isinstance(error, Pause) or error.outcome is Outcome.RATE_LIMITED:
        named = _named_wait(error)
        named = context.pause_seconds if named is None else named
        circuit_breaker.pause(provider.name, reason=reason, seconds=named)
        log.error("provider paused", provider=provider.name, outcome=reason, wait_seconds=named)
        return named
    tripped = circuit_breaker.trip_if_failing(provider.name, reason=reason, probe=context.probe)
    if tripped:
        log.error("provider paused", provider=provider.name, outcome=reason, wait_seconds=tripped)
    return tripped


def _named_wait(error: ProviderError) -> float | None:
    """Return how long the vendor asks to wait, capped: a date sent as seconds since 1970 must not pause us for 50 years."""
    asked = error.retry_after_seconds
    return None if asked is None else min(asked, LONGEST_NAMED_WAIT_SECONDS)


def _backoff(attempt: int) -> float:
    """Return how many seconds to wait before the next attempt: doubling from one, half of it random."""
    longest: float = min(LONGEST_BACKOFF_SECONDS, 2.0 ** (attempt - 1))
    return random.uniform(longest / 2, longest)  # noqa: S311 - jitter, not a secret
