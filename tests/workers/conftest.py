"""One database for each file of tests: cloning hundreds of files a test would take most of the time."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from models import db
from tests.support.servers import Database, Servers, cloned


@pytest.fixture(scope="module")
def shared_database(servers: Servers) -> Iterator[Database]:
    with cloned(servers) as shared:
        yield shared


@pytest.fixture
def database(shared_database: Database) -> Iterator[Database]:
    """Yield the file's database, and delete every row that the test left."""
    yield shared_database
    db.database.close_idle()
    tables = shared_database.sql(
        "select relname from pg_class where relkind in ('r', 'p') and not relispartition"
        " and relnamespace = 'public'::regnamespace and relname !~ 'yoyo' and relname <> 'feedback_types'"
    )
    deletes = "".join(f"delete from {table};" for (table,) in tables)
    shared_database.sql(f"set session_replication_role = replica; {deletes}")
