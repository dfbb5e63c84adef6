"""Stock Dramatiq as a system under test: its own PostgreSQL and Redis, its two programs, a proxy on each of their connections."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing, suppress
from dataclasses import replace
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit, urlunsplit

import psycopg2
import redis

from standalone.keys import remembered_port
from standalone.postgres import EmbeddedPostgres
from standalone.procfile import Command
from standalone.redis_server import RedisServer
from standalone.supervisor import Supervisor
from tests.chaos.proxy import Proxy
from tests.chaos.subject import Answer, Count
from tests.support.races import eventually
from tests.support.vendor import FakeVendor

ROOT = Path(__file__).resolve().parents[3]
START_SECONDS = 30.0
READY = "Worker process is ready for action."

SCHEMA = """
create table submissions (
    id bigint generated always as identity primary key,
    key text not null unique,
    text text not null,
    status text not null default 'received',
    enqueued_at timestamptz,
    finished_at timestamptz
);
-- No constraint forbids a second result or a second end, so that they can be counted.
create table results (
    submission bigint not null,
    name text not null,
    stop_reason text not null,
    body text not null,
    at timestamptz not null default clock_timestamp()
);
create index on results (submission, name);
create table finishes (
    submission bigint not null,
    at timestamptz not null default clock_timestamp()
);
create index on finishes (submission);
"""

# Keys with two submissions need no count: the column is unique.
DOUBLED = """
select (select count(*) from
           (select from results where submission = any(%s) group by submission, name having count(*) > 1) as results)
     + (select count(*) from
           (select from finishes where submission = any(%s) group by submission having count(*) > 1) as ends)
"""


class DurableRedis(RedisServer):
    """A Redis that writes each command to disk before it answers, so that it loses nothing when it is killed."""

    def command(self) -> Command:
        """Return the command that a supervisor runs."""
        command = super().command()
        argv = (*command.argv, "--dir", str(self._folder), "--appendonly", "yes", "--appendfsync", "always")
        return replace(command, argv=argv, before_start=self._prepare_folder)

    @property
    def _folder(self) -> Path:
        return self.home / "appended"

    def _prepare_folder(self) -> None:
        """Prepare a start, with the one folder that this server's account may write to."""
        self._prepare()
        self._folder.mkdir(exist_ok=True)
        if self._owner:
            os.chown(self._folder, self._owner.pw_uid, self._owner.pw_gid)


class StockDramatiq:
    """Stock Dramatiq as a `SystemUnderTest`, which runs inside `with StockDramatiq(vendor) as stock:`."""

    result_pattern = b"insert into results"
    accept_pattern = b"COMMIT"
    hint_pattern = b"actor_name"
    ack_pattern = b"ack"

    def __init__(self, vendor: FakeVendor) -> None:
        self.name = "stock Dramatiq"
        self.vendor = vendor
        self.proxies: Mapping[str, Proxy] = {}
        self.supervisor_log: list[str] = []  # which program died of what and was started again
        self._stack = ExitStack()
        self._killed: dict[str, int] = {}
        self._worker_starts_at_kill = 0

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            # Not in pytest's tmp_path: the account that runs PostgreSQL must be able to enter the folder.
            data_dir = Path(tempfile.mkdtemp(prefix="essaycoach-stock-"))
            stack.callback(shutil.rmtree, data_dir, ignore_errors=True)
            self._open_proxies(stack)
            self._supervisor = stack.enter_context(Supervisor(data_dir, say=self.supervisor_log.append))
            stack.callback(self._end_faults)
            self._start_servers(data_dir, stack=stack)
            self._start_programs(data_dir)
            for program in ("web", "worker"):
                self.wait_until_up(program, timeout_seconds=START_SECONDS)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def hand_in(self, key: str, *, text: str, timeout_seconds: float = 10.0) -> Answer:
        """Try once to hand in. Without a complete answer in time the status is 0."""
        started = time.monotonic()
        status, body = self._web(
            "POST", "/submissions", body=json.dumps({"key": key, "text": text}), timeout_seconds=timeout_seconds
        )
        submission = str(json.loads(body)["id"]) if status == 202 else None
        return Answer(status=status, submission=submission, seconds=time.monotonic() - started)

    def kill(self, program: str) -> None:
        """Kill the program's whole process group with SIGKILL. The supervisor starts it again."""
        pid = self._pid(program)
        if program == "worker":
            self._worker_starts_at_kill = self._worker_starts()
        self._killed[program] = pid
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
        eventually(
            lambda: self._supervisor.pids().get(program) != pid,
            within_seconds=START_SECONDS,
            what=f"death of {program}",
        )

    def signal(self, program: str, number: int) -> None:
        """Send this signal to the program's whole process group."""
        with suppress(ProcessLookupError):  # it has just died of something else
            os.killpg(self._pid(program), number)

    def wait_until_up(self, program: str, *, timeout_seconds: float = 30.0) -> None:
        """Wait until a new process of the program or server is ready. Raises AssertionError."""
        eventually(lambda: self._is_up(program), within_seconds=timeout_seconds, what=f"start of {program}")

    def redis(self) -> Any:
        """Return a client of Redis without a proxy."""
        return self._redis_client

    def sql(self, statement: str, *params: object) -> list[tuple[Any, ...]]:
        """Run a statement as the superuser, without a proxy, and return its rows."""
        with closing(psycopg2.connect(self._postgres.admin_url, connect_timeout=2)) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(statement, params or None)
                return cursor.fetchall() if cursor.description is not None else []

    @property
    def database_url(self) -> str:
        """Return the superuser's address of the database, without a proxy."""
        return self._postgres.admin_url

    def count(self, accepted: Mapping[str, str]) -> Count:
        """Return what the database holds of these accepted submissions. A lost one is not also counted as open.

        A submission is final when the callback of its group has run, even if that was too early, with fewer than three results.
        """
        ids = [int(submission) for submission in accepted.values()]
        present = {row[0] for row in self.sql("select id::text from submissions where id = any(%s)", ids)}
        finals = dict(
            self.sql(
                "select submission::text, extract(epoch from min(at))::float8 from finishes where submission = any(%s) group by 1",
                ids,
            )
        )
        ((done,),) = self.sql("select count(distinct (submission, name)) from results where submission = any(%s)", ids)
        complete = self.sql(
            "select submission::text from results where submission = any(%s) group by 1 having count(distinct name) = 3",
            ids,
        )
        ((doubled,),) = self.sql(DOUBLED, ids, ids)
        return Count(
            accepted=len(accepted),
            open=sum(submission in present and submission not in finals for submission in accepted.values()),
            lost=sum(submission not in present for submission in accepted.values()),
            doubled=doubled,
            passes_done=done,
            without_result=len(set(finals) - {submission for (submission,) in complete}),
            seconds_to_final=finals,
        )

    def _open_proxies(self, stack: ExitStack) -> None:
        """Open every proxy before the servers start. They close after the servers, so that programs can still stop through them."""
        targets: dict[str, Callable[[], int]] = {
            "web-postgres": lambda: self._postgres.port,
            "web-redis": lambda: self._redis.port,
            "worker-postgres": lambda: self._postgres.port,
            "worker-redis": lambda: self._redis.port,
            "worker-vendor": lambda: urlsplit(self.vendor.base_url).port or 0,
        }
        self.proxies = {name: stack.enter_context(_proxy(port)) for name, port in targets.items()}

    def _start_servers(self, data_dir: Path, *, stack: ExitStack) -> None:
        # The harness kills servers but never cuts the power of the machine, so nothing is lost without fsync.
        self._postgres = EmbeddedPostgres(data_dir, durable=False)
        self._postgres.start(self._supervisor)
        self._redis = DurableRedis(data_dir)
        self._redis.start(self._supervisor)
        self._redis_client = stack.enter_context(closing(redis.Redis.from_url(self._redis.url)))
        self.sql(SCHEMA)

    def _start_programs(self, data_dir: Path) -> None:
        self._web_port = remembered_port(data_dir / "web.port", may_change=True)
        # One process of 32 threads and 8 s to stop, like EssayCoach's worker on one machine.
        lines = {
            "web": f"gunicorn --bind 127.0.0.1:{self._web_port} --worker-class gthread --workers 1 --threads 8"
            " --no-control-socket --log-level warning tests.chaos.stock.app:app",
            "worker": "dramatiq tests.chaos.stock.tasks --processes 1 --threads 32 --worker-shutdown-timeout 8000",
        }
        for name, line in lines.items():
            program, *arguments = line.split()
            executable = Path(sys.executable).parent / program
            self._supervisor.start(
                Command(name=name, argv=(str(executable), *arguments), env=self._environment(name), cwd=data_dir)
            )

    def _environment(self, program: str) -> dict[str, str]:
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "PYTHONPATH": str(ROOT),
            "PYTHONUNBUFFERED": "1",
            "DATABASE_URL": _through(self.proxies[f"{program}-postgres"], url=self._postgres.admin_url),
            "REDIS_URL": _through(self.proxies[f"{program}-redis"], url=self._redis.url),
            "VENDOR_URL": _through(self.proxies["worker-vendor"], url=self.vendor.base_url),
        }

    def _end_faults(self) -> None:
        """End every fault that would keep a program from stopping."""
        for proxy in self.proxies.values():
            proxy.pass_on()
        for pid in self._supervisor.pids().values():
            with suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGCONT)

    def _pid(self, program: str) -> int:
        """Wait until the program runs and return its pid."""
        found: dict[str, int] = {}

        def runs() -> bool:
            found.update(self._supervisor.pids())
            return program in found

        eventually(runs, within_seconds=START_SECONDS, what=f"restart of {program}")
        return found[program]

    def _is_up(self, program: str) -> bool:
        pid = self._supervisor.pids().get(program)
        if pid is None or pid == self._killed.get(program):
            return False
        try:
            if program == "postgres":
                self.sql("select 1")
            elif program == "redis":
                self._redis_client.ping()
        except (psycopg2.Error, redis.RedisError):
            return False
        if program == "web":
            return self._web("GET", "/healthz", timeout_seconds=2.0)[0] == 200
        return program != "worker" or self._worker_starts() > self._worker_starts_at_kill

    def _worker_starts(self) -> int:
        """Return how often the worker has logged that it is ready."""
        log = self._supervisor.log_dir / "worker.log"
        return log.read_text(encoding="utf-8", errors="replace").count(READY)

    def _web(self, method: str, path: str, *, timeout_seconds: float, body: str | None = None) -> tuple[int, bytes]:
        """Return the status and the body of the answer, or status 0 when none came."""
        with closing(HTTPConnection("127.0.0.1", self._web_port, timeout=timeout_seconds)) as connection:
            try:
                connection.request(method, path, body=body, headers={"Content-Type": "application/json"})
                response = connection.getresponse()
                return response.status, response.read()
            except (OSError, HTTPException):
                return 0, b""


def _proxy(port: Callable[[], int]) -> Proxy:
    return Proxy(lambda: ("127.0.0.1", port()))


def _through(proxy: Proxy, *, url: str) -> str:
    """Return the address with the host and port of the proxy instead of its own."""
    parts = urlsplit(url)
    user, at, _ = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{user}{at}127.0.0.1:{proxy.port}"))
