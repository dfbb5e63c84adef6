"""Fixtures of the tests of models: one database for each test file, and a school for each test."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import pytest

from tests.conftest import Become
from tests.support.schools import School, make_school
from tests.support.servers import Database, Servers, cloned
from tests.support.two_schools import TwoSchools, build

_numbers = count(1)


@pytest.fixture(scope="module")
def database(servers: Servers) -> Iterator[Database]:
    """A migrated database that all tests of one file share."""
    with cloned(servers) as own:
        yield own


@pytest.fixture
def school(become: Become) -> School:
    """A new school in the shared database. The process is logged in as ingest."""
    return make_school(f"school-{next(_numbers)}")


@pytest.fixture
def other_school(school: School) -> School:
    """A second new school in the same database."""
    return make_school(f"school-{next(_numbers)}")


@pytest.fixture(scope="module")
def two_schools(database: Database) -> TwoSchools:
    """Two schools with rows in every table, which all tests of one file share."""
    return build(database)
