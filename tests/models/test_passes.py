"""Test claims, fences, leases, hints and the closing of a submission when its passes end."""

from __future__ import annotations

import threading
from collections.abc import Callable
from uuid import UUID

import psycopg2
import pytest

from models import db, passes, queue
from models.crypto import Ciphertext
from models.errors import FenceLost
from models.essays import Receipt
from models.jobs import Queue
from models.passes import MAX_ATTEMPTS, Claim
from tests.conftest import Become
from tests.support.races import eventually, together, warm_up
from tests.support.schools import School, hand_in, session_of
from tests.support.servers import Database

SUMMARY = Ciphertext(b"sealed")


@pytest.fixture
def receipt(school: School, become: Become) -> Receipt:
    """A submission of Alice with three queued passes. The process is logged in as the worker."""
    received = hand_in(school)
    become("ec_worker")
    return received


def claim(receipt: Receipt, number: int = 0, *, lease_seconds: float = 60) -> Claim | None:
    hint = receipt.hints[number]
    with db.session(org=hint.org_id):
        return passes.claim(hint.pass_id, org=hint.org_id, lease_seconds=lease_seconds)


def must_claim(receipt: Receipt, number: int = 0) -> Claim:
    """Claim one of the three passes. The test fails if it cannot be claimed."""
    held = claim(receipt, number)
    assert held is not None
    return held


def end(held: Claim, action: Callable[[Claim], object]) -> object:
    """Run an action on a claim in a session of its own and return what it returns."""
    with db.session(org=held.org):
        return action(held)


def finish(held: Claim) -> None:
    passes.finish(held, provider="local", model="rules", comments=2, summary=SUMMARY)


def give_up(held: Claim) -> None:
    passes.give_up(held, error="refused")


def state(database: Database, held: Claim) -> dict[str, object]:
    """Return the whole row of the claimed pass."""
    return database.sql("select to_jsonb(p) from passes as p where id = %s", held.id)[0][0]  # type: ignore[return-value]


def status(database: Database, receipt: Receipt) -> tuple[object, ...]:
    """Return the submission's status and whether completed_at is set."""
    return database.sql("select status, completed_at is not null from submissions where id = %s", receipt.submission)[0]


def let_leases_run_out(database: Database, receipt: Receipt) -> None:
    """Let the leases of the submission's running passes expire."""
    database.sql(
        "update passes set lease_until = now() - interval '1 second' where submission_id = %s and state = 'running'",
        receipt.submission,
    )


def test_claim_marks_pass_running_and_submission_processing(receipt: Receipt, database: Database) -> None:
    held = must_claim(receipt)

    row = state(database, held)
    assert (held.attempt, held.fence, held.submission) == (1, 1, receipt.submission)
    assert (row["state"], row["attempt"], row["fence"], row["error"]) == ("running", 1, 1, None)
    assert row["started_at"] == row["first_claimed_at"] is not None
    assert database.sql("select lease_until - started_at = interval '60 s' from passes where id = %s", held.id) == [
        (True,)
    ]
    assert status(database, receipt) == ("processing", False)


def test_one_of_eight_concurrent_claims_wins(receipt: Receipt, database: Database) -> None:
    warm_up(8)
    for number in range(3):
        answers = together(8, lambda _, number=number: claim(receipt, number))  # type: ignore[misc]

        winners = [one for one in answers if one is not None]
        assert len(winners) == 1
        assert isinstance(winners[0], Claim)
        assert (state(database, winners[0])["attempt"], state(database, winners[0])["fence"]) == (1, 1)


def test_undue_finished_or_unknown_pass_cannot_be_claimed(receipt: Receipt, database: Database) -> None:
    database.sql("update passes set next_at = now() + interval '1 minute' where id = %s", receipt.hints[0].pass_id)
    end(must_claim(receipt, 1), finish)

    assert claim(receipt, 0) is None
    assert claim(receipt, 1) is None
    with db.session(org=receipt.hints[0].org_id):
        assert passes.claim(receipt.submission, org=receipt.hints[0].org_id, lease_seconds=60) is None


def test_claim_with_old_fence_changes_nothing(receipt: Receipt, database: Database) -> None:
    """After another worker has claimed the pass, every call with the first claim fails or does nothing."""
    first = must_claim(receipt)
    with db.session(org=first.org):
        passes.hand_back(first)
    second = must_claim(receipt)
    before = state(database, second)

    for action in (
        finish, give_up, passes.cancel, lambda held: passes.fail(held, error="timeout", retry_in_seconds=0),
    ):  # fmt: skip
        with pytest.raises(FenceLost, match=str(first.id)):
            end(first, action)
    assert end(first, lambda held: passes.renew([held], lease_seconds=600)) == set()
    end(first, passes.hand_back)

    assert second.fence == 2
    assert state(database, second) == before
    end(second, finish)
    assert state(database, second)["state"] == "done"


def test_lost_fence_rolls_back_the_whole_transaction(receipt: Receipt, database: Database) -> None:
    first = must_claim(receipt)
    end(first, passes.hand_back)
    must_claim(receipt)

    with pytest.raises(FenceLost), db.session(org=first.org):
        passes.add_to_tally("written before the fence was checked", 1)
        finish(first)

    assert database.sql("select 1 from tally_entries where name like 'written before%%'".replace("%%", "%")) == []


def test_finished_pass_cannot_be_finished_again(receipt: Receipt, database: Database) -> None:
    held = must_claim(receipt)
    end(held, finish)
    once = state(database, held)

    with pytest.raises(FenceLost):
        end(held, finish)
    with pytest.raises(FenceLost):
        end(held, give_up)

    assert state(database, held) == once
    assert (once["state"], once["comments"], once["provider"], once["lease_until"]) == ("done", 2, "local", None)
    assert status(database, receipt) == ("processing", False)


def test_two_last_passes_finishing_concurrently_complete_the_submission(
    school: School, become: Become, database: Database
) -> None:
    """With one pass done and two claimed, the submission is always completed when both finish at the same time."""
    receipts = [hand_in(school) for _ in range(8)]
    become("ec_worker")
    for receipt in receipts:
        first, *last = [must_claim(receipt, number) for number in range(3)]
        end(first, finish)

        answers = together(2, lambda number, last=last: end(last[number], finish))  # type: ignore[misc]

        assert answers == [None, None]
        assert status(database, receipt) == ("completed", True)


def test_three_passes_finishing_concurrently_complete_the_submission(receipt: Receipt, database: Database) -> None:
    held = [must_claim(receipt, number) for number in range(3)]

    assert together(3, lambda number: end(held[number], finish)) == [None] * 3

    assert status(database, receipt) == ("completed", True)


def test_completed_at_is_written_once(receipt: Receipt, database: Database) -> None:
    for number in range(3):
        end(must_claim(receipt, number), finish)
    closed = database.sql("select completed_at from submissions where id = %s", receipt.submission)
    with db.session(org=receipt.hints[0].org_id):
        passes._close_if_last(receipt.submission, org=receipt.hints[0].org_id)

    assert database.sql("select completed_at from submissions where id = %s", receipt.submission) == closed


@pytest.mark.parametrize(
    ("ends", "expected"),
    [
        ((finish, finish, finish), "completed"),
        ((finish, finish, give_up), "partial"),
        ((give_up, finish, give_up), "partial"),
        ((give_up, give_up, give_up), "failed"),
        ((passes.cancel, passes.cancel, passes.cancel), "superseded"),
        ((finish, passes.cancel, finish), "superseded"),
        ((finish, give_up, passes.cancel), "superseded"),
    ],
)
def test_final_submission_status_follows_from_pass_states(
    receipt: Receipt, database: Database, ends: tuple[Callable[[Claim], object], ...], expected: str
) -> None:
    held = [must_claim(receipt, number) for number in range(3)]
    for number, action in enumerate(ends):
        assert status(database, receipt) == ("processing", False)
        end(held[number], action)

    assert status(database, receipt) == (expected, True)


def test_failed_pass_is_retried_after_its_delay(receipt: Receipt, database: Database) -> None:
    held = must_claim(receipt)

    assert end(held, lambda held: passes.fail(held, error="overloaded", retry_in_seconds=30)) is True

    row = state(database, held)
    assert (row["state"], row["error"], row["attempt"], row["lease_until"]) == ("queued", "overloaded", 1, None)
    due_in = database.sql("select extract(epoch from next_at - now()) from passes where id = %s", held.id)[0][0]
    assert 25 < float(due_in) <= 30  # type: ignore[arg-type]
    assert claim(receipt) is None
    database.sql("update passes set next_at = now() where id = %s", held.id)
    again = must_claim(receipt)
    assert (again.attempt, again.fence) == (2, 2)
    row_again = state(database, again)
    assert (row_again["error"], row_again["first_claimed_at"]) == (None, row["first_claimed_at"])


def test_pass_out_of_attempts_is_given_up_and_logged(receipt: Receipt, database: Database) -> None:
    database.sql("update passes set attempt = %s where id = %s", MAX_ATTEMPTS - 2, receipt.hints[0].pass_id)

    answers = [
        end(must_claim(receipt), lambda held: passes.fail(held, error="timeout", retry_in_seconds=0)) for _ in range(2)
    ]

    assert answers == [True, False]
    row = database.sql("select state, error, attempt from passes where id = %s", receipt.hints[0].pass_id)
    assert row == [("gave_up", "timeout", MAX_ATTEMPTS)]
    logged = database.sql(
        "select level, program, context->>'reason', context->>'name' from system_logs where event = 'pass given up' and org_id = %s",
        receipt.hints[0].org_id,
    )
    assert logged == [("error", "worker", "timeout", "grammar")]


def test_pass_handed_back_is_due_at_once_without_using_an_attempt(receipt: Receipt, database: Database) -> None:
    held = must_claim(receipt)
    end(held, passes.hand_back)

    row = state(database, held)
    assert (row["state"], row["attempt"], row["fence"], row["lease_until"]) == ("queued", 0, 1, None)
    again = must_claim(receipt)
    assert (again.attempt, again.fence) == (1, 2)


def test_lease_is_renewed_only_by_its_holder(receipt: Receipt, database: Database) -> None:
    held = must_claim(receipt)
    stranger = Claim(
        org=held.org, id=held.id, submission=held.submission, name=held.name, attempt=held.attempt, fence=held.fence + 1
    )

    assert end(stranger, lambda held: passes.renew([held], lease_seconds=3600)) == set()
    assert database.sql("select lease_until < now() + interval '61 s' from passes where id = %s", held.id) == [(True,)]
    assert end(held, lambda held: passes.renew([held], lease_seconds=3600)) == {held.id}
    assert database.sql("select lease_until > now() + interval '59 min' from passes where id = %s", held.id) == [
        (True,)
    ]
    end(held, finish)
    assert end(held, lambda held: passes.renew([held], lease_seconds=3600)) == set()


def free_expired(become: Become, *, limit: int = 100) -> int:
    """Free expired leases as the clock does, and return how many."""
    become("ec_clock")
    with db.session():
        return passes.free_expired(limit=limit)


def test_unexpired_lease_is_not_freed(receipt: Receipt, become: Become, database: Database) -> None:
    held = must_claim(receipt)

    assert free_expired(become) == 0
    assert state(database, held)["state"] == "running"


def test_pass_is_given_up_after_three_worker_crashes(receipt: Receipt, become: Become, database: Database) -> None:
    """Two crashes queue the pass again at once. The third gives it up, closes the submission and is logged."""
    for number in (1, 2):
        end(must_claim(receipt, number), finish)
    for lost in (1, 2, 3):
        become("ec_worker")
        held = must_claim(receipt)
        let_leases_run_out(database, receipt)
        tally = database.sql("select coalesce(sum(count), 0) from monitor_totals where name = 'leases_expired'")[0][0]

        assert free_expired(become) == 1

        row = state(database, held)
        assert (row["lost"], row["error"], row["attempt"]) == (lost, "worker_lost", lost)
        assert row["state"] == ("gave_up" if lost == 3 else "queued")
        after = database.sql("select sum(count) from monitor_totals where name = 'leases_expired'")[0][0]
        assert int(after) - int(tally) == 1  # type: ignore[call-overload]
    assert status(database, receipt) == ("partial", True)
    assert database.sql("select program, context->>'reason' from system_logs where org_id = %s", held.org) == [
        ("clock", "worker_lost")
    ]


def test_worker_whose_lease_was_freed_cannot_finish(receipt: Receipt, become: Become, database: Database) -> None:
    held = must_claim(receipt)
    let_leases_run_out(database, receipt)
    assert free_expired(become) == 1
    become("ec_worker")

    with pytest.raises(FenceLost):
        end(held, finish)
    assert state(database, held)["state"] == "queued"


def test_concurrent_clocks_free_each_expired_lease_once(receipt: Receipt, become: Become, database: Database) -> None:
    for number in range(3):
        must_claim(receipt, number)
    let_leases_run_out(database, receipt)
    become("ec_clock")

    def free(_: int) -> int:
        with db.session():
            return passes.free_expired(limit=100)

    assert sum(one for one in together(4, free) if isinstance(one, int)) == 3
    assert database.sql("select distinct lost from passes where submission_id = %s", receipt.submission) == [(1,)]


def take_due(org: UUID, *, starved: tuple[Queue, ...] = (), stale_seconds: float = 5, limit: int = 1000) -> list[UUID]:
    with db.session():
        hints = passes.take_due(limit=limit, stale_seconds=stale_seconds, starved=list(starved))
    return [hint.pass_id for hint in hints if hint.org_id == org]


def test_pass_that_becomes_due_is_hinted_once(
    receipt: Receipt, school: School, become: Become, database: Database
) -> None:
    """Ingest hints a new pass itself. The clock hints a pass whose retry time has come, and records that it did."""
    one = receipt.hints[0].pass_id
    become("ec_clock")
    assert take_due(school.org) == []
    database.sql(
        "update passes set hinted_at = now() - interval '10 s', next_at = now() - interval '1 s' where id = %s", one
    )

    assert take_due(school.org) == [one]
    assert take_due(school.org) == []
    assert database.sql("select hinted_at > next_at from passes where id = %s", one) == [(True,)]


def test_pass_that_is_claimed_or_not_due_is_not_hinted(
    receipt: Receipt, school: School, become: Become, database: Database
) -> None:
    must_claim(receipt, 0)
    database.sql("update passes set hinted_at = now() - interval '1 h' where submission_id = %s", receipt.submission)
    database.sql("update passes set next_at = now() + interval '1 h' where id = %s", receipt.hints[1].pass_id)
    become("ec_clock")

    assert take_due(school.org, starved=tuple(Queue)) == [receipt.hints[2].pass_id]


def test_only_starved_queue_is_hinted_again_after_the_stale_time(
    school: School, become: Become, database: Database
) -> None:
    person, bulk = hand_in(school), hand_in(school, queue=Queue.BULK)
    database.sql(
        "update passes set queued_at = now() - interval '1 h', next_at = now() - interval '1 h', hinted_at = now() - interval '10 s' "
        "where org_id = %s", school.org,
    )  # fmt: skip
    become("ec_clock")

    assert take_due(school.org) == []
    assert take_due(school.org, starved=(Queue.BULK,), stale_seconds=60) == []
    assert set(take_due(school.org, starved=(Queue.BULK,))) == {hint.pass_id for hint in bulk.hints}
    assert set(take_due(school.org, starved=tuple(Queue))) == {hint.pass_id for hint in person.hints}
    with db.session():
        assert passes.due_counts(limit=2) == {Queue.INTERACTIVE: 2, Queue.BULK: 2}


def test_hints_start_with_the_oldest_due_pass_and_respect_the_limit(
    school: School, become: Become, database: Database
) -> None:
    receipt = hand_in(school)
    ids = [hint.pass_id for hint in receipt.hints]
    for age, one in enumerate(ids, start=1):
        database.sql(
            "update passes set next_at = now() - make_interval(days => %s), hinted_at = now() - interval '99 d' where id = %s",
            age,
            one,
        )
    become("ec_clock")

    assert take_due(school.org, limit=2) == [ids[2], ids[1]]
    assert take_due(school.org, limit=2) == [ids[0]]


def test_concurrent_clocks_hint_no_pass_twice(school: School, become: Become, database: Database) -> None:
    """A clock skips the passes that another clock holds in an open transaction, and neither waits."""
    for _ in range(4):
        hand_in(school)
    database.sql(
        "update passes set next_at = now() - interval '1 s', hinted_at = now() - interval '1 h' where org_id = %s",
        school.org,
    )
    become("ec_clock")
    both = threading.Barrier(2, timeout=60)

    def take(_: int) -> list[UUID]:
        with db.session():
            hints = passes.take_due(limit=6, stale_seconds=5, starved=[])
            both.wait()
        return [hint.pass_id for hint in hints]

    first, second = together(2, take)

    assert isinstance(first, list)
    assert isinstance(second, list)
    assert (len(first), len(second)) == (6, 6)
    assert not set(first) & set(second)
    assert take_due(school.org) == []


def test_clock_does_not_free_a_pass_that_its_worker_finishes_meanwhile(
    receipt: Receipt, become: Become, database: Database
) -> None:
    """A worker finishes late while the clock frees its expired lease: the clock waits and then frees nothing."""
    held = must_claim(receipt)
    database.sql("update passes set lost = 2 where id = %s", held.id)
    let_leases_run_out(database, receipt)
    worker = psycopg2.connect(database.admin_url)
    freed: list[int] = []
    with worker.cursor() as cursor:
        cursor.execute("select from submissions where id = %s for update", (held.submission,))
        become("ec_clock")
        clock = threading.Thread(target=lambda: freed.append(_free()))
        clock.start()
        eventually(
            lambda: database.sql("select 1 from pg_locks where not granted and locktype in ('tuple', 'transactionid')")
        )
        cursor.execute(
            "update passes set state = 'done', lease_until = null, finished_at = now(), comments = 0, summary = '' where id = %s",
            (held.id,),
        )
    worker.commit()
    worker.close()
    clock.join()

    assert freed == [0]
    assert (state(database, held)["state"], state(database, held)["lost"]) == ("done", 2)


def _free() -> int:
    with db.session():
        return passes.free_expired(limit=100)


def test_waiting_submission_has_a_queue_position(school: School, database: Database) -> None:
    database.sql("delete from passes where state = 'queued'")
    first, second = hand_in(school), hand_in(school)
    with session_of(school, "alice"):
        places = [queue.place_of(one.submission) for one in (first, second)]

    assert all(place is not None for place in places)
    assert places[1].position == places[0].position + 1  # type: ignore[union-attr]
    assert places[1].seconds > places[0].seconds > 0  # type: ignore[union-attr]


def test_finished_submission_has_no_queue_position(school: School, receipt: Receipt, become: Become) -> None:
    for number in range(3):
        end(must_claim(receipt, number), finish)
    become("ec_ingest")

    with session_of(school, "alice"):
        assert queue.place_of(receipt.submission) is None


def test_bulk_passes_do_not_count_in_interactive_queue_position(school: School, database: Database) -> None:
    database.sql("delete from passes where state = 'queued'")
    for _ in range(3):
        hand_in(school, queue=Queue.BULK)
    waiting = hand_in(school)

    with session_of(school, "alice"):
        place = queue.place_of(waiting.submission)
    assert place is not None
    assert place.position == 1
