"""Keep tables and indexes in shape: VACUUM and ANALYZE where they are due, and a report about indexes."""

from __future__ import annotations

from collections.abc import Callable

from models import db, index_report, vacuum
from models.db import session
from models.errors import DatabaseBusy
from models.index_report import IndexFinding
from models.log import logger
from workers.duties.record import Counted

log = logger(__name__)


def vacuum_tables() -> int:
    """Vacuum the tables with many dead rows, and analyse the partitioned tables. Return how many tables were treated."""
    with session():
        due = vacuum.list_due()
    if due:
        with db.maintenance() as execute:
            for one in due:
                execute(one.statement)
    parents = sum(one.is_parent for one in due)
    return Counted(len(due), vacuumed=len(due) - parents, analysed=parents, dead_rows=sum(one.dead_rows for one in due))


def check_indexes() -> int:
    """Log how many indexes are invalid, duplicate, missing or bloated. Return how many; the report prints which."""
    return count_findings(list_findings())


def list_findings() -> list[IndexFinding]:
    """Return the findings about indexes, for the report and the duty."""
    with session():
        return index_report.list_findings()


def count_findings(findings: list[IndexFinding]) -> Counted:
    """Return the number of faults, with the number of each kind of finding."""
    counts = {kind: sum(one.kind == kind for one in findings) for kind in (*index_report.FAULTS, "unused", "scanned")}
    faults = sum(counts[kind] for kind in index_report.FAULTS)
    if faults:
        log.warning("indexes need a look", **{kind: counts[kind] for kind in index_report.FAULTS})
    return Counted(faults, **counts)


def mend(findings: list[IndexFinding]) -> list[tuple[IndexFinding, str]]:
    """Reindex what is invalid or bloated, one after the other; return each with "done" or the reason why not."""
    wanted = [one for one in findings if one.kind in index_report.MENDABLE and one.statement.startswith("reindex")]
    if not wanted:
        return []
    with db.maintenance() as execute:
        return [(one, _reindex(execute, one)) for one in wanted]


def _reindex(execute: Callable[[str], None], one: IndexFinding) -> str:
    try:
        execute(one.statement)
    except DatabaseBusy:
        return "its table is busy, or it takes longer than the clock may: run the statement as ec_owner"
    return "done"
