"""Fill the database of a machine by COPY: two processes write, indexes are built afterwards, sums follow by statements."""

from __future__ import annotations

import json
import multiprocessing
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import psycopg2
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks.machine import machine_in
from benchmarks.scale import totals
from benchmarks.scale.essays import EssayWriter
from benchmarks.scale.people import add_assignment, add_school, address, educator_name, student_name
from benchmarks.scale.plan import MONTHS, PARTS, Plan, Size
from benchmarks.scale.rows import COLUMNS, Ids, Rows
from benchmarks.scale.texts import essay_texts
from models import crypto
from models.passwords import Passwords
from standalone.keys import instance_keys
from standalone.machine import Machine
from standalone.seed import crypto_settings

PASSWORD = "seven green herons wait"
DESCRIPTION = "scale.json"
# Assignments of a course that are written together, and then committed.
AT_ONCE = 40
MADE_BEFORE = timedelta(days=1)
LOOK_SECONDS = 0.5
# For our connections only. Triggers and foreign keys would take hours; the rows are made as they would leave them.
OPTIONS = (
    "-c session_replication_role=replica -c synchronous_commit=off -c maintenance_work_mem=256MB -c work_mem=256MB"
    " -c max_parallel_maintenance_workers=0"
)
# While nobody else uses the server: fewer checkpoints, and no vacuum beside ours.
SERVER_SETTINGS = {"max_wal_size": "8GB", "checkpoint_timeout": "30min", "autovacuum": "off"}
PROGRAMS = ("web", "worker", "clock", "metrics")

_INDEXES = """
select i.indexrelid::regclass::text, replace(pg_get_indexdef(i.indexrelid), ' ON ONLY ', ' ON ')
from pg_index as i join pg_class as t on t.oid = i.indrelid
where t.relnamespace = 'public'::regnamespace and t.relname = any (%s) and not t.relispartition
    and not exists (select from pg_constraint as c where c.conindid = i.indexrelid)
order by t.reltuples desc
"""
_PARENTS = "select relname from pg_class where relkind = 'p' and relnamespace = 'public'::regnamespace order by relname"


class AlreadyFilled(Exception):
    """The data directory holds a filled database, or a fill that did not end."""


@dataclass(frozen=True, kw_only=True)
class Filled:
    """What a filled data directory says about itself: how much there is, and how a student and an educator sign in."""

    submissions: int
    comments: int
    schools: int
    seed: int
    filled_at: str
    seconds: float
    org: str
    student: dict[str, str]
    educator: dict[str, str]


def read_filled(data_dir: Path) -> Filled | None:
    """Return what the directory holds, or None when it was not filled."""
    file = data_dir / DESCRIPTION
    return Filled(**json.loads(file.read_text(encoding="utf-8"))) if file.exists() else None


def fill(data_dir: Path, size: Size) -> Filled:
    """Fill a new data directory and stop its machine again. Raises AlreadyFilled."""
    if data_dir.exists() and any(data_dir.iterdir()):
        raise AlreadyFilled(f"{data_dir} is not empty. Choose another directory, or delete it and fill again.")
    with machine_in(data_dir) as (running, _):
        for program in PROGRAMS:
            running.supervisor.stop_one(program)
        return fill_running(running, size)


def fill_running(running: Machine, size: Size) -> Filled:
    """Fill the database of a running machine that holds no more than the demo org. Nobody may use it meanwhile."""
    began = time.monotonic()
    url = running.database_url
    with _server_settings(url):
        _add_partitions(url, size)
        with _without_indexes(url):
            _write_rows(running, size)
        _run_all(url, "adding up", list(totals.STATEMENTS))
        tables = [*COLUMNS, "ledger", "author_use", "tallies"]
        _run_all(url, "vacuum and analyze", [f"vacuum (analyze) {table}" for table in tables])
    slug = Plan(size=size).schools[0].slug
    filled = Filled(
        submissions=size.submissions,
        comments=size.comments,
        schools=size.schools,
        seed=size.seed,
        filled_at=f"{size.now:%Y-%m-%d %H:%M}",
        seconds=round(time.monotonic() - began, 1),
        org=slug,
        student={"email": address(student_name(0), slug), "password": PASSWORD},
        educator={"email": address(educator_name(0), slug), "password": PASSWORD},
    )
    # Written last: a directory without it is of no use.
    (running.data_dir / DESCRIPTION).write_text(json.dumps(asdict(filled), indent=1), encoding="utf-8")
    return filled


def connect(url: str) -> Any:
    """Return a connection that writes without triggers and foreign keys, each statement for itself."""
    connection = psycopg2.connect(url, options=OPTIONS)
    connection.autocommit = True
    return connection


@contextmanager
def _server_settings(url: str) -> Iterator[None]:
    with closing(connect(url)) as connection, connection.cursor() as cursor:
        for name, value in SERVER_SETTINGS.items():
            cursor.execute(f"alter system set {name} = '{value}'")
        cursor.execute("select pg_reload_conf()")
        try:
            yield
        finally:
            for name in SERVER_SETTINGS:
                cursor.execute(f"alter system reset {name}")
            cursor.execute("select pg_reload_conf()")


def _add_partitions(url: str, size: Size) -> None:
    """Make the months of the past. Those of the future the clock has made."""
    with (
        closing(psycopg2.connect(url, options=f"{OPTIONS} -c role=ec_owner")) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute(_PARENTS)
        for (parent,) in cursor.fetchall():
            cursor.execute(
                f"select create_partition(%s, %s + make_interval(months => n)) from generate_series(0, {MONTHS}) as n",
                (parent, size.begins),
            )
        connection.commit()


@contextmanager
def _without_indexes(url: str) -> Iterator[None]:
    """Drop the indexes of the tables that are filled, but for those of constraints, and build them again afterwards."""
    with closing(connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute(_INDEXES, (list(COLUMNS),))
        indexes = cursor.fetchall()
        for name, _ in indexes:
            cursor.execute(f"drop index {name}")
    yield
    _run_all(url, "building indexes", [statement for _, statement in indexes])


def _run_all(url: str, title: str, statements: list[str]) -> None:
    """Run the statements in two sessions, in any order."""

    def run(statement: str) -> None:
        with closing(connect(url)) as connection, connection.cursor() as cursor:
            cursor.execute(statement)

    with _progress() as progress, ThreadPoolExecutor(PARTS) as sessions:
        for _ in progress.track(sessions.map(run, statements), total=len(statements), description=title):
            pass


def _write_rows(running: Machine, size: Size) -> None:
    context = multiprocessing.get_context("spawn")
    counters = [context.Value("Q", 0) for _ in range(PARTS)]
    password_hash = Passwords().hash(PASSWORD)
    writers = [
        context.Process(
            target=_write_part, args=(running.database_url, running.data_dir, size, part, password_hash, counter)
        )
        for part, counter in enumerate(counters)
    ]
    with _progress() as progress:
        task = progress.add_task("submissions", total=size.submissions)
        for writer in writers:
            writer.start()
        while any(writer.is_alive() for writer in writers):
            writers[0].join(LOOK_SECONDS)
            progress.update(task, completed=sum(counter.value for counter in counters))
    for writer in writers:
        writer.join()
    if any(writer.exitcode for writer in writers):
        raise RuntimeError("a process that writes rows failed; what it printed says why")


def _write_part(url: str, data_dir: Path, size: Size, part: int, password_hash: str, counter: Any) -> None:
    """Write the schools of one part. Runs in a process of its own."""
    crypto.load(crypto_settings(instance_keys(data_dir)))
    plan, rows, texts = Plan(size=size), Rows(), essay_texts()
    ids, made_at = Ids(f"{size.seed} people {part}"), size.begins - MADE_BEFORE
    with closing(connect(url)) as connection:
        connection.autocommit = False
        schools = {
            one.number: add_school(rows, ids, one, password_hash=password_hash, made_at=made_at)
            for one in plan.of_part(part)
        }
        rows.copy(connection)
        writer, work = EssayWriter(rows, plan, part=part), plan.work(part)
        number = 0
        while chunk := list(islice(work, AT_ONCE)):
            written = 0
            for one in chunk:
                number += 1
                school, text = schools[one.school.number], texts[number % len(texts)]
                assignment = add_assignment(rows, ids, school, one.course, prompt=text.prompt, due=one.due)
                for writing in writer.writings(one, school, assignment, text):
                    writer.add(writing)
                    written += len(writing.moments)
            rows.copy(connection)
            connection.commit()
            counter.value += written
        writer.add_heads()
        rows.copy(connection)
        connection.commit()


def _progress() -> Progress:
    return Progress(TextColumn("{task.description:>20}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())


def size_of(*, submissions: int, comments: int, schools: int, seed: int) -> Size:
    """Return the size of a fill up to this moment."""
    return Size(submissions=submissions, comments=comments, schools=schools, seed=seed, now=datetime.now(UTC))
