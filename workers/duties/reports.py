"""Refresh the materialized views that reports read, one after the other, so that no transaction is longer than it must be."""

from __future__ import annotations

from functools import partial

from models import report_views
from models.db import session
from workers.duties.guard import isolated
from workers.duties.record import Counted

# Longer than the limit of the statement: the server ends it, not the client.
ANSWER_SECONDS = report_views.LONGEST_SECONDS + 5.0


def refresh_reports() -> int:
    """Refresh the views when that is due, and return how many were. The failure of one leaves the others."""
    with session():
        if not report_views.are_due():
            return 0
    took_ms = [isolated("refresh_reports", partial(_refresh, name))() for name in report_views.VIEWS]
    return Counted(sum(1 for one in took_ms if one), took_ms=sum(took_ms))


def _refresh(name: str) -> int:
    with session(answer_seconds=ANSWER_SECONDS):
        return max(1, report_views.refresh(name))
