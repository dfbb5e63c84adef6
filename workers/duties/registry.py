"""Every duty of the clock: its interval, what it does, and how to make it from what it needs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial

from models.broker import HintBroker
from workers.duties.audit_heads import Seal
from workers.duties.audit_trail import chain_audit, sign_heads
from workers.duties.data_audit import audit_data
from workers.duties.erasure import delete_rubric_previews, erase
from workers.duties.guard import Duty, RecoveryGrace
from workers.duties.maintenance import fold_tallies, make_partitions, purge
from workers.duties.queue import LateCloser, count_waiting, free_leases, give_up_stalled, resend_hints, return_hints
from workers.duties.reports import refresh_reports
from workers.duties.retention import delete_expired
from workers.duties.retire import RetireSettings, retire_partitions
from workers.duties.rows import free_row_leases, look_back_at_canvas, send_row_hints
from workers.duties.summaries import plan_summaries
from workers.duties.tables import check_indexes, vacuum_tables

ALONE = frozenset(
    {"retire_partitions", "purge", "vacuum_tables", "check_indexes", "audit_data", "refresh_reports", "plan_summaries"}
)


@dataclass(frozen=True, kw_only=True)
class Tools:
    """What duties need besides the database. `broker` connects when it is called; without a seal no head is signed."""

    broker: Callable[[], HintBroker]
    seal: Seal | None
    retire: RetireSettings


@dataclass(frozen=True, kw_only=True)
class ClockDuty:
    """A duty and its interval in seconds. `make` returns None when the settings for it are not there."""

    name: str
    seconds: float
    says: str
    make: Callable[[Tools], Duty | None]

    @property
    def alone(self) -> bool:
        """Return whether only one clock at a time carries it out: those that may take long."""
        return self.name in ALONE

    @property
    def interval(self) -> str:
        """Return the interval in words."""
        if self.seconds >= 60:
            return f"{self.seconds / 60:g} min"
        return f"{self.seconds:g} s"


def _plain(duty: Duty) -> Callable[[Tools], Duty]:
    return lambda _: duty


def _sign_heads(tools: Tools) -> Duty | None:
    return None if tools.seal is None else partial(sign_heads, tools.seal)


@cache
def all_duties() -> dict[str, ClockDuty]:
    """Return the duties by name, in the order of docs/upkeep.md."""
    listed: tuple[tuple[str, float, str, Callable[[Tools], Duty | None]], ...] = (
        ("resend_hints", 0.5, "send hints for due passes that have none", lambda t: partial(resend_hints, t.broker())),
        ("return_hints", 10, "put back the hints that dead workers had fetched", lambda t: partial(return_hints, t.broker())),
        ("free_leases", 1, "return passes whose lease expired to the queue", lambda _: RecoveryGrace().delay(free_leases)),
        ("send_row_hints", 0.5, "send hints for due deliveries", lambda t: partial(send_row_hints, t.broker())),
        ("free_row_leases", 1, "return deliveries whose lease expired to the queue", lambda _: RecoveryGrace().delay(free_row_leases)),
        ("look_back_at_canvas", 60, "look for hand-ins at Canvas that no event told", _plain(look_back_at_canvas)),
        ("count_waiting", 1, "count what waits, for the places in the queue", _plain(count_waiting)),
        ("fold_tallies", 5, "add what ended to the running totals", _plain(fold_tallies)),
        ("give_up_stalled", 60, "give up passes that failed for days", _plain(give_up_stalled)),
        ("close_finished", 10, "close versions that a fault left open", lambda _: LateCloser().close_finished),
        ("chain_audit", 1, "give new audit entries their place in the chain", _plain(chain_audit)),
        ("sign_heads", 3600, "sign where each audit chain ends (with ESSAYCOACH_AUDIT_HEADS)", _sign_heads),
        ("erase", 1, "delete the rows of erased people", _plain(erase)),
        ("delete_expired", 10, "delete what schools keep no longer, in steps", _plain(delete_expired)),
        ("delete_rubric_previews", 60, "delete rubric previews past their day", _plain(delete_rubric_previews)),
        ("make_partitions", 3600, "create the partitions of the coming months", _plain(make_partitions)),
        ("retire_partitions", 3600, "export and drop months that nobody needs", lambda t: partial(retire_partitions, t.retire)),
        ("purge", 3600, "delete rows past their published lifetime", _plain(purge)),
        ("vacuum_tables", 600, "vacuum tables with many dead rows, analyse partitioned ones", _plain(vacuum_tables)),
        ("check_indexes", 3600, "look for invalid, duplicate, missing and bloated indexes", _plain(check_indexes)),
        ("audit_data", 3600, "look for rows that contradict each other", _plain(audit_data)),
        ("refresh_reports", 15, "refresh what reports show, when that is due", _plain(refresh_reports)),
        ("plan_summaries", 900, "write down the weekly summaries that educators want", _plain(plan_summaries)),
    )  # fmt: skip
    return {name: ClockDuty(name=name, seconds=seconds, says=says, make=make) for name, seconds, says, make in listed}
