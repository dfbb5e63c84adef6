"""Test the duties of the clock, each called as ec_clock, and the real clock program."""

from __future__ import annotations

import base64
import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import dramatiq
import psycopg2
import pytest

from models import db, log, passes, rights, rubric_previews, security_sinks, settings
from models.broker import HintBroker, make_broker
from models.crypto import Ciphertext
from models.errors import DatabaseAway, DatabaseReadOnly
from models.essays import Draft, Receipt
from models.jobs import ACTOR, Hint, Queue
from models.passes import Claim
from models.security_events import NO_LINE
from tests.conftest import Become
from tests.support import schools
from tests.support.local_engine import shared_provider
from tests.support.logs import kept_logging
from tests.support.own_redis import SPELLS, own_redis
from tests.support.races import eventually
from tests.support.schools import School, session_of
from tests.support.servers import ROOT, Database, Servers, away, read_only
from workers.duties import audit_heads, audit_trail, erasure, guard, maintenance
from workers.duties import queue as duties_queue
from workers.job.leases import Leases
from workers.job.run_pass import PassRunner
from workers.providers.choice import ProviderChooser
from workers.settings import ProviderSettings

TEXT = "Phones should stay at home. They distract us. First, they buzz. In conclusion, leave them at home."


@pytest.fixture
def receipt(school: School, become: Become) -> Receipt:
    """Give the receipt of an essay by Alice whose hints were not sent; this process has the role ec_clock."""
    handed_in = hand_in(school)
    become("ec_clock")
    return handed_in


hand_in = partial(schools.hand_in, title="Phones", text=TEXT)


def waiting(client: Any) -> list[Hint]:
    """Return the hints in the interactive queue, read from Redis directly."""
    ids = client.lrange(f"dramatiq:{Queue.INTERACTIVE}", 0, -1)
    stored = client.hmget(f"dramatiq:{Queue.INTERACTIVE}.msgs", ids) if ids else []
    messages = [dramatiq.Message.decode(one) for one in stored]
    assert all(message.actor_name == ACTOR and message.args == () for message in messages)
    return [Hint.from_fields(message.kwargs) for message in messages]


def age_hints(database: Database, seconds: float = duties_queue.STALE_HINT_SECONDS + 1) -> None:
    """Make the hints of all passes this many seconds older."""
    database.sql(
        "update passes set queued_at = queued_at - %s * interval '1 s', next_at = next_at - %s * interval '1 s',"
        " hinted_at = hinted_at - %s * interval '1 s'",
        *(seconds,) * 3,
    )


def claim(school: School, pass_id: UUID) -> Claim:
    with db.session(org=school.org):
        taken = passes.claim(pass_id, org=school.org, lease_seconds=600)
    assert taken is not None
    return taken


def expire(database: Database) -> None:
    database.sql("update passes set lease_until = now() - interval '1 ms' where state = 'running'")


def test_lost_hints_are_sent(broker: HintBroker, database: Database, receipt: Receipt) -> None:
    age_hints(database)
    assert duties_queue.resend_hints(broker) == 3
    assert sorted(waiting(broker.client), key=str) == sorted(receipt.hints, key=str)


def test_hints_that_were_just_sent_are_not_sent_again(broker: HintBroker, receipt: Receipt) -> None:
    assert duties_queue.resend_hints(broker) == 0
    assert waiting(broker.client) == []


def test_a_pass_that_waited_for_its_next_attempt_gets_one_hint_when_it_is_due(
    broker: HintBroker, database: Database, receipt: Receipt
) -> None:
    due, later, _ = (hint.pass_id for hint in receipt.hints)
    database.sql(
        "update passes set next_at = now() - interval '1 ms', hinted_at = now() - interval '1 s' where id = %s", due
    )
    database.sql("update passes set next_at = now() + interval '1 hour', hinted_at = now() where id = %s", later)
    assert duties_queue.resend_hints(broker) == 1
    assert duties_queue.resend_hints(broker) == 0
    assert [hint.pass_id for hint in waiting(broker.client)] == [due]


def test_hints_that_redis_lost_are_sent_again(broker: HintBroker, database: Database, receipt: Receipt) -> None:
    assert broker.send(receipt.hints) == 3
    age_hints(database)
    broker.client.flushall()
    assert duties_queue.resend_hints(broker) == 3
    assert len(waiting(broker.client)) == 3


def test_backlog_in_redis_is_not_hinted_again(broker: HintBroker, database: Database, receipt: Receipt) -> None:
    assert broker.send(receipt.hints) == 3
    age_hints(database, 3600)
    assert duties_queue.resend_hints(broker) == 0
    assert len(waiting(broker.client)) == 3


def test_hints_go_out_oldest_first(broker: HintBroker, database: Database, school: School, become: Become) -> None:
    older, newer = hand_in(school), hand_in(school)
    become("ec_clock")
    database.sql("update passes set next_at = next_at - interval '1 minute' where submission_id = %s", newer.submission)
    age_hints(database)
    duties_queue.resend_hints(broker)
    assert {hint.pass_id for hint in waiting(broker.client)[:3]} == {hint.pass_id for hint in newer.hints}
    assert {hint.pass_id for hint in waiting(broker.client)[3:]} == {hint.pass_id for hint in older.hints}


def test_running_or_finished_passes_get_no_hint(
    broker: HintBroker, database: Database, school: School, become: Become, receipt: Receipt
) -> None:
    become("ec_worker")
    claim(school, receipt.hints[0].pass_id)
    over = claim(school, receipt.hints[1].pass_id)
    with db.session(org=school.org):
        passes.give_up(over, error="bad_request")
    become("ec_clock")
    age_hints(database)
    assert duties_queue.resend_hints(broker) == 1
    assert [hint.pass_id for hint in waiting(broker.client)] == [receipt.hints[2].pass_id]


def test_hints_go_out_when_an_absent_redis_returns(broker: HintBroker, database: Database, receipt: Receipt) -> None:
    nobody = make_broker("redis://127.0.0.1:1/0", answer_seconds=0.5)
    age_hints(database)
    assert duties_queue.resend_hints(nobody) == 0
    age_hints(database)
    assert duties_queue.resend_hints(broker) == 3


@pytest.mark.slow(reason="starts an own Redis for each refusal")
@pytest.mark.parametrize("name", SPELLS)
def test_hints_go_out_at_once_when_a_redis_that_refused_serves_again(
    name: str, database: Database, receipt: Receipt
) -> None:
    age_hints(database)
    hinted = "select max(hinted_at) from passes"
    before = database.sql(hinted)
    with own_redis() as server, closing(make_broker(server.url_for("ec_clock"), answer_seconds=1.0)) as broker:
        with SPELLS[name].cast_on(server):
            assert duties_queue.resend_hints(broker) == 0
            assert database.sql(hinted) == before, "a pass was marked as hinted without a hint"
        eventually(lambda: duties_queue.resend_hints(broker) == 3)
        assert sorted(waiting(server.admin), key=str) == sorted(receipt.hints, key=str)
        broker.client.connection_pool.disconnect()


def test_two_clocks_at_once_send_each_due_pass_one_hint(
    broker: HintBroker, database: Database, servers: Servers, school: School, become: Become
) -> None:
    receipts = [hand_in(school) for _ in range(20)]
    become("ec_clock")
    database.sql("update passes set hinted_at = next_at - interval '1 s'")
    barrier = threading.Barrier(2, timeout=60)
    sent: list[int] = []

    def tick() -> None:
        mine = make_broker(servers.redis_url_for("ec_clock"))
        barrier.wait()
        sent.append(duties_queue.resend_hints(mine))
        mine.close()
        mine.client.connection_pool.disconnect()

    threads = [threading.Thread(target=tick) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    wanted = sorted((hint for receipt in receipts for hint in receipt.hints), key=str)
    assert sum(sent) == len(wanted) == 60
    assert sorted(waiting(broker.client), key=str) == wanted


def test_only_expired_leases_are_freed(database: Database, school: School, become: Become, receipt: Receipt) -> None:
    become("ec_worker")
    silent = claim(school, receipt.hints[0].pass_id)
    expire(database)
    alive = claim(school, receipt.hints[1].pass_id)
    become("ec_clock")
    assert duties_queue.free_leases() == 1
    assert duties_queue.free_leases() == 0
    found = dict(database.sql("select id, (state, lost, error)::text from passes"))  # type: ignore[arg-type]
    assert found[silent.id] == "(queued,1,worker_lost)"
    assert found[alive.id] == "(running,0,)"
    assert database.sql("select count from monitor_totals where name = 'leases_expired'") == [(1,)]


def test_a_freed_pass_can_be_claimed_at_once_and_gets_a_hint(
    broker: HintBroker, database: Database, school: School, become: Become, receipt: Receipt
) -> None:
    become("ec_worker")
    claim(school, receipt.hints[0].pass_id)
    expire(database)
    become("ec_clock")
    duties_queue.free_leases()
    assert duties_queue.resend_hints(broker) == 1
    assert [hint.pass_id for hint in waiting(broker.client)] == [receipt.hints[0].pass_id]
    become("ec_worker")
    assert claim(school, receipt.hints[0].pass_id).attempt == 2


def test_third_crash_gives_up_and_closes_the_submission(
    database: Database, school: School, become: Become, receipt: Receipt
) -> None:
    for round_number in range(1, passes.MAX_CRASHES):
        become("ec_worker")
        for hint in receipt.hints:
            assert claim(school, hint.pass_id).attempt == round_number
        expire(database)
        become("ec_clock")
        assert duties_queue.free_leases() == 3
    # The last attempts run one at a time, so a pass that crashes its worker again is known to be the cause.
    for hint in receipt.hints:
        become("ec_worker")
        assert claim(school, hint.pass_id).attempt == passes.MAX_CRASHES
        expire(database)
        become("ec_clock")
        assert duties_queue.free_leases() == 1
    assert database.sql("select distinct state, lost, error from passes") == [("gave_up", 3, "worker_lost")]
    assert database.sql("select status, completed_at is not null from submissions") == [("failed", True)]
    logged = database.sql("select program, level, event, context ->> 'pass_id' from system_logs")
    assert sorted(logged) == sorted(("clock", "error", "pass given up", str(hint.pass_id)) for hint in receipt.hints)
    assert database.sql("select count from monitor_totals where name = 'leases_expired'") == [(9,)]


def test_two_clocks_at_once_count_each_lost_lease_once(
    database: Database, school: School, become: Become, receipt: Receipt
) -> None:
    become("ec_worker")
    for hint in receipt.hints:
        claim(school, hint.pass_id)
    database.sql("update passes set lost = %s where id = %s", passes.MAX_CRASHES - 1, receipt.hints[0].pass_id)
    expire(database)
    become("ec_clock")
    freed = at_once(duties_queue.free_leases)
    assert sum(freed) == 3
    assert database.sql("select count from monitor_totals where name = 'leases_expired'") == [(3,)]
    assert database.sql("select state, count(*) from passes group by state order by state") == [
        ("gave_up", 1),
        ("queued", 2),
    ]


def test_passes_tried_for_three_days_are_given_up(
    database: Database, school: School, become: Become, receipt: Receipt
) -> None:
    tried, untried, young = (hint.pass_id for hint in receipt.hints)
    database.sql("update passes set queued_at = now() - interval '73 hours' where id in (%s, %s)", tried, untried)
    database.sql(
        "update passes set started_at = now() - interval '1 minute', error = 'unauthorised' where id in (%s, %s)",
        tried,
        young,
    )
    become("ec_clock")

    assert duties_queue.give_up_stalled() == 1
    assert database.sql("select id::text, error from passes where state = 'gave_up'") == [(str(tried), "unauthorised")]
    assert duties_queue.give_up_stalled() == 0


def test_a_version_left_open_by_a_fault_of_ours_is_closed(database: Database, become: Become, receipt: Receipt) -> None:
    database.sql("update passes set state = 'gave_up', error = 'crashed', finished_at = now()")
    become("ec_clock")

    assert duties_queue.LateCloser().close_finished() == 1
    assert database.sql("select status, completed_at is not null from submissions") == [("failed", True)]
    assert duties_queue.LateCloser().close_finished() == 0


def test_leases_are_kept_just_after_a_database_outage(
    servers: Servers,
    database: Database,
    school: School,
    become: Become,
    receipt: Receipt,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Check that the clock gives a worker time to renew its lease after an outage."""
    become("ec_worker")
    claim(school, receipt.hints[0].pass_id)
    expire(database)
    become("ec_clock")
    monkeypatch.setattr(guard, "GRACE_SECONDS", 0.5)
    duty = guard.RecoveryGrace().delay(duties_queue.free_leases)
    with away(servers, database), pytest.raises(DatabaseAway):
        duty()

    assert duty() == 0
    eventually(lambda: duty() == 1)


def at_once(duty: Callable[[], int]) -> list[int]:
    """Run a duty in two threads at once and return both results."""
    barrier = threading.Barrier(2, timeout=60)
    answers: list[int] = []

    def tick() -> None:
        barrier.wait()
        answers.append(duty())

    threads = [threading.Thread(target=tick) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(answers) == 2
    return answers


TOTALS = "select name, labels, count, total, buckets from monitor_totals order by name, labels"


def finish_one(school: School, become: Become, receipt: Receipt) -> None:
    """Run the structure pass of the submission with the local engine."""
    become("ec_worker")
    local = ProviderChooser(
        ProviderSettings(name="local", api_key=None, base_url=None, model=None),
        timeout_seconds=10,
        local=shared_provider(),
    )
    leases = Leases(lease_seconds=12, longest_seconds=60)
    PassRunner(choose_provider=local, leases=leases, lease_seconds=12).run(receipt.hints[1])
    become("ec_clock")


def test_folding_counts_once_and_changes_no_total(
    database: Database, school: School, become: Become, receipt: Receipt
) -> None:
    finish_one(school, become, receipt)
    before = database.sql(TOTALS)
    assert ("pass_duration", ["structure", "done"], 1) in [(name, labels, count) for name, labels, count, *_ in before]
    assert ("ai_requests", ["structure", "local", "ok"], 1) in [
        (name, labels, count) for name, labels, count, *_ in before
    ]
    assert database.sql("select * from tallies") == []
    assert maintenance.fold_tallies() == len(before)
    assert database.sql(TOTALS) == before
    assert database.sql("select count(*) from untallied") == [(0,)]
    assert maintenance.fold_tallies() == 0
    assert database.sql(TOTALS) == before


def test_two_clocks_folding_at_once_count_nothing_twice(
    database: Database, school: School, become: Become, receipt: Receipt
) -> None:
    finish_one(school, become, receipt)
    before = database.sql(TOTALS)
    waiting_for_a_lock = (
        "select count(*) from pg_stat_activity"
        " where datname = current_database() and usename = 'ec_clock' and wait_event_type = 'Lock'"
    )
    answers: list[int] = []
    threads = [threading.Thread(target=lambda: answers.append(maintenance.fold_tallies())) for _ in range(2)]
    # A lock on the rows they update holds both threads back, so both start before either ends.
    held = psycopg2.connect(database.admin_url)
    try:
        with held, held.cursor() as cursor:
            cursor.execute("select 1 from passes for update")
            for thread in threads:
                thread.start()
            eventually(lambda: database.sql(waiting_for_a_lock) == [(2,)])
    finally:
        held.close()
    for thread in threads:
        thread.join(60)
    assert sorted(answers) == [0, len(before)]
    assert database.sql(TOTALS) == before


def test_totals_outlive_the_rows_they_were_counted_from(
    database: Database, school: School, become: Become, receipt: Receipt
) -> None:
    finish_one(school, become, receipt)
    maintenance.fold_tallies()
    before = database.sql(TOTALS)
    database.sql("delete from essays")
    assert database.sql("select count(*) from passes") == [(0,)]
    assert database.sql(TOTALS) == before != []


def test_a_missing_month_gets_its_partition(database: Database, become: Become) -> None:
    become("ec_clock")
    assert maintenance.make_partitions() == 0
    name = database.sql("select to_char(now() at time zone 'UTC' + interval '3 months', '\"feedback_\"YYYY_MM')")[0][0]
    database.sql(f"drop table {name}")
    assert maintenance.make_partitions() == 1
    attached = "select inhparent::regclass::text from pg_inherits where inhrelid = %s::regclass"
    assert database.sql(attached, name) == [("feedback",)]
    assert database.sql("select relforcerowsecurity from pg_class where oid = %s::regclass", name) == [(True,)]


def test_idempotency_answers_are_purged_after_their_retention(
    database: Database, school: School, become: Become
) -> None:
    for key, days in (("old", 8), ("young", 6)):
        database.sql(
            "insert into idempotency_keys (org_id, caller_id, key, request_sha256, created_at)"
            " values (%s, %s, %s, '\\x00', now() - make_interval(days => %s))",
            *(school.org, school.alice, key, days),
        )
    become("ec_clock")
    assert maintenance.purge() == 1
    assert database.sql("select key from idempotency_keys") == [("young",)]


def test_every_delivery_without_a_person_that_is_old_is_purged_at_once(
    database: Database, school: School, become: Become, monkeypatch: pytest.MonkeyPatch
) -> None:
    database.sql(
        "insert into inbound_events (id, org_id, source_id, event_id, outcome, reason, body, body_sha256)"
        " select uuidv7(make_interval(days => -days, hours => -1)), %s, %s, days::text, 'ignored', 'x', '', '' from generate_series(27, 36) as days",
        *(school.org, school.source),
    )
    become("ec_clock")
    monkeypatch.setattr(maintenance, "BATCH", 2)
    assert maintenance.purge() == 7
    assert database.sql("select count(*) from inbound_events") == [(3,)]


def test_single_use_tokens_are_purged_a_week_after_their_end(
    database: Database, school: School, become: Become
) -> None:
    for digest, days in ((b"old", 8), (b"young", 6)):
        database.sql(
            "insert into one_time_tokens (org_id, user_id, purpose, digest, expires_at)"
            " values (%s, %s, 'invitation', sha256(%s), now() - make_interval(days => %s))",
            *(school.org, school.alice, digest, days),
        )
    become("ec_clock")
    assert maintenance.purge() == 1
    assert database.sql("select digest = sha256('young') from one_time_tokens") == [(True,)]


def test_all_new_audit_entries_are_chained(
    database: Database, school: School, become: Become, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_trail, "BATCH", 3)
    become("ec_clock")
    entries = database.sql("select count(*) from audit_log")[0][0]
    assert audit_trail.chain_audit() == entries
    assert audit_trail.chain_audit() == 0
    assert database.sql("select count(*), max(sequence) from audit_log where hash is not null") == [(entries, entries)]


def ask_for_erasure(school: School, *people: UUID) -> None:
    with session_of(school, "ada"):
        for person in people:
            rights.request_erasure(person, org=school.org)


def test_only_people_to_be_erased_are_erased(
    database: Database, school: School, become: Become, receipt: Receipt
) -> None:
    become("ec_ingest")
    ask_for_erasure(school, school.alice, school.zoe)
    become("ec_clock")
    assert erasure.erase() == 2
    assert erasure.erase() == 0
    left = {str(user) for (user,) in database.sql("select id from users")}
    assert left == {str(user) for user in (school.bob, school.ed, school.nell, school.ada)}
    assert database.sql("select count(*) from essays") == [(0,)]


@pytest.mark.slow(reason="waits for a time limit")
def test_blocked_erasure_does_not_delay_others(
    database: Database, school: School, become: Become, receipt: Receipt
) -> None:
    become("ec_ingest")
    ask_for_erasure(school, school.alice, school.zoe)
    become("ec_clock", pool_size=2)
    held = psycopg2.connect(database.admin_url)
    try:
        with held, held.cursor() as cursor:
            cursor.execute("select 1 from submissions for update")
            assert erasure.erase() == 1
    finally:
        held.close()
    assert erasure.erase() == 1


def test_a_pass_that_finishes_while_its_author_is_erased_is_counted(
    broker: HintBroker,
    database: Database,
    school: School,
    become: Become,
    receipt: Receipt,
    program_env: Callable[[str], None],
) -> None:
    """Check that the erasure waits for the worker that holds the version and counts its pass before deleting rows."""
    become("ec_ingest")
    ask_for_erasure(school, school.alice)
    become("ec_worker")
    held = claim(school, receipt.hints[0].pass_id)
    program_env("ec_clock")
    waits = "select count(*) > 0 from pg_stat_activity where datname = current_database() and usename = 'ec_clock' and wait_event_type = 'Lock'"
    done = "select coalesce(sum(count), 0) from monitor_totals where name = 'pass_duration' and labels @> array['done']"
    with ExitStack() as until_the_end:
        with db.session(org=school.org):
            passes.finish(held, provider="local", model="rules", comments=0, summary=Ciphertext(b"sealed"))
            # The server ends a worker's transaction that is silent for 5 s, and on a busy machine the clock starts more slowly.
            db.run("set local idle_in_transaction_session_timeout = 0")
            program = until_the_end.enter_context(clock_program())
            eventually(lambda: database.sql(waits) == [(True,)])
        eventually(lambda: database.sql("select count(*) from users where id = %s", school.alice) == [(0,)])
        assert database.sql("select count(*) from passes") == [(0,)]
        assert database.sql(done) == [(1,)]
        program.send_signal(signal.SIGTERM)
        assert program.wait(60) == 0


@pytest.mark.slow(reason="starts the clock program")
def test_the_clock_program_chains_signs_and_erases(
    broker: HintBroker, database: Database, school: School, become: Become, receipt: Receipt, program_env: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
) -> None:  # fmt: skip
    become("ec_ingest")
    ask_for_erasure(school, school.alice)
    program_env("ec_clock")
    monkeypatch.setenv(audit_heads.KEY, base64.b64encode(b"a" * 32).decode())
    monkeypatch.setenv(audit_heads.FILE, str(tmp_path / "heads"))
    monkeypatch.setenv(security_sinks.FILE, str(tmp_path / "security.jsonl"))
    with clock_program() as program:
        eventually(lambda: database.sql("select count(*) from users where id = %s", school.alice) == [(0,)])
        eventually(lambda: database.sql("select count(*) from audit_log where sequence is null") == [(0,)])
        assert (tmp_path / "heads").exists()
        eventually(lambda: str(school.org) in (tmp_path / "heads").read_text())
        program.send_signal(signal.SIGTERM)
        assert program.wait(60) == 0
    lines = [json.loads(line) for line in (tmp_path / "security.jsonl").read_text().splitlines()]
    entries = database.sql("select id::text, entity, action from audit_log order by org_id, sequence")
    assert [(line["id"], line["program"]) for line in lines] == [
        (entry, "clock") for entry, *kind in entries if tuple(kind) not in NO_LINE
    ]
    assert "person_erased" in {line["event"] for line in lines}


@pytest.mark.slow(reason="starts the clock")
def test_clock_warns_without_signing_key_and_refuses_half_of_it(
    broker: HintBroker, database: Database, program_env: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    program_env("ec_clock")
    with clock_program() as program:
        program.send_signal(signal.SIGTERM)
        assert program.wait(60) == 0
        assert program.stderr is not None
        said = program.said_so_far + program.stderr.read()  # type: ignore[attr-defined]
    assert said.count("audit heads are not signed") == 1
    monkeypatch.setenv(audit_heads.FILE, "heads")
    done = subprocess.run(
        [sys.executable, "-m", "workers", "clock"],
        cwd=ROOT,
        env=dict(os.environ),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith(f"workers: {audit_heads.KEY} is not set")


DUTIES = {
    duty.__name__: duty
    for duty in (
        duties_queue.free_leases,
        maintenance.fold_tallies,
        maintenance.make_partitions,
        maintenance.purge,
        audit_trail.chain_audit,
        erasure.erase,
    )
}


@pytest.mark.parametrize("name", [*DUTIES, "resend_hints"])
def test_duty_survives_a_database_outage(
    name: str, database: Database, servers: Servers, broker: HintBroker, receipt: Receipt
) -> None:
    steady = guard.guarded(name, DUTIES.get(name, lambda: duties_queue.resend_hints(broker)), outage=guard.Outage())
    with away(servers, database):
        assert steady() == 0
    age_hints(database)
    database.sql(
        "update passes set state = 'running', started_at = now(), lease_until = now() - interval '1 s' where id = %s",
        receipt.hints[0].pass_id,
    )
    [(entries,)] = database.sql("select count(*) from audit_log")
    expected = {"free_leases": 1, "resend_hints": 2, "chain_audit": entries}.get(name, 0)
    assert steady() == expected


LogLines = Callable[[], list[dict[str, object]]]


@pytest.fixture
def log_lines(caplog: pytest.LogCaptureFixture) -> Iterator[LogLines]:
    """A function that returns what the duties have logged since its last call."""

    def read() -> list[dict[str, object]]:
        lines = [dict(one.msg) for one in caplog.records if isinstance(one.msg, dict)]
        caplog.clear()
        return lines

    with kept_logging():
        log.set_up("clock")
        yield read


def test_read_only_database_is_logged_once_when_it_begins_and_once_when_it_ends(
    database: Database, broker: HintBroker, receipt: Receipt, log_lines: LogLines
) -> None:
    outage = guard.Outage()
    grace = guard.RecoveryGrace()
    duties = {**DUTIES, "resend_hints": lambda: duties_queue.resend_hints(broker)}
    duties["free_leases"] = grace.delay(duties_queue.free_leases)
    steady = [guard.guarded(name, duty, outage=outage) for name, duty in duties.items()]
    age_hints(database)
    with read_only(database, "ec_clock"):
        for _ in range(5):
            assert sum(duty() for duty in steady) == 0
        begun = log_lines()
    ended = [duty() for duty in steady for _ in range(2)]
    assert [line["event"] for line in begun] == ["duties put off"]
    assert [line["event"] for line in log_lines()] == ["duties go on"]
    assert sum(ended) > 0
    for duty in steady:
        duty()
    assert log_lines() == []


def test_second_outage_is_logged_again(database: Database, log_lines: LogLines, become: Become) -> None:
    become("ec_clock")
    steady = guard.guarded("purge", maintenance.purge, outage=guard.Outage())
    for _ in range(2):
        with read_only(database, "ec_clock"):
            steady()
        steady()
        steady()
    assert [line["event"] for line in log_lines()] == ["duties put off", "duties go on"] * 2


def test_leases_are_kept_just_after_a_read_only_spell(
    database: Database, school: School, become: Become, receipt: Receipt, monkeypatch: pytest.MonkeyPatch
) -> None:
    become("ec_worker")
    claim(school, receipt.hints[0].pass_id)
    expire(database)
    become("ec_clock")
    monkeypatch.setattr(guard, "GRACE_SECONDS", 0.5)
    duty = guard.RecoveryGrace().delay(duties_queue.free_leases)
    with read_only(database, "ec_clock"), pytest.raises(DatabaseReadOnly):
        duty()

    assert duty() == 0
    eventually(lambda: duty() == 1)


def test_busy_database_puts_off_one_duty_and_is_no_outage(
    database: Database, become: Become, log_lines: LogLines
) -> None:
    become("ec_clock")
    holder = psycopg2.connect(database.admin_url)
    try:
        with holder.cursor() as cursor:
            cursor.execute("lock table tallies in access exclusive mode")
        database.sql(f"alter role ec_clock in database {database.name} set lock_timeout = '100ms'")
        assert guard.guarded("fold_tallies", maintenance.fold_tallies, outage=guard.Outage())() == 0
    finally:
        holder.close()
        database.sql(
            f"alter role ec_clock in database {database.name} reset lock_timeout"
        )  # the file shares the database
    assert [(line["event"], line["reason"]) for line in log_lines()] == [("duty put off", "database busy")]


def test_duty_survives_an_unexpected_error(database: Database, receipt: Receipt) -> None:
    steady = guard.guarded("free_leases", duties_queue.free_leases, outage=guard.Outage())
    database.sql("revoke select (lease_until) on passes from ec_clock")
    assert steady() == 0
    database.sql("grant select (lease_until) on passes to ec_clock")
    database.sql("update passes set state = 'running', lease_until = now() - interval '1 s'")
    assert steady() == 3


@contextmanager
def clock_program() -> Iterator[subprocess.Popen[str]]:
    """Start the real clock program in the environment of this test and wait until it reports that it runs."""
    program = subprocess.Popen(
        [sys.executable, "-m", "workers", "clock"], cwd=ROOT, env=dict(os.environ), stderr=subprocess.PIPE, text=True
    )
    assert program.stderr is not None
    try:
        said = ""
        deadline = time.monotonic() + 60
        while "clock runs" not in said:
            assert time.monotonic() < deadline and program.poll() is None, said
            if select.select([program.stderr], [], [], 0.2)[0]:
                # Not `readline`: it takes more than a line out of the pipe, and `select` does not see what is left.
                said += os.read(program.stderr.fileno(), 65536).decode()
        program.said_so_far = said  # type: ignore[attr-defined]
        yield program
    finally:
        if program.poll() is None:
            program.kill()
        program.wait()
        program.stderr.close()


@pytest.mark.slow(reason="starts the clock")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_clock_program_sends_hints_frees_leases_and_stops_when_told(
    number: signal.Signals,
    broker: HintBroker,
    database: Database,
    school: School,
    become: Become,
    receipt: Receipt,
    program_env: Callable[[str], None],
) -> None:
    become("ec_worker")
    claim(school, receipt.hints[0].pass_id)
    expire(database)
    age_hints(database)
    program_env("ec_clock")
    with clock_program() as program:
        eventually(
            lambda: {hint.pass_id for hint in waiting(broker.client)} == {hint.pass_id for hint in receipt.hints}
        )
        program.send_signal(number)
        assert program.wait(60) == 0


@pytest.mark.slow(reason="starts the clock")
def test_clock_program_stops_cleanly_during_its_start(database: Database, program_env: Callable[[str], None]) -> None:
    program_env("ec_clock")
    with clock_program() as program:
        program.send_signal(signal.SIGTERM)
        assert program.wait(60) == 0


@pytest.mark.slow(reason="starts the clock")
def test_the_clock_program_starts_while_the_database_is_away(
    broker: HintBroker, database: Database, servers: Servers, receipt: Receipt, program_env: Callable[[str], None]
) -> None:
    age_hints(database)
    program_env("ec_clock")
    with away(servers, database):
        started = clock_program()
        program = started.__enter__()
    try:
        eventually(lambda: len(waiting(broker.client)) == 3)
        program.send_signal(signal.SIGTERM)
        assert program.wait(60) == 0
    finally:
        started.__exit__(None, None, None)


def test_the_clock_program_says_which_setting_is_missing(
    database: Database, program_env: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    program_env("ec_clock")
    monkeypatch.delenv("REDIS_URL")
    done = subprocess.run(
        [sys.executable, "-m", "workers", "clock"],
        cwd=ROOT,
        env=dict(os.environ),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.strip() == f"workers: REDIS_URL is not set; it must be {settings.REDIS_URLS}."


def test_only_expired_rubric_previews_are_deleted(database: Database, school: School, become: Become) -> None:
    with session_of(school, "ed"):
        drafts = [Draft(title="Sample", text=TEXT, source="app")] * 2
        tried, ends = rubric_previews.start(
            drafts, org=school.org, teacher=school.ed, rubric=school.rubric, prompt=None
        )
    kept = hand_in(school)
    [(hours,)] = database.sql("select extract(epoch from %s - now()) / 3600", ends)
    assert 23 < float(str(hours)) <= 24
    become("ec_clock")
    assert erasure.delete_rubric_previews() == 0
    database.sql("update essays set trial_until = now() - interval '1 s' where id = %s", tried[0].essay)
    assert erasure.delete_rubric_previews() == 1
    left = {str(one) for (one,) in database.sql("select id from essays")}
    assert left == {str(tried[1].essay), str(kept.essay)}
    [(noted,)] = database.sql(
        "select count(*) from audit_log where action = 'deleted' and entity_id = %s", tried[0].essay
    )
    assert noted == 1
