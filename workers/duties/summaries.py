"""Write down the weekly summaries of the week that is over. Workers send them, because they have the keys of addresses."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from models import weekly_summaries
from models.db import session

# Readers in one transaction: each has a few courses, and each course a few reads of summed-up figures.
STEP = 100


def plan_summaries() -> int:
    """Write down the summaries of last week (Monday to Sunday, UTC) that are missing, and return how many."""
    week, planned = last_week(), 0
    while True:
        with session():
            step = weekly_summaries.plan(week, limit=STEP)
        planned += step
        if step < STEP:
            return planned


def last_week() -> date:
    """Return the Monday of the week that is over."""
    today = datetime.now(UTC).date()
    return today - timedelta(days=today.weekday() + 7)
