"""Fixtures of Moodle: a site that one school has connected, and a worker for it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import Become
from tests.support.lms_work import Connected, make_lms_runner
from tests.support.moodle import MoodleSite, running_moodle
from tests.support.moodle_work import connect_moodle
from tests.support.schools import School
from workers.deliveries.runner import RowRunner


@pytest.fixture
def site() -> Iterator[MoodleSite]:
    """Run a Moodle site in which nothing was handed in."""
    with running_moodle() as running:
        yield running


@pytest.fixture
def connected(school: School, site: MoodleSite) -> Connected:
    """Give the school's connection to it."""
    return connect_moodle(school, site)


@pytest.fixture
def runner(connected: Connected, become: Become) -> RowRunner:
    """Give a worker, and be logged in as one."""
    become("ec_worker")
    return make_lms_runner()
