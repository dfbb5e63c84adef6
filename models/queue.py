"""The queue: which pass runs next, and the position of a waiting submission."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from models.db import row
from models.jobs import Hint, Queue


def next_due(hint: Hint) -> Hint | None:
    """Return the pass that runs next, or None when nothing is due. Call it as a worker without an org.

    Interactive passes come before bulk ones, and the org with the fewest running passes comes first. The hinted pass is
    returned if that order allows it, otherwise one of the oldest. A hint whose pass has ended still leads to another due pass.
    """
    found = row("select * from next_due(%s)", (hint.pass_id,))
    return Hint(org_id=found["org_id"], pass_id=found["pass_id"], queue=Queue(found["queue"])) if found else None


@dataclass(frozen=True, kw_only=True)
class QueuePlace:
    """A submission's position among all that wait (1 is next), and the expected time in seconds until its passes are done."""

    position: int
    seconds: float


def place_of(submission: UUID) -> QueuePlace | None:
    """Return the queue position of a waiting submission of the acting org, or None when it does not wait."""
    found = row("select ahead, running, mean_seconds from queue_place(%s)", (submission,))
    if found is None:
        return None
    # The number of running passes shows how many the workers carry out in parallel.
    parallel = max(1, found["running"])
    return QueuePlace(position=found["ahead"] + 1, seconds=(found["ahead"] + 1) * 3 * found["mean_seconds"] / parallel)
