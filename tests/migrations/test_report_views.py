"""Test that events and report views survive the way back and forth."""

from __future__ import annotations

import pytest

from tests.migrations.test_runner import NAMES
from tests.support.report_views import refresh_all
from tests.support.servers import LOSE_ROWS, Database, migrate

NAME = "0049_report_views"


@pytest.mark.slow(reason="migrates a database of its own")
def test_events_that_an_older_release_does_not_know_stay_and_views_are_made_again(database: Database) -> None:
    steps = str(len(NAMES) - NAMES.index(NAME))
    refresh_all(database)
    database.sql(
        "do $$ begin set local session_replication_role = replica; "
        "insert into analytics (org_id, user_id, event) values (uuidv7(), uuidv7(), 'exported'); "
        "insert into reports (org_id, user_id, kind, parameters, data_as_of) values (uuidv7(), uuidv7(), 'usage', '{}', now()); end $$"
    )

    migrate(database.admin_url, "down", "--steps", steps, *LOSE_ROWS)

    assert database.sql("select event from analytics") == [("exported",)]
    assert database.sql("select count(*) from pg_matviews") == [(0,)]
    migrate(database.admin_url, "up")
    refresh_all(database)
    valid = "select convalidated from pg_constraint where conname = 'analytics_event_listed'"
    assert set(database.sql(valid)) == {(True,)}
