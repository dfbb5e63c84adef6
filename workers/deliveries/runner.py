"""Run leased rows: claim the next one of a lane, have it carried out, go on with the lane for a while.

No database connection is held while somebody else answers. Whatever happens, the row says what comes next.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Protocol

from models import leased_rows, passes, restored
from models.db import session
from models.errors import DatabaseAway, FenceLost, KeysMissing, MasterKeyMissing
from models.jobs import RowHint, RowTable
from models.leased_rows import TABLES, HeldRow
from models.log import log_context, logger
from workers.job.leases import Leases
from workers.job.retry_policy import retry_while_database_away

log = logger(__name__)

# A lane with many rows makes way for others after so long.
TURN_SECONDS = 5.0
# A row whose keys are not here waits for a restore that is not finished, or for another worker.
KEYS_SECONDS = 300.0
# A site is looked at again after a fault of ours: what it answered may be gone by then.
CRASHED_SITE_SECONDS = 3600.0


class RowWork(Protocol):
    """What is done with the rows of one table."""

    def carry_out(self, held: HeldRow) -> None:
        """Carry the row out and store what came of it. Raises FenceLost and DatabaseAway."""


class RowRunner:
    """Runs the rows of every table that has its work here."""

    def __init__(self, works: Mapping[RowTable, RowWork], *, leases: Leases, lease_seconds: float) -> None:
        self._works = works
        self._leases = leases
        self._lease_seconds = lease_seconds

    def run(self, hint: RowHint) -> bool:
        """Carry out the due rows of the hint's lane. Return False when some may be left: send the hint again.

        Raises DatabaseAway, only before a row is claimed.
        """
        if restored.is_held():
            # A restored copy calls nobody. Its rows wait; after the release the clock sends their hints again.
            return True
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
    """Give the row up: a fault of ours would only come again, and a person can have the row carried out again. A site goes on."""
    with session(org=held.org):
        if held.table is RowTable.MOODLE_SITES:
            leased_rows.come_back(held, in_seconds=CRASHED_SITE_SECONDS, error="crashed")
        else:
            leased_rows.end(held, state="gave_up", error="crashed")
