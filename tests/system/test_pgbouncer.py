"""Test that every program works through PgBouncer in transaction mode, with fewer server connections than clients."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg2
import pytest

from migrations.errors import MigrationError
from migrations.prepare import PROGRAMS
from migrations.runner import runner
from standalone.accounts import server_account
from standalone.machine import Machine
from standalone.postgres import SYSTEM_USER
from tests.support.debian import environment, unpacked
from tests.support.one_machine import ask
from tests.support.ports import free_port
from tests.support.races import eventually, together
from tests.support.vendor import FakeVendor

pytestmark = pytest.mark.slow(reason="starts PgBouncer and every program")

SERVER_CONNECTIONS = 2
CONFIG = """\
[databases]
* = host=127.0.0.1 port={server}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {folder}/users
pool_mode = transaction
default_pool_size = {connections}
max_client_conn = 200
ignore_startup_parameters = extra_float_digits
logfile = {folder}/log
"""


class ThroughPgBouncer(Machine):
    """The one-machine set-up, in which every program reaches PostgreSQL through PgBouncer."""

    bouncer_port = 0

    def environment(self, name: str) -> dict[str, str]:
        found = super().environment(name)
        port = urlsplit(found["DATABASE_URL"]).port
        return {**found, "DATABASE_URL": found["DATABASE_URL"].replace(f":{port}/", f":{self.bouncer_port}/")}


@contextmanager
def pgbouncer(folder: Path, *, server: int, passwords: dict[str, str]) -> Iterator[int]:
    """Run PgBouncer before the server on this port, and yield its own port."""
    unpacked_folder = unpacked("pgbouncer", "libc-ares2", "libevent-2.1-7")
    port = free_port()
    (folder / "users").write_text("".join(f'"{role}" "{word}"\n' for role, word in passwords.items()))
    config = folder / "pgbouncer.ini"
    config.write_text(CONFIG.format(server=server, port=port, folder=folder, connections=SERVER_CONNECTIONS))
    account = server_account(SYSTEM_USER)
    if account:  # as root it refuses to run
        for path in (folder, *folder.iterdir()):
            shutil.chown(path, account.pw_uid, account.pw_gid)
    program = subprocess.Popen(
        [unpacked_folder / "usr/sbin/pgbouncer", "--quiet", config], env=environment(unpacked_folder), cwd="/",
        user=account.pw_uid if account else None, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield port
    finally:
        program.terminate()
        program.wait(20)


@pytest.fixture(scope="module")
def machine() -> Iterator[ThroughPgBouncer]:
    """A machine behind PgBouncer, whose essays a fake of Claude reads."""
    # Not in tmp_path: the database's account must be able to enter it.
    with (
        tempfile.TemporaryDirectory(prefix="essaycoach-pgbouncer-", ignore_cleanup_errors=True) as folder,
        FakeVendor() as vendor,
    ):
        Path(folder).chmod(0o755)
        (Path(folder) / "bouncer").mkdir()
        env = {
            "ANTHROPIC_API_KEY": "sk-ant-pgbouncer", "ANTHROPIC_BASE_URL": vendor.base_url, "ESSAYCOACH_GRAMMAR_MIX": "off",
            "WORKER_THREADS": "8",
        }  # fmt: skip
        with ThroughPgBouncer(
            Path(folder) / "data", port=free_port(), metrics_port=free_port(), extra_env=env
        ) as machine:
            machine._start_servers()
            server = urlsplit(machine.database_url).port
            assert server is not None
            with pgbouncer(Path(folder) / "bouncer", server=server, passwords=machine.keys.role_passwords) as port:
                machine.bouncer_port = port
                machine.start()
                yield machine


def test_essays_are_handed_in_and_read_over_two_connections(machine: ThroughPgBouncer) -> None:
    api = f"http://127.0.0.1:{machine.port}"
    key = {"Authorization": f"Bearer {machine.demo['api_key']}"}

    def hand_in(number: int) -> str:
        body = {"title": "Phones", "text": "Phones is useful.", "student": {"external_id": f"sis-{number}"}}
        answer = ask("POST", f"{api}/v1/submissions", body=body, headers={**key, "Idempotency-Key": uuid4().hex})
        assert answer.status == 202, answer
        return str(answer.headers["Location"])

    handed_in = [location for _ in range(4) for location in together(8, hand_in)]

    def completed() -> bool:
        states = [ask("GET", api + str(location), headers=key).body["status"] for location in handed_in]
        return states == ["completed"] * len(handed_in)

    eventually(completed, within_seconds=60, what="every essay's feedback")
    with closing(psycopg2.connect(machine.database_url)) as connection, connection.cursor() as cursor:
        cursor.execute(
            "select usename, count(*) from pg_stat_activity where usename = any(%s) group by 1", (list(PROGRAMS),)
        )
        found = dict(cursor.fetchall())
    assert {"ec_ingest", "ec_worker", "ec_clock", "ec_monitor"} <= set(found)
    # One more of ec_ingest: this process made the demo org itself, without PgBouncer.
    found["ec_ingest"] -= 1
    assert max(found.values()) <= SERVER_CONNECTIONS
    assert ask("GET", f"{api}/readyz").status == 200


def test_migrations_refuse_to_run_through_it(machine: ThroughPgBouncer) -> None:
    url = machine.environment("web")["DATABASE_URL"]

    with pytest.raises(MigrationError, match="leads through PgBouncer"), runner(url):
        raise AssertionError("unreachable")


def test_metrics_are_complete(machine: ThroughPgBouncer) -> None:
    page = ask("GET", f"http://127.0.0.1:{machine.metrics_port}/metrics").body

    assert "pg_up 1.0" in page
    assert [
        line for line in page.splitlines() if line.startswith("essaycoach_probe_up") and line.endswith(" 0.0")
    ] == []
