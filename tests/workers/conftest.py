"""One database a file: cloning hundreds of files a test would take most of the time of these tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import count

import pytest
from conftest import TEMPLATE, Database, Servers, execute

from models import db

_numbers = count(1)


@pytest.fixture(scope="module")
def shared_database(servers: Servers) -> Iterator[Database]:
    """One clone for the whole file: cloning hundreds of files a test would take most of its time."""
    name = f"workers_{os.getpid()}_{next(_numbers)}"
    execute(servers.admin_url, f"create database {name} template {TEMPLATE}")
    yield Database(servers.url(name))
    execute(servers.admin_url, f"drop database {name} with (force)")


@pytest.fixture
def database(shared_database: Database) -> Iterator[Database]:
    """The file's database; every row a test leaves is gone before the next one."""
    yield shared_database
    db.database.close_idle()
    tables = shared_database.sql(
        "select relname from pg_class where relkind in ('r', 'p') and not relispartition"
        " and relnamespace = 'public'::regnamespace and relname !~ 'yoyo' and relname <> 'feedback_types'"
    )
    deletes = "".join(f"delete from {table};" for (table,) in tables)
    shared_database.sql(f"set session_replication_role = replica; {deletes}")
