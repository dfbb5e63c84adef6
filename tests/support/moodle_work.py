"""A school with a Moodle site, and looks at it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from models import moodle_sites
from models.jobs import RowTable
from tests.support.lms_work import Connected, make_due
from tests.support.moodle import TOKEN, MoodleSite
from tests.support.schools import School, session_of
from tests.support.servers import Database
from workers.deliveries.runner import RowRunner

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
NOON = int(datetime(2026, 11, 29, 12, tzinfo=UTC).timestamp())


def connect_moodle(school: School, site: MoodleSite, **settings: Any) -> Connected:
    """Let the school's admin add the site. The process must be logged in as ec_ingest."""
    with session_of(school, "ada"):
        source, _ = moodle_sites.add_site(
            "Moodle", org=school.org, site=site.url, token=TOKEN, **{"begins_at": LONG_AGO, **settings}
        )
    return Connected(school, source)


def look(connected: Connected, runner: RowRunner, database: Database) -> None:
    """Let a worker look at the site now and fetch what it finds."""
    make_due(database)
    for table in (RowTable.MOODLE_SITES, RowTable.ARRIVALS):
        runner.run(connected.hint(table))
