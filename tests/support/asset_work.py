"""A worker that fetches the documents of an LTI platform and sends reports about them, beside an app on the same database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any
from uuid import UUID

from models.jobs import RowHint, RowTable
from tests.lti.conftest import Platform
from tests.support.lms_work import make_lms_runner, read_open_passes, run_all
from tests.support.schools import connect_as
from tests.support.servers import Database
from workers.deliveries.runner import RowRunner


@contextmanager
def as_worker(database: Database) -> Iterator[None]:
    """Log this process in as a worker while the block runs."""
    connect_as("ec_worker", database)
    try:
        yield
    finally:
        connect_as("ec_ingest", database)


def tell(platform: Platform, *notices: dict[str, Any]) -> None:
    """Let the LMS send these notices."""
    answer = platform.api.client.post(f"/lti/notices/{platform.id}", json=platform.lms.batch(*notices))  # type: ignore[attr-defined]
    assert answer.json["accepted"] == len(notices), answer.text


def work(platform: Platform, table: RowTable) -> None:
    """Let a worker carry out what waits, as if it were due."""
    database = platform.api.database
    with as_worker(database):
        database.sql(f"update {table} set next_at = now() where state = 'queued' returning 1")
        run_all(_runner(), RowHint(org_id=platform.api.school.org, lane_id=UUID(platform.id), table=table))


@cache
def _runner() -> RowRunner:
    return make_lms_runner()


def take_in(platform: Platform, *notices: dict[str, Any]) -> tuple[Any, ...]:
    """Let the LMS tell and a worker fetch; return state, error and number of attempts of the newest arrival."""
    tell(platform, *notices)
    work(platform, RowTable.ARRIVALS)
    return newest(platform)


def newest(platform: Platform) -> tuple[Any, ...]:
    """Return state, error and number of attempts of the newest arrival."""
    [found] = platform.api.database.sql(
        "select state, error, attempt from arrivals where source_id = %s order by id desc limit 1", platform.id
    )
    return found


def give_feedback(platform: Platform) -> None:
    """End the open passes as a worker does, so that students may see the feedback, and send what goes back."""
    with as_worker(platform.api.database):
        read_open_passes(platform.api.database, platform.api.school.org)
    work(platform, RowTable.RETURNS)


def returned(platform: Platform) -> list[tuple[Any, ...]]:
    """Return state, error and external id of what went back."""
    return platform.api.database.sql(
        "select state, error, external_id from returns where source_id = %s order by id", platform.id
    )
