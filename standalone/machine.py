"""Run everything on one machine: servers, schema, demo org, and every line of the Procfile."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from models import settings
from models.secret_settings import is_given, variables_of
from standalone.keys import InstanceKeys, instance_keys, password_variables, url_for
from standalone.postgres import EmbeddedPostgres
from standalone.procfile import Command, procfile_command, read_procfile
from standalone.redis_server import RedisServer
from standalone.seed import seed
from standalone.supervisor import Supervisor

ROOT = Path(__file__).resolve().parent.parent
ROLES = {"web": "ec_ingest", "worker": "ec_worker", "clock": "ec_clock", "metrics": "ec_monitor"}
START_SECONDS = 60.0


class StartError(Exception):
    """The machine cannot start; the message gives the reason and what to do."""


class Machine:
    """Everything on one machine, running from `start` until the `with` block ends.

    With `archive`, the embedded PostgreSQL's log is archived in that folder (docs/backups.md). Raises SettingsError when
    DATABASE_URL or REDIS_URL is set and cannot be used.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        port: int = 8000,
        metrics_port: int = 9108,
        echo: IO[str] | None = None,
        tell: Callable[[str], None] = lambda _: None,
        extra_env: dict[str, str] | None = None,
        archive: Path | None = None,
    ) -> None:
        self.data_dir = data_dir.resolve()
        self.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.port = port or free_port()
        self.metrics_port = metrics_port or free_port()
        self.keys: InstanceKeys = instance_keys(self.data_dir)
        self.supervisor = Supervisor(self.data_dir, echo=echo)
        self.database_url = settings.database_url() if is_given("DATABASE_URL") else ""
        self.redis_url = settings.redis_url() if is_given("REDIS_URL") else ""
        self._redis: RedisServer | None = None
        self.demo: dict[str, Any] = {}
        self._report = tell
        self._extra_env = extra_env or {}
        self._archive = archive.resolve() if archive else None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.supervisor.stop()

    def start(self) -> None:
        """Start every program and wait until /readyz answers. Raises StartError."""
        for port in (self.port, self.metrics_port):
            _require_free_port(port)
        self._start_servers()
        self._report("migrating the schema")
        self._migrate()
        self._report("making the demo org")
        self.demo = seed(self.url_for("ec_ingest"), keys=self.keys, data_dir=self.data_dir)
        metrics_dir = self.data_dir / "metrics"
        shutil.rmtree(metrics_dir, ignore_errors=True)
        metrics_dir.mkdir(mode=0o700)
        self._report("starting the programs of the Procfile")
        for name, text in read_procfile(ROOT / "Procfile").items():
            self.supervisor.start(procfile_command(name, text=text, env=self.environment(name), cwd=ROOT))
        self._wait_until_ready()

    def description(self) -> dict[str, Any]:
        """Return the object that `up --json` prints: how to reach everything."""
        return {
            "ingest": f"http://127.0.0.1:{self.port}",
            "metrics": f"http://127.0.0.1:{self.metrics_port}/metrics",
            "database_url": self.database_url,
            "redis_url": self.redis_url,
            "pids": self.supervisor.pids(),
            **self.demo,
        }

    def url_for(self, role: str) -> str:
        """Return the database URL for the log-in role of one program."""
        return url_for(self.database_url, role, self.keys)

    def redis_url_for(self, user: str) -> str:
        """Return the Redis URL for the user of one program. A Redis that REDIS_URL names has one URL for all of them."""
        return self._redis.url_for(user) if self._redis else self.redis_url

    def environment(self, name: str) -> dict[str, str]:
        """Return the environment of a program: its own database log-in and only the secrets that it needs."""
        shared = {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
            "PYTHONUNBUFFERED": "1",
            "DATABASE_URL": self.url_for(ROLES.get(name, "ec_ingest")),
            "REDIS_URL": self.redis_url_for(ROLES.get(name, "ec_ingest")),
        }
        keys = {
            "ESSAYCOACH_MASTER_KEYS": f"k1:{self.keys.master_key}",
            "ESSAYCOACH_INDEX_KEY": self.keys.blind_index_key,
        }
        specific = {
            "web": {
                **keys,
                "PORT": str(self.port),
                "ESSAYCOACH_JWT_SECRET": self.keys.jwt_secret,
                "ESSAYCOACH_API_KEY_PEPPER": self.keys.api_key_pepper,
                "PROMETHEUS_MULTIPROC_DIR": str(self.data_dir / "metrics"),
            },
            # Shorter than the ten seconds that the supervisor gives a program to stop.
            "worker": {"WORKER_DRAIN_MS": "8000", **keys},
            "clock": {
                "ESSAYCOACH_AUDIT_KEY": self.keys.audit_key,
                "ESSAYCOACH_AUDIT_HEADS": str(self.data_dir / "audit_heads.jsonl"),
            },
            "metrics": {
                "ESSAYCOACH_METRICS_PORT": str(self.metrics_port),
                "ESSAYCOACH_WEB_URL": f"http://127.0.0.1:{self.port}",
                "PROMETHEUS_MULTIPROC_DIR": str(self.data_dir / "metrics"),
                "ESSAYCOACH_DATA_DIR": str(self.data_dir),
            },
        }
        reaching = {
            "ESSAYCOACH_MAIL": f"file:{self.data_dir / 'mail'}",
            "ESSAYCOACH_PUBLIC_URL": f"http://localhost:{self.port}",
        }
        if name in ("web", "worker"):
            specific[name] |= {variable: value for variable, value in reaching.items() if not is_given(variable)}
        if not is_given("ESSAYCOACH_OUTGOING_NETWORKS"):
            # Whoever tries this out runs the other programs on this machine too.
            shared["ESSAYCOACH_OUTGOING_NETWORKS"] = "127.0.0.0/8, ::1/128"
        own = {**shared, **specific.get(name, {}), **self._extra_env}
        hidden = set() if name not in ("web", "clock", "metrics") else {*variables_of("ANTHROPIC_API_KEY")}
        # What is given here must not come by a file or a command of this process's environment as well.
        for secret in ("DATABASE_URL", "REDIS_URL", *specific.get(name, {})):
            hidden |= {variable for variable in variables_of(secret) if variable != secret}
        return {variable: value for variable, value in own.items() if variable not in hidden}

    def _start_servers(self) -> None:
        """Start the embedded PostgreSQL and Redis, except where DATABASE_URL or REDIS_URL names an existing server."""
        if not self.database_url:
            self._report("starting PostgreSQL")
            spool = self.data_dir / "spool" if self._archive else None
            postgres = EmbeddedPostgres(self.data_dir, archive=spool)
            postgres.start(self.supervisor)
            self._start_archive(spool)
            self.database_url = postgres.admin_url
        if not self.redis_url:
            self._report("starting Redis")
            self._redis = RedisServer(self.data_dir)
            self._redis.start(self.supervisor)
            self.redis_url = self._redis.url

    def _start_archive(self, spool: Path | None) -> None:
        """Start the program that moves the server's log from the spool into the archive."""
        if spool is None or self._archive is None:
            return
        self._archive.mkdir(mode=0o700, parents=True, exist_ok=True)
        argv = (
            sys.executable,
            "-m",
            "workers.backups.wal",
            "collect",
            "--from",
            str(spool),
            "--to",
            str(self._archive),
        )
        self.supervisor.start(Command(name="wal", argv=argv, env={**os.environ, "PYTHONPATH": str(ROOT)}, cwd=ROOT))

    def _migrate(self) -> None:
        """Apply the missing migrations and set the passwords of the roles; raises StartError when that fails."""
        passwords = password_variables(self.keys)
        elsewhere = {variable for name in ("DATABASE_URL", *passwords) for variable in variables_of(name)}
        own = {variable: value for variable, value in os.environ.items() if variable not in elsewhere}
        result = subprocess.run(
            [sys.executable, "-m", "migrations", "up"],
            env={**own, **passwords, "DATABASE_URL": self.database_url},
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        if result.returncode != 0:
            raise StartError(f"The schema could not be migrated:\n{result.stderr.strip()}")

    def _wait_until_ready(self) -> None:
        """Wait until the API and the metrics page answer; raises StartError after START_SECONDS."""
        deadline = time.monotonic() + START_SECONDS
        addresses = [f"http://127.0.0.1:{self.port}/readyz", f"http://127.0.0.1:{self.metrics_port}/metrics"]
        while addresses:
            try:
                with urllib.request.urlopen(addresses[0], timeout=5):  # noqa: S310 - an http:// address of this project
                    addresses.pop(0)
            except (urllib.error.URLError, OSError):
                if time.monotonic() > deadline:
                    raise StartError(
                        f"{addresses[0]} did not answer. The programs' logs are in {self.data_dir / 'log'}."
                    ) from None
                time.sleep(0.1)


def free_port() -> int:
    """Return a port that is free on 127.0.0.1."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _require_free_port(port: int) -> None:
    """Raise StartError when the port is taken on 127.0.0.1."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            raise StartError(
                f"Port {port} is taken by another program. Choose others: "
                ".venv/bin/python -m standalone up --port 8001 --metrics-port 9109 (0: any free)."
            ) from None
