"""Keep leased rows moving: send hints of what is due, free expired leases, and look for what an LMS did not tell."""

from __future__ import annotations

import redis

from models import canvas_sites, leased_rows
from models.broker import HintBroker
from models.db import session
from models.jobs import Queue, RowHint
from models.leased_rows import TABLES
from models.log import logger
from workers.duties.limits import BATCH

log = logger(__name__)

# Sites in one run, every minute: each is looked at once a day. A run is one statement, and those of a few large sites take seconds.
CANVAS_SITES = 10


def send_row_hints(broker: HintBroker) -> int:
    """Send hints for due rows that have none, or whose hint Redis lost. Return how many were sent.

    Rows get their first hint here, up to a second after they became due: whoever writes one sends nothing itself.
    """
    if not broker.serves():
        return 0
    try:
        is_empty = broker.depth(Queue.DELIVERIES) == 0
    except redis.RedisError:
        return 0
    hints: list[RowHint] = []
    for table in TABLES.values():
        with session():
            hints += leased_rows.take_due(table, limit=BATCH, again=is_empty)
    # Recorded first, sent second: a crash in between costs a few seconds, and no row is locked while Redis answers.
    return broker.send(hints)


def free_row_leases() -> int:
    """Return rows with an expired lease to the queue, or give them up. Return how many there were."""
    freed = 0
    for table in TABLES.values():
        with session():
            freed += leased_rows.free_expired(table, limit=BATCH)
    if freed:
        log.warning("leases expired", rows=freed)
    return freed


def look_back_at_canvas() -> int:
    """Let Canvas sites be asked for hand-ins that no event told, each once a day. Return how many courses will be looked at."""
    with session():
        return canvas_sites.look_back_at_due(sites=CANVAS_SITES)
