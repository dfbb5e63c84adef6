"""How long a leased row waits before it is tried again. Only this module turns an answer into a wait."""

from __future__ import annotations

import random
from collections.abc import Mapping

from models.jobs import RowTable
from models.leased_rows import HeldRow
from outgoing.retry_after import asked_wait

# Seconds after each failed attempt, for deliveries as Svix waits: after these no attempt is left (`LeasedTable.attempts`).
WAITS: dict[RowTable, tuple[float, ...]] = {
    RowTable.DELIVERIES: (5, 5 * 60, 30 * 60, 2 * 3600, 5 * 3600, 10 * 3600, 10 * 3600),
    # An LMS that is away over a long weekend, or whose token waits for its admin, loses nothing.
    RowTable.ARRIVALS: (30, 5 * 60, 30 * 60, 2 * 3600, 6 * 3600, 12 * 3600, 24 * 3600, 24 * 3600, 24 * 3600),
    RowTable.RETURNS: (60, 5 * 60, 30 * 60, 2 * 3600, 12 * 3600, 24 * 3600, 48 * 3600),
    # After a day and a half, last week is no news.
    RowTable.WEEKLY_SUMMARIES: (60, 10 * 60, 3600, 6 * 3600, 24 * 3600),
}
JITTER = 0.1
# A receiver may ask for a longer wait than the table's, but not for one without an end.
LONGEST_NAMED_WAIT_SECONDS = 10 * 3600.0


def wait_of(held: HeldRow, *, headers: Mapping[str, str] | None = None) -> float:
    """Return how many seconds this row waits after this attempt. A receiver's Retry-After can only make it longer."""
    waits = WAITS[held.table]
    planned = waits[min(held.attempt, len(waits)) - 1] * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - jitter, not a secret
    return max(planned, asked_wait(headers or {}, longest=LONGEST_NAMED_WAIT_SECONDS))
