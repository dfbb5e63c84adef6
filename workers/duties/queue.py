"""Keep the queue moving: send hints again, free expired leases, and end what cannot go on."""

from __future__ import annotations

import redis

from models import passes, queue, restored
from models.broker import HintBroker
from models.db import session
from models.jobs import Queue
from models.log import logger
from workers.duties.limits import BATCH

log = logger(__name__)

STALE_HINT_SECONDS = 5.0
# Rows that one run looks at, so that it takes the same time behind any backlog.
SLICE = 10_000
# Of these rows, versions that are open: for each of them its passes are looked up.
MOST_OPEN = 500


def resend_hints(broker: HintBroker) -> int:
    """Send hints for due passes that have none, or whose hint Redis lost, at most BATCH. Return how many were sent.

    While Redis does not serve, no pass is marked as hinted, so the hints go out as soon as it serves again. A hint means "look
    whose turn it is", so BATCH hints in Redis keep the workers at work until the next run, however many passes are due.
    """
    with session():
        due = passes.due_counts(limit=BATCH)
    if not due or not broker.serves():
        return 0
    starved = [name for name, count in due.items() if _depth(broker, name) < count]
    with session():
        hints = passes.take_due(limit=BATCH, stale_seconds=STALE_HINT_SECONDS, starved=starved)
    # Recorded first, sent second: a crash in between costs STALE_HINT_SECONDS, and no row is locked while Redis answers.
    return broker.send(hints)


def return_hints(broker: HintBroker) -> int:
    """Put back the hints that dead workers had fetched, and mend keys of a wrong type. Return how many hints there were."""
    try:
        return broker.return_hints()
    except redis.RedisError as error:
        broker.refused(error)
        return 0


def free_leases() -> int:
    """Return passes with an expired lease to the queue, or give them up. Return how many there were."""
    with session():
        freed = passes.free_expired(limit=BATCH)
    if freed:
        log.warning("leases expired", passes=freed)
    return freed


def count_waiting() -> int:
    """Count a slice of what waits, for the places in the queue. Return how many passes were counted."""
    with session():
        return queue.count_waiting(limit=SLICE)


def give_up_stalled() -> int:
    """Give up passes that have waited for too many days. Return how many there were. On a restored copy they wait on."""
    if restored.is_held():
        return 0
    with session():
        return passes.give_up_stalled(limit=BATCH)


class LateCloser:
    """Give a final status to versions whose passes have all ended, a slice of the versions of the last week in each run."""

    def __init__(self) -> None:
        self._after = passes.FIRST_ID

    def close_finished(self) -> int:
        """Look at the next slice. Return how many versions a fault of ours had left open."""
        with session():
            until = passes.end_of_slice(self._after, size=SLICE, most_open=MOST_OPEN)
            closed = passes.close_finished(limit=BATCH, after=self._after, until=until)
        self._after = passes.FIRST_ID if until == passes.LAST_ID else until
        if closed:
            log.error("versions closed late", versions=closed)
        return closed


def _depth(broker: HintBroker, name: Queue) -> int:
    try:
        return broker.depth(name)
    except redis.RedisError:
        return 0
