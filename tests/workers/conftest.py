"""Fixtures for the worker tests: one database for each test file, because cloning one for each test is slow."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from models import db
from models.broker import HintBroker, make_broker
from tests.support.servers import Database, Servers, cloned


@pytest.fixture(scope="module")
def shared_database(servers: Servers) -> Iterator[Database]:
    """Give one cloned database to all tests of a file."""
    with cloned(servers) as shared:
        yield shared


@pytest.fixture
def broker(servers: Servers) -> Iterator[HintBroker]:
    """Give a connection to Redis in which there is nothing, and leave nothing there."""
    broker = make_broker(servers.redis_url)
    broker.client.flushdb()
    yield broker
    broker.client.flushdb()
    broker.close()
    broker.client.connection_pool.disconnect()


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> Callable[[], str]:
    """`said()` returns what was logged since the last call, wherever it went.

    Where another test has set logging up, the lines go to its handlers, else to standard output.
    """

    def read() -> str:
        printed = capfd.readouterr()
        logged = "".join(f"{record.getMessage()} {record.__dict__}" for record in caplog.records)
        caplog.clear()
        return printed.out + printed.err + logged

    return read


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
