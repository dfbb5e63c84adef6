"""Fixtures of Canvas: a site that one school has connected, and a worker for it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import Become
from tests.support.canvas import CanvasSite, running_canvas
from tests.support.canvas_work import ConnectedCanvas, connect_canvas
from tests.support.lms_work import make_lms_runner
from tests.support.schools import School
from workers.deliveries.runner import RowRunner


@pytest.fixture(scope="module")
def running() -> Iterator[CanvasSite]:
    """Run a Canvas for a whole file."""
    with running_canvas() as site:
        yield site


@pytest.fixture
def site(running: CanvasSite) -> CanvasSite:
    """Give a Canvas in which nothing was handed in."""
    running.reset()
    return running


@pytest.fixture
def connected(school: School, site: CanvasSite) -> ConnectedCanvas:
    """Give the school's connection to it."""
    return connect_canvas(school, site)


@pytest.fixture
def runner(connected: ConnectedCanvas, become: Become) -> RowRunner:
    """Give a worker, and be logged in as one."""
    become("ec_worker")
    return make_lms_runner()
