"""Test that the embedded PostgreSQL keeps its data and port when its processes are stopped or killed."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import psycopg2
import pytest

from standalone.postgres import EmbeddedPostgres
from standalone.supervisor import Supervisor
from tests.support.processes import is_alive
from tests.support.races import eventually


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """A data directory whose name has spaces."""
    # Not tmp_path: pytest closes its folders to other accounts, and for root PostgreSQL runs under another account.
    path = Path(tempfile.mkdtemp(prefix="essaycoach with spaces "))
    yield path
    shutil.rmtree(path)


@pytest.fixture
def supervisor(data_dir: Path) -> Iterator[Supervisor]:
    """A running supervisor that reports nothing."""
    with Supervisor(data_dir, say=lambda line: None) as running:
        yield running


@pytest.fixture
def postgres(data_dir: Path, supervisor: Supervisor) -> EmbeddedPostgres:
    """A running PostgreSQL."""
    server = EmbeddedPostgres(data_dir, durable=False)
    server.start(supervisor)
    return server


@pytest.mark.slow(reason="starts PostgreSQL again and again")
def test_data_and_port_are_the_same_after_a_restart(data_dir: Path) -> None:
    with Supervisor(data_dir) as supervisor:
        first = EmbeddedPostgres(data_dir)
        first.start(supervisor)
        _query(first.admin_url, "create table kept as select 42 as answer")
    with Supervisor(data_dir) as supervisor:
        second = EmbeddedPostgres(data_dir)
        second.start(supervisor)
        assert second.admin_url == first.admin_url
        assert _query(second.admin_url, "select answer from kept") == [(42,)]


@pytest.mark.slow(reason="starts PostgreSQL again and again")
def test_killed_postgres_restarts_on_same_port_with_committed_data(
    postgres: EmbeddedPostgres, supervisor: Supervisor
) -> None:
    _query(postgres.admin_url, "create table kept as select 42 as answer")
    killed = supervisor.pids()["postgres"]
    assert os.getpgid(killed) == killed
    os.killpg(killed, signal.SIGKILL)
    eventually(lambda: supervisor.pids().get("postgres", killed) != killed)
    postgres.ready(60)
    assert _query(postgres.admin_url, "select answer from kept") == [(42,)]


@pytest.mark.slow(reason="starts PostgreSQL again and again")
def test_busy_backend_of_a_dead_server_does_not_block_the_restart(
    postgres: EmbeddedPostgres, supervisor: Supervisor
) -> None:
    busy = psycopg2.connect(postgres.admin_url)
    backend = busy.info.backend_pid

    def compute() -> None:
        with pytest.raises(psycopg2.OperationalError), busy.cursor() as cursor:
            cursor.execute("do $$ declare n bigint := 0; begin loop n := n + 1; end loop; end $$")

    thread = threading.Thread(target=compute)
    thread.start()
    running = f"select 1 from pg_stat_activity where pid = {backend} and state = 'active'"
    eventually(lambda: bool(_query(postgres.admin_url, running)))
    killed = supervisor.pids()["postgres"]
    os.kill(killed, signal.SIGKILL)
    eventually(lambda: supervisor.pids().get("postgres", killed) != killed)
    postgres.ready(60)
    assert not is_alive(backend)
    thread.join(timeout=60)
    busy.close()


@pytest.mark.slow(reason="starts PostgreSQL again and again")
def test_stale_pid_file_with_a_reused_pid_does_not_block_the_start(
    postgres: EmbeddedPostgres, supervisor: Supervisor
) -> None:
    supervisor.stop_one("postgres")
    (postgres.cluster / "postmaster.pid").write_text(f"{os.getppid()}\n{postgres.cluster}\n0\n{postgres.port}\n")
    postgres.start(supervisor)


@pytest.mark.slow(reason="starts PostgreSQL again and again")
def test_port_taken_by_another_program_is_replaced_at_the_next_start(
    postgres: EmbeddedPostgres, supervisor: Supervisor
) -> None:
    taken = postgres.port
    supervisor.stop_one("postgres")
    with socket.create_server(("127.0.0.1", taken)):
        postgres.start(supervisor)
        assert postgres.port != taken
        assert _query(postgres.admin_url, "select 1") == [(1,)]


@pytest.mark.slow(reason="starts PostgreSQL again and again")
def test_stop_leaves_no_postgres_process_even_with_connected_clients(
    postgres: EmbeddedPostgres, supervisor: Supervisor
) -> None:
    with closing(psycopg2.connect(postgres.admin_url)) as connection:
        leader = psutil.Process(supervisor.pids()["postgres"])
        family = [leader.pid, connection.info.backend_pid, *(child.pid for child in leader.children(recursive=True))]
        assert len(family) > 5
        supervisor.stop()
        assert not [pid for pid in family if is_alive(pid)]


def test_postgres_needs_a_password_and_its_folder_is_private(postgres: EmbeddedPostgres) -> None:
    address = postgres.admin_url.replace(":" + postgres.admin_url.split(":")[2].split("@")[0] + "@", ":wrong@")
    with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
        psycopg2.connect(address)
    assert postgres.cluster.stat().st_mode & 0o777 == 0o700
    assert (postgres.data_dir / "keys" / "postgres_superuser").stat().st_mode & 0o777 == 0o600
    assert not (postgres.data_dir / "postgres.password").exists()


def test_postgres_has_the_settings_that_the_application_expects(postgres: EmbeddedPostgres) -> None:
    expected = {
        "data_checksums": "on",
        "server_encoding": "UTF8",
        "TimeZone": "UTC",
        "max_connections": "100",
        "listen_addresses": "127.0.0.1",
        "password_encryption": "scram-sha-256",
        "shared_preload_libraries": "pg_stat_statements",
    }
    assert {name: _query(postgres.admin_url, f"show {name}")[0][0] for name in expected} == expected
    locale = "select datlocprovider, datlocale from pg_database where datname = 'essaycoach'"
    assert _query(postgres.admin_url, locale) == [("b", "C.UTF-8")]
    assert _query(postgres.admin_url, "select uuidv7() is not null, lower('ÄÖ')") == [(True, "äö")]


def test_failed_statement_leaves_no_value_in_the_postgres_log(postgres: EmbeddedPostgres) -> None:
    with pytest.raises(psycopg2.Error):
        _query(postgres.admin_url, "select 'my secret essay'::int")
    log = postgres.data_dir / "log" / "postgres.log"
    assert "ready to accept connections" in log.read_text()
    assert "my secret essay" not in log.read_text()


def _query(url: str, sql: str) -> list[tuple[object, ...]]:
    with closing(psycopg2.connect(url)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchall() if cursor.description else []
