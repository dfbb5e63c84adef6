"""The queue: which pass runs next, the position of a waiting submission, and the clock's count of what waits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from models.db import row
from models.jobs import Hint, PassName, Queue

# In the simulated rush of tests/models/test_rounds.py half of the essays took up to 1.05 times what they were told without
# this, and one in ten took 1.3 to 1.5 times. Told a little more, fewer wait longer than they were told.
SLOWEST_PASS = 1.1


def next_due(hint: Hint) -> Hint | None:
    """Return the pass that runs next, or None when nothing is due. Call it as a worker without an org.

    Interactive passes come before bulk ones. The turns go round the orgs: of the next 8 with due passes, the one with the
    fewest running passes comes first. The hinted pass is returned if that order allows it, otherwise one of the oldest. A hint
    whose pass has ended still leads to another due pass.
    """
    found = row("select * from next_due(%s)", (hint.pass_id,))
    return Hint(org_id=found["org_id"], pass_id=found["pass_id"], queue=Queue(found["queue"])) if found else None


@dataclass(frozen=True, kw_only=True)
class QueuePlace:
    """A submission's position among all that wait (1 is next), and the expected time in seconds until its passes are done.

    `age_seconds` is 0 when the essays ahead were counted for this answer. Otherwise the clock counted them that long ago, and the
    position is rounded to two digits.
    """

    position: int
    seconds: float
    age_seconds: float


def place_of(submission: UUID) -> QueuePlace | None:
    """Return the queue position of a waiting submission of the acting org, or None when it does not wait."""
    found = row("select ahead, running, mean_seconds, age_seconds from queue_place(%s)", (submission,))
    return None if found is None else to_place(found)


def to_place(found: Mapping[str, Any]) -> QueuePlace:
    """Return a row of `queue_place` as the position and the time that it means."""
    # The number of running passes shows how many the workers carry out in parallel.
    parallel = max(1, found["running"])
    position = found["ahead"] + 1
    # The passes ahead, and then its own, which run at the same time; the slowest of them decides.
    seconds = SLOWEST_PASS * (found["ahead"] * len(PassName) / parallel + 1) * found["mean_seconds"]
    if found["age_seconds"] is not None:
        position = _round(position)
    return QueuePlace(position=position, seconds=seconds, age_seconds=found["age_seconds"] or 0.0)


def count_waiting(*, limit: int) -> int:
    """Go on counting what waits in each lane, by at most `limit` passes; return how many were counted. Call it as the clock."""
    found = row("select count_queue(%s) as counted", (limit,))
    return int(found["counted"]) if found else 0


def _round(position: int) -> int:
    """Return the position with two digits and zeros."""
    return round(position, 2 - len(str(position)))
