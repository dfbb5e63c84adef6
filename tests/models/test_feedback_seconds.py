"""Test how long feedback took: counted once for each version, exactly, and read from what is not counted yet only."""

from __future__ import annotations

import psycopg2
import pytest

from models import db, passes, reruns, upkeep
from models.jobs import Queue
from tests.conftest import Become
from tests.models.test_upkeep import carry_out, totals
from tests.support.schools import School, hand_in, session_of
from tests.support.servers import Database

PER_QUEUE = ("feedback", "interactive")


def _fold(become: Become) -> None:
    become("ec_clock")
    with db.session():
        upkeep.fold_tallies()


@pytest.mark.parametrize("folded", [True, False], ids=["counted before", "not counted yet"])
def test_a_later_run_of_a_pass_counts_neither_again_nor_longer(
    school: School, become: Become, database: Database, folded: bool
) -> None:
    receipt = hand_in(school)
    hints = [hint.pass_id for hint in receipt.hints]
    before = totals(database).get(PER_QUEUE, (0, 0.0, None))
    become("ec_worker")
    for one in hints[:2]:
        carry_out(school, one)
    assert totals(database).get(PER_QUEUE, (0, 0.0, None)) == before, "one pass is still open"
    carry_out(school, hints[2])
    ((waited, ended),) = database.sql(
        "select feedback_seconds, extract(epoch from completed_at - created_at)::float8 from submissions where id = %s",
        receipt.submission,
    )
    assert waited == ended
    if folded:
        _fold(become)
    become("ec_ingest")
    with session_of(school, "ada"):
        again = reruns.rerun([receipt.submission], org=school.org, queue=Queue.BULK)
    assert len(again) == 3
    counted = totals(database)[PER_QUEUE]
    assert counted[0] == before[0] + 1
    become("ec_worker")
    for hint in again:
        carry_out(school, hint.pass_id)
    _fold(become)

    assert totals(database)[PER_QUEUE] == counted
    assert counted[1] == pytest.approx(before[1] + float(waited))  # type: ignore[arg-type]
    assert database.sql("select tallied from submissions where id = %s", receipt.submission) == [(True,)]


def test_versions_for_which_nobody_waits_do_not_count(school: School, become: Become, database: Database) -> None:
    old = hand_in(school)
    become("ec_worker")
    before = totals(database).get(PER_QUEUE)
    with db.session(org=school.org):
        for hint in old.hints:
            held = passes.claim(hint.pass_id, org=school.org, lease_seconds=60)
            assert held is not None
            passes.cancel(held)

    (found,) = database.sql("select status, feedback_seconds from submissions where id = %s", old.submission)
    assert found == ("superseded", None)
    assert totals(database).get(PER_QUEUE) == before


def test_a_long_wait_is_in_the_right_bucket(school: School, become: Become, database: Database) -> None:
    before = totals(database).get(PER_QUEUE, (0, 0.0, [0] * 13))
    for seconds in (0.15, 45.0, 9000.0):
        receipt = hand_in(school)
        become("ec_worker")
        for hint in receipt.hints:
            carry_out(school, hint.pass_id)
        database.sql("update submissions set feedback_seconds = %s where id = %s", seconds, receipt.submission)
        become("ec_ingest")

    after = totals(database)[PER_QUEUE]
    bounds = database.sql("select unnest(feedback_bounds())")
    assert [bound for (bound,) in bounds] == [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600]
    assert after[2] is not None
    assert before[2] is not None
    assert [new - old for new, old in zip(after[2], before[2], strict=True)] == [0] + [1] * 8 + [2] * 4
    assert after[0] - before[0] == 3


def test_attempts_count_first_ones_apart_from_retries(school: School, become: Become, database: Database) -> None:
    first, retry = (("pass_attempts", "grammar", kind) for kind in ("first", "retry"))
    none: tuple[int, float, None] = (0, 0.0, None)
    before = [totals(database).get(key, none)[0] for key in (first, retry)]
    hint = hand_in(school).hints[0]
    become("ec_worker")
    # Two failures of its own, and one of the provider, which uses no attempt.
    for counts in (True, True, False):
        with db.session(org=school.org):
            held = passes.claim(hint.pass_id, org=school.org, lease_seconds=60)
            assert held is not None
            assert passes.fail(held, error="timeout", retry_in_seconds=-1, counts=counts)
    carry_out(school, hint.pass_id)

    ((name,),) = database.sql("select name from passes where id = %s", hint.pass_id)
    assert name == "grammar"
    for _ in range(2):
        assert [totals(database)[key][0] for key in (first, retry)] == [before[0] + 1, before[1] + 2]
        _fold(become)


def test_folding_does_not_wait_for_a_version_that_somebody_has_locked(
    school: School, become: Become, database: Database
) -> None:
    """A rerun locks the version and then its passes. If folding waited for the version, each would wait for the other."""
    receipt = hand_in(school)
    become("ec_worker")
    for hint in receipt.hints:
        carry_out(school, hint.pass_id)
    before = totals(database)[PER_QUEUE]
    holder = psycopg2.connect(database.admin_url)
    try:
        holder.cursor().execute("select from submissions where id = %s for update", (str(receipt.submission),))
        _fold(become)
        assert database.sql("select tallied from submissions where id = %s", receipt.submission) == [(False,)]
        assert database.sql("select distinct tallied from passes where submission_id = %s", receipt.submission) == [
            (True,)
        ]
        assert totals(database)[PER_QUEUE] == before
    finally:
        holder.close()
    _fold(become)
    assert database.sql("select tallied from submissions where id = %s", receipt.submission) == [(True,)]
    assert totals(database)[PER_QUEUE] == before


def test_folding_and_the_monitor_read_no_finished_history(school: School, become: Become, database: Database) -> None:
    """With the statistics of an hour in which all was open, the planner would read the whole tables."""
    receipt = hand_in(school)
    become("ec_worker")
    for hint in receipt.hints:
        carry_out(school, hint.pass_id)
    database.sql("analyze passes")
    become("ec_clock")
    with db.session():
        upkeep.fold_tallies()
        plan = "\n".join(
            str(line)
            for statement in (
                "select * from untallied",
                "update passes set tallied = true where not tallied and finished_at is not null",
                upkeep._FOLD_FEEDBACK,
            )
            for found in db.rows(f"explain {statement}")
            for line in found.values()
        )
    assert "Scan" in plan
    assert "Seq Scan on passes" not in plan
    assert "Seq Scan on submissions" not in plan
    assert "Seq Scan on ai_responses" not in plan
