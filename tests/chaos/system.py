"""EssayCoach as the system under test: the programs of the Procfile behind proxies, with a fake provider that follows a script."""

from __future__ import annotations

import json
import os
import shutil
import signal
import tempfile
import time
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID, uuid4

import psycopg2
import redis
from standardwebhooks import Webhook

from models.broker import make_broker
from models.jobs import Hint, Queue
from standalone.machine import ROOT, Machine
from standalone.procfile import procfile_command, read_procfile
from tests.chaos.lms import post
from tests.chaos.proxy import Proxy
from tests.chaos.subject import Answer, Count
from tests.support.ports import free_port
from tests.support.races import eventually
from tests.support.vendor import FakeVendor

PROGRAMS = ("web", "worker", "clock")
SITE = Path(__file__).parent / "site"
FINAL = ("completed", "partial", "failed", "superseded", "cancelled")


class _ProxiedMachine(Machine):
    """The one-machine set-up, with programs that reach their servers through proxies."""

    def __init__(self, data_dir: Path, *, proxies: Mapping[str, Proxy], env: Mapping[str, str]) -> None:
        super().__init__(data_dir, port=free_port(), metrics_port=free_port())
        self._proxies = proxies
        self._chaos_env = env

    def environment(self, name: str) -> dict[str, str]:
        """Return the environment of a program, or of its second copy (`worker2`)."""
        program = name.rstrip("2")
        found = {**super().environment(program), **self._chaos_env, "PYTHONPATH": os.fspath(SITE)}
        if program in PROGRAMS:
            found["DATABASE_URL"] = _through(found["DATABASE_URL"], self._proxies[f"{program}-postgres"])
            found["REDIS_URL"] = _through(found["REDIS_URL"], self._proxies[f"{program}-redis"])
        return found


class EssayCoach:
    """The real programs, which run until the `with` block ends."""

    name = "EssayCoach"
    result_pattern = b"state = 'done'"
    accept_pattern = b"update idempotency_keys"
    hint_pattern = b"run_pass"
    ack_pattern = b"ack"

    def __init__(
        self,
        vendor: FakeVendor,
        *,
        lease_seconds: float,
        pause_seconds: float,
        on_disk: Path | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self.vendor = vendor
        self.lease_seconds = lease_seconds
        # Not in pytest's tmp_path: the account that runs PostgreSQL must be able to enter the folder.
        self._data_dir = Path(tempfile.mkdtemp(prefix="essaycoach-chaos-", dir=on_disk))
        self._targets: dict[str, tuple[str, int]] = {}
        self.proxies = {
            f"{program}-{server}": Proxy(lambda server=server: self._targets[server])  # type: ignore[misc]
            for program in PROGRAMS
            for server in ("postgres", "redis")
        }
        self.proxies["worker-vendor"] = Proxy(_address(vendor.base_url))
        self.proxies["lms-web"] = Proxy(lambda: self._targets["web"])
        env = {
            "ANTHROPIC_API_KEY": "sk-ant-chaos",
            "ANTHROPIC_BASE_URL": f"http://127.0.0.1:{self.proxies['worker-vendor'].port}",
            "ESSAYCOACH_LEASE_SECONDS": str(lease_seconds),
            "ESSAYCOACH_PAUSE_SECONDS": str(pause_seconds),
            "ESSAYCOACH_PROVIDER_TIMEOUT_SECONDS": "3",
            "ESSAYCOACH_MESSAGE_LIMIT_SECONDS": "15",
            "ESSAYCOACH_RATE_LIMIT": "1000000/minute",
            "WEB_PROCESSES": "1",
            "WORKER_THREADS": "16",
            **(settings or {}),
        }
        self.machine = _ProxiedMachine(self._data_dir / "data", proxies=self.proxies, env=env)
        self.erased: set[str] = set()
        self._second_port = 0

    def __enter__(self) -> Self:
        machine = self.machine
        machine._start_servers()
        self._targets.update(postgres=_address(machine.database_url), redis=_address(machine.redis_url))
        machine.start()
        self._targets["web"] = ("127.0.0.1", machine.port)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for proxy in self.proxies.values():
            proxy.pass_on()
        self.machine.supervisor.stop()
        for proxy in self.proxies.values():
            proxy.close()
        shutil.rmtree(self._data_dir, ignore_errors=True)

    # The methods of SystemUnderTest.

    def hand_in(self, key: str, *, text: str, timeout_seconds: float = 10.0) -> Answer:
        """Try once to hand in. `key` identifies the essay and its student."""
        body = {"title": "Phones", "text": text, "external_id": key, "student": {"external_id": f"sis-{key}"}}
        headers = {"Authorization": f"Bearer {self.machine.demo['api_key']}", "Idempotency-Key": key}
        return post(f"{self.address}/v1/submissions", body, headers=headers, timeout_seconds=timeout_seconds)

    def kill(self, program: str) -> None:
        """Kill the program's whole process group with SIGKILL. The supervisor starts it again."""
        pids = self.machine.supervisor.pids
        pid = pids()[program]
        self.signal(program, signal.SIGKILL)
        eventually(lambda: pids().get(program) != pid, what=f"the end of {program}")

    def signal(self, program: str, number: int) -> None:
        """Send this signal to the program's whole process group."""
        os.killpg(self.machine.supervisor.pids()[program], number)

    def wait_until_up(self, program: str, *, timeout_seconds: float = 30.0) -> None:
        """Wait until a program or server that was killed serves again."""
        eventually(lambda: self._serves(program), what=f"{program}'s return", within_seconds=timeout_seconds)

    def redis(self) -> redis.Redis:
        """Return a client of Redis without a proxy."""
        return redis.Redis.from_url(self.machine.redis_url)

    def sql(self, statement: str, *params: object) -> list[tuple[Any, ...]]:
        """Run a statement as the superuser, without a proxy, and return its rows."""
        connection = psycopg2.connect(self.database_url)
        connection.autocommit = True
        try:
            with connection.cursor() as cursor:
                cursor.execute(statement, params or None)
                return cursor.fetchall() if cursor.description is not None else []
        finally:
            connection.close()

    def count(self, accepted: Mapping[str, str]) -> Count:
        """Return what the database holds of these accepted submissions. Those of erased authors are left out."""
        expected = {key: submission for key, submission in accepted.items() if submission not in self.erased}
        rows = self.sql(
            """
            select s.id::text, s.completed_at is null, extract(epoch from s.completed_at)::float8, s.status = any (%s),
                s.status in ('partial', 'failed')
            from submissions as s where s.id = any (%s::uuid[])
            """,
            list(FINAL), list(expected.values()),
        )  # fmt: skip
        ((keys_doubled,),) = self.sql(
            "select count(*) from (select 1 from submissions where external_id = any (%s) group by external_id having count(*) > 1) as d",
            list(expected),
        )
        # A pass that is done must have exactly as many comments as its row says, any other pass none.
        passes = self.sql(
            """
            select p.state, coalesce(p.comments, 0), count(f.id) from passes as p
            left join feedback as f on f.submission_id = p.submission_id and f.pass = p.name
            where p.submission_id = any (%s::uuid[]) group by p.id
            """,
            list(expected.values()),
        )
        return Count(
            accepted=len(expected),
            open=sum(1 for row in rows if row[1] or not row[3]),
            lost=len(set(expected.values()) - {row[0] for row in rows}),
            doubled=keys_doubled + sum(1 for _, stated, found in passes if stated != found),
            passes_done=sum(1 for state, _, _ in passes if state == "done"),
            without_result=sum(1 for row in rows if row[4]),
            seconds_to_final={row[0]: row[2] for row in rows if row[2] is not None},
        )

    # What only EssayCoach can do.

    @property
    def database_url(self) -> str:
        """Return the superuser's address of the database, without a proxy."""
        return self.machine.database_url

    @property
    def address(self) -> str:
        """Return the address of the API for an LMS: a proxy in the place of a load balancer."""
        return f"http://127.0.0.1:{self.proxies['lms-web'].port}"

    def deliver(self, key: str, *, text: str, event_id: str) -> Answer:
        """Try once to hand in by signed webhook."""
        now = datetime.now(UTC)
        data = {"title": "Phones", "text": text, "external_id": key, "student": {"external_id": f"sis-{key}"}}
        event = json.dumps({"type": "submission.created", "timestamp": "2026-01-01T00:00:00Z", "data": data})
        source = self.machine.demo["source"]
        headers = {
            "webhook-id": event_id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": Webhook(source["secret"]).sign(event_id, now, event),
        }
        return post(f"{self.address}/v1/webhooks/{source['id']}", event.encode(), headers=headers, timeout_seconds=10)

    def add_endpoint(self, url: str) -> str:
        """Let the admin add an endpoint for the events of versions, and return its id."""
        who = {"org": self.machine.demo["org"], **self.machine.demo["admin"]}
        token = self._ask("/v1/auth/login", who)["access_token"]
        wanted = {"name": "LMS", "url": url, "events": ["feedback.ready", "submission.failed"]}
        return str(self._ask("/v1/endpoints", wanted, token=token)["id"])

    def _ask(self, path: str, body: Mapping[str, Any], *, token: str = "") -> dict[str, Any]:
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
        request = urllib.request.Request(f"{self.address}{path}", json.dumps(body).encode(), headers)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return dict(json.load(answer))

    def start(self, name: str, **env: str) -> int:
        """Start a program, or a second copy of one (`worker2`), with `env` added to its environment. Return its pid."""
        text = read_procfile(ROOT / "Procfile")[name.rstrip("2")]
        command = procfile_command(name, text=text, env={**self.machine.environment(name), **env}, cwd=ROOT)
        return self.machine.supervisor.start(command)

    def stop(self, name: str) -> None:
        """Stop a program for good, after it has finished what it had begun."""
        self.machine.supervisor.stop_one(name)

    def restart(self, name: str, **env: str) -> None:
        """Stop a program, start it with `env` added to its environment, and wait until it serves."""
        self.stop(name)
        self.start(name, **env)
        self.wait_until_up(name)

    def point_lms_at(self, port: int) -> None:
        """Send new connections of the LMS to this port, as a load balancer would."""
        self._targets["web"] = ("127.0.0.1", port)

    def erase_author(self, submission: str) -> None:
        """Delete the author of a submission with everything of theirs."""
        self.erased.add(submission)
        self.sql("delete from users where id = (select user_id from submissions where id = %s)", submission)

    def provoke_deadlock(self, submission: str) -> None:
        """Lock a running pass and then its submission, in the opposite order of a transaction that finishes a pass."""
        connection = psycopg2.connect(self.database_url)
        try:
            with connection.cursor() as cursor:
                cursor.execute("select from passes where submission_id = %s for update", (submission,))
                time.sleep(1.5)
                with suppress(psycopg2.errors.DeadlockDetected):
                    cursor.execute("select from submissions where id = %s for update", (submission,))
        finally:
            connection.close()

    def send_hints_of(self, submission: str, *, times: int) -> None:
        """Put so many more hints for each pass of a submission into Redis."""
        rows = self.sql("select org_id, id, queue from passes where submission_id = %s", submission)
        hints = [Hint(org_id=UUID(str(org)), pass_id=UUID(str(one)), queue=Queue(queue)) for org, one, queue in rows]
        broker = make_broker(self.machine.redis_url)
        broker.send(hints * times)
        broker.close()
        broker.client.connection_pool.disconnect()

    def start_second_web(self) -> int:
        """Start a second ingest program, wait until it serves, and return its port."""
        port = free_port()
        self.start("web2", PORT=str(port))
        self._second_port = port
        self.wait_until_up("web2")
        return port

    def _serves(self, program: str) -> bool:
        pid = self.machine.supervisor.pids().get(program)
        if pid is None:
            return False
        try:
            if program == "postgres":
                self.sql("select 1")
            elif program == "redis":
                self.redis().ping()
            elif program in ("web", "web2"):
                port = self.machine.port if program == "web" else self._second_port
                return post(f"http://127.0.0.1:{port}/v1/submissions", {}, headers={}, timeout_seconds=2).status == 401
            else:
                os.kill(pid, 0)
        except (OSError, psycopg2.Error, redis.RedisError):
            return False
        return True


def new_key() -> str:
    """Return a new unique key."""
    return uuid4().hex[:16]


def _address(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    return parts.hostname, parts.port


def _through(url: str, proxy: Proxy) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=f"{parts.netloc.rpartition('@')[0]}@127.0.0.1:{proxy.port}"))
