"""Fixtures for the tests of LMSs: a Moodle site, and the token's view of it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from ipaddress import ip_network

import pytest

from outgoing.client import Client
from tests.support.moodle import TOKEN, MoodleSite, running_moodle
from workers.lms.moodle import Moodle

HERE = (ip_network("127.0.0.0/8"),)


@pytest.fixture
def site() -> Iterator[MoodleSite]:
    """Run a Moodle site."""
    with running_moodle() as running:
        yield running


@pytest.fixture
def moodle(site: MoodleSite) -> Moodle:
    """Give the token's view of that site."""
    return Moodle(client=Client(allowed=HERE), site=site.url, token=TOKEN)


@pytest.fixture
def real_moodle() -> Moodle:
    """Give the view of a real site, where one is named."""
    url, token = os.environ.get("ESSAYCOACH_TEST_MOODLE_URL"), os.environ.get("ESSAYCOACH_TEST_MOODLE_TOKEN")
    if not url or not token:
        pytest.skip("ESSAYCOACH_TEST_MOODLE_URL and ESSAYCOACH_TEST_MOODLE_TOKEN name no real Moodle")
    return Moodle(client=Client(allowed=HERE), site=url.rstrip("/"), token=token)
