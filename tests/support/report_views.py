"""Refresh what reports show, without a clock."""

from __future__ import annotations

from models.report_views import VIEWS
from tests.support.servers import Database


def refresh_all(database: Database) -> None:
    """Refresh every report view."""
    for name in VIEWS:
        database.sql("select refresh_report(%s)", name)
