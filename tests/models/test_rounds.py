"""Test by simulation that no school waits long for its turns behind any number of others, and what a student is told of the wait.

The turns and the places come from the real functions of the database; workers and time are simulated.
"""

from __future__ import annotations

import heapq
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from uuid import UUID, uuid4

import pytest

from models import db, queue
from models.jobs import Hint, Queue
from tests.conftest import Become
from tests.support.servers import Database

NOBODY = Hint(org_id=UUID(int=0), pass_id=UUID(int=0), queue=Queue.INTERACTIVE)


@pytest.fixture(autouse=True)
def empty_queue(database: Database) -> Iterator[None]:
    """Delete all passes before and after each test."""
    empty = "delete from passes; delete from queue_snapshot; delete from queue_marks; delete from tallies"
    database.sql(empty)
    yield
    database.sql(empty)


def fill(database: Database, essays: dict[UUID, int]) -> None:
    """Add these orgs if they are new, and let so many essays of each wait."""
    database.sql(
        """
        set session_replication_role = replica;
        insert into orgs (id, slug, name) select o.id, 'simulated-' || left(o.id::text, 23), 'S' from unnest(%s::uuid[]) as o (id)
        on conflict do nothing;
        insert into passes (org_id, submission_id, essay_id, user_id, audience_id, name, state, queue, next_at, hinted_at)
        select o.id, e.id, e.id, e.id, o.id, p.name, 'queued', 'interactive', now(), now()
        from unnest(%s::uuid[], %s::integer[]) as o (id, essays)
        cross join lateral (select uuidv7() as id from generate_series(1, o.essays)) as e
        cross join unnest(array['grammar', 'structure', 'content']) as p (name);
        set session_replication_role = origin
        """,
        [str(one) for one in essays], [str(one) for one in essays], list(essays.values()),
    )  # fmt: skip


@dataclass
class Workers:
    """So many simulated workers: each takes the pass whose turn it is, and holds it for a time drawn from `draw`."""

    database: Database
    slots: int
    draw: random.Random
    mean_seconds: float
    now: float = 0.0
    running: list[tuple[float, UUID, UUID]] = field(default_factory=list)
    seconds: dict[UUID, float] = field(default_factory=dict)

    def take(self) -> tuple[UUID, UUID] | None:
        """Claim the pass whose turn it is; return its org and its essay."""
        with db.session():
            turn = queue.next_due(NOBODY)
        if turn is None:
            return None
        [(essay,)] = self.database.sql(
            "update passes set state = 'running', lease_until = now() + interval '1 hour', started_at = now() where id = %s returning essay_id",
            turn.pass_id,
        )
        seconds = self.draw.lognormvariate(0, 0.5) * self.mean_seconds
        self.seconds[turn.pass_id] = seconds
        heapq.heappush(self.running, (self.now + seconds, turn.pass_id, UUID(str(essay))))
        return turn.org_id, UUID(str(essay))

    def end_next(self) -> UUID:
        """Go on to the time at which the next running pass ends, end it, and return its essay."""
        self.now, one, essay = heapq.heappop(self.running)
        self.database.sql("delete from passes where id = %s returning 1", one)
        return essay


@pytest.mark.parametrize("schools", [200, pytest.param(5000, marks=pytest.mark.slow(reason="takes 20,000 turns"))])
def test_no_school_waits_more_than_twice_its_share_of_turns(schools: int, database: Database, become: Become) -> None:
    """With even turns, the third pass of a school has its turn among the first 3 times N. Some schools flood the queue; one comes late."""
    draw = random.Random(16)
    orgs = [uuid4() for _ in range(schools)]
    fill(database, {org: 40 if draw.random() < 0.05 else 1 for org in orgs})
    late = uuid4()
    become("ec_worker")
    workers = Workers(database, slots=32, draw=draw, mean_seconds=5.0)
    served: Counter[UUID] = Counter()
    worst = late_at = late_done = 0.0
    for number in range(1, 4 * schools):
        if len(workers.running) == workers.slots:
            workers.end_next()
        if number == schools // 2:
            fill(database, {late: 1})
            late_at = number
        taken = workers.take()
        assert taken is not None
        org, _ = taken
        served[org] += 1
        if org == late and served[org] == 3:
            late_done = number - late_at
        elif served[org] <= 3:
            worst = max(worst, number / (served[org] * schools))
    assert all(served[org] >= 3 for org in orgs)
    assert worst <= 2
    assert 0 < late_done <= 2 * 3 * schools


TICK_SECONDS = 10.0


@pytest.mark.slow(reason="lets 500 essays be read, a pass at a time, and ask for their places")
def test_most_essays_of_a_rush_end_within_a_third_of_what_they_were_told_half_way(
    database: Database, become: Become
) -> None:
    """Twelve schools hand in 500 essays within two minutes before a deadline, which 24 workers read in seven."""
    draw = random.Random(2359)
    orgs = [uuid4() for _ in range(12)]
    sizes = [160, 90, 60, 40, 40, 30, 20, 20, 10, 10, 10, 10]
    arrivals = sorted(
        (120 * draw.random() ** 0.5, org) for org, size in zip(orgs, sizes, strict=True) for _ in range(size)
    )
    become("ec_worker")
    workers = Workers(database, slots=24, draw=draw, mean_seconds=6.0)
    rush = Rush(database, workers)
    while arrivals or rush.open:
        tick = workers.now + TICK_SECONDS
        become("ec_worker")
        with db.session():
            db.row("select setseed(%s)", (draw.random(),))  # for the chances that the turns take
        rush.work_until(tick, arrivals)
        rush.ask(become)

    assert len(rush.ended) == sum(sizes)
    good = sum(rush.was_told_well(essay) for essay in rush.told)
    assert len(rush.told) > 100
    assert good / len(rush.told) >= 0.8, f"{good} of {len(rush.told)}"


class Rush:
    """The essays of a simulated rush: when they came, what they were told and when, and when they ended."""

    def __init__(self, database: Database, workers: Workers) -> None:
        self._database = database
        self._workers = workers
        self._unfinished: Counter[UUID] = Counter()
        self.open: dict[UUID, UUID] = {}
        self.came: dict[UUID, float] = {}
        self.told: dict[UUID, list[tuple[float, float]]] = {}
        self.ended: dict[UUID, float] = {}

    def work_until(self, tick: float, arrivals: list[tuple[float, UUID]]) -> None:
        """Let essays come and passes be read until this time."""
        while True:
            came = arrivals[0][0] if arrivals else float("inf")
            ends = self._workers.running[0][0] if self._workers.running else float("inf")
            if min(came, ends) > tick:
                self._workers.now = tick
                return
            if came <= ends:
                self._workers.now, org = arrivals.pop(0)
                self._hand_in(org)
            else:
                self._end_next()
            while len(self._workers.running) < self._workers.slots and self._workers.take() is not None:
                pass

    def ask(self, become: Become) -> None:
        """Let the clock count, and every fourth essay ask for its place while it waits."""
        # The database's own time stands still beside the simulated one.
        self._database.sql(
            "update queue_snapshot set durations_at = durations_at - make_interval(secs => %s)", TICK_SECONDS
        )
        become("ec_clock")
        with db.session():
            queue.count_waiting(limit=10_000)
        become("ec_ingest")
        for essay in list(self.came)[::4]:
            if essay not in self.open:
                continue
            org = self.open[essay]
            with db.session(org=org, role="ec_admin"):
                place = queue.place_of(essay)
            if place is not None:
                self.told.setdefault(essay, []).append((self._workers.now, place.seconds))

    def was_told_well(self, essay: UUID) -> bool:
        """Return whether the essay ended within 30 % of the time that it was told half-way."""
        half = (self.came[essay] + self.ended[essay]) / 2
        at, seconds = min(self.told[essay], key=lambda one: abs(one[0] - half))
        return abs(self.ended[essay] - at - seconds) <= 0.3 * seconds

    def _hand_in(self, org: UUID) -> None:
        fill(self._database, {org: 1})
        [(found,)] = self._database.sql("select essay_id from passes where org_id = %s order by id desc limit 1", org)
        essay = UUID(str(found))
        self.open[essay], self.came[essay], self._unfinished[essay] = org, self._workers.now, 3

    def _end_next(self) -> None:
        began = self._workers.running[0]
        essay = self._workers.end_next()
        self._database.sql(
            "insert into tallies (name, labels, count, total) values ('pass_duration', '{}', 1, %s) "
            "on conflict (name, labels) do update set count = tallies.count + 1, total = tallies.total + excluded.total returning 1",
            self._workers.seconds[began[1]],
        )
        self._unfinished[essay] -= 1
        if not self._unfinished[essay]:
            del self.open[essay]
            self.ended[essay] = self._workers.now
