"""Fixtures for the worker tests: one database for each test file, because cloning one for each test is slow."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from models import db
from tests.support.servers import Database, Servers, cloned


@pytest.fixture(scope="module")
def shared_database(servers: Servers) -> Iterator[Database]:
    """Give one cloned database to all tests of a file."""
    with cloned(servers) as shared:
        yield shared


@pytest.fixture
def database(shared_database: Database) -> Iterator[Database]:
    """Give the database of the file and delete every row after the test."""
    yield shared_database
    db.database.close_idle()
    tables = shared_database.sql(
        "select relname from pg_class where relkind in ('r', 'p') and not relispartition"
        " and relnamespace = 'public'::regnamespace and relname !~ 'yoyo' and relname <> 'feedback_types'"
    )
    deletes = "".join(f"delete from {table};" for (table,) in tables)
    shared_database.sql(f"set session_replication_role = replica; {deletes}")
