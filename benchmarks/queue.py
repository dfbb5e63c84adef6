"""Measure what a turn, a place in the queue and the clock's duties of the queue cost behind backlogs of several shapes."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg2

from benchmarks.report import Benchmark, Figure, duration, progress
from benchmarks.retire import migrated_server
from models import db, passes, queue
from models.jobs import PASS_ORDER, Hint, Queue
from models.settings import StoreSettings
from workers.duties.limits import BATCH
from workers.duties.queue import SLICE, STALE_HINT_SECONDS

# Schools and waiting essays of each.
BACKLOGS = ((1, 1), (100, 20), (1000, 20), (1, 100_000), (1000, 100), (5000, 20))
FINISHED = 300_000
RUNNING = 64
REPEATS = 200
CLOCK_BAR_SECONDS = 0.1
BAR = 1.5

_FILL = """
set session_replication_role = replica;
truncate orgs, passes, queue_marks, queue_snapshot cascade;
insert into orgs (id, slug, name) select uuidv7(make_interval(days => -n)), 'school-' || n, 'School' from generate_series(1, %(schools)s) as n;
insert into passes (org_id, submission_id, essay_id, user_id, audience_id, name, state, queue, finished_at, started_at, comments, summary)
select o.id, uuidv7(), uuidv7(), uuidv7(), uuidv7(), 'grammar', 'done', 'interactive', now(), now(), 0, ''
from (select o.id from orgs as o limit 1) as o cross join generate_series(1, %(finished)s);
insert into passes (org_id, submission_id, essay_id, user_id, audience_id, name, state, queue, next_at, hinted_at, turn)
select o.id, e.id, e.id, e.id, o.id, p.name, 'queued', 'interactive', now() - make_interval(secs => e.n), now(), e.n %% 4
from (select uuidv7() as id, n from generate_series(%(essays)s, 1, -1) as n) as e cross join orgs as o
cross join unnest(%(names)s) as p (name);
insert into passes (org_id, submission_id, essay_id, user_id, audience_id, name, state, queue, lease_until, started_at)
select o.id, uuidv7(), uuidv7(), uuidv7(), o.id, 'grammar', 'running', 'interactive', now() + interval '1 hour', now()
from (select o.id, row_number() over () as n from orgs as o) as o
cross join generate_series(1, greatest(1, %(running)s / %(schools)s)) where o.n <= %(running)s;
set session_replication_role = origin;
"""


def run() -> list[Figure]:
    """Measure each backlog in one database, on top of finished passes."""
    figures: list[Figure] = []
    first: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="essaycoach-bench-") as folder:
        data_dir = Path(folder) / "data"
        data_dir.mkdir()
        Path(folder).chmod(0o755)  # PostgreSQL's own account must be able to enter it
        with migrated_server(data_dir) as (admin_url, clock_url), closing(psycopg2.connect(admin_url)) as connection:
            connection.autocommit = True
            for schools, essays in BACKLOGS:
                title = f"{schools:,} × {essays:,}"
                progress(title)
                with connection.cursor() as cursor:
                    cursor.execute(
                        _FILL,
                        {
                            "schools": schools,
                            "essays": essays,
                            "finished": FINISHED,
                            "running": RUNNING,
                            "names": PASS_ORDER,
                        },
                    )
                    cursor.execute("vacuum (analyze) passes")
                for name, seconds in _measure(connection, clock_url).items():
                    figures.append(_figure(title, name, seconds, first.setdefault(name, seconds)))
    return figures


def _figure(title: str, name: str, seconds: float, alone: float) -> Figure:
    if name.startswith("clock"):
        return Figure(
            f"{title}: {name}", duration(seconds), f"≤ {duration(CLOCK_BAR_SECONDS)}", seconds <= CLOCK_BAR_SECONDS
        )
    ratio = seconds / alone
    return Figure(f"{title}: {name}, and ÷ the first", f"{duration(seconds)}, {ratio:.2f}", f"≤ {BAR}", ratio <= BAR)


def _measure(connection: Any, url: str) -> dict[str, float]:
    """Return the median seconds of each, the largest for the clock's duties."""
    _connect(url, "ec_worker")
    found = {"a turn": _median(lambda: queue.next_due(Hint(org_id=uuid4(), pass_id=uuid4(), queue=Queue.INTERACTIVE)))}
    _connect(url, "ec_clock")
    found["clock counts a slice"] = max(_seconds(lambda: queue.count_waiting(limit=SLICE)) for _ in range(40))
    found["clock compares due passes with hints"] = max(
        _seconds(lambda: passes.due_counts(limit=BATCH)) for _ in range(20)
    )
    found["clock looks for passes to hint"] = max(_seconds(lambda: _take_due([])) for _ in range(20))
    found["clock hints again what Redis lost"] = max(
        _seconds(lambda: _take_due([Queue.INTERACTIVE])) for _ in range(10)
    )
    found["clock gives up stalled passes"] = _seconds(lambda: passes.give_up_stalled(limit=BATCH))
    found["clock frees leases"] = _seconds(lambda: passes.free_expired(limit=BATCH))
    _connect(url, "ec_ingest")
    for name, essay in _essays(connection):
        found[name] = _median(lambda essay=essay: queue.place_of(essay[1]), org=essay[0])  # type: ignore[misc]
    return found


def _take_due(starved: list[Queue]) -> object:
    return passes.take_due(limit=BATCH, stale_seconds=STALE_HINT_SECONDS, starved=starved)


def _essays(connection: Any) -> list[tuple[str, tuple[UUID, UUID]]]:
    """Return org and id of the first and the last essay of a school."""
    found = []
    for title, way in (("first", "asc"), ("last", "desc")):
        with connection.cursor() as cursor:
            cursor.execute(
                "select org_id, submission_id from passes where state = 'queued' "
                f"order by org_id {way}, turn {way}, next_at {way} limit 1"
            )
            found.append((f"the place of a school's {title} essay", cursor.fetchone()))
    return found


def _median(carry_out: Callable[[], object], *, org: UUID | None = None) -> float:
    for _ in range(20):
        _seconds(carry_out, org=org)
    return sorted(_seconds(carry_out, org=org) for _ in range(REPEATS))[REPEATS // 2]


def _seconds(carry_out: Callable[[], object], *, org: UUID | None = None) -> float:
    with db.session(org=org, role="ec_admin") if org else db.session():
        db.run("select 1")
        began = time.perf_counter()
        carry_out()
        return time.perf_counter() - began


def _connect(url: str, role: str) -> None:
    db.database.close_idle()
    db.connect(
        StoreSettings(
            database_url=url.replace("ec_clock:", f"{role}:"), program="ec-bench", pool_size=1, pool_wait_seconds=5.0
        )
    )


QUEUE = Benchmark(
    name="queue",
    title="Queue",
    description=(
        f"What a turn and a place in the queue cost, and the clock's duties of the queue, on top of {FINISHED:,} finished passes and "
        f"behind backlogs of so many schools × so many waiting essays of each, three passes an essay; {RUNNING} passes run. The "
        f"median of {REPEATS} calls with a connection open, the slowest of the clock's runs."
    ),
    run=run,
)
