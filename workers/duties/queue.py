"""Keep the queue moving: send hints again, free expired leases, and end what cannot go on."""

from __future__ import annotations

import redis

from models import passes, restored
from models.broker import HintBroker
from models.db import session
from models.jobs import Queue
from models.log import logger
from workers.duties.limits import BATCH

log = logger(__name__)

STALE_HINT_SECONDS = 5.0


def resend_hints(broker: HintBroker) -> int:
    """Send a hint for every due pass that has none, or whose hint Redis lost. Return how many were sent.

    While Redis does not serve, no pass is marked as hinted, so the hints go out as soon as it serves again.
    """
    with session():
        due = passes.due_counts()
    if not due or not broker.serves():
        return 0
    starved = [queue for queue, count in due.items() if _depth(broker, queue) < count]
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


def give_up_stalled() -> int:
    """Give up passes that have waited for too many days. Return how many there were. On a restored copy they wait on."""
    if restored.is_held():
        return 0
    with session():
        return passes.give_up_stalled(limit=BATCH)


def close_finished() -> int:
    """Give a final status to versions whose passes have all ended. Return how many a fault of ours had left open."""
    with session():
        closed = passes.close_finished(limit=BATCH)
    if closed:
        log.error("versions closed late", versions=closed)
    return closed


def _depth(broker: HintBroker, queue: Queue) -> int:
    try:
        return broker.depth(queue)
    except redis.RedisError:
        return 0
