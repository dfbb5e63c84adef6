"""Test that what runs every few seconds reads no finished work, whatever the planner was told in a busier hour."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from models import db, ledger, passes, upkeep
from models.jobs import Queue
from monitoring import query
from tests.conftest import Become
from tests.support.schools import School, hand_in
from tests.support.servers import Database

ROWS = 20_000
FEW = 60
# All open when the statistics are made; finished, and not vacuumed, when the statements run.
FILL = f"""
set session_replication_role = replica;
alter table passes set (autovacuum_enabled = off);
insert into submissions (id, org_id, essay_id, user_id, audience_id, version, status, queue, source, language, text, text_sha256,
    characters, words, submitted_at)
select uuidv7(), org_id, essay_id, user_id, audience_id, 1, 'queued', queue, source, language, text, text_sha256, 1, 1, now()
from submissions cross join generate_series(1, {ROWS});
insert into passes (org_id, submission_id, essay_id, user_id, audience_id, name, state, queue, next_at)
select org_id, id, essay_id, user_id, audience_id, 'grammar', 'queued', queue, now() + interval '1 day' from submissions
on conflict do nothing;
insert into ai_responses (org_id, submission_id, user_id, pass, attempt, provider, model, prompt_version, request_sha256)
select org_id, id, user_id, 'grammar', 1, 'anthropic', 'm', '1', '\\x00' from submissions;
analyze;
update passes set state = 'done', comments = 1, summary = '\\x00', started_at = now(), first_claimed_at = now(), finished_at = now();
update ai_responses set outcome = 'ok', raw = '\\x00', latency_ms = 900, completed_at = now();
update submissions set status = 'completed', completed_at = now(), feedback_seconds = 1;
reset session_replication_role
"""
READ = """
select coalesce(sum(seq_tup_read + coalesce(idx_tup_fetch, 0)), 0)::bigint as amount from pg_stat_xact_user_tables
where schemaname = 'public' and relname ~ '^(passes|ai_responses|submissions|feedback)'
"""
CLOCK: dict[str, Callable[[], object]] = {
    "fold_tallies": upkeep.fold_tallies,
    "fold_ledger": lambda: ledger.fold(limit=100),
    "free_expired": lambda: passes.free_expired(limit=100),
    "give_up_stalled": lambda: passes.give_up_stalled(limit=100),
    "due_counts": lambda: passes.due_counts(limit=100),
    "take_due": lambda: passes.take_due(limit=100, stale_seconds=60, starved=list(Queue)),
}
MONITOR = ("queues", "totals", "gave_up", "pauses")


def _fill(database: Database, become: Become) -> None:
    """Let much work be open, then end and be counted, once for all tests of this file."""
    if database.sql("select 1 from passes where state = 'done' limit 1"):
        return
    database.sql(FILL)
    become("ec_clock")
    with db.session():
        upkeep.fold_tallies()


def rows_read() -> int:
    """Return how many rows of passes, calls, versions and comments this transaction has read."""
    found = db.row(READ)
    assert found is not None
    return int(found["amount"])


@pytest.mark.parametrize("name", CLOCK)
def test_the_clock_reads_no_finished_work(name: str, school: School, become: Become, database: Database) -> None:
    hand_in(school)
    _fill(database, become)
    become("ec_clock")
    with db.session():
        CLOCK[name]()
        assert rows_read() <= FEW


@pytest.mark.parametrize("name", MONITOR)
def test_a_scrape_reads_no_finished_work(name: str, school: School, become: Become, database: Database) -> None:
    hand_in(school)
    _fill(database, become)
    become("ec_monitor")
    with db.session():
        query.set_limits()
        statement = (query.QUERIES / f"{name}.sql").read_text(encoding="utf-8")
        db.rows(f"explain (analyze) {statement}", {"names": ["pass_duration", "ai_requests"]})
        assert rows_read() <= FEW
