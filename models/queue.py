"""Where waiting work stands."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from models.db import row


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
