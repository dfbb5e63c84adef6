"""The embedded PostgreSQL keeps its data and its port, whatever happens to its processes."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import psycopg2
import pytest

from standalone.postgres import EmbeddedPostgres
from standalone.supervisor import Supervisor
from tests.support import races

eventually = partial(races.eventually, within_seconds=15)


@pytest.fixture
def data_dir() -> Iterator[Path]:
    # Not tmp_path: pytest closes its folders to other accounts, and under root PostgreSQL runs as another account.
    path = Path(tempfile.mkdtemp(prefix="essaycoach with spaces "))
    yield path
    shutil.rmtree(path)


@pytest.fixture
def supervisor(data_dir: Path) -> Iterator[Supervisor]:
    with Supervisor(data_dir, say=lambda line: None) as running:
        yield running


@pytest.fixture
def postgres(data_dir: Path, supervisor: Supervisor) -> EmbeddedPostgres:
    server = EmbeddedPostgres(data_dir, durable=False)
    server.start(supervisor)
    return server


@pytest.mark.slow(reason="starts PostgreSQL again and again")
def test_data_and_port_are_the_same_after_a_stop_and_a_start(data_dir: Path) -> None:
    with Supervisor(data_dir) as supervisor:
        first = EmbeddedPostgres(data_dir)
        first.start(supervisor)
        _ask(first.admin_url, "create table kept as select 42 as answer")
    with Supervisor(data_dir) as supervisor:
        second = EmbeddedPostgres(data_dir)
        second.start(supervisor)
        assert second.admin_url == first.admin_url
        assert _ask(second.admin_url, "select answer from kept") == [(42,)]


@pytest.mark.slow(reason="starts PostgreSQL again and again")
def test_a_killed_server_is_back_on_the_same_port_with_everything_that_was_committed(
    postgres: EmbeddedPostgres, supervisor: Supervisor
) -> None:
    _ask(postgres.admin_url, "create table kept as select 42 as answer")
    killed = supervisor.pids()["postgres"]
    assert os.getpgid(killed) == killed
    os.killpg(killed, signal.SIGKILL)
    eventually(lambda: supervisor.pids().get("postgres", killed) != killed)
    postgres.ready(15)
    assert _ask(postgres.admin_url, "select answer from kept") == [(42,)]


@pytest.mark.slow(reason="starts PostgreSQL again and again")
def test_a_backend_too_busy_to_notice_that_its_server_died_does_not_keep_the_next_one_from_starting(
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
    eventually(lambda: bool(_ask(postgres.admin_url, running)))
    killed = supervisor.pids()["postgres"]
    os.kill(killed, signal.SIGKILL)
    eventually(lambda: supervisor.pids().get("postgres", killed) != killed)
    postgres.ready(15)
    assert not _lives(backend)
    thread.join(timeout=10)
    busy.close()


@pytest.mark.slow(reason="starts PostgreSQL again and again")
def test_the_pid_file_of_a_dead_server_whose_pid_now_belongs_to_another_program_is_no_obstacle(
    postgres: EmbeddedPostgres, supervisor: Supervisor
) -> None:
    supervisor.stop_one("postgres")
    (postgres.cluster / "postmaster.pid").write_text(f"{os.getppid()}\n{postgres.cluster}\n0\n{postgres.port}\n")
    postgres.start(supervisor)


@pytest.mark.slow(reason="starts PostgreSQL again and again")
def test_a_port_that_somebody_else_has_taken_is_replaced_at_the_next_start(
    postgres: EmbeddedPostgres, supervisor: Supervisor
) -> None:
    taken = postgres.port
    supervisor.stop_one("postgres")
    with socket.create_server(("127.0.0.1", taken)):
        postgres.start(supervisor)
        assert postgres.port != taken
        assert _ask(postgres.admin_url, "select 1") == [(1,)]


@pytest.mark.slow(reason="starts PostgreSQL again and again")
def test_nothing_of_the_server_is_left_after_a_stop_even_with_clients_connected(
    postgres: EmbeddedPostgres, supervisor: Supervisor
) -> None:
    with closing(psycopg2.connect(postgres.admin_url)) as connection:
        leader = psutil.Process(supervisor.pids()["postgres"])
        family = [leader.pid, connection.info.backend_pid, *(child.pid for child in leader.children(recursive=True))]
        assert len(family) > 5
        supervisor.stop()
        assert not [pid for pid in family if _lives(pid)]


def test_nobody_comes_in_without_the_password_and_the_cluster_is_closed_to_others(postgres: EmbeddedPostgres) -> None:
    address = postgres.admin_url.replace(":" + postgres.admin_url.split(":")[2].split("@")[0] + "@", ":wrong@")
    with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
        psycopg2.connect(address)
    assert postgres.cluster.stat().st_mode & 0o777 == 0o700
    assert (postgres.data_dir / "keys" / "postgres_superuser").stat().st_mode & 0o777 == 0o600
    assert not (postgres.data_dir / "postgres.password").exists()


def test_the_server_is_set_up_as_the_application_expects(postgres: EmbeddedPostgres) -> None:
    expected = {
        "data_checksums": "on",
        "server_encoding": "UTF8",
        "TimeZone": "UTC",
        "max_connections": "100",
        "listen_addresses": "127.0.0.1",
        "password_encryption": "scram-sha-256",
        "shared_preload_libraries": "pg_stat_statements",
    }
    assert {name: _ask(postgres.admin_url, f"show {name}")[0][0] for name in expected} == expected
    locale = "select datlocprovider, datlocale from pg_database where datname = 'essaycoach'"
    assert _ask(postgres.admin_url, locale) == [("b", "C.UTF-8")]
    assert _ask(postgres.admin_url, "select uuidv7() is not null, lower('ÄÖ')") == [(True, "äö")]


def test_an_error_leaves_no_text_of_a_row_in_the_log(postgres: EmbeddedPostgres) -> None:
    with pytest.raises(psycopg2.Error):
        _ask(postgres.admin_url, "select 'my secret essay'::int")
    log = postgres.data_dir / "log" / "postgres.log"
    assert "ready to accept connections" in log.read_text()
    assert "my secret essay" not in log.read_text()


def _ask(url: str, sql: str) -> list[tuple[object, ...]]:
    with closing(psycopg2.connect(url)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchall() if cursor.description else []


def _lives(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
