"""Fixtures for the tests that walk through the running system with a browser."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.support.one_machine import Standalone, standalone
from tests.support.walker import browser


@pytest.fixture(scope="module")
def machine() -> Iterator[Standalone]:
    with standalone() as system:
        yield system


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as started:
        yield started
