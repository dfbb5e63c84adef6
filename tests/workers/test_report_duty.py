"""Test that the clock refreshes what reports show when it is due, and that the failure of one view leaves the others."""

from __future__ import annotations

import pytest

from models.report_views import VIEWS
from tests.conftest import Become
from tests.support.schools import School, hand_in
from tests.support.servers import Database
from workers.duties.record import RecordedDuty
from workers.duties.reports import refresh_reports


@pytest.fixture
def clock(school: School, become: Become) -> None:
    hand_in(school)
    become("ec_clock")


def test_first_run_fills_every_view_and_the_next_one_waits(clock: None, database: Database) -> None:
    assert [refresh_reports(), refresh_reports()] == [len(VIEWS), 0]
    assert database.sql("select count(*) from report_progress") == [(1,)]
    assert database.sql("select count(*), bool_and(took_ms >= 0) from report_refreshes") == [(len(VIEWS), True)]
    database.sql("update report_refreshes set refreshed_at = now() - interval '6 min' returning 1")
    assert refresh_reports() == len(VIEWS)


def test_a_view_that_fails_leaves_the_others_and_the_duty_is_recorded_as_failed(
    clock: None, database: Database
) -> None:
    database.sql("alter materialized view report_types rename to report_types_away")
    try:
        assert RecordedDuty("refresh_reports", refresh_reports)() == len(VIEWS) - 1
    finally:
        database.sql("alter materialized view report_types_away rename to report_types")
    assert database.sql("select outcome from duty_runs where name = 'refresh_reports'") == [("failed",)]
    assert ("report_types",) not in database.sql("select name from report_refreshes")
