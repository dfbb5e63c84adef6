"""Fixtures of the Asset Processor: an LMS that has it, and that one school has connected."""

from __future__ import annotations

import pytest

from tests.lti.conftest import Platform
from tests.support.asset_platform import AssetPlatform


@pytest.fixture
def platform(asset_platform: Platform) -> Platform:
    """Give the connected LMS."""
    return asset_platform


@pytest.fixture
def lms(asset_platform: Platform) -> AssetPlatform:
    """Give what the LMS does by itself."""
    assert isinstance(asset_platform.lms, AssetPlatform)
    return asset_platform.lms
