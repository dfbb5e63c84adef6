"""Let apps of tests wait longer for PostgreSQL, Redis, locks and other servers than in production, or as long as there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import redis

from ingest.accounts import openid
from ingest.web import key_sets, rate_limits
from models import broker, db
from outgoing import lti
from tests.support.patience import CONNECT_SECONDS, SHIPPED_CONNECT_SECONDS
from tests.support.servers import Database

# Of the programs' own limits a busy machine reaches some now and then, and a request is then refused that a test wants answered.
PATIENT = {"ESSAYCOACH_POOL_WAIT_SECONDS": "60", "ESSAYCOACH_ANSWER_SECONDS": "60"}
_OWN_POOL = broker.connection_pool


def _patient_pool(url: str, **_: float) -> redis.ConnectionPool:
    return redis.ConnectionPool.from_url(url, socket_connect_timeout=60, socket_timeout=60, health_check_interval=30)


def wait_for_servers(patch: pytest.MonkeyPatch, *, patient: bool) -> None:
    """Let the next app of this process wait for PostgreSQL and Redis as long as a busy machine needs, or as in production."""
    patch.setattr(db, "CONNECT_SECONDS", CONNECT_SECONDS if patient else SHIPPED_CONNECT_SECONDS)
    if patient:  # also with servers of the tests that stand for an LMS or a sign-in provider
        patch.setattr(openid, "SECONDS", 60.0)
        patch.setattr(lti, "CALL_SECONDS", 60.0)
        patch.setattr(key_sets, "PATIENCE_SECONDS", 60.0)
    for module in (broker, rate_limits):
        patch.setattr(module, "connection_pool", _patient_pool if patient else _OWN_POOL)


def let_wait(database: Database, *, for_locks: str = "60s") -> None:
    """Let the programs wait so long for a lock, over connections that they open from now on."""
    for role in ("ec_ingest", "ec_worker"):
        database.sql(f"alter role {role} in database {database.name} set lock_timeout = '{for_locks}'")
    db.database.close_idle()


@contextmanager
def short_lock_waits(database: Database) -> Iterator[None]:
    """Let the programs give up soon what waits for a lock, while the block runs."""
    let_wait(database, for_locks="200ms")
    try:
        yield
    finally:
        let_wait(database)
