"""What becomes of a pass whose provider gave no usable answer, and who else is told.

The provider has turned what came back into a decision (the class of the error); only here a decision becomes a state.
"""

from __future__ import annotations

import random

from models import circuit_breaker, passes
from models.db import session
from models.log import logger
from workers.job.context import Work
from workers.providers.contract import GiveUp, Outcome, Pause, ProviderError

log = logger(__name__)

LONGEST_BACKOFF_SECONDS = 60.0
LONGEST_NAMED_WAIT_SECONDS = 3600.0


def put_off(work: Work, trouble: ProviderError) -> None:
    """Move the row on as the error's class says; only here is a provider's trouble turned into a state."""
    claim = work.claim
    if isinstance(trouble, GiveUp):
        give_up(work, trouble.outcome)
        return
    wait = max(_named_wait(trouble) or 0.0, _backoff(claim.attempt))
    with session(org=claim.org):
        paused = _note_trouble(work, trouble)
        if paused and work.falls_back:
            wait = 0.0
        elif paused:
            wait = max(wait, paused)
        # What is everybody's trouble, and the one call that finds out whether it is over, cost no essay an attempt.
        counts = not (work.probe or isinstance(trouble, Pause) or trouble.outcome is Outcome.RATE_LIMITED)
        again = passes.fail(claim, error=trouble.outcome, retry_in_seconds=wait, counts=counts)
    log.warning(
        "pass put off" if again else "pass given up", name=claim.name, outcome=trouble.outcome, attempt=claim.attempt
    )


def _note_trouble(work: Work, trouble: ProviderError) -> float | None:
    """All workers know of the trouble; returns the seconds for which nobody is to call, if this led to a pause."""
    provider, reason = work.provider, str(trouble.outcome)
    if not provider.remote:
        return None
    if isinstance(trouble, Pause) or trouble.outcome is Outcome.RATE_LIMITED:
        named = _named_wait(trouble)
        named = work.pause_seconds if named is None else named
        circuit_breaker.pause(provider.name, reason=reason, seconds=named)
        log.error("provider paused", provider=provider.name, outcome=reason, wait_seconds=named)
        return named
    tripped = circuit_breaker.trip_if_failing(provider.name, reason=reason, probe=work.probe)
    if tripped:
        log.error("provider paused", provider=provider.name, outcome=reason, wait_seconds=tripped)
    return tripped


def _named_wait(trouble: ProviderError) -> float | None:
    """Return how long the vendor asks to wait, within reason: a date in seconds since 1970 must not pause us for fifty years."""
    asked = trouble.retry_after_seconds
    return None if asked is None else min(asked, LONGEST_NAMED_WAIT_SECONDS)


def give_up(work: Work, outcome: Outcome) -> None:
    """The pass ends here without a result, for this reason, and a person is told."""
    with session(org=work.claim.org):
        passes.give_up(work.claim, error=outcome)
    log.warning("pass given up", name=work.claim.name, outcome=outcome, attempt=work.claim.attempt)


def _backoff(attempt: int) -> float:
    """Return how long to wait before the next attempt, in seconds: doubling from one, with half of it left to chance."""
    longest: float = min(LONGEST_BACKOFF_SECONDS, 2.0 ** (attempt - 1))
    return random.uniform(longest / 2, longest)  # noqa: S311 - jitter, not a secret
