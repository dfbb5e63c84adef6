"""One rehearsal: start everything, let the day happen at its own pace, wait for the last essay, and count."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import psycopg2

from benchmarks.day import faults
from benchmarks.day.client import Client, Sample
from benchmarks.day.count import Counted, count, count_open
from benchmarks.day.district import PASSWORD_ROUNDS, School, make_district
from benchmarks.day.faults import Alert, AlertWatch, watched_alerts
from benchmarks.day.model import IMPORT_AT, POSTGRES_RESTARTED_AT, WORKER_KILLED_AT, HandIn, draw_day
from benchmarks.day.people import People, Record
from benchmarks.machine import machine, vendor
from standalone.client import ask
from standalone.machine import Machine

# The pace of a rate of 1: essays a second on the average of the day, without the import.
HAND_INS_PER_SECOND = 1.5
REVIEWS_PER_SECOND = 0.1
# The day is over when nothing has become final for so long.
NO_PROGRESS_SECONDS = 180.0


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The size and the pace of a rehearsal."""

    minutes: float = 10.0
    seed: int = 1
    schools: int = 200
    students: int = 20_000
    rate: float = 1.0
    import_essays: int = 10_000
    latency_seconds: float = 1.0
    mix: bool = True
    batches: bool = True

    @property
    def seconds(self) -> float:
        """Return the length of the compressed day."""
        return 60 * self.minutes


@dataclass(frozen=True, kw_only=True)
class Day:
    """Everything that was recorded. Moments are Unix seconds; `began` is midnight, `ended` the last essay's end."""

    plan: Plan
    began: float
    ended: float
    record: Record
    samples: list[Sample]
    counted: Counted
    alerts: list[Alert] | None
    worker_killed: float
    postgres_restarted: float
    monitor: dict[str, float]
    vendor_calls: int
    vendor_tokens: dict[str, int]

    def hour(self, moment: float) -> float:
        """Return the hour of the compressed day; the hours after midnight go on from 24."""
        return 24 * (moment - self.began) / self.plan.seconds

    def clock(self, moment: float) -> str:
        """Return the time of the compressed day, 23:59."""
        minutes = int(60 * self.hour(moment))
        return f"{minutes // 60:02}:{minutes % 60:02}"


Tell = Callable[[str, float, str], None]


def rehearse(plan: Plan, tell: Tell) -> Day:
    """Rehearse a day. `tell` hears the step, its share that is done, and a short text."""
    settings = {
        "ESSAYCOACH_PROVIDER": "anthropic",
        "ANTHROPIC_API_KEY": "rehearsal",
        "ESSAYCOACH_GRAMMAR_MIX": "on" if plan.mix else "off",
        "ESSAYCOACH_BATCHES": "on" if plan.batches else "off",
        "ESSAYCOACH_RATE_LIMIT": "6000/minute",
        "ESSAYCOACH_PASSWORD_ROUNDS": str(PASSWORD_ROUNDS),
        # The clients name their own addresses, as a load balancer in front would.
        "ESSAYCOACH_PROXIES": "1",
    }
    tell("start", 0.0, "PostgreSQL, Redis and every program")
    with (
        tempfile.TemporaryDirectory(prefix="essaycoach-day-") as folder,
        vendor(latency_seconds=plan.latency_seconds) as vendor_url,
        machine(**settings, ANTHROPIC_BASE_URL=vendor_url) as (running, known),
    ):
        text = f"{plan.schools} schools, {plan.students:,} students"
        district = make_district(
            running, schools=plan.schools, students=plan.students, tell=lambda share: tell("district", share, text)
        )
        tell("alerts", 0.0, "Prometheus and Alertmanager")
        with watched_alerts(running, Path(folder)) as alerts:
            ask("POST", f"{vendor_url}/control", body={"reset": True, "latency_seconds": plan.latency_seconds})
            return asyncio.run(_Rehearsal(plan, running, known["ingest"], district, alerts, vendor_url, tell).run())


class _Rehearsal:
    def __init__(
        self,
        plan: Plan,
        running: Machine,
        api: str,
        district: list[School],
        alerts: AlertWatch,
        vendor_url: str,
        tell: Tell,
    ) -> None:
        self._plan = plan
        self._machine = running
        self._alerts = alerts
        self._vendor_url = vendor_url
        self._tell = tell
        self._client = Client(api)
        # A student thinks for half an hour at most.
        self._people = People(self._client, district, think_seconds=plan.seconds / 48)
        self._began = time.time()
        self._moments: dict[str, float] = {}

    async def run(self) -> Day:
        """Let the day happen and count."""
        plan, people = self._plan, self._people
        self._began = time.time()
        day = draw_day(
            seed=plan.seed,
            hand_ins=plan.rate * HAND_INS_PER_SECOND * plan.seconds,
            reviews=plan.rate * REVIEWS_PER_SECOND * plan.seconds,
        )
        timetable: list[tuple[float, Callable[[], Coroutine[Any, Any, None]]]] = [
            (one.hour, partial(people.hand_in, one) if isinstance(one, HandIn) else partial(people.review, one))
            for one in day
        ]
        timetable += [
            (IMPORT_AT, partial(people.bring_essays, plan.import_essays)),
            (WORKER_KILLED_AT, partial(self._break, "worker", faults.kill_worker)),
            (POSTGRES_RESTARTED_AT, partial(self._break, "postgres", faults.restart_postgres)),
        ]
        watcher = asyncio.create_task(self._tell_progress())
        tasks = []
        for hour, begin in sorted(timetable, key=lambda one: one[0]):
            await asyncio.sleep(max(0.0, self._began + hour / 24 * plan.seconds - time.time()))
            tasks.append(asyncio.create_task(begin()))
        await asyncio.sleep(max(0.0, self._began + plan.seconds - time.time()))
        await asyncio.gather(*tasks)
        await self._wait_for_the_last()
        watcher.cancel()
        ended = time.time()
        await asyncio.to_thread(self._alerts.wait_until_quiet)
        counters = ask("GET", f"{self._vendor_url}/control").body
        return Day(
            plan=plan,
            began=self._began,
            ended=ended,
            record=people.record,
            samples=self._client.samples,
            counted=count(self._machine.database_url, people.record.acknowledged),
            alerts=self._alerts.alerts(),
            worker_killed=self._moments["worker"],
            postgres_restarted=self._moments["postgres"],
            monitor=faults.monitor_counts(f"http://127.0.0.1:{self._machine.metrics_port}/metrics"),
            vendor_calls=sum(counters["passes"].values()),
            vendor_tokens=counters["tokens"],
        )

    async def _break(self, what: str, fault: Callable[[Machine], None]) -> None:
        self._moments[what] = time.time()
        await asyncio.to_thread(fault, self._machine)

    async def _wait_for_the_last(self) -> None:
        """Wait until every version is final, or until nothing has become final for NO_PROGRESS_SECONDS."""
        most, moved = -1, time.monotonic()
        while time.monotonic() < moved + NO_PROGRESS_SECONDS:
            with suppress(psycopg2.OperationalError):
                done, still_open = await asyncio.to_thread(count_open, self._machine.database_url)
                if still_open == 0:
                    return
                if done > most:
                    most, moved = done, time.monotonic()
            await asyncio.sleep(1.0)

    async def _tell_progress(self) -> None:
        while True:
            share = (time.time() - self._began) / self._plan.seconds
            with suppress(psycopg2.OperationalError):
                done, still_open = await asyncio.to_thread(count_open, self._machine.database_url)
                clock = f"{int(24 * share):02}:{int(24 * 60 * share) % 60:02}" if share < 1 else "after midnight"
                self._tell("day", min(1.0, share), f"{clock}, {done:,} essays final, {still_open:,} open")
            await asyncio.sleep(2.0)
