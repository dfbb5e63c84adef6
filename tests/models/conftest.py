"""One database a file instead of one a test: every test brings a school of its own, and most look at nothing else."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

import pytest
from conftest import TEMPLATE, Become, Database, School, Servers, execute, make_school

from models import db
from tests.models.scene import Scene, build

_numbers = count(1)


@contextmanager
def _cloned(servers: Servers) -> Iterator[Database]:
    name = f"models_{os.getpid()}_{next(_numbers)}"
    execute(servers.admin_url, f"create database {name} template {TEMPLATE}")
    yield Database(servers.url(name))
    db.database.close_idle()
    execute(servers.admin_url, f"drop database {name} with (force)")


@pytest.fixture(scope="module")
def database(servers: Servers) -> Iterator[Database]:
    with _cloned(servers) as cloned:
        yield cloned


@pytest.fixture
def school(become: Become) -> School:
    return make_school(f"school-{next(_numbers)}")


@pytest.fixture
def other_school(school: School) -> School:
    return make_school(f"school-{next(_numbers)}")


@pytest.fixture(scope="module")
def scene(database: Database) -> Scene:
    return build(database)
