"""Store what came of a row that an LMS must answer for. Each function raises FenceLost and DatabaseAway."""

from __future__ import annotations

from models import leased_rows
from models.db import session
from models.leased_rows import HeldRow
from models.site_access import OFF_SECONDS
from workers.deliveries.retry_policy import wait_of
from workers.lms.errors import LmsError


def end(held: HeldRow, state: str, error: str) -> None:
    """End the row for good, and store in a word why."""
    with session(org=held.org):
        leased_rows.end(held, state=state, error=error)


def come_back(held: HeldRow, *, in_seconds: float = OFF_SECONDS) -> None:
    """Queue a row that cannot be carried out now for later, with all its attempts: an hour later when its source is switched off."""
    with session(org=held.org):
        leased_rows.come_back(held, in_seconds=in_seconds)


def store_failure(held: HeldRow, error: LmsError) -> None:
    """Put the row off, for as long as the LMS asks at the least; give it up when trying again is of no use."""
    with session(org=held.org):
        if error.is_final:
            leased_rows.end(held, state="gave_up", error=error.trouble)
        else:
            wait = max(wait_of(held), error.wait_seconds)
            leased_rows.put_off(held, error=error.trouble, retry_in_seconds=wait)
