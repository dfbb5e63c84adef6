"""The materialized views that reports read: how old they are, when they are due, and their refresh.

Each is read through filtered views: `<name>_of_org` as ec_admin, `<name>_of_courses` as ec_educator (migration 0049).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from models.db import row, rows, run

VIEWS = (
    "report_submissions", "report_comments", "report_types", "report_progress", "report_criteria", "report_costs",
    "report_decisions", "report_passes",
)  # fmt: skip
# The views are refreshed one after the other, not more often than this, and for at most a tenth of the time.
LEAST_SECONDS = 300
REST_FACTOR = 10
# A refresh reads whole tables; it may take longer than the clock's other statements.
LONGEST_SECONDS = 600


@dataclass(frozen=True, kw_only=True)
class Refreshed:
    """When a view was refreshed, and how many milliseconds that took."""

    name: str
    refreshed_at: datetime
    took_ms: int


def list_refreshes() -> list[Refreshed]:
    """Return the last refresh of each view that was refreshed, oldest first."""
    found = rows("select name, refreshed_at, took_ms from report_refreshes order by refreshed_at, name")
    return [Refreshed(**one) for one in found]


def are_due() -> bool:
    """Return whether the views should be refreshed: ten times as long after the last round as that round took."""
    found = row(
        """
        select coalesce(
            max(refreshed_at) + greatest(make_interval(secs => %s), %s * sum(took_ms) * interval '1 millisecond') <= now(), true
        ) as due
        from report_refreshes
        """,
        (LEAST_SECONDS, REST_FACTOR),
    )
    return bool(found and found["due"])


def refresh(name: str) -> int:
    """Refresh one of VIEWS and return how many milliseconds it took. Its readers wait for nothing. Call it as the clock."""
    run("select set_config('statement_timeout', %s, true)", (str(LONGEST_SECONDS * 1000),))
    found = row("select refresh_report(%s) as took_ms", (name,))
    return int(found["took_ms"]) if found else 0
