"""The faults of the chaos run. Each function injects one fault while essays come in, and returns when the fault is over.

The numbers are those of the table in docs/reliability.md. A fault that needs a part which stock Dramatiq does not have (a
clock, webhooks, leases, erasure) is not injected there.
"""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import Any

import psutil
import psycopg2

from tests.chaos.lms import ESSAY, Lms
from tests.chaos.migration import migrate_to_the_next_version
from tests.chaos.subject import Answer, SystemUnderTest
from tests.chaos.system import EssayCoach
from tests.support.races import eventually
from tests.support.receiver import Receiver
from tests.support.vendor import FakeVendor, Step

POISON = "This essay crashes whoever reads it."
USUAL_LATENCY_SECONDS = 0.2
THREADS = 32  # of the worker that is frozen, as in production


class Skipped(Exception):
    """Raised when a fault cannot be injected on this machine. The message says why."""


@dataclass
class FaultContext:
    """What a fault works with."""

    system: Any  # a SystemUnderTest; faults of parts that only EssayCoach has use EssayCoach's own methods
    lms: Lms
    vendor: FakeVendor
    thorough: bool
    disk: Disk | None = None

    def start_calls(self, count: int, *, latency_seconds: float) -> None:
        """Hand in essays until so many more calls to the provider are running, each of which takes `latency_seconds`."""
        before = self.vendor.counters()["calls"]
        self.vendor.set_latency(latency_seconds)
        for _ in range(-(-count // 3)):
            self.lms.hand_in()
        self.wait_until(lambda: self.vendor.counters()["calls"] >= before + count, what="calls under way")

    def wait_until(self, condition: Callable[[], object], *, what: str, timeout_seconds: float = 30.0) -> None:
        """Wait until the condition is true. Raises AssertionError when that takes too long."""
        eventually(condition, what=what, within_seconds=timeout_seconds)

    def wait(self, seconds: float) -> None:
        """Let the fault last this long while essays come in."""
        time.sleep(seconds)


@dataclass(frozen=True)
class Disk:
    """How to fill the small file system that holds PostgreSQL, and how to free it again."""

    fill: Callable[[], None]
    free: Callable[[], None]


@dataclass(frozen=True)
class Fault:
    """One row of the table in docs/reliability.md."""

    id: str
    title: str
    inject: Callable[[FaultContext], None]
    stock: bool  # whether it is also injected into stock Dramatiq
    may_refuse: bool  # whether ingest may answer "try again" while the fault lasts
    max_without_result: int  # submissions that may end without a result, each time the fault is injected


FAULTS: list[Fault] = []


def fault(
    number: int, title: str, *, stock: bool = True, may_refuse: bool = False, max_without_result: int = 0
) -> Callable[[Callable[[FaultContext], None]], Callable[[FaultContext], None]]:
    """Register a function as a fault."""

    def register(inject: Callable[[FaultContext], None]) -> Callable[[FaultContext], None]:
        FAULTS.append(Fault(f"F{number:02d}", title, inject, stock, may_refuse, max_without_result))
        return inject

    return register


@fault(1, "worker killed during the call")
def worker_killed_during_the_call(context: FaultContext) -> None:
    context.start_calls(6, latency_seconds=1.5)
    context.system.kill("worker")
    context.vendor.set_latency(USUAL_LATENCY_SECONDS)


@fault(2, "worker killed after the answer, before the commit")
def worker_killed_before_the_commit(context: FaultContext) -> None:
    proxy = context.system.proxies["worker-postgres"]
    proxy.hold("up", pattern=context.system.result_pattern)
    context.lms.hand_in()
    assert proxy.wait_held(30)
    context.system.kill("worker")
    proxy.pass_on()


@fault(3, "worker killed after the commit, before the acknowledgement")
def worker_killed_before_the_acknowledgement(context: FaultContext) -> None:
    proxy = context.system.proxies["worker-redis"]
    proxy.hold("up", pattern=context.system.ack_pattern)
    context.lms.hand_in()
    assert proxy.wait_held(30)
    context.system.kill("worker")
    proxy.pass_on()


@fault(4, "worker frozen past its lease, then resumed", stock=False)
def worker_frozen(context: FaultContext) -> None:
    system: EssayCoach = context.system
    context.start_calls(6, latency_seconds=1.0)
    system.signal("worker", signal.SIGSTOP)
    claimed = [str(found) for (found,) in system.sql("select id from passes where state = 'running'")]
    context.vendor.set_latency(USUAL_LATENCY_SECONDS)
    system.start("worker2")
    still_open = "select 1 from passes where id = any (%s::uuid[]) and state in ('queued', 'running')"
    try:
        context.wait_until(
            lambda: not system.sql(still_open, claimed), what="another worker's results", timeout_seconds=60
        )
    finally:
        system.signal("worker", signal.SIGCONT)
        context.wait(1)
        system.stop("worker2")


@fault(5, "clock killed between noting a hint and sending it", stock=False)
def clock_killed_between_note_and_hint(context: FaultContext) -> None:
    system: EssayCoach = context.system
    system.proxies["web-redis"].refuse()
    proxy = system.proxies["clock-redis"]
    proxy.hold("up", pattern=system.hint_pattern)
    context.lms.hand_in_several(3)
    assert proxy.wait_held(30)
    system.kill("clock")
    proxy.pass_on()
    system.proxies["web-redis"].pass_on()


@fault(6, "two clocks at once", stock=False)
def two_clocks(context: FaultContext) -> None:
    system: EssayCoach = context.system
    system.start("clock2")
    system.proxies["web-redis"].refuse()
    context.lms.hand_in_several(10)
    context.wait(4)
    system.proxies["web-redis"].pass_on()
    system.stop("clock2")


@fault(7, "ingest killed between insert and commit, and between commit and reply", may_refuse=True)
def ingest_killed(context: FaultContext) -> None:
    system: SystemUnderTest = context.system
    for server, pattern in (("postgres", system.accept_pattern), ("redis", system.hint_pattern)):
        proxy = system.proxies[f"web-{server}"]
        proxy.hold("up", pattern=pattern)
        submission = context.lms.hand_in()
        assert proxy.wait_held(30)
        system.kill("web")
        proxy.pass_on()
        system.wait_until_up("web")
        submission.result(60)


@fault(8, "FLUSHALL with work waiting")
def redis_flushed(context: FaultContext) -> None:
    context.start_calls(30, latency_seconds=1.0)
    context.system.redis().flushall()
    context.vendor.set_latency(USUAL_LATENCY_SECONDS)


@fault(9, "Redis away (once for a minute, else 5 s)")
def redis_away(context: FaultContext) -> None:
    proxies = [proxy for name, proxy in context.system.proxies.items() if name.endswith("-redis")]
    for proxy in proxies:
        proxy.refuse()
    context.wait(60 if context.thorough else 5)
    for proxy in proxies:
        proxy.pass_on()


@fault(10, "Redis dies while calls fail")
def redis_dies_while_calls_fail(context: FaultContext) -> None:
    context.vendor.always("overloaded")
    context.start_calls(6, latency_seconds=0.4)
    context.system.kill("redis")
    context.wait(2)
    context.system.wait_until_up("redis")
    context.vendor.forget_script()
    context.vendor.set_latency(USUAL_LATENCY_SECONDS)


@fault(11, "Redis full (noeviction)")
def redis_full(context: FaultContext) -> None:
    client = context.system.redis()
    client.config_set("maxmemory", "1")
    context.wait(4)
    client.config_set("maxmemory", "256mb")


@fault(12, "PostgreSQL restarted at once", may_refuse=True)
def postgres_restarted(context: FaultContext) -> None:
    context.start_calls(6, latency_seconds=0.5)
    context.system.kill("postgres")
    context.system.wait_until_up("postgres")
    context.vendor.set_latency(USUAL_LATENCY_SECONDS)


@fault(13, "no connection left (max_connections)", may_refuse=True)
def connections_used_up(context: FaultContext) -> None:
    connections: list[Any] = []
    try:
        deadline = time.monotonic() + 4
        while time.monotonic() < deadline:
            try:
                connections.append(psycopg2.connect(context.system.database_url))
            except psycopg2.OperationalError:
                # Go on trying, to take the connections that the programs give back as well.
                time.sleep(0.1)
    finally:
        for one in connections:
            one.close()


@fault(14, "deadlock with a finishing pass", stock=False)
def deadlock(context: FaultContext) -> None:
    system: EssayCoach = context.system
    before = context.vendor.counters()["calls"]
    context.vendor.set_latency(0.8)
    submission = context.lms.hand_in().result(60)
    context.wait_until(lambda: context.vendor.counters()["calls"] >= before + 3, what="calls under way")
    system.provoke_deadlock(str(submission))
    context.vendor.set_latency(USUAL_LATENCY_SECONDS)


@fault(15, "AI 429 with retry-after")
def rate_limited(context: FaultContext) -> None:
    context.vendor.script(*[Step("rate_limited", retry_after="2")] * 6)
    context.lms.hand_in_several(4)
    context.wait(2)


@fault(16, "AI 429 without retry-after (budget spent)")
def budget_spent(context: FaultContext) -> None:
    context.vendor.always("budget_spent")
    context.lms.hand_in_several(3)
    context.wait(3)
    context.vendor.forget_script()


@fault(17, "AI 500, 529, connection refused, read timeout, reset in the answer")
def provider_errors(context: FaultContext) -> None:
    context.vendor.script("server_error", "overloaded", "reset", "hang", "overloaded", "reset")
    context.lms.hand_in_several(4)
    proxy = context.system.proxies["worker-vendor"]
    proxy.refuse()
    context.wait(2)
    proxy.pass_on()
    proxy.truncate(200)
    context.wait(1)
    proxy.pass_on()


@fault(18, "AI 200 that is truncated, a refusal, no JSON, a wrong schema, a web page", max_without_result=6)
def unusable_answers(context: FaultContext) -> None:
    context.vendor.script("truncated", "refusal", "context_exceeded", "invalid_json", "wrong_schema", "html")
    context.lms.hand_in_several(4)
    context.wait(1)


@fault(19, "AI 400, 413, 401, 403", max_without_result=2)
def refused_requests(context: FaultContext) -> None:
    context.vendor.script("bad_request", "too_large", "unauthorised", "forbidden")
    context.lms.hand_in_several(4)
    context.wait(2)


@fault(20, "an essay that kills its worker whenever it is read", max_without_result=1)
def poison(context: FaultContext) -> None:
    kill_times: list[float] = []

    def kill_worker_on_poison(essay: str) -> None:
        if POISON in essay:
            kill_times.append(time.monotonic())
            with suppress(KeyError, ProcessLookupError):  # the worker is already dying
                context.system.kill("worker")

    context.vendor.watch(kill_worker_on_poison)
    is_essaycoach = isinstance(context.system, EssayCoach)
    other_lost = (
        "select count(*) from passes where state = 'gave_up' and error = 'worker_lost' and submission_id::text <> %s"
    )
    submission = context.lms.hand_in(text=f"{ESSAY}\n\n{POISON}").result(60)
    try:
        if is_essaycoach:
            before = context.system.sql(other_lost, submission)
            final = "select 1 from submissions where id = %s and completed_at is not null"
            context.wait_until(
                lambda: context.system.sql(final, submission),
                what="the end of the poisonous essay",
                timeout_seconds=200,
            )
            assert context.system.sql(other_lost, submission) == before, (
                "another essay was given up with the poisonous one"
            )
        else:
            context.wait(20)
    finally:
        context.vendor.watch(lambda _: None)
    assert kill_times


@fault(21, "100 equal messages and 100 equal webhooks", stock=False)
def equal_messages_and_webhooks(context: FaultContext) -> None:
    system: EssayCoach = context.system
    key, event_id = f"hundred-{time.monotonic_ns()}", f"msg_{time.monotonic_ns()}"
    with ThreadPoolExecutor(32) as pool:
        answers: list[Answer] = list(pool.map(lambda _: _deliver_until_answered(system, key, event_id), range(100)))
    assert {answer.status for answer in answers} == {202}
    assert len({answer.submission for answer in answers}) == 1
    context.lms.accepted[key] = str(answers[0].submission)
    system.send_hints_of(str(answers[0].submission), times=34)
    ((versions,),) = system.sql("select count(*) from submissions where external_id = %s", key)
    assert versions == 1


@fault(22, "clocks of worker, ingest and clock wrong by ten minutes", stock=False, may_refuse=True)
def wrong_clocks(context: FaultContext) -> None:
    system: EssayCoach = context.system
    offsets = {"web": "600", "worker": "-600", "clock": "600"}
    for name, offset in offsets.items():
        system.restart(name, CHAOS_CLOCK_OFFSET_SECONDS=offset)
    context.lms.hand_in_several(4)
    context.wait(3)
    for name in offsets:
        system.restart(name)


@fault(23, "network to PostgreSQL goes silent during a finish")
def silence_during_a_finish(context: FaultContext) -> None:
    proxy = context.system.proxies["worker-postgres"]
    proxy.hold("down", pattern=context.system.result_pattern)
    context.lms.hand_in_several(2)
    assert proxy.wait_held(30)
    proxy.blackhole()
    context.wait(3)
    proxy.pass_on()


@fault(24, "rolling restart, a migration included", stock=False)
def rolling_restart(context: FaultContext) -> None:
    system: EssayCoach = context.system
    migration = threading.Thread(target=migrate_to_the_next_version, args=(system.machine.database_url,))
    migration.start()
    # The order of a load balancer: start the new program, send traffic to it, then stop the old one.
    second = system.start_second_web()
    system.point_lms_at(second)
    context.wait(0.5)
    system.restart("web")
    system.point_lms_at(system.machine.port)
    context.wait(0.5)
    system.stop("web2")
    system.start("worker2")
    system.restart("worker")
    system.stop("worker2")
    system.restart("clock")
    migration.join()


@fault(25, "author erased while their passes run", stock=False)
def erased_during_the_call(context: FaultContext) -> None:
    system: EssayCoach = context.system
    context.vendor.set_latency(1.5)
    before = context.vendor.counters()["calls"]
    submission = context.lms.hand_in().result(60)
    context.wait_until(lambda: context.vendor.counters()["calls"] >= before + 3, what="calls under way")
    system.erase_author(str(submission))
    context.wait(2.5)
    context.vendor.set_latency(USUAL_LATENCY_SECONDS)
    for table, column in (
        ("submissions", "id"),
        ("passes", "submission_id"),
        ("feedback", "submission_id"),
        ("ai_responses", "submission_id"),
    ):
        ((left,),) = system.sql(f"select count(*) from {table} where {column} = %s", submission)
        assert left == 0, f"{left} rows of an erased person are in {table}"


@fault(26, "disk of PostgreSQL full", stock=False, may_refuse=True)
def disk_full(context: FaultContext) -> None:
    if context.disk is None:
        raise Skipped("needs the right to mount a small file system (root), which this machine does not give")
    context.disk.fill()
    context.wait(4)
    context.disk.free()
    context.system.wait_until_up("postgres")


@fault(27, "primary read-only (once for a minute, else 5 s)", stock=False, may_refuse=True)
def read_only_primary(context: FaultContext) -> None:
    system: EssayCoach = context.system
    context.start_calls(6, latency_seconds=0.5)
    # Every transaction that begins now is read-only, also over connections that are open: as on a demoted primary.
    system.sql("alter system set default_transaction_read_only = on")
    system.sql("select pg_reload_conf()")
    try:
        context.wait(60 if context.thorough else 5)
    finally:
        # This writes no row, so a read-only server takes it.
        system.sql("alter system reset default_transaction_read_only")
        system.sql("select pg_reload_conf()")
        context.vendor.set_latency(USUAL_LATENCY_SECONDS)


@fault(28, "200 clients that stall in the middle of a request", stock=False)
def stalled_clients(context: FaultContext) -> None:
    system: EssayCoach = context.system
    head = b"POST /v1/submissions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    starts = (
        b"",
        head + b"Content-Le",
        head + b"Content-Length: 400\r\n\r\n",
        head + b'Content-Length: 400\r\n\r\n{"title": ',
        head + b"Transfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n",
    )
    with ExitStack() as stack:
        clients = []
        for number in range(200):
            client = stack.enter_context(socket.create_connection(("127.0.0.1", system.machine.port), timeout=60))
            client.sendall(starts[number % len(starts)])
            clients.append(client)
        context.lms.hand_in_several(4)
        # Essays come in until the server has given up on the last one.
        for number, client in enumerate(clients):
            start = starts[number % len(starts)]
            assert client.recv(12) == (b"HTTP/1.1 408" if start else b""), f"{start!r} was not given up"


@fault(29, "Redis that refuses writes (a replica)")
def redis_refuses_writes(context: FaultContext) -> None:
    client = context.system.redis()
    client.replicaof("127.0.0.1", "1")  # nobody listens there, so it keeps what it holds
    try:
        context.wait(20 if context.thorough else 5)
    finally:
        client.replicaof("NO", "ONE")


@fault(30, "worker frozen for 30, 200 and 400 s, the web for the second half of that", stock=False, may_refuse=True)
def long_freezes(context: FaultContext) -> None:
    system: EssayCoach = context.system
    context.start_calls(3, latency_seconds=USUAL_LATENCY_SECONDS)  # a worker that still starts would not stop in time
    # With the limits of production, or such that a short freeze lasts longer than all of them.
    provider, message, latency, freezes = (
        (60, 150, 10.0, (30, 200, 400)) if context.thorough else (6, 13, 5.0, (25, 25))
    )
    system.restart(
        "worker",
        WORKER_THREADS=str(THREADS),
        ESSAYCOACH_PROVIDER_TIMEOUT_SECONDS=str(provider),
        ESSAYCOACH_MESSAGE_LIMIT_SECONDS=str(message),
    )
    context.lms.stop_load()
    context.lms.start_load(per_second=1)
    try:
        for seconds in freezes:
            _freeze(context, seconds, latency_seconds=latency)
    finally:
        for program in ("worker", "web"):
            system.signal(program, signal.SIGCONT)
        context.vendor.set_latency(USUAL_LATENCY_SECONDS)
        system.restart("worker")


def _freeze(context: FaultContext, seconds: float, *, latency_seconds: float) -> None:
    """Freeze worker and web while every thread of the worker calls the vendor. Check that all of them work again soon after."""
    system: EssayCoach = context.system
    context.vendor.set_latency(latency_seconds)
    _keep_all_threads_busy(context)
    worker = system.machine.supervisor.pids()["worker"]
    system.signal("worker", signal.SIGSTOP)
    context.wait(seconds / 2)
    system.signal("web", signal.SIGSTOP)
    context.wait(seconds / 2)
    for program in ("worker", "web"):
        system.signal(program, signal.SIGCONT)
    deadline = time.monotonic() + 30
    system.wait_until_up("web", timeout_seconds=30)
    _keep_all_threads_busy(context, timeout_seconds=deadline - time.monotonic())
    pids = system.machine.supervisor.pids()
    assert pids["worker"] == worker, "the worker ended itself because it had been frozen"
    frozen = [one for one in psutil.process_iter(["status"]) if one.info["status"] == psutil.STATUS_STOPPED]
    groups = {_group_of(one.pid) for one in frozen}
    assert not groups & {pids["worker"], pids["web"]}, "a process stayed frozen"
    context.vendor.set_latency(USUAL_LATENCY_SECONDS)
    waiting = (
        "select 1 from passes where state in ('queued', 'running') and next_at < now() - interval '3 seconds' limit 1"
    )
    context.wait_until(lambda: not system.sql(waiting), what="the end of the backlog", timeout_seconds=90)
    started = time.time()
    submissions = context.lms.hand_in_several(10)
    final = "select extract(epoch from completed_at)::float8 from submissions where id = any (%s::uuid[]) and completed_at is not null"
    context.wait_until(lambda: len(system.sql(final, submissions)) == 10, what="ten essays")
    slowest = max(ended for (ended,) in system.sql(final, submissions)) - started
    assert slowest < 10, f"ten essays took {slowest:.1f} s after a freeze of {seconds:.0f} s"


def _keep_all_threads_busy(context: FaultContext, *, timeout_seconds: float = 60.0) -> None:
    """Hand in essays until every thread of the worker calls the vendor at the same time."""
    deadline = time.monotonic() + timeout_seconds
    while (running := context.vendor.counters()["running"]) < THREADS:
        assert time.monotonic() < deadline, f"only {running} of {THREADS} threads work"
        context.lms.hand_in()
        time.sleep(0.1)


def _group_of(pid: int) -> int | None:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return None


def _deliver_until_answered(system: EssayCoach, key: str, event_id: str) -> Answer:
    """Deliver the webhook until it gets a final answer: while the first delivery is being processed, others get 409."""
    while True:
        answer = system.deliver(key, text=ESSAY, event_id=event_id)
        if answer.status not in (0, 409, 503):
            return answer
        time.sleep(0.1)


@fault(31, "endpoint down, over its limit and slow, worker killed while it sends", stock=False)
def endpoint_fails(context: FaultContext) -> None:
    system: EssayCoach = context.system
    with Receiver() as receiver:
        endpoint = system.add_endpoint(receiver.url)
        for status, headers in ((503, {}), (429, {"Retry-After": "1"})):
            receiver.answer_always(status, headers)
            before = len(receiver.received)
            submissions = context.lms.hand_in_several(3)
            _end_waits(system)
            context.wait_until(lambda: len(receiver.received) >= before + 3, what="refused deliveries")  # noqa: B023
        receiver.answer_always(200)
        with receiver.held():
            _end_waits(system)
            context.wait_until(lambda: receiver.at_once["all"], what="a delivery under way")
            system.kill("worker")
            system.wait_until_up("worker")
        context.wait_until(
            lambda: _all_delivered(system, endpoint, submissions), what="the deliveries", timeout_seconds=60
        )
        system.sql("update endpoints set disabled_at = now(), disabled_reason = 'admin' where id = %s", endpoint)
        recorded = system.sql("select id::text from deliveries where endpoint_id = %s and state = 'done'", endpoint)
        lost = [one for (one,) in recorded if one not in receiver.ids()]
        assert lost == [], "recorded as delivered, but never received"


def _end_waits(system: EssayCoach) -> None:
    """Let the time pass that put-off deliveries wait."""
    system.sql("update deliveries set next_at = now() where state = 'queued' and next_at > now()")


def _all_delivered(system: EssayCoach, endpoint: str, submissions: list[str]) -> bool:
    """Return whether each of these versions has one delivery, which succeeded. The waits of the others end."""
    _end_waits(system)
    found = system.sql(
        "select submission_id::text, count(*), count(*) filter (where state = 'done') from deliveries"
        " where endpoint_id = %s and submission_id = any (%s::uuid[]) group by 1",
        endpoint, submissions,
    )  # fmt: skip
    assert all(count == 1 for _, count, _ in found), "an event was written down twice"
    return len(found) == len(submissions) and all(done == 1 for _, _, done in found)
