"""Run one pass: choose whose turn it is, claim the row, load its context, call the provider, store the result.

No database connection is held during the provider call. Whatever happens, the row in `passes` says what comes next.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from uuid import UUID

from models import passes, restored
from models.db import session
from models.errors import DatabaseAway, FenceLost, OverBudget, ReadingOff
from models.events import keep_log
from models.jobs import Hint
from models.log import log_context, logger
from models.passes import Claim
from models.queue import next_due
from workers.job.call import fetch_reply
from workers.job.context import ChooseProvider, ContextLoader, PassContext, with_previous_reading
from workers.job.finish import finish
from workers.job.leases import Leases
from workers.job.retry_policy import (
    give_up,
    handle_provider_error,
    has_gone,
    leave_unread,
    retry_while_database_away,
    wait_for_approval,
    wait_for_budget,
)
from workers.passes.calibration import IDENTITY, Calibration
from workers.providers.contract import Outcome, ProviderError, Repair

log = logger(__name__)

# How long a hint waits for one of the few slots of a worker that computes locally.
SLOT_WAIT_SECONDS = 30.0
# Two workers may choose the same row at the same moment. The one that loses chooses again, at most this often.
CLAIM_TRIES = 5


def _tell_nobody(_submission: UUID) -> None:
    """Announce nothing."""


class PassRunner:
    """Run passes with one choice of providers and one set of leases.

    `max_concurrent` bounds the passes that run at the same time in this process. A pass is claimed only when it can start
    at once, so whatever waits stays in the database, where the orgs take turns. `announce` is called with the submission after
    each change of its state, for those who wait for it.
    """

    def __init__(
        self,
        *,
        choose_provider: ChooseProvider,
        leases: Leases,
        lease_seconds: float,
        pause_seconds: float = 60.0,
        max_concurrent: int | None = None,
        use_ensemble: bool = True,
        use_batches: bool = True,
        calibration: Calibration = IDENTITY,
        announce: Callable[[UUID], None] = _tell_nobody,
    ) -> None:
        self._contexts = ContextLoader(choose_provider, pause_seconds=pause_seconds, use_ensemble=use_ensemble)
        self._use_batches = use_batches
        self._calibration = calibration
        self._announce = announce
        self._leases = leases
        self._lease_seconds = lease_seconds
        self._slots = threading.BoundedSemaphore(max_concurrent) if max_concurrent else None

    def run(self, hint: Hint) -> bool:
        """Run the pass whose turn it is, if there is one. Return False when this worker cannot look: send the hint again.

        Raises DatabaseAway, only before a pass is claimed.
        """
        if self._slots is None:
            return self._run(hint)
        # Wait for a limited time: a worker that is told to stop waits for this thread.
        if not self._slots.acquire(timeout=SLOT_WAIT_SECONDS):
            return False
        try:
            return self._run(hint)
        finally:
            self._slots.release()

    def _run(self, hint: Hint) -> bool:
        began = time.monotonic()
        if restored.is_held():
            # A restored copy calls nobody. Its passes wait unclaimed; after the release the clock sends their hints again.
            return True
        while not self._leases.stopping:
            context = self._claim_next(hint)
            if context is None:
                return True
            self._announce(context.claim.submission)
            self._execute(context)
            self._announce(context.claim.submission)
            # Only one poison suspect runs at a time, so other suspects' hints found nothing: after a short run, go on.
            if not context.claim.poison_suspect or time.monotonic() - began > self._lease_seconds:
                return True
        return False

    def _claim_next(self, hint: Hint) -> PassContext | None:
        for _ in range(CLAIM_TRIES):
            with session():
                turn = next_due(hint)
            if turn is None:
                return None
            with session(org=turn.org_id):
                claim = passes.claim(turn.pass_id, org=turn.org_id, lease_seconds=self._lease_seconds)
                if claim is not None:
                    return self._contexts.load(claim)
        return None

    def _execute(self, context: PassContext) -> None:
        claim = context.claim
        with log_context(**claim.log_facts):
            try:
                with self._leases.holding(claim):
                    self._call_and_finish(with_previous_reading(context))
            except FenceLost:
                _record_fenced_write(claim)
            except DatabaseAway:
                log.warning("outcome not stored", reason="database away", attempt=claim.attempt)
            except Exception:
                # A fault of ours: for example an answer that the schema allows and a table does not. Trying again would
                # cost the same call and end the same way.
                log.exception("pass crashed", attempt=claim.attempt)
                with suppress(FenceLost):
                    retry_while_database_away(give_up, context, Outcome.CRASHED)

    def _call_and_finish(self, context: PassContext) -> None:
        try:
            reply = fetch_reply(context, use_batches=self._use_batches)
        except OverBudget as over:
            self._use_local_or(partial(wait_for_budget, refusal=over.refusal), context)
        except ReadingOff:
            retry_while_database_away(leave_unread, context)
        except Repair as still_unreadable:
            retry_while_database_away(give_up, context, still_unreadable.outcome)
        except ProviderError as error:
            if has_gone(context, error):
                self._use_local_or(wait_for_approval, context)
            else:
                retry_while_database_away(handle_provider_error, context, error)
        else:
            if reply is not None:
                retry_while_database_away(finish, context, reply, calibration=self._calibration)

    def _use_local_or(self, wait: Callable[[PassContext], None], context: PassContext) -> None:
        if context.falls_back:
            self._call_and_finish(self._contexts.use_local(context))
        else:
            retry_while_database_away(wait, context)


def _record_fenced_write(claim: Claim) -> None:
    """Record that another worker has taken this pass over, so this worker's result was not stored."""
    log.warning("overtaken", attempt=claim.attempt)
    with session(org=claim.org):
        passes.add_to_tally("fenced_writes", 1)
        keep_log(
            "fenced write", program="worker", level="warning", org=claim.org, pass_id=claim.id, attempt=claim.attempt
        )
