"""Fixtures of deliveries to endpoints."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.deliveries import Hooked, hook
from tests.support.receiver import Receiver
from tests.support.schools import School


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Run the system that an endpoint leads to."""
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def hooked(school: School, receiver: Receiver) -> Hooked:
    """Give an endpoint of the school that leads there."""
    return hook(school, receiver.url)
