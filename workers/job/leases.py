"""Keep the leases of this process's passes, and of its other leased rows, alive while somebody else works."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from uuid import UUID

from models import leased_rows, passes
from models.db import session
from models.errors import DatabaseAway
from models.leased_rows import HeldRow
from models.log import logger
from models.passes import Claim

log = logger(__name__)

Held = Claim | HeldRow


class Leases:
    """The leases that this process holds. One thread renews each of them every third of its length."""

    def __init__(self, *, lease_seconds: float, longest_seconds: float) -> None:
        self._lease_seconds = lease_seconds
        self._longest_seconds = longest_seconds
        self._held: dict[Held, float] = {}
        self._refusals: Counter[Held] = Counter()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self.stopping = False

    @contextmanager
    def holding(self, claim: Held) -> Iterator[None]:
        """Renew this claim's lease while the block runs."""
        with self._lock:
            self._held[claim] = time.monotonic()
            if self._thread is None:
                self._thread = threading.Thread(target=self._renew_loop, name="leases", daemon=True)
                self._thread.start()
        try:
            yield
        finally:
            with self._lock:
                self._held.pop(claim, None)
                self._refusals.pop(claim, None)

    def held(self) -> list[Held]:
        """Return the claims of the passes and rows that run now."""
        with self._lock:
            return list(self._held)

    def hand_back(self, *, but: Collection[Held] = ()) -> int:
        """Return held passes and rows to the queue without using up their attempts, because this process ends. Return how many.

        Those in `but` stay claimed, so that their attempts count when their leases expire.
        """
        with self._lock:
            held = [claim for claim in self._held if claim not in but]
            self._held.clear()
            self._refusals.clear()
        for claim in held:
            try:
                with session(org=claim.org):
                    _hand_back(claim)
            except DatabaseAway:
                log.warning("lease not handed back", reason="database away", **claim.log_facts)
        return len(held)

    def renew_all(self) -> None:
        """Renew every held lease, one statement for each org and table.

        Not those held for too long: their work hangs, so another worker may take it over.
        """
        by_org: dict[tuple[UUID, str], list[Held]] = {}
        with self._lock:
            for claim, since in self._held.items():
                if time.monotonic() - since <= self._longest_seconds:
                    by_org.setdefault((claim.org, claim.table), []).append(claim)
        for (org, _), held in by_org.items():
            try:
                with session(org=org):
                    kept = _renew(held, lease_seconds=self._lease_seconds)
            except DatabaseAway:
                # The leases may run out. Then the fence decides whose answer counts.
                log.warning("leases not renewed", passes=len(held), reason="database away")
                continue
            for claim in held:
                if claim.id not in kept and self._is_lost(claim):
                    log.warning("lease lost", attempt=claim.attempt, **claim.log_facts)

    def _is_lost(self, claim: Held) -> bool:
        """Return, once, whether a lease that was not renewed is lost.

        A pass that has just ended has no lease either. So only a claim that is still held one round later has lost its lease.
        """
        with self._lock:
            if claim not in self._held:
                return False
            self._refusals[claim] += 1
            return self._refusals[claim] == 2

    def _renew_loop(self) -> None:
        while True:
            time.sleep(self._lease_seconds / 3)
            try:
                self.renew_all()
            except Exception:
                # One failed round must not stop the renewals: every long call of this process would then run twice.
                log.exception("leases not renewed")


def _renew(held: list[Held], *, lease_seconds: float) -> set[UUID]:
    """Renew the leases of rows of one org and table."""
    claims = [one for one in held if isinstance(one, Claim)]
    if claims:
        return passes.renew(claims, lease_seconds=lease_seconds)
    return leased_rows.renew([one for one in held if isinstance(one, HeldRow)], lease_seconds=lease_seconds)


def _hand_back(held: Held) -> None:
    if isinstance(held, Claim):
        passes.hand_back(held)
    else:
        leased_rows.hand_back(held)
