"""Test that the last run of each duty is kept, with the last one that went well, and who may write it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from peewee import ProgrammingError

from models import duty_runs
from models.db import session

BEGAN = datetime(2026, 3, 1, tzinfo=UTC)


def test_keeps_the_last_run_and_when_the_last_good_one_ended(become):
    become("ec_clock")
    with session():
        duty_runs.record("purge", began=BEGAN, succeeded=True, found=7, detail={"tokens": 7})
    with session():
        (good,) = duty_runs.list_runs()
    assert (good.outcome, good.found, good.detail) == ("ok", 7, {"tokens": 7})
    assert good.started_at == BEGAN
    assert good.succeeded_at == good.ended_at
    with session():
        duty_runs.record("purge", began=BEGAN + timedelta(hours=1), succeeded=False)
    with session():
        (failed,) = duty_runs.list_runs()
    assert (failed.outcome, failed.found, failed.detail) == ("failed", 0, {})
    assert failed.succeeded_at == good.succeeded_at
    assert failed.ended_at > good.ended_at


def test_a_clock_that_ran_ahead_leaves_a_run_without_duration(become):
    become("ec_clock")
    with session():
        duty_runs.record("purge", began=datetime.now(UTC) + timedelta(days=1), succeeded=True)
    with session():
        (one,) = duty_runs.list_runs()
    assert one.started_at <= one.ended_at


@pytest.mark.parametrize("role", ["ec_ingest", "ec_monitor"])
def test_other_programs_write_no_runs(become, role):
    become(role)
    with pytest.raises(ProgrammingError, match="permission denied"), session():
        duty_runs.record("backup", began=BEGAN, succeeded=True)
