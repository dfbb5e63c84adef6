"""Leave a row in `duty_runs` for each run of a duty, also when it fails, and let only one clock run a long one."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Self
from uuid import uuid4

from models import duty_runs
from models.db import session
from models.errors import DatabaseAway, DatabaseBusy
from workers.duties.guard import Duty, failed_parts

# A duty that runs more often than this leaves its row once in so many seconds, and at once when it begins or ends to fail.
LEAST_SECONDS = 60.0
# How long a clock that died keeps others from a long duty.
LEASE_SECONDS = 3600.0


class Counted(int):
    """What a duty found or changed, with further counts by name. The counts hold no ids and no words of people."""

    detail: Mapping[str, int]

    def __new__(cls, found: int, **detail: int) -> Self:
        """Return the count with its details."""
        counted = super().__new__(cls, found)
        counted.detail = detail
        return counted


class DutyTaken(Exception):
    """Another clock is carrying out this duty."""


class RecordedDuty:
    """A duty that leaves its result in `duty_runs`. With `alone`, it is left out while another clock carries it out."""

    def __init__(
        self,
        name: str,
        duty: Duty,
        *,
        alone: bool = False,
        least_seconds: float = LEAST_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name = name
        self._duty = duty
        self._alone = alone
        self._least_seconds = least_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._recorded_at: float | None = None
        self.succeeded = True  # whether the last run was recorded as a success
        self._pending = 0

    def __call__(self) -> int:
        """Carry out the duty and return what it returned, or 0 while another clock does. Raises what the duty raised."""
        try:
            return self.carry_out()
        except DutyTaken:
            return 0

    def carry_out(self) -> int:
        """Carry out the duty and return what it returned. Raises DutyTaken, and what the duty raised."""
        if not self._alone:
            return self._carry_out()
        holder = uuid4()
        with session():
            if not duty_runs.hold(self._name, holder=holder, seconds=LEASE_SECONDS):
                raise DutyTaken
        try:
            return self._carry_out()
        finally:
            # When the database is away now, the lease ends by itself.
            with suppress(DatabaseAway, DatabaseBusy), session():
                duty_runs.release(self._name, holder=holder)

    def _carry_out(self) -> int:
        began = datetime.now(UTC)
        token = failed_parts.set(0)
        try:
            found = self._duty()
            succeeded = not failed_parts.get()
        except (DatabaseAway, DatabaseBusy):
            # It is put off, not failed; the age of its last good run tells when that lasts.
            raise
        except Exception:
            self._record(began, succeeded=False, found=0, detail={})
            raise
        finally:
            failed_parts.reset(token)
        self._record(began, succeeded=succeeded, found=found, detail=getattr(found, "detail", {}))
        return found

    def _record(self, began: datetime, *, succeeded: bool, found: int, detail: Mapping[str, int]) -> None:
        with self._lock:
            self._pending += found
            now = self._clock()
            is_due = self._recorded_at is None or now - self._recorded_at >= self._least_seconds
            if not is_due and succeeded == self.succeeded:
                return
            self._recorded_at, self.succeeded = now, succeeded
            found, self._pending = self._pending, 0
        # The duty is done; a database that went away since must not make it look undone.
        with suppress(DatabaseAway, DatabaseBusy), session():
            duty_runs.record(self._name, began=began, succeeded=succeeded, found=found, detail=detail)
