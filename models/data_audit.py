"""The audit of data quality: each check finds rows that contradict each other although every constraint holds.

The queries are in migration 0037, because they look across schools: what leaves the database is a number and some ids.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal
from uuid import UUID

from models.db import row, rows

RECENT = timedelta(days=2)
SLICE = timedelta(days=1)
FOREVER = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, kw_only=True)
class Check:
    """One check. An error is a fault of ours or of the disk; a warning can be left over by normal work.

    `windowed`: it looks at the rows of a span of time; the others look at all rows, over an index that holds only the open ones.
    `audit_chain` looks at 25 orgs, of others each hour, and at all of them when the window begins at FOREVER.
    """

    name: str
    says: str
    severity: Literal["error", "warning"] = "error"
    windowed: bool = True


CHECKS = (
    Check(name="default_partitions", says="rows in a default partition: a month was missing", windowed=False),
    Check(name="missing_partitions", says="no partition for this month or one of the next two", windowed=False),
    Check(name="open_versions", says="versions open for 10 minutes without a pass that could end them"),
    Check(name="closed_versions", says="versions with a final status and an open pass"),
    Check(name="overdue_leases", says="running passes whose lease ended 5 minutes ago", windowed=False),
    Check(name="unhinted_passes", says="passes due for 10 minutes that no worker was told of", windowed=False),
    Check(name="uncounted_work", says="ended passes and calls that no total counts", windowed=False),
    Check(name="essays_disagree", says="essays whose number or newest version is not that of their versions"),
    Check(name="passes_disagree", says="passes of another version, author or course than they say"),
    Check(name="comments_disagree", says="comments of another essay, author or course than their version"),
    Check(name="orphan_reviews", says="decisions, reactions and review items about a comment that is not there"),
    Check(name="review_lists_disagree", says="review items that do not show the newest decision"),
    Check(name="orphan_predecessors", says="comments carried over from a comment that is not there"),
    Check(name="orphan_deliveries", says="raw deliveries of a version that is not there", severity="warning"),
    Check(name="orphan_events", says="usage events of an essay that is not there", severity="warning"),
    Check(name="orphan_answers", says="stored answers of a caller that is not there", severity="warning"),
    Check(name="orphan_rubrics", says="passes made with a rubric that is not there"),
    Check(name="ledger_disagrees", says="days on which the ledger has less than the calls add up to"),
    Check(name="totals_disagree", says="running totals that count fewer calls than there are"),
    Check(name="author_costs_disagree", says="authors whose share of this month is less than their calls"),
    Check(name="people_without_key", says="people whose key is missing: nothing they wrote can be read"),
    Check(name="overdue_erasures", says="erasures that were asked for more than a day ago", windowed=False),
    Check(name="overdue_retention", says="retentions that are two days late", windowed=False),
    Check(name="expired_rows", says="rows that the purge should have deleted a day ago", windowed=False),
    Check(name="unchained_entries", says="audit entries of 5 minutes ago without a place in the chain", windowed=False),
    Check(name="audit_chain", says="the last 200 audit entries of an org do not follow from each other", windowed=False),
)  # fmt: skip
# What `clean_orphans` may delete: rows that say nothing without what they refer to.
CLEANABLE = ("orphan_events", "orphan_deliveries")


@dataclass(frozen=True, kw_only=True)
class Window:
    """The span of time in which the rows were made that a check looks at."""

    since: datetime
    until: datetime


@dataclass(frozen=True, kw_only=True)
class Found:
    """How many faults a check found, and up to 20 ids of the rows (for the report only, never for logs)."""

    count: int
    ids: tuple[str, ...]


def history_begins() -> datetime | None:
    """Return when the oldest row was made. Call it as the clock or as the worker."""
    found = row("select history_begins() as begins")
    return found["begins"] if found else None


def slices(*, begins: datetime, now: datetime) -> int:
    """Return how many slices of a day the history before the last two days has."""
    return max(0, -((begins - (now - RECENT)) // SLICE))


def slice_of(*, begins: datetime, now: datetime, number: int) -> Window:
    """Return one slice of the history."""
    since = begins + number * SLICE
    return Window(since=since, until=min(since + SLICE, now - RECENT))


def recent(now: datetime) -> Window:
    """Return the window of the last two days."""
    return Window(since=now - RECENT, until=now)


def find(check: Check, window: Window) -> Found:
    """Return what one check finds. Call it as the clock or as the worker."""
    found = row("select amount, ids from find_faults(%s, %s, %s)", (check.name, window.since, window.until))
    return Found(count=int(found["amount"]), ids=tuple(found["ids"])) if found else Found(count=0, ids=())


def sample_versions(window: Window, *, most: int) -> list[tuple[UUID, UUID]]:
    """Return up to `most` versions of the window, picked by chance, each with its org. Call it as the worker."""
    found = rows("select org_id, submission_id from sample_versions(%s, %s, %s)", (window.since, window.until, most))
    return [(one["org_id"], one["submission_id"]) for one in found]


def delete_orphans(check: str, window: Window, *, limit: int) -> int:
    """Delete up to `limit` orphans that this check of CLEANABLE finds, with audit entries; return how many. Call it as the clock."""
    found = row("select delete_orphans(%s, %s, %s, %s) as deleted", (check, window.since, window.until, limit))
    return int(found["deleted"]) if found else 0
