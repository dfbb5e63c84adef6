"""Measure handing in while a thousand requests wait for a change, and how soon they are told."""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import resource
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import dataclass, field
from urllib.parse import urlsplit
from uuid import UUID

import psycopg2

from benchmarks.ingest_rate import TEXT
from benchmarks.load import Measured
from benchmarks.machine import machine, sign_in_class
from benchmarks.report import Benchmark, Figure, duration, progress
from models.announcements import Announcer

WAITING, STUDENTS = 1000, 100
PER_SECOND, SENDERS = 50, 32
QUIET_SECONDS, BUSY_SECONDS = 30.0, 60.0
CHANGES_PER_SECOND = 10
# The students began to wait at moments of their own, or all at the same, as after a restart: then all ask again every 25 s.
WAIT_SECONDS = 25
BEGINNINGS = {"of their own": float(WAIT_SECONDS), "all the same": 0.0}
BAR = 1.5
BODY = json.dumps({"title": "Benchmark", "text": TEXT}).encode()


@dataclass
class Notified:
    """What the waiting clients saw: when each submission was changed, how late they heard of it, and answers at once."""

    changed_at: dict[str, float] = field(default_factory=dict)
    delays: list[float] = field(default_factory=list)
    answers: int = 0
    refused: Counter[int] = field(default_factory=Counter)


class Client:
    """One kept-alive connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def ask(self, method: str, path: str, headers: dict[str, str], body: bytes = b"") -> tuple[int, str, bytes]:
        """Send a request and return the status, the head and the body of its answer."""
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        head = f"{method} {path} HTTP/1.1\r\nHost: bench\r\nContent-Length: {len(body)}\r\n{lines}\r\n"
        self._writer.write(head.encode() + body)
        answer = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        length = next((line[15:] for line in answer.split("\r\n") if line.lower().startswith("content-length:")), "0")
        return int(answer.split(" ", 2)[1]), answer, await self._reader.readexactly(int(length))

    def close(self) -> None:
        """Close the connection."""
        self._writer.close()


def run() -> list[Figure]:
    """Measure handing in at a steady rate, first alone, then beside the waiting requests."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit[1], limit[1]))
    # All clients have one address.
    with machine(ESSAYCOACH_ADDRESS_CONNECTIONS="0") as (running, known):
        # No worker reads 50 essays a second on these cores. The benchmark makes the changes that a worker would make.
        running.supervisor.stop_one("worker")
        running.supervisor.stop_one("clock")
        progress(f"signing {STUDENTS} students in")
        students = sign_in_class(running, known, size=STUDENTS)
        with closing(psycopg2.connect(running.database_url)) as connection:
            connection.autocommit = True
            announcer = Announcer(running.redis_url_for("ec_worker"))

            def change(submission: str) -> None:
                with connection.cursor() as cursor:
                    cursor.execute(
                        "update passes set attempt = attempt + 1 where submission_id = %s and name = 'grammar'",
                        (submission,),
                    )
                announcer.announce(UUID(submission))

            quiet, busy = asyncio.run(_measure(known["ingest"], students, change))
    alone = Figure("hand-in alone, p50 and p99", f"{duration(quiet.quantile(0.5))}, {duration(quiet.quantile(0.99))}")
    return [alone, *(figure for name, found in busy.items() for figure in _figures(name, quiet, *found))]


def _figures(beginning: str, quiet: Measured, busy: Measured, notified: Notified) -> list[Figure]:
    ratio = busy.quantile(0.99) / quiet.quantile(0.99)
    delays = Measured(per_second=0.0, latencies=sorted(notified.delays), wrong=0)
    wrong = quiet.wrong + busy.wrong
    name = f"{WAITING:,} wait since moments {beginning}"
    return [
        Figure(f"{name}: hand-in, p50 and p99", f"{duration(busy.quantile(0.5))}, {duration(busy.quantile(0.99))}"),
        Figure(f"{name}: p99 ÷ p99 alone", f"{ratio:.2f}", f"≤ {BAR}", ratio <= BAR),
        Figure(f"{name}: waiting requests answered at once or with an error", _refusals(notified.refused), "0", not notified.refused),
        Figure(f"{name}: hand-ins with another answer than 202", str(wrong), "0", wrong == 0),
        Figure(f"{name}: from a change to the answer, p50 and p99", f"{duration(delays.quantile(0.5))}, {duration(delays.quantile(0.99))}"),
        Figure(f"{name}: answers to waiting requests, changes among them", f"{notified.answers:,}, {len(notified.delays):,}"),
    ]  # fmt: skip


def _refusals(refused: Counter[int]) -> str:
    return ", ".join(f"{count} × {status}" for status, count in sorted(refused.items())) or "0"


async def _measure(
    url: str, students: list[dict[str, str]], change: Callable[[str], None]
) -> tuple[Measured, dict[str, tuple[Measured, Notified]]]:
    address = urlsplit(url)

    async def connect() -> Client:
        return Client(*await asyncio.open_connection(address.hostname, address.port))

    senders = [await connect() for _ in range(SENDERS)]
    progress(f"handing {WAITING} essays in")
    essays: list[str] = []

    async def hand_in_some(sender: Client, number: int) -> None:
        for position in range(number, WAITING, SENDERS):
            _, _, body = await sender.ask("POST", "/v1/submissions", students[position % STUDENTS], BODY)
            essays.append(json.loads(body)["id"])
            owner[essays[-1]] = students[position % STUDENTS]

    owner: dict[str, dict[str, str]] = {}
    await asyncio.gather(*(hand_in_some(sender, number) for number, sender in enumerate(senders)))
    progress("handing in alone")
    quiet = await _hand_in(senders, students, seconds=QUIET_SECONDS)
    busy: dict[str, tuple[Measured, Notified]] = {}
    for beginning, spread_seconds in BEGINNINGS.items():
        progress(f"handing in while {WAITING} wait since moments {beginning}")
        notified = Notified()
        polls = [
            asyncio.create_task(_poll(connect, one, owner[one], notified, begin_after=spread_seconds * n / WAITING))
            for n, one in enumerate(essays)
        ]
        await asyncio.sleep(spread_seconds + 2)
        changing = asyncio.create_task(_change_some(essays, change, notified))
        busy[beginning] = await _hand_in(senders, students, seconds=BUSY_SECONDS), notified
        await _end(changing, *polls)
    return quiet, busy


async def _end(*tasks: asyncio.Task[None]) -> None:
    """Cancel tasks that would go on. Raises what one of them raised."""
    for one in tasks:
        if one.done():
            one.result()
        one.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _hand_in(senders: list[Client], students: list[dict[str, str]], *, seconds: float) -> Measured:
    """Hand in PER_SECOND essays a second, whatever the answers take. Latencies count from the moment each was due."""
    latencies: list[float] = []
    statuses: list[int] = []
    began = time.perf_counter()
    numbers, who = iter(range(int(PER_SECOND * seconds))), itertools.cycle(students)

    async def send(sender: Client) -> None:
        for number in numbers:
            due = began + number / PER_SECOND
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            status, _, _ = await sender.ask("POST", "/v1/submissions", next(who), BODY)
            latencies.append(time.perf_counter() - due)
            statuses.append(status)

    await asyncio.gather(*(send(one) for one in senders))
    wrong = sum(status != 202 for status in statuses)
    return Measured(per_second=len(latencies) / seconds, latencies=sorted(latencies), wrong=wrong)


async def _poll(
    connect: Callable[[], Awaitable[Client]],
    essay: str,
    headers: dict[str, str],
    notified: Notified,
    *,
    begin_after: float,
) -> None:
    """Wait for changes of one essay, again and again."""
    await asyncio.sleep(begin_after)
    client = await connect()  # the server closes a connection that sends nothing for 10 s
    try:
        known = '""'
        while True:
            asked = {**headers, "Prefer": f"wait={WAIT_SECONDS}", "If-None-Match": known}
            status, head, _ = await client.ask("GET", f"/v1/submissions/{essay}", asked)
            changed_at = notified.changed_at.pop(essay, None)
            if changed_at is not None:
                notified.delays.append(time.perf_counter() - changed_at)
            before, known = known, next((line[6:] for line in head.split("\r\n") if line.startswith("ETag: ")), "")
            notified.answers += 1
            # What has changed already is answered at once.
            if status not in (200, 304) or (known == before and f"Preference-Applied: wait={WAIT_SECONDS}" not in head):
                notified.refused[status] += 1
                await asyncio.sleep(2)
    finally:
        client.close()


async def _change_some(essays: list[str], change: Callable[[str], None], notified: Notified) -> None:
    choice = random.Random(1)
    while True:
        await asyncio.sleep(1 / CHANGES_PER_SECOND)
        essay = choice.choice(essays)
        if essay not in notified.changed_at:
            notified.changed_at[essay] = time.perf_counter()
            await asyncio.to_thread(change, essay)


WAITS = Benchmark(
    name="waits",
    title="Waiting requests",
    description=f"{WAITING:,} requests of {STUDENTS} students wait with `Prefer: wait={WAIT_SECONDS}`, each on a connection of its own and "
    f"again after each answer, while {PER_SECOND} essays a second are handed in; latencies count from the moment a hand-in was "
    f"due. The worker and the clock are stopped: no worker reads so many essays on these cores. The benchmark makes and announces "
    f"{CHANGES_PER_SECOND} changes a second as a worker does. One process plays all clients.",
    run=run,
)  # fmt: skip
