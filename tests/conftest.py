"""Fixtures of all tests: real PostgreSQL and Redis, started once, and a school in a database of the test's own."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadFileScheduling

from models import db, log
from tests.support import rules_once
from tests.support.logs import kept_logging
from tests.support.patience import CONNECT_SECONDS, SHIPPED_CONNECT_SECONDS
from tests.support.schools import (
    INDEX_KEY,
    JWT_SECRET,
    MASTER_KEY,
    PEPPER,
    ROUNDS,
    School,
    connect_as,
    load_keys,
    make_school,
)
from tests.support.servers import Database, Servers, cloned, run_servers

Become = Callable[..., None]
Report = Callable[[str], None]
_reported: list[str] = []

# An example that a busy machine stopped for a moment is neither a failure nor a slow one.
settings.register_profile("busy machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy machine")

# Each test connects, and PostgreSQL on a machine that stands still for a second is not away.
db.CONNECT_SECONDS = CONNECT_SECONDS

# The files that take longest, by their own measure, begin first, so that the workers end together.
LONGEST = (
    "tests/chaos/test_chaos.py",
    "tests/workers/providers/local/",
    "tests/ingest/submissions/test_waiting.py",
    "tests/ingest/web/test_openapi.py",
    "tests/workers/job/",
    "tests/workers/test_clock.py",
    "tests/system/",
    "tests/ingest/pages/test_school_sign_in.py",
    "tests/ingest/test_route_access.py",
    "tests/ingest/pages/test_desk_decisions.py",
    "tests/models/test_sudden_backlog.py",
    "tests/models/test_job_model.py",
    "tests/ingest/submissions/test_clients.py",
    "tests/ingest/submissions/test_failed_passes.py",
    "tests/ingest/admin/test_roster_exports.py",
    "tests/ingest/admin/test_contract.py",
)


# What loads the local engine, which takes 600 MB.
LOCAL_ENGINE = (
    "tests/workers/providers/local/",
    "tests/workers/providers/test_ensemble.py",
    "tests/workers/job/",
    "tests/workers/revisions/",
    "tests/workers/privacy/",
    "tests/workers/commands/test_compare.py",
    "tests/workers/test_clock.py",
)


class ByFile(LoadFileScheduling):
    """Give each worker whole files, so that a file's fixtures are built once. One worker alone loads the local engine."""

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.split("::", 1)[0]
        return "local engine" if path.startswith(LOCAL_ENGINE) else path


def pytest_configure(config: pytest.Config) -> None:
    """Make apps quickly, and measure no coverage in the programs that slow tests start: it would make them miss their limits."""
    rules_once.compile_once()
    if config.option.markexpr == "slow" and hasattr(config, "workerinput"):
        os.environ.pop("COVERAGE_PROCESS_CONFIG", None)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByFile:
    config.option.loadscopereorder = False  # keep the order of the collection below
    return ByFile(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    rank = {path: place for place, path in enumerate(LONGEST)}
    items.sort(key=lambda item: next((rank[one] for one in LONGEST if item.nodeid.startswith(one)), len(LONGEST)))


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    with run_servers() as started:
        yield started


@pytest.fixture
def database(servers: Servers) -> Iterator[Database]:
    with cloned(servers) as own:
        yield own


@pytest.fixture
def admin_url(database: Database) -> str:
    return database.admin_url


@pytest.fixture
def role_url(database: Database) -> Callable[[str], str]:
    return database.role_url


@pytest.fixture
def report() -> Report:
    """`report("0 of 1,000")` puts a figure a test counted into the summary of the run."""
    return _reported.append


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if _reported:
        terminalreporter.section("counted")
        for line in _reported:
            terminalreporter.line(line)


@pytest.fixture
def become(database: Database) -> Iterator[Become]:
    """`become("ec_worker")` lets this process's pool log in as that program from now on."""
    load_keys()

    def connect(role: str, *, pool_size: int = 12) -> None:
        connect_as(role, database, pool_size=pool_size)

    connect("ec_ingest")
    yield connect
    db.database.close_idle()


@pytest.fixture
def connects_as_shipped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let pools that are made in this test give up a silent server as soon as those of the programs do."""
    monkeypatch.setattr(db, "CONNECT_SECONDS", SHIPPED_CONNECT_SECONDS)


@pytest.fixture
def school(become: Become) -> School:
    return make_school("northside")


@pytest.fixture
def other_school(school: School) -> School:
    return make_school("southside")


@pytest.fixture
def program_env(database: Database, servers: Servers, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """`program_env("ec_ingest")` sets the environment a program of that role starts with."""

    def set_environment(role: str) -> None:
        values = {
            "DATABASE_URL": database.role_url(role), "REDIS_URL": servers.redis_url_for(role),
            "ESSAYCOACH_MASTER_KEYS": f"k1:{MASTER_KEY}", "ESSAYCOACH_INDEX_KEY": INDEX_KEY,
            "ESSAYCOACH_JWT_SECRET": JWT_SECRET, "ESSAYCOACH_API_KEY_PEPPER": PEPPER,
            "ESSAYCOACH_PASSWORD_ROUNDS": str(ROUNDS),
        }  # fmt: skip
        for name, value in values.items():
            monkeypatch.setenv(name, value)

    return set_environment


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """Give the log lines of our programs as pytest's `caplog`."""
    root = logging.getLogger()
    with kept_logging():
        handlers = root.handlers[:]
        log.set_up("tester")
        root.handlers[:] = handlers
        yield caplog
    structlog.contextvars.clear_contextvars()
