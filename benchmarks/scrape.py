"""Measure how long a scrape of the monitor takes, with an empty database and with a long history."""

from __future__ import annotations

import time
from contextlib import closing
from typing import Any
from urllib.request import urlopen

import psycopg2

from benchmarks.machine import CLAUDE_ALONE, machine_in_mode
from benchmarks.report import Benchmark, Figure, duration, progress
from models.jobs import PassName
from standalone.machine import Machine

SCRAPES, WARM_UP_SCRAPES = 200, 5
ORGS, VERSIONS_OF_EACH = 1000, 100
PASSES = ORGS * VERSIONS_OF_EACH * 3
BAR_SECONDS = 0.250
SERIES_BAR = 2000

_FILL = (
    "insert into orgs (slug, name, monthly_budget_micros) select 'bench-' || n, 'Bench', 1000000 from generate_series(1, {orgs}) as n",
    """
    insert into users (org_id, role, external_id, external_id_digest)
    select id, 'student', '\\x00', '\\x00' from orgs where slug like 'bench-%'
    """,
    """
    insert into essays (org_id, user_id, title, versions, newest_submission_id, newest_submitted_at)
    select u.org_id, u.id, '\\x00', 1, uuidv7(), now() from users as u cross join generate_series(1, {versions})
    where u.external_id = '\\x00'
    """,
    """
    insert into submissions (org_id, essay_id, user_id, audience_id, version, status, queue, source, language, text, text_sha256,
        characters, words, submitted_at)
    select org_id, id, user_id, user_id, 1, 'queued', 'interactive', 'app', 'en', '\\x00', decode(repeat('00', 32), 'hex'), 1, 1, now()
    from essays where title = '\\x00'
    """,
    # Due tomorrow, so that no worker claims them.
    """
    insert into passes (org_id, submission_id, essay_id, user_id, audience_id, name, state, queue, next_at)
    select s.org_id, s.id, s.essay_id, s.user_id, s.user_id, n, 'queued', 'interactive', now() + interval '1 day'
    from submissions as s cross join unnest(array{passes}) as n where s.text = '\\x00'
    """,
    """
    insert into ai_responses (org_id, submission_id, user_id, pass, attempt, provider, model, prompt_version, request_sha256)
    select org_id, submission_id, user_id, name, 1, 'anthropic', 'm', '1', '\\x00' from passes where state = 'queued'
    """,
    """
    insert into ledger (org_id, day, provider, model, pass, calls, cost_micros)
    select o.id, day, 'anthropic', 'm', n, 4, 4000 from orgs as o
    cross join generate_series(date_trunc('month', now())::date, (now() at time zone 'utc')::date, '1 day') as day
    cross join unnest(array{passes}) as n where o.slug like 'bench-%'
    """,
    "analyze",
)
# The statistics stay those of the moment in which all was open: the planner then expects few finished rows.
_FINISH = (
    """
    update passes set state = 'done', comments = 1, summary = '\\x00', tallied = true, started_at = now(), first_claimed_at = now(),
        finished_at = now() where state = 'queued'
    """,
    """
    update ai_responses set outcome = 'ok', raw = '\\x00', latency_ms = 900, tallied = true, completed_at = now()
    where outcome = 'open'
    """,
    "update submissions set status = 'completed', completed_at = now() where completed_at is null",
    "update submissions set tallied = true where not tallied",
    "vacuum passes, ai_responses, submissions, essays",
)


def run() -> list[Figure]:
    """Scrape a running machine, add the history, and scrape it again."""
    with machine_in_mode(CLAUDE_ALONE) as (running, known):
        figures = _scrape(known, "empty database")
        progress("adding the history")
        _execute(running, _FILL)
        _execute(running, _FINISH)
        figures += _scrape(known, f"{PASSES:,} finished passes of {ORGS:,} schools")
    return figures


def _scrape(known: dict[str, Any], name: str) -> list[Figure]:
    seconds = []
    for number in range(WARM_UP_SCRAPES + SCRAPES):
        began = time.perf_counter()
        with urlopen(known["metrics"], timeout=30) as answer:
            body = answer.read()
        if number >= WARM_UP_SCRAPES:
            seconds.append(time.perf_counter() - began)
    down = [
        line for line in body.decode().splitlines() if line.startswith("essaycoach_probe_up") and line.endswith(" 0.0")
    ]
    assert not down, down
    series = sum(not line.startswith(b"#") for line in body.splitlines())
    seconds.sort()
    p50, p99 = seconds[len(seconds) // 2], seconds[int(len(seconds) * 0.99)]
    return [
        Figure(f"{name}: p50", duration(p50)),
        Figure(f"{name}: p99", duration(p99), f"< {duration(BAR_SECONDS)}", p99 < BAR_SECONDS),
        Figure(f"{name}: series", f"{series:,}", f"< {SERIES_BAR:,}", series < SERIES_BAR),
    ]


def _execute(running: Machine, statements: tuple[str, ...]) -> None:
    with closing(psycopg2.connect(running.database_url)) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        # Without foreign keys and triggers, which would take minutes.
        cursor.execute("set session_replication_role = replica")
        for statement in statements:
            cursor.execute(
                statement.replace("{orgs}", str(ORGS))
                .replace("{versions}", str(VERSIONS_OF_EACH))
                .replace("{passes}", str([str(name) for name in PassName]))
            )


SCRAPE = Benchmark(
    name="scrape",
    title="Scrapes of the monitor",
    description=(
        f"{SCRAPES} scrapes one after the other, without other work: first of an empty database, then with {PASSES:,} finished "
        f"passes and as many calls of {ORGS:,} schools, with statistics from when all of these were open."
    ),
    run=run,
)
