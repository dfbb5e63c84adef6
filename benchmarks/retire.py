"""Measure how long writers wait while a month of a partitioned table is exported, cut off and dropped."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg2

from benchmarks.report import Benchmark, Figure, duration, progress
from models import db
from models.settings import StoreSettings
from standalone.postgres import EmbeddedPostgres
from standalone.supervisor import Supervisor
from workers.duties.record import Counted
from workers.duties.retire import RetireSettings, retire_partitions

ROWS = 1_000_000
WRITERS = 3
QUIET_SECONDS = 10.0
BAR_SECONDS = 0.1

_SCHOOL = """
with o as (insert into orgs (slug, name, retention_raw_answers) values ('bench', 'Bench', 30) returning id),
u as (insert into users (org_id, role, email, email_digest) select id, 'student', '', '' from o returning id, org_id)
select u.org_id, u.id as user_id from u
"""
_VERSION = """
with e as (insert into essays (org_id, user_id, title, versions, newest_submission_id, newest_submitted_at)
    values (%(org)s, %(user)s, '', 1, uuidv7(), now()) returning id)
insert into submissions (org_id, essay_id, user_id, audience_id, version, status, queue, source, language, text, text_sha256,
    characters, words, submitted_at)
select %(org)s, e.id, %(user)s, %(user)s, 1, 'queued', 'bulk', 'app', 'en', '', decode(repeat('ab', 32), 'hex'), 10, 1, now() from e
returning id
"""
# As a worker does it: a call of a version, and the state of that version.
_WRITE = """
insert into ai_responses (org_id, submission_id, user_id, pass, attempt, provider, model, prompt_version, request_sha256)
values (%(org)s, %(version)s, %(user)s, 'content', 1, 'local', 'm', '1', '');
update submissions set status = 'processing' where org_id = %(org)s and id = %(version)s
"""
_LOCK_WAIT = """
select extract(epoch from max(clock_timestamp() - l.waitstart))::float8
from pg_locks as l join pg_stat_activity as a on a.pid = l.pid
where not l.granted and a.datname = current_database() and a.usename <> 'ec_clock'
"""
_FILL = """
set session_replication_role = replica;
insert into ai_responses (id, org_id, submission_id, user_id, pass, attempt, provider, model, prompt_version, request_sha256,
    outcome, raw, completed_at, tallied)
select uuidv7(interval '-8 months'), %(org)s, uuid7_floor(now() - interval '8 months'), %(user)s, 'content', 1, 'local', 'm', '1', '',
    'ok', '\\x00', now() - interval '8 months', true
from generate_series(1, %(rows)s)
"""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What was measured: the seconds that each write took before and during the retirement, how long it took, rows dropped.

    `lock_wait` is the longest time that a writer was seen to wait for a lock.
    """

    quiet: list[float]
    during: list[float]
    lock_wait: float
    seconds: float
    rows: int


def measure(*, admin_url: str, clock_url: str, rows: int, quiet_seconds: float, archive: Path) -> Measured:
    """Fill a month of long ago, and retire it while writers go on. The database must be migrated and empty."""
    with closing(psycopg2.connect(admin_url)) as connection:
        connection.autocommit = True
        values = _prepare(connection, rows)
    db.database.close_idle()
    db.connect(StoreSettings(database_url=clock_url, program="ec-bench", pool_size=2, pool_wait_seconds=5.0))
    stop, lock = threading.Event(), threading.Lock()
    writes: list[tuple[float, float]] = []
    writers = [
        threading.Thread(target=_write, args=(admin_url, values | {"version": one}, stop, writes, lock))
        for one in values["versions"]
    ]
    waits: list[float] = [0.0]
    writers.append(threading.Thread(target=_watch_locks, args=(admin_url, stop, waits)))
    for writer in writers:
        writer.start()
    time.sleep(quiet_seconds)
    began = time.monotonic()
    done = retire_partitions(RetireSettings(archive=archive))
    ended = time.monotonic()
    stop.set()
    for writer in writers:
        writer.join()
    db.database.close_idle()
    assert isinstance(done, Counted)
    assert done == 1, f"the month was not retired: {dict(done.detail)}"
    return Measured(
        quiet=sorted(took for at, took in writes if at + took < began),
        during=sorted(took for at, took in writes if at + took >= began and at <= ended),
        lock_wait=max(waits),
        seconds=ended - began,
        rows=done.detail["rows"],
    )


def _prepare(connection: Any, rows: int) -> dict[str, Any]:
    with connection.cursor() as cursor:
        cursor.execute(_SCHOOL)
        org, user = cursor.fetchone()
        values: dict[str, Any] = {"org": org, "user": user, "rows": rows, "versions": []}
        for _ in range(WRITERS):
            cursor.execute(_VERSION, values)
            values["versions"].append(cursor.fetchone()[0])
        cursor.execute("update retention_runs set begins_at = now()")
        cursor.execute("set role ec_owner")
        cursor.execute("select create_partition('ai_responses', now() - interval '8 months')")
        cursor.execute("reset role")
        cursor.execute(_FILL, values)
        cursor.execute("set session_replication_role = origin")
    return values


def _write(
    url: str, values: dict[str, Any], stop: threading.Event, writes: list[tuple[float, float]], lock: threading.Lock
) -> None:
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        while not stop.is_set():
            began = time.monotonic()
            cursor.execute(_WRITE, values)
            connection.commit()
            with lock:
                writes.append((began, time.monotonic() - began))
            time.sleep(0.002)  # a worker has more to do than this


def _watch_locks(url: str, stop: threading.Event, waits: list[float]) -> None:
    """Look every few milliseconds how long writers have been waiting for a lock."""
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        while not stop.is_set():
            cursor.execute(_LOCK_WAIT)
            waits += [wait for (wait,) in cursor.fetchall() if wait]
            time.sleep(0.003)


@contextmanager
def migrated_server(data_dir: Path) -> Iterator[tuple[str, str]]:
    """Start a durable PostgreSQL with a migrated database; yield the URLs of the superuser and of the clock."""
    with Supervisor(data_dir) as supervisor:
        postgres = EmbeddedPostgres(data_dir)
        postgres.start(supervisor)
        with closing(psycopg2.connect(postgres.admin_url)) as connection:
            connection.autocommit = True
            connection.cursor().execute("create database bench")
        password = secrets.token_hex(16)
        parts = urlsplit(postgres.admin_url)
        url = urlunsplit(parts._replace(path="/bench"))
        names = ("INGEST", "WORKER", "CLOCK", "MONITOR", "BACKUP")
        environment = {
            **os.environ,
            **{f"ESSAYCOACH_DB_PASSWORD_{name}": password for name in names},
            "DATABASE_URL": url,
        }
        subprocess.run([sys.executable, "-m", "migrations", "up"], env=environment, check=True, capture_output=True)
        host = parts.netloc.rpartition("@")[2]
        yield url, urlunsplit(parts._replace(path="/bench", netloc=f"ec_clock:{password}@{host}"))


def quantile(ordered: list[float], share: float) -> float:
    """Return the value below which this share of the sorted values lies."""
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def run() -> list[Figure]:
    """Retire a month of a million rows beside writers, and return the figures."""
    with tempfile.TemporaryDirectory(prefix="essaycoach-bench-") as folder:
        data_dir, archive = Path(folder) / "data", Path(folder) / "archive"
        data_dir.mkdir()
        archive.mkdir()
        Path(folder).chmod(0o755)  # PostgreSQL's own account must be able to enter it
        with migrated_server(data_dir) as (admin_url, clock_url):
            progress(f"writing {ROWS:,} rows")
            found = measure(
                admin_url=admin_url, clock_url=clock_url, rows=ROWS, quiet_seconds=QUIET_SECONDS, archive=archive
            )
        size = sum(one.stat().st_size for one in archive.iterdir())
    p99 = quantile(found.during, 0.99)
    return [
        Figure("rows exported and dropped", f"{found.rows:,}", f"{ROWS:,}", found.rows == ROWS),
        Figure("export, checks, cut and drop", duration(found.seconds)),
        Figure("size of the export", f"{size / 2**20:.0f} MiB"),
        Figure(
            "a write before, p50 and p99",
            f"{duration(quantile(found.quiet, 0.5))}, {duration(quantile(found.quiet, 0.99))}",
        ),
        Figure("a write meanwhile, p50", duration(quantile(found.during, 0.5))),
        Figure("a write meanwhile, p99", duration(p99), f"< {duration(BAR_SECONDS)}", p99 < BAR_SECONDS),
        Figure("a write meanwhile, longest", duration(found.during[-1])),
        Figure(
            "the longest wait of a writer for a lock",
            duration(found.lock_wait),
            f"< {duration(BAR_SECONDS)}",
            found.lock_wait < BAR_SECONDS,
        ),
        Figure("writes meanwhile", f"{len(found.during):,}"),
    ]


RETIRE = Benchmark(
    name="retire",
    title="Retiring a month",
    description=(
        f"A month of {ROWS:,} raw answers that no school keeps any longer is exported with a checksum, cut off its table and dropped, "
        f"while {WRITERS} writers store new calls and change the state of their versions. The table refers to another table, which "
        "the cut and the drop lock too."
    ),
    run=run,
)
