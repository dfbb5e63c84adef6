"""Look after the tables: fold totals, create partitions, delete what is past its retention."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial

from models import endpoint_deliveries, files, ledger, upkeep
from models.db import session
from models.log import logger
from workers.duties.limits import BATCH, LONG_ANSWER_SECONDS

log = logger(__name__)

FOLDED_AT_ONCE = 2_000
# Each file may have 20 MB.
FILES_AT_ONCE = 100


def fold_tallies() -> int:
    """Add what calls cost to the ledger, and what has finished to the totals. Return how many totals changed."""
    folded = FOLDED_AT_ONCE
    while folded == FOLDED_AT_ONCE:
        with session(answer_seconds=LONG_ANSWER_SECONDS):
            folded = ledger.fold(limit=FOLDED_AT_ONCE)
    with session(answer_seconds=LONG_ANSWER_SECONDS):
        return upkeep.fold_tallies()


def make_partitions(since: datetime | None = None) -> int:
    """Create the partitions of the coming months, and log those with wrong bounds. Return how many were created.

    `since` looks ahead from another month than this one, for rehearsals.
    """
    with session(answer_seconds=LONG_ANSWER_SECONDS):
        misplaced = upkeep.list_misplaced_partitions()
    if misplaced:
        log.error(
            "partitions with wrong bounds",
            partitions=[one.name for one in misplaced],
            mend="docs/operations.md, Mend partitions",
        )
    with session(answer_seconds=LONG_ANSWER_SECONDS):
        return upkeep.ensure_partitions(since=since)


def purge() -> int:
    """Delete rows past their documented retention. Return how many."""
    with session(answer_seconds=LONG_ANSWER_SECONDS):
        deleted = upkeep.purge()
    deleted += _in_steps(partial(files.purge_waiting, limit=FILES_AT_ONCE), FILES_AT_ONCE)
    deleted += _in_steps(partial(upkeep.purge_deliveries, limit=BATCH), BATCH)
    return deleted + _in_steps(partial(endpoint_deliveries.purge, limit=BATCH), BATCH)


def _in_steps(purge_step: Callable[[], int], limit: int) -> int:
    """Delete in steps of `limit` rows, each in its own transaction, until one finds no more. Return how many rows."""
    deleted, step = 0, limit
    while step == limit:
        with session(answer_seconds=LONG_ANSWER_SECONDS):
            step = purge_step()
        deleted += step
    return deleted
