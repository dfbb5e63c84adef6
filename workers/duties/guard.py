"""Run a duty safely: log a failure instead of raising it, and wait after a database outage."""

from __future__ import annotations

import time
from collections.abc import Callable

from models import db, passes
from models.db import session
from models.errors import DatabaseAway
from models.log import logger

log = logger(__name__)

Duty = Callable[[], int]

# After an outage every lease may look expired. Living workers get this long to renew theirs before one counts as expired.
GRACE_SECONDS = passes.RESTART_GRACE_SECONDS


def guarded(name: str, duty: Duty) -> Duty:
    """Return the duty, logging instead of raising, so that one failure stops neither other duties nor the next run."""

    def carry_out() -> int:
        try:
            return duty()
        except DatabaseAway:
            log.warning("duty put off", duty=name, reason="database away")
        except Exception:
            log.exception("duty failed", duty=name)
        return 0

    return carry_out


class RecoveryGrace:
    """Hold a duty back for GRACE_SECONDS after the database was away."""

    def __init__(self) -> None:
        self._was_away = False
        self._not_before = 0.0

    def delay(self, duty: Duty) -> Duty:
        """Return the duty, which does nothing (and returns 0) until the grace time is over."""

        def carry_out() -> int:
            try:
                with session():
                    db.run("select 1")
            except DatabaseAway:
                self._was_away = True
                raise
            now = time.monotonic()
            if self._was_away:
                self._was_away, self._not_before = False, now + GRACE_SECONDS
            return duty() if now >= self._not_before else 0

        return carry_out
