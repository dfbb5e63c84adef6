"""Test that students go on handing in while a filled database is migrated."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing, contextmanager

import psycopg2
import pytest

from migrations.__main__ import main
from migrations.plan import BLOCKS
from migrations.runner import files, runner
from models.jobs import PassName
from tests.conftest import Become, Report
from tests.support.schools import School, hand_in
from tests.support.servers import LOSE_ROWS, Database

# The schema from which the test migrates.
BASE = "0040_data_audit"
ORGS, ESSAYS_OF_EACH = 100, 1000
WRITERS = 4
LONGEST_WAIT_MS = 100
LONGEST_SAMPLE_PAUSE_SECONDS = 0.002

FILL = (
    "set session_replication_role = replica",  # without foreign keys and triggers, which would take minutes
    f"insert into orgs (slug, name) select 'filled-' || n, 'Filled' from generate_series(1, {ORGS}) as n",
    """
    insert into users (org_id, role, external_id, external_id_digest)
    select id, 'student', '\\x00', '\\x00' from orgs where slug like 'filled-%'
    """,
    f"""
    insert into essays (org_id, user_id, title, versions, newest_submission_id, newest_submitted_at)
    select u.org_id, u.id, '\\x00', 1, uuidv7(), now() from users as u cross join generate_series(1, {ESSAYS_OF_EACH})
    where u.external_id = '\\x00'
    """,
    """
    insert into submissions (id, org_id, essay_id, user_id, audience_id, version, status, queue, source, language, text, text_sha256,
        characters, words, submitted_at, completed_at, tallied)
    select newest_submission_id, org_id, id, user_id, user_id, 1, 'completed', 'interactive', 'app', 'en', '\\x00',
        decode(repeat('00', 32), 'hex'), 1, 1, now(), now(), true
    from essays where title = '\\x00'
    """,
    f"""
    insert into passes (org_id, submission_id, essay_id, user_id, audience_id, name, state, queue, comments, summary, tallied,
        started_at, first_claimed_at, finished_at)
    select s.org_id, s.id, s.essay_id, s.user_id, s.user_id, n, 'done', 'interactive', 1, '\\x00', true, now(), now(), now()
    from submissions as s cross join unnest(array{[str(name) for name in PassName]}) as n where s.text = '\\x00'
    """,
    """
    insert into ai_responses (org_id, submission_id, user_id, pass, attempt, provider, model, prompt_version, request_sha256, outcome,
        raw, latency_ms, completed_at, tallied)
    select org_id, submission_id, user_id, name, 1, 'anthropic', 'm', '1', '\\x00', 'ok', '\\x00', 900, now(), true
    from passes where summary = '\\x00'
    """,
    "reset session_replication_role",
    "analyze",
)
# Requests for a lock that wait for a backend of the migrations. The server says how long, so a sample is never too long.
WAITS = """
select (extract(epoch from clock_timestamp() - l.waitstart) * 1000)::float8, regexp_replace(left(ltrim(b.query), 300), '\\s+', ' ', 'g')
from pg_locks as l cross join lateral unnest(pg_blocking_pids(l.pid)) as p (pid) join pg_stat_activity as b on b.pid = p.pid
join pg_stat_activity as w on w.pid = l.pid
where not l.granted and l.waitstart is not null and w.usename = 'ec_ingest' and b.usename <> 'ec_ingest' and b.datname = current_database()
"""
HELD = """
select l.relation::regclass::text, l.mode, (extract(epoch from clock_timestamp() - a.xact_start) * 1000)::float8
from pg_locks as l join pg_stat_activity as a on a.pid = l.pid
join pg_class as c on c.oid = l.relation
where l.granted and a.usename = 'postgres' and a.pid <> pg_backend_pid() and a.datname = current_database()
    and l.mode = any(%s) and c.relkind in ('r', 'p') and c.relnamespace = 'public'::regnamespace
"""


class Sampler:
    """Looks again and again who waits for a migration, and which locks that block writes a migration holds, and for how long."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.migration = ""
        self.samples = 0
        self.waits: dict[tuple[str, str], float] = defaultdict(float)
        self.held: dict[tuple[str, str, str], float] = defaultdict(float)
        self._ended = threading.Event()

    @contextmanager
    def sampling(self) -> Iterator[Sampler]:
        thread = threading.Thread(target=self._run)
        thread.start()
        try:
            yield self
        finally:
            self._ended.set()
            thread.join()

    def _run(self) -> None:
        modes = [mode for mode in BLOCKS if mode != "ShareUpdateExclusiveLock"]
        with closing(psycopg2.connect(self._database.admin_url)) as connection, connection.cursor() as cursor:
            connection.autocommit = True
            while not self._ended.wait(LONGEST_SAMPLE_PAUSE_SECONDS):
                self.samples += 1
                cursor.execute(WAITS)
                for waited, statement in cursor.fetchall():
                    place = (self.migration, statement)
                    self.waits[place] = max(self.waits[place], waited)
                cursor.execute(HELD, (modes,))
                for table, mode, since in cursor.fetchall():
                    lock = (self.migration, table, mode)
                    self.held[lock] = max(self.held[lock], since)


@contextmanager
def handing_in(school: School) -> Iterator[list[tuple[object, float]]]:
    """Let students hand in without a pause while the block runs. The list is what became of each, an id or an error, and the ms."""
    ended, answers = threading.Event(), list[tuple[object, float]]()

    def write(name: str) -> None:
        while not ended.is_set():
            began = time.perf_counter()
            answer: object
            try:
                answer = hand_in(school, name).submission
            except Exception as error:
                answer = error
            answers.append((answer, (time.perf_counter() - began) * 1000))

    threads = [threading.Thread(target=write, args=(("alice", "bob")[n % 2],)) for n in range(WRITERS)]
    for thread in threads:
        thread.start()
    try:
        yield answers
    finally:
        ended.set()
        for thread in threads:
            thread.join()


@pytest.mark.slow(reason="fills a database with 100,000 versions and migrates it")
def test_hand_ins_hardly_wait_while_a_filled_database_is_migrated(
    database: Database, school: School, become: Become, monkeypatch: pytest.MonkeyPatch, report: Report
) -> None:
    monkeypatch.setenv("DATABASE_URL", database.admin_url)
    names = [path.stem for path in files()]
    newer = names[names.index(BASE) + 1 :]
    back = ["down", "--steps", str(len(newer)), *LOSE_ROWS]
    assert main(back) == 0
    with closing(psycopg2.connect(database.admin_url)) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        for statement in FILL:
            cursor.execute(statement)
    become("ec_ingest")

    slow = _slow_statements(_migrate_while_students_hand_in(newer, database, school, report), report)
    # Back again, with the rows in place.
    assert main(back) == 0
    if slow:
        # Whatever else runs on the machine may stop a migration in the middle. What it does itself takes as long the next time.
        again = _slow_statements(_migrate_while_students_hand_in(newer, database, school, report), report)
        assert slow & again == set()
    assert main(["up"]) == 0


def _migrate_while_students_hand_in(newer: list[str], database: Database, school: School, report: Report) -> Sampler:
    """Apply the migrations while students hand in, check that all of that was stored, and return who waited and for what."""
    before = database.sql("select count(*) from submissions where org_id = %s", school.org)[0][0]
    sampler = Sampler(database)
    with handing_in(school) as answers, sampler.sampling(), runner(database.admin_url) as schema:
        for name in newer:
            sampler.migration = name
            schema.apply(name)
    longest = max(ms for _, ms in answers)
    report(
        f"{len(answers):,} hand-ins during {len(newer)} migrations, the longest took {longest:.0f} ms; {sampler.samples:,} samples"
    )
    assert [one for one, _ in answers if isinstance(one, Exception)] == []
    assert database.sql("select count(*) from submissions where org_id = %s", school.org) == [(before + len(answers),)]
    assert len(answers) > WRITERS
    return sampler


def _slow_statements(sampler: Sampler, report: Report) -> set[tuple[str, str]]:
    """Return the statements for which a hand-in waited too long, with their migrations."""
    for (name, table, mode), since in sorted(sampler.held.items()):
        report(f"{name}: {mode} on {table} at most {since:.0f} ms after its transaction began")
    for (name, statement), waited in sorted(sampler.waits.items()):
        report(f"{name}: a hand-in waited {waited:.0f} ms for: {statement}")
    return {place for place, waited in sampler.waits.items() if waited > LONGEST_WAIT_MS}
