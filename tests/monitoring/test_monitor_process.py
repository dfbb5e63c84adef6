"""Test the monitor process: it starts and answers in time with servers down, and stops on a signal."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time

import pytest

from tests.support.ports import free_port
from tests.support.races import eventually
from tests.support.servers import ROOT


def test_monitor_serves_all_metrics_when_all_servers_run(start_monitor, role_url, servers, request_counts):
    monitor = start_monitor(
        DATABASE_URL=role_url("ec_monitor"),
        REDIS_URL=servers.redis_url_for("ec_monitor"),
        PROMETHEUS_MULTIPROC_DIR=str(request_counts),
    )

    def all_answer() -> bool:
        seen = monitor.scrape()
        return {seen.one("pg_up"), seen.one("redis_up"), *(one.value for one in seen.all("essaycoach_probe_up"))} == {1}

    eventually(all_answer, what="an answer of every probe in time")
    before = sorted(request_counts.iterdir())
    monitor.scrape()
    assert sorted(request_counts.iterdir()) == before, "the monitor only reads"


def test_monitor_starts_and_serves_while_postgresql_and_redis_are_down(start_monitor):
    monitor = start_monitor(
        DATABASE_URL=f"postgresql://ec_monitor@127.0.0.1:{free_port()}/nothing",
        REDIS_URL=f"redis://127.0.0.1:{free_port()}/0",
    )
    seen = monitor.scrape()
    assert seen.one("pg_up") == seen.one("redis_up") == 0
    assert seen.one("essaycoach_probe_up", probe="tables") == 0
    assert not seen.all("essaycoach_queue_depth")
    assert not seen.all("essaycoach_redis_usable"), "RedisDown says it"


@pytest.mark.slow(reason="waits for time limits")
def test_servers_that_never_answer_do_not_delay_a_scrape(start_monitor):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        monitor = start_monitor(
            DATABASE_URL=f"postgresql://ec_monitor@127.0.0.1:{port}/nothing", REDIS_URL=f"redis://127.0.0.1:{port}/0"
        )
        monitor.scrape()
        for _ in range(2):
            started = time.monotonic()
            seen = monitor.scrape()
            assert time.monotonic() - started < 4
            assert seen.one("pg_up") == seen.one("redis_up") == 0


@pytest.mark.slow(reason="starts the monitor")
def test_monitor_sees_a_database_that_comes_back(start_monitor, servers, role_url, database):
    monitor = start_monitor(DATABASE_URL=role_url("ec_monitor"), REDIS_URL=servers.redis_url_for("ec_monitor"))
    assert monitor.scrape().one("pg_up") == 1
    database.sql("alter role ec_monitor nologin")
    try:
        database.sql(
            "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'ec_monitor' and datname = current_database()"
        )
        assert monitor.scrape().one("pg_up") == 0
    finally:
        database.sql("alter role ec_monitor login")
    assert monitor.scrape().one("pg_up") == 1


@pytest.mark.slow(reason="starts the monitor")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_monitor_ends_cleanly_on_sigterm_and_sigint(start_monitor, role_url, servers, number):
    monitor = start_monitor(DATABASE_URL=role_url("ec_monitor"), REDIS_URL=servers.redis_url_for("ec_monitor"))
    monitor.scrape()
    monitor.process.send_signal(number)
    assert monitor.process.wait(timeout=5) == 0


@pytest.mark.slow(reason="waits for time limits")
def test_monitor_ends_cleanly_while_a_probe_hangs(start_monitor):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        monitor = start_monitor(
            DATABASE_URL=f"postgresql://ec_monitor@127.0.0.1:{port}/nothing", REDIS_URL=f"redis://127.0.0.1:{port}/0"
        )
        monitor.scrape()
        monitor.process.send_signal(signal.SIGTERM)
        assert monitor.process.wait(timeout=5) == 0


@pytest.mark.slow(reason="starts a program for each setting")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", ""),
        ("REDIS_URL", ""),
        ("ESSAYCOACH_METRICS_PORT", "many"),
        ("ESSAYCOACH_METRICS_PORT", "65536"),
        ("DATABASE_URL", "mysql://x/"),
        ("ESSAYCOACH_WEB_URL", "http://good.example,web:8000"),
    ],
)
def test_invalid_setting_stops_the_monitor_and_is_named(name, value):
    settings = {"DATABASE_URL": "postgresql://x@127.0.0.1/x", "REDIS_URL": "redis://127.0.0.1/0", name: value}
    done = _run(**settings)
    assert done.returncode == 1
    assert name in done.stderr
    assert "Traceback" not in done.stderr


def test_taken_port_stops_the_monitor_with_a_reason():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = _run(
            DATABASE_URL="postgresql://x@127.0.0.1/x", REDIS_URL="redis://127.0.0.1/0",
            ESSAYCOACH_METRICS_PORT=str(taken.getsockname()[1]),
        )  # fmt: skip
    assert done.returncode == 1
    assert "monitoring: " in done.stderr


def test_help_names_every_variable():
    shown = _run("--help").stdout
    for name in (
        "DATABASE_URL",
        "REDIS_URL",
        "ESSAYCOACH_METRICS_PORT",
        "ESSAYCOACH_METRICS_HOST",
        "ESSAYCOACH_WEB_URL",
        "PROMETHEUS_MULTIPROC_DIR",
        "ESSAYCOACH_DATA_DIR",
        "ESSAYCOACH_RUNBOOK_URL",
    ):
        assert name in shown


def _run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "monitoring", *arguments], env={**os.environ, **environment}, cwd=ROOT, capture_output=True,
        text=True, timeout=60, check=False,
    )  # fmt: skip
