"""Run leased rows: claim the next one of a lane, have it carried out, go on with the lane for a while.

No database connection is held while somebody else answers. Whatever happens, the row says what comes next.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Protocol
from uuid import UUID

from models import leased_rows, passes, restored
from models.db import session
from models.errors import DatabaseAway, FenceLost, KeysMissing, MasterKeyMissing
from models.jobs import RowHint, RowTable
from models.leased_rows import TABLES, HeldRow
from models.log import log_context, logger
from workers.job.leases import Leases
from workers.job.retry_policy import retry_while_database_away

log = logger(__name__)

# A lane with many rows makes way for others after this time.
TURN_SECONDS = 5.0
# How long a hint of a school with enough rows under way keeps its thread before it goes to the end of the line.
FULL_SECONDS = 0.05
# A row whose keys are not here waits for a restore that is not finished, or for another worker.
KEYS_SECONDS = 300.0
# How long a Moodle site waits after a bug of ours: the answer that provoked it may be gone by then.
CRASHED_SITE_SECONDS = 3600.0


class RowWork(Protocol):
    """What is done with the rows of one table."""

    def carry_out(self, held: HeldRow) -> None:
        """Carry the row out and store what came of it. Raises FenceLost and DatabaseAway."""


class RowRunner:
    """Runs the rows of every table that has its work here.

    At most `most_of_org` lanes of one school are under way in this process: a school of which every LMS is slow leaves a thread to
    the others.
    """

    def __init__(
        self,
        works: Mapping[RowTable, RowWork],
        *,
        leases: Leases,
        lease_seconds: float,
        most_of_org: int | None = None,
    ) -> None:
        self._works = works
        self._leases = leases
        self._lease_seconds = lease_seconds
        self._most_of_org = most_of_org
        self._under_way: Counter[UUID] = Counter()
        self._lock = threading.Lock()

    def run(self, hint: RowHint) -> bool:
        """Carry out the due rows of the hint's lane. Return False when some may be left: send the hint again.

        Raises DatabaseAway, only before a row is claimed.
        """
        if restored.is_held():
            # A restored copy calls nobody. Its rows wait; after the release the clock sends their hints again.
            return True
        with self._place(hint.org_id) as has_place:
            if not has_place:
                time.sleep(FULL_SECONDS)
                return False
            return self._run_lane(hint)

    @contextmanager
    def _place(self, org: UUID) -> Iterator[bool]:
        """Yield whether a lane of this school may be under way, and count it while the block runs."""
        with self._lock:
            has_place = self._most_of_org is None or self._under_way[org] < self._most_of_org
            self._under_way[org] += has_place
        try:
            yield has_place
        finally:
            with self._lock:
                self._under_way[org] -= has_place
                self._under_way += Counter()  # forgets schools with nothing under way

    def _run_lane(self, hint: RowHint) -> bool:
        began = time.monotonic()
        while not self._leases.stopping:
            with session(org=hint.org_id):
                held = leased_rows.claim_next(
                    TABLES[hint.table], org=hint.org_id, lane=hint.lane_id, lease_seconds=self._lease_seconds
                )
            if held is None:
                return True
            self._carry_out(held)
            if time.monotonic() - began > TURN_SECONDS:
                return False
        return False

    def _carry_out(self, held: HeldRow) -> None:
        with log_context(**held.log_facts):
            try:
                with self._leases.holding(held):
                    self._works[held.table].carry_out(held)
            except FenceLost:
                log.warning("overtaken", attempt=held.attempt)
                with suppress(DatabaseAway), session(org=held.org):
                    passes.add_to_tally("fenced_writes", 1)
            except DatabaseAway:
                log.warning("outcome not stored", reason="database away", attempt=held.attempt)
            except KeysMissing as error:
                log.error("keys missing", reason=str(error))  # noqa: TRY400 - the reason is enough
                _store(_wait, held, "keys_missing")
            except MasterKeyMissing as error:
                log.error("master key missing", reason=str(error))  # noqa: TRY400 - the reason is enough
                _store(_wait, held, "master_key_missing")
            except Exception:
                log.exception("row crashed", attempt=held.attempt)
                _store(_note_crash, held)


def _store(change: Callable[..., None], *args: object) -> None:
    with suppress(FenceLost, DatabaseAway):
        retry_while_database_away(change, *args)


def _wait(held: HeldRow, error: str) -> None:
    with session(org=held.org):
        leased_rows.wait(held, error=error, in_seconds=KEYS_SECONDS)


def _note_crash(held: HeldRow) -> None:
    """Give the row up: a bug of ours would only repeat, and a person can queue the row again. A Moodle site is looked at later."""
    with session(org=held.org):
        if held.table is RowTable.MOODLE_SITES:
            leased_rows.come_back(held, in_seconds=CRASHED_SITE_SECONDS, error="crashed")
        else:
            leased_rows.end(held, state="gave_up", error="crashed")
