"""One database for each file of tests. Every test brings a school of its own, and most look at nothing else."""

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
    with cloned(servers) as own:
        yield own


@pytest.fixture
def school(become: Become) -> School:
    return make_school(f"school-{next(_numbers)}")


@pytest.fixture
def other_school(school: School) -> School:
    return make_school(f"school-{next(_numbers)}")


@pytest.fixture(scope="module")
def two_schools(database: Database) -> TwoSchools:
    return build(database)
