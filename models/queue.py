"""Whose turn it is, and where waiting work stands."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from models.db import row
from models.jobs import Hint, Queue


def next_due(hint: Hint) -> Hint | None:
    """Return the pass whose turn it is, or None when nothing is due. Call it as a worker without an org.

    Interactive before bulk, the org with the fewest running passes first: the hinted pass if that fits, else one of the
    oldest. A hint whose pass is over still stands for some other due pass.
    """
    found = row("select * from next_due(%s)", (hint.pass_id,))
    return Hint(org_id=found["org_id"], pass_id=found["pass_id"], queue=Queue(found["queue"])) if found else None


@dataclass(frozen=True, kw_only=True)
class QueuePlace:
    """A submission's place among all that wait (1 is next), and how long that should take."""

    position: int
    seconds: float


def place_of(submission: UUID) -> QueuePlace | None:
    """Return where a waiting submission of the acting org stands, or None when it does not wait."""
    found = row("select ahead, running, mean_seconds from queue_place(%s)", (submission,))
    if found is None:
        return None
    # What runs now says how many passes the workers carry out side by side.
    side_by_side = max(1, found["running"])
    return QueuePlace(
        position=found["ahead"] + 1, seconds=(found["ahead"] + 1) * 3 * found["mean_seconds"] / side_by_side
    )
