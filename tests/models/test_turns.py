"""Whose turn it is: somebody who waits before bulk, the org with the least running first, a last try never in company."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from uuid import UUID, uuid4

import pytest

from models import db, passes, queue
from models.jobs import Hint, Queue
from tests.conftest import Become
from tests.support.races import together, warm_up
from tests.support.schools import School, hand_in, session_of
from tests.support.servers import Database


@pytest.fixture(autouse=True)
def nothing_waits(database: Database) -> Iterator[None]:
    """No other test's work is in the way, before or after."""
    over = "update passes set state = 'cancelled', lease_until = null, finished_at = now() where state in ('queued', 'running')"
    database.sql(over)
    yield
    database.sql(over)


def turn(hinted: Hint | None = None) -> Hint | None:
    with db.session():
        return queue.next_due(hinted or Hint(org_id=uuid4(), pass_id=uuid4(), queue=Queue.INTERACTIVE))


def take(hinted: Hint | None = None) -> Hint:
    """The pass whose turn it is has been claimed, as a worker does it."""
    found = turn(hinted)
    assert found is not None
    with db.session(org=found.org_id):
        assert passes.claim(found.pass_id, org=found.org_id, lease_seconds=60) is not None
    return found


def turns(count: int) -> Counter[UUID]:
    return Counter(take().org_id for _ in range(count))


def test_the_hinted_pass_is_taken_when_it_is_due(school: School, become: Become) -> None:
    receipt = hand_in(school)
    become("ec_worker")

    assert [turn(hint) for hint in receipt.hints] == list(receipt.hints)


def test_a_hint_whose_pass_is_over_stands_for_another_due_pass(school: School, become: Become) -> None:
    receipt = hand_in(school)
    become("ec_worker")
    take(receipt.hints[0])

    assert turn(receipt.hints[0]) in receipt.hints[1:]


def test_nothing_due_is_nobodys_turn(school: School, become: Become, database: Database) -> None:
    receipt = hand_in(school)
    become("ec_worker")
    database.sql("update passes set next_at = now() + interval '1 minute' where submission_id = %s", receipt.submission)

    assert turn(receipt.hints[0]) is None


def test_a_school_with_one_essay_goes_before_a_school_with_a_hundred(
    school: School, other_school: School, become: Become
) -> None:
    """Given a flood whose hints fill every worker, the next three turns are the other school's, whatever is hinted."""
    flood = [hand_in(school) for _ in range(30)]
    become("ec_worker")
    for receipt in flood[:10]:
        take(receipt.hints[0])
    become("ec_ingest")
    late = hand_in(other_school)
    become("ec_worker")

    taken = [take(flood[20 + number].hints[0]).pass_id for number in range(3)]

    assert sorted(taken) == sorted(hint.pass_id for hint in late.hints)


def test_two_schools_that_wait_get_equal_shares(school: School, other_school: School, become: Become) -> None:
    for _ in range(10):
        hand_in(school)
    for _ in range(4):
        hand_in(other_school)
    become("ec_worker")

    assert set(turns(16).values()) == {8}


def test_somebody_who_waits_goes_before_bulk_work_of_any_school_but_bulk_does_not_starve(
    school: School, other_school: School, become: Become
) -> None:
    for _ in range(20):
        hand_in(other_school, queue=Queue.BULK)
    for _ in range(100):
        hand_in(school)
    become("ec_worker")

    asked = Counter(found.queue for found in (turn() for _ in range(200)) if found is not None)

    assert asked[Queue.INTERACTIVE] > 160
    assert 0 < asked[Queue.BULK] < 40


def test_workers_that_ask_at_the_same_moment_are_spread_over_the_waiting_rows(school: School, become: Become) -> None:
    for _ in range(20):
        hand_in(school)
    become("ec_worker")
    warm_up(8)

    answers = together(8, lambda _: turn())

    assert len({one.pass_id for one in answers if isinstance(one, Hint)}) >= 3


def test_a_pass_that_lost_two_workers_runs_only_while_no_other_such_runs(
    school: School, other_school: School, become: Become, database: Database
) -> None:
    """Given two schools with a pass each that took two workers along, their last tries come one after the other."""
    first, second = hand_in(school).hints[0], hand_in(other_school).hints[0]
    database.sql("update passes set lost = 2 where id in (%s, %s)", first.pass_id, second.pass_id)
    # Their siblings would be due as well, and between schools with equally much running chance decides.
    database.sql("update passes set state = 'cancelled', finished_at = now() where state = 'queued' and lost = 0")
    become("ec_worker")
    with db.session(org=first.org_id):
        held = passes.claim(first.pass_id, org=first.org_id, lease_seconds=60)
    assert held is not None
    assert held.poison_suspect

    with db.session(org=second.org_id):
        assert passes.claim(second.pass_id, org=second.org_id, lease_seconds=60) is None
    assert turn(second) is None
    with db.session(org=first.org_id):
        passes.give_up(held, error="crashed")
    assert turn(second) == second


def test_of_eight_last_tries_claimed_at_the_same_moment_one_runs(
    school: School, become: Become, database: Database
) -> None:
    hints = [hand_in(school).hints[0] for _ in range(8)]
    database.sql("update passes set lost = 2 where id = any (%s)", [hint.pass_id for hint in hints])
    become("ec_worker")
    warm_up(8)

    def claim(number: int) -> bool:
        with db.session(org=school.org):
            return passes.claim(hints[number].pass_id, org=school.org, lease_seconds=60) is not None

    assert sorted(together(8, claim)) == [False] * 7 + [True]  # type: ignore[type-var]


def test_a_place_in_the_queue_counts_every_other_school_only_as_far_as_it_goes_first(
    school: School, other_school: School, become: Become
) -> None:
    for _ in range(10):
        hand_in(other_school)
    mine = [hand_in(school) for _ in range(3)]

    with session_of(school, "alice"):
        places = [queue.place_of(one.submission) for one in mine]

    # Schools take turns: before my first stands one of theirs, before my third three of theirs and two of mine.
    assert [place.position for place in places if place is not None] == [2, 4, 6]


def test_schools_that_wait_take_turns_also_where_only_one_pass_runs_at_a_time(
    school: School, other_school: School, become: Become, database: Database
) -> None:
    """Given one place and a flood whose hints come first, the late school's three passes are not the last of all."""
    flood = [hand_in(school) for _ in range(40)]
    late = hand_in(other_school)
    become("ec_worker")
    order: list[UUID] = []
    for receipt in flood:
        found = turn(receipt.hints[0])
        assert found is not None
        order.append(found.org_id)
        database.sql("update passes set state = 'cancelled', finished_at = now() where id = %s", found.pass_id)

    assert order.count(other_school.org) == len(late.hints)
    assert order.index(other_school.org) < 15
