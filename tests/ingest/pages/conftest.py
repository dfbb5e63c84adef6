"""Fixtures for the tests of pages."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.ingest.conftest import ApiUnderTest
from tests.support.pages import PageReader

SignedIn = Callable[..., PageReader]


@pytest.fixture
def signed_in(shared_api: ApiUnderTest) -> SignedIn:
    """`signed_in("alice")` returns a browser in which this person is signed in."""

    def sign_in(name: str = "alice", *, of: str = "school") -> PageReader:
        reader = PageReader(shared_api.app)
        reader.sign_in(getattr(shared_api, of), name)
        assert reader.client.get_cookie("essaycoach") is not None
        return reader

    return sign_in
