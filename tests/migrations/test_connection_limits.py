"""Test that no program takes the connections of the others, and that the monitor connects when all others are in use."""

from __future__ import annotations

from contextlib import ExitStack, closing

import psycopg2
import pytest

from migrations.prepare import CONNECTION_SHARES, LEAST_CONNECTIONS
from tests.support.servers import Database, Servers, execute


def test_each_role_has_its_share_as_its_limit_and_the_sum_fits(database: Database):
    limits = dict(
        database.sql(
            "select rolname::text, rolconnlimit from pg_roles where rolname = any(%s)", list(CONNECTION_SHARES)
        )
    )

    # 100 connections, 3 for superusers, 3 reserved.
    assert limits == {"ec_ingest": 42, "ec_worker": 18, "ec_clock": 18, "ec_monitor": 4, "ec_backup": 4}
    assert sum(LEAST_CONNECTIONS.values()) <= sum(limits.values()) <= 94


def test_flood_of_one_program_leaves_the_others_theirs(database: Database):
    with ExitStack() as stack:
        with pytest.raises(psycopg2.OperationalError, match='too many connections for role "ec_ingest"'):
            for _ in range(100):
                stack.enter_context(closing(psycopg2.connect(database.role_url("ec_ingest"))))
        assert execute(database.role_url("ec_worker"), "select 1") == [(1,)]


def test_monitor_connects_when_every_other_connection_is_in_use(servers: Servers, database: Database):
    """An operator's own program, which no limit binds, has taken all of them."""
    database.sql("create role greedy login password 'greedy-in-tests'")
    url = database.role_url("ec_ingest").replace("ec_ingest:only-in-tests", "greedy:greedy-in-tests")
    try:
        with ExitStack() as stack:
            with pytest.raises(psycopg2.OperationalError, match="remaining connection slots are reserved"):
                for _ in range(100):
                    stack.enter_context(closing(psycopg2.connect(url)))
            with pytest.raises(psycopg2.OperationalError, match="remaining connection slots are reserved"):
                psycopg2.connect(database.role_url("ec_ingest"))
            assert execute(database.role_url("ec_monitor"), "select 1") == [(1,)]
    finally:
        execute(servers.admin_url, "drop role greedy")
