"""Run a duty safely: log a failure instead of raising it, and wait after a database outage."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextvars import ContextVar

from models import db, passes
from models.database_errors import sqlstate_of
from models.db import session
from models.errors import DatabaseAway, DatabaseBusy
from models.log import logger

log = logger(__name__)

Duty = Callable[[], int]

# How many parts of the duty that this thread carries out have failed; None outside of a duty that keeps a record.
failed_parts: ContextVar[int | None] = ContextVar("failed_parts", default=None)

# After an outage every lease may look expired. Living workers get this long to renew theirs before one counts as expired.
GRACE_SECONDS = passes.RESTART_GRACE_SECONDS


class Outage:
    """The outage of the database that the duties of one clock are in: one log line when it begins, one when it ends."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._put_off: set[str] = set()
        self._began = 0.0

    def begin(self, duty: str, error: DatabaseAway) -> None:
        """Note that this duty found the database away."""
        with self._lock:
            if not self._put_off:
                self._began = time.monotonic()
                sqlstate = sqlstate_of(error.__cause__) if error.__cause__ else None
                log.warning("duties put off", duty=duty, reason=str(error), sqlstate=sqlstate)
            self._put_off.add(duty)

    def end(self, duty: str) -> None:
        """Note that this duty was carried out. The outage is over when it had been put off."""
        # A duty that happens to write nothing also succeeds on a read-only server, so others tell nothing.
        with self._lock:
            if duty in self._put_off:
                self._put_off.clear()
                log.info("duties go on", duty=duty, seconds=round(time.monotonic() - self._began, 1))


def guarded(name: str, duty: Duty, *, outage: Outage) -> Duty:
    """Return the duty, logging instead of raising, so that one failure stops neither other duties nor the next run."""

    def carry_out() -> int:
        try:
            done = isolated(name, duty)()
        except DatabaseAway as error:
            outage.begin(name, error)
            return 0
        outage.end(name)
        return done

    return carry_out


def isolated(name: str, duty: Duty) -> Duty:
    """Return the duty, or one part of it, logging a failure that concerns only itself. Raises DatabaseAway."""

    def carry_out() -> int:
        try:
            return duty()
        except DatabaseBusy:
            log.warning("duty put off", duty=name, reason="database busy")
        except DatabaseAway:
            raise
        except Exception:
            log.exception("duty failed", duty=name)
            failed_parts.set((failed_parts.get() or 0) + 1)
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
                    db.require_writable()
                now = time.monotonic()
                if self._was_away:
                    self._was_away, self._not_before = False, now + GRACE_SECONDS
                return duty() if now >= self._not_before else 0
            except DatabaseBusy:
                raise
            except DatabaseAway:
                self._was_away = True
                raise

        return carry_out
