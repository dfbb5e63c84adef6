"""What an org spends with paid providers: noted when a call ends, and added up per day by the clock."""

from __future__ import annotations

from models.db import row

FREE = "local"


def fold(*, limit: int) -> int:
    """Add up to `limit` ended calls to the ledger and to what their authors cost; return how many. Call it as the clock."""
    found = row("select fold_ledger(%s) as folded", (limit,))
    return int(found["folded"]) if found else 0


def spent_this_month() -> int:
    """Return what the acting org's calls of this month (UTC) cost in micro-dollars. Call it as ec_admin or as the worker."""
    found = row("select spent_this_month() as spent")
    return int(found["spent"]) if found else 0
