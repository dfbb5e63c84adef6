"""Twenty-six ways to break it. Each function injects one fault while pieces come in, and returns when the fault is over.

The numbers are those of the scoreboard in docs/reliability.md. A fault that needs a part stock Dramatiq does not have (a
clock, webhooks, leases, erasure) is not tried on it.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import psycopg2

from tests.chaos.lms import ESSAY, Lms
from tests.chaos.migration import migrate_to_the_next_version
from tests.chaos.subject import Answer, Subject
from tests.chaos.system import EssayCoach
from tests.support.vendor import FakeVendor, Step

POISON = "This essay crashes whoever reads it."


class Skipped(Exception):
    """This fault cannot be made here; the message says why."""


@dataclass
class Stage:
    """What a fault works with."""

    subject: Any  # a Subject; those of our own parts use what only EssayCoach has
    lms: Lms
    vendor: FakeVendor
    thorough: bool
    disk: Disk | None = None

    def calls_of(self, count: int, *, take_seconds: float) -> None:
        """So many more calls are under way, each taking so long."""
        before = self.vendor.counters()["calls"]
        self.vendor.set_latency(take_seconds)
        for _ in range(-(-count // 3)):
            self.lms.hand_in()
        self.until(lambda: self.vendor.counters()["calls"] >= before + count, what="calls under way")

    def until(self, condition: Callable[[], object], *, what: str, within_seconds: float = 30.0) -> None:
        """The condition has come true."""
        deadline = time.monotonic() + within_seconds
        while not condition():
            assert time.monotonic() < deadline, f"{what} did not come about"
            time.sleep(0.02)

    def for_seconds(self, seconds: float) -> None:
        """The fault lasts this long, while pieces come in."""
        time.sleep(seconds)


@dataclass(frozen=True)
class Disk:
    """A small file system of its own below PostgreSQL, which can be filled."""

    fill: Callable[[], None]
    free: Callable[[], None]


@dataclass(frozen=True)
class Fault:
    """One entry of the scoreboard."""

    id: str
    title: str
    inject: Callable[[Stage], None]
    stock: bool
    may_refuse: bool  # whether clients may be told to come back while it lasts
    may_give_up: int  # submissions that it may cost a result, each time it is made


FAULTS: list[Fault] = []


def fault(
    number: int, title: str, *, stock: bool = True, may_refuse: bool = False, may_give_up: int = 0
) -> Callable[[Callable[[Stage], None]], Callable[[Stage], None]]:
    """Put a function on the scoreboard."""

    def enter(inject: Callable[[Stage], None]) -> Callable[[Stage], None]:
        FAULTS.append(Fault(f"F{number:02d}", title, inject, stock, may_refuse, may_give_up))
        return inject

    return enter


@fault(1, "worker killed during the call")
def worker_killed_during_the_call(stage: Stage) -> None:
    stage.calls_of(6, take_seconds=1.5)
    stage.subject.kill("worker")
    stage.vendor.set_latency(0.2)


@fault(2, "worker killed after the answer, before the commit")
def worker_killed_before_the_commit(stage: Stage) -> None:
    wire = stage.subject.proxies["worker-postgres"]
    wire.hold("up", pattern=stage.subject.finishing)
    stage.lms.hand_in()
    assert wire.wait_held(30)
    stage.subject.kill("worker")
    wire.pass_on()


@fault(3, "worker killed after the commit, before the acknowledgement")
def worker_killed_before_the_acknowledgement(stage: Stage) -> None:
    wire = stage.subject.proxies["worker-redis"]
    wire.hold("up", pattern=stage.subject.acknowledging)
    stage.lms.hand_in()
    assert wire.wait_held(30)
    stage.subject.kill("worker")
    wire.pass_on()


@fault(4, "worker frozen past its lease, then resumed", stock=False)
def worker_frozen(stage: Stage) -> None:
    town: EssayCoach = stage.subject
    stage.calls_of(6, take_seconds=1.0)
    town.signal("worker", signal.SIGSTOP)
    held = [str(found) for (found,) in town.sql("select id from passes where state = 'running'")]
    stage.vendor.set_latency(0.2)
    town.start("worker2")
    left = "select 1 from passes where id = any (%s::uuid[]) and state in ('queued', 'running')"
    try:
        stage.until(lambda: not town.sql(left, held), what="another worker's results", within_seconds=60)
    finally:
        town.signal("worker", signal.SIGCONT)
        stage.for_seconds(1)
        town.stop("worker2")


@fault(5, "clock killed between noting a hint and sending it", stock=False)
def clock_killed_between_note_and_hint(stage: Stage) -> None:
    town: EssayCoach = stage.subject
    town.proxies["web-redis"].refuse()
    wire = town.proxies["clock-redis"]
    wire.hold("up", pattern=town.hinting)
    stage.lms.hand_in_some(3)
    assert wire.wait_held(30)
    town.kill("clock")
    wire.pass_on()
    town.proxies["web-redis"].pass_on()


@fault(6, "two clocks at once", stock=False)
def two_clocks(stage: Stage) -> None:
    town: EssayCoach = stage.subject
    town.start("clock2")
    town.proxies["web-redis"].refuse()
    stage.lms.hand_in_some(10)
    stage.for_seconds(4)
    town.proxies["web-redis"].pass_on()
    town.stop("clock2")


@fault(7, "ingest killed between insert and commit, and between commit and reply", may_refuse=True)
def ingest_killed(stage: Stage) -> None:
    subject: Subject = stage.subject
    for server, moment in (("postgres", stage.subject.accepting), ("redis", stage.subject.hinting)):
        wire = subject.proxies[f"web-{server}"]
        wire.hold("up", pattern=moment)
        piece = stage.lms.hand_in()
        assert wire.wait_held(30)
        subject.kill("web")
        wire.pass_on()
        subject.wait_until_up("web")
        piece.result(60)


@fault(8, "FLUSHALL with work waiting")
def redis_flushed(stage: Stage) -> None:
    stage.calls_of(30, take_seconds=1.0)
    stage.subject.redis().flushall()
    stage.vendor.set_latency(0.2)


@fault(9, "Redis away (once for a minute, else 5 s)")
def redis_away(stage: Stage) -> None:
    wires = [wire for name, wire in stage.subject.proxies.items() if name.endswith("-redis")]
    for wire in wires:
        wire.refuse()
    stage.for_seconds(60 if stage.thorough else 5)
    for wire in wires:
        wire.pass_on()


@fault(10, "Redis dies while calls fail")
def redis_dies_while_calls_fail(stage: Stage) -> None:
    stage.vendor.always("overloaded")
    stage.calls_of(6, take_seconds=0.4)
    stage.subject.kill("redis")
    stage.for_seconds(2)
    stage.subject.wait_until_up("redis")
    stage.vendor.forget_script()
    stage.vendor.set_latency(0.2)


@fault(11, "Redis full (noeviction)")
def redis_full(stage: Stage) -> None:
    client = stage.subject.redis()
    client.config_set("maxmemory", "1")
    stage.for_seconds(4)
    client.config_set("maxmemory", "256mb")


@fault(12, "PostgreSQL restarted at once", may_refuse=True)
def postgres_restarted(stage: Stage) -> None:
    stage.calls_of(6, take_seconds=0.5)
    stage.subject.kill("postgres")
    stage.subject.wait_until_up("postgres")
    stage.vendor.set_latency(0.2)


@fault(13, "no connection left (max_connections)", may_refuse=True)
def connections_used_up(stage: Stage) -> None:
    taken: list[Any] = []
    try:
        deadline = time.monotonic() + 4
        while time.monotonic() < deadline:
            try:
                taken.append(psycopg2.connect(stage.subject.database_url))
            except psycopg2.OperationalError:
                # What other programs give back is taken too.
                time.sleep(0.1)
    finally:
        for one in taken:
            one.close()


@fault(14, "deadlock with a finishing pass", stock=False)
def deadlock(stage: Stage) -> None:
    town: EssayCoach = stage.subject
    before = stage.vendor.counters()["calls"]
    stage.vendor.set_latency(0.8)
    submission = stage.lms.hand_in().result(60)
    stage.until(lambda: stage.vendor.counters()["calls"] >= before + 3, what="calls under way")
    town.lock_against_each_other(str(submission))
    stage.vendor.set_latency(0.2)


@fault(15, "AI 429 with retry-after")
def rate_limited(stage: Stage) -> None:
    stage.vendor.script(*[Step("rate_limited", retry_after="2")] * 6)
    stage.lms.hand_in_some(4)
    stage.for_seconds(2)


@fault(16, "AI 429 without retry-after (budget spent)")
def budget_spent(stage: Stage) -> None:
    stage.vendor.always("budget_spent")
    stage.lms.hand_in_some(3)
    stage.for_seconds(3)
    stage.vendor.forget_script()


@fault(17, "AI 500, 529, connection refused, read timeout, reset in the answer")
def vendor_in_trouble(stage: Stage) -> None:
    stage.vendor.script("server_error", "overloaded", "reset", "hang", "overloaded", "reset")
    stage.lms.hand_in_some(4)
    wire = stage.subject.proxies["worker-vendor"]
    wire.refuse()
    stage.for_seconds(2)
    wire.pass_on()
    wire.truncate(200)
    stage.for_seconds(1)
    wire.pass_on()


@fault(18, "AI 200 that is truncated, a refusal, no JSON, a wrong schema, a web page", may_give_up=6)
def unusable_answers(stage: Stage) -> None:
    stage.vendor.script("truncated", "refusal", "context_exceeded", "invalid_json", "wrong_schema", "html")
    stage.lms.hand_in_some(4)
    stage.for_seconds(1)


@fault(19, "AI 400, 413, 401, 403", may_give_up=2)
def refused_requests(stage: Stage) -> None:
    stage.vendor.script("bad_request", "too_large", "unauthorised", "forbidden")
    stage.lms.hand_in_some(4)
    stage.for_seconds(2)


@fault(20, "an essay that kills its worker whenever it is read", may_give_up=1)
def poison(stage: Stage) -> None:
    deaths: list[float] = []

    def strike(essay: str) -> None:
        if POISON in essay:
            deaths.append(time.monotonic())
            with suppress(KeyError, ProcessLookupError):  # it is dying already
                stage.subject.kill("worker")

    stage.vendor.watch(strike)
    ours = isinstance(stage.subject, EssayCoach)
    blamed = (
        "select count(*) from passes where state = 'gave_up' and error = 'worker_lost' and submission_id::text <> %s"
    )
    submission = stage.lms.hand_in(text=f"{ESSAY}\n\n{POISON}").result(60)
    try:
        if ours:
            innocent = stage.subject.sql(blamed, submission)
            final = "select 1 from submissions where id = %s and completed_at is not null"
            stage.until(
                lambda: stage.subject.sql(final, submission), what="the end of the poisonous essay", within_seconds=200
            )
            assert stage.subject.sql(blamed, submission) == innocent, (
                "another essay was given up with the poisonous one"
            )
        else:
            stage.for_seconds(20)
    finally:
        stage.vendor.watch(lambda _: None)
    assert deaths


@fault(21, "100 equal messages and 100 equal webhooks", stock=False)
def a_hundred_times_the_same(stage: Stage) -> None:
    town: EssayCoach = stage.subject
    key, event_id = f"hundred-{time.monotonic_ns()}", f"msg_{time.monotonic_ns()}"
    with ThreadPoolExecutor(32) as pool:
        answers: list[Answer] = list(pool.map(lambda _: _delivered(town, key, event_id), range(100)))
    assert {answer.status for answer in answers} == {202}
    assert len({answer.submission for answer in answers}) == 1
    stage.lms.accepted[key] = str(answers[0].submission)
    town.send_hints_of(str(answers[0].submission), times=34)
    ((versions,),) = town.sql("select count(*) from submissions where external_id = %s", key)
    assert versions == 1


@fault(22, "clocks of worker, ingest and clock wrong by ten minutes", stock=False, may_refuse=True)
def wrong_clocks(stage: Stage) -> None:
    town: EssayCoach = stage.subject
    offsets = {"web": "600", "worker": "-600", "clock": "600"}
    for name, offset in offsets.items():
        town.restart(name, CHAOS_CLOCK_OFFSET_SECONDS=offset)
    stage.lms.hand_in_some(4)
    stage.for_seconds(3)
    for name in offsets:
        town.restart(name)


@fault(23, "network to PostgreSQL goes silent during a finish")
def silence_during_a_finish(stage: Stage) -> None:
    wire = stage.subject.proxies["worker-postgres"]
    wire.hold("down", pattern=stage.subject.finishing)
    stage.lms.hand_in_some(2)
    assert wire.wait_held(30)
    wire.blackhole()
    stage.for_seconds(3)
    wire.pass_on()


@fault(24, "rolling restart, a migration included", stock=False)
def rolling_restart(stage: Stage) -> None:
    town: EssayCoach = stage.subject
    migration = threading.Thread(target=migrate_to_the_next_version, args=(town.machine.database_url,))
    migration.start()
    # As a load balancer does it: the new one serves before the old one is taken out, and that before it is stopped.
    second = town.start_second_web()
    town.point_lms_at(second)
    stage.for_seconds(0.5)
    town.restart("web")
    town.point_lms_at(town.machine.port)
    stage.for_seconds(0.5)
    town.stop("web2")
    town.start("worker2")
    town.restart("worker")
    town.stop("worker2")
    town.restart("clock")
    migration.join()


@fault(25, "author erased while their passes run", stock=False)
def erased_during_the_call(stage: Stage) -> None:
    town: EssayCoach = stage.subject
    stage.vendor.set_latency(1.5)
    before = stage.vendor.counters()["calls"]
    submission = stage.lms.hand_in().result(60)
    stage.until(lambda: stage.vendor.counters()["calls"] >= before + 3, what="calls under way")
    town.erase(str(submission))
    stage.for_seconds(2.5)
    stage.vendor.set_latency(0.2)
    for table, column in (
        ("submissions", "id"),
        ("passes", "submission_id"),
        ("feedback", "submission_id"),
        ("ai_responses", "submission_id"),
    ):
        ((left,),) = town.sql(f"select count(*) from {table} where {column} = %s", submission)
        assert left == 0, f"{left} rows of an erased person are in {table}"


@fault(26, "disk of PostgreSQL full", stock=False, may_refuse=True)
def disk_full(stage: Stage) -> None:
    if stage.disk is None:
        raise Skipped("needs the right to mount a small file system (root), which this machine does not give")
    stage.disk.fill()
    stage.for_seconds(4)
    stage.disk.free()
    stage.subject.wait_until_up("postgres")


def _delivered(town: EssayCoach, key: str, event_id: str) -> Answer:
    """Return the answer to a delivery that is repeated while the first one is still being carried out."""
    while True:
        answer = town.deliver(key, text=ESSAY, event_id=event_id)
        if answer.status not in (0, 409, 503):
            return answer
        time.sleep(0.1)
