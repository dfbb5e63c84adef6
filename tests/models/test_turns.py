"""Test the order of passes: interactive before bulk, the org with the fewest running passes first, one poison suspect at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from uuid import UUID, uuid4

import pytest

from models import db, essays, passes, queue
from models.essays import Draft, Receipt
from models.jobs import Hint, Queue
from tests.conftest import Become
from tests.support.races import eventually, together, warm_up
from tests.support.schools import School, hand_in, session_of
from tests.support.servers import Database


@pytest.fixture(autouse=True)
def no_open_passes(database: Database) -> Iterator[None]:
    """Cancel all open passes before and after each test, so that tests do not influence each other."""
    cancel_all = "update passes set state = 'cancelled', lease_until = null, finished_at = now() where state in ('queued', 'running')"
    database.sql(cancel_all)
    yield
    database.sql(cancel_all)


def turn(hinted: Hint | None = None) -> Hint | None:
    """Return the pass that a worker with this hint would claim next, or None."""
    with db.session():
        return queue.next_due(hinted or Hint(org_id=uuid4(), pass_id=uuid4(), queue=Queue.INTERACTIVE))


def take(hinted: Hint | None = None) -> Hint:
    """Claim the next pass as a worker does, and return its hint."""
    found = turn(hinted)
    assert found is not None
    with db.session(org=found.org_id):
        assert passes.claim(found.pass_id, org=found.org_id, lease_seconds=60) is not None
    return found


def turns(count: int) -> Counter[UUID]:
    """Claim so many passes and return the number of claims of each org."""
    return Counter(take().org_id for _ in range(count))


def test_hinted_pass_is_chosen_when_it_is_due(school: School, become: Become) -> None:
    receipt = hand_in(school)
    become("ec_worker")

    assert [turn(hint) for hint in receipt.hints] == list(receipt.hints)


def test_hint_for_claimed_pass_yields_another_due_pass(school: School, become: Become) -> None:
    receipt = hand_in(school)
    become("ec_worker")
    take(receipt.hints[0])

    assert turn(receipt.hints[0]) in receipt.hints[1:]


def test_no_pass_is_chosen_when_none_is_due(school: School, become: Become, database: Database) -> None:
    receipt = hand_in(school)
    become("ec_worker")
    database.sql("update passes set next_at = now() + interval '1 minute' where submission_id = %s", receipt.submission)

    assert turn(receipt.hints[0]) is None


def test_org_with_nothing_running_goes_before_org_that_floods_the_queue(
    school: School, other_school: School, become: Become
) -> None:
    """With ten passes of the flood running, the next three claims go to the other school, whatever the hints say."""
    flood = [hand_in(school) for _ in range(30)]
    become("ec_worker")
    for receipt in flood[:10]:
        take(receipt.hints[0])
    become("ec_ingest")
    late = hand_in(other_school)
    become("ec_worker")

    taken = [take(flood[20 + number].hints[0]).pass_id for number in range(3)]

    assert sorted(taken) == sorted(hint.pass_id for hint in late.hints)


def test_two_waiting_orgs_get_equal_shares(school: School, other_school: School, become: Become) -> None:
    for _ in range(10):
        hand_in(school)
    for _ in range(4):
        hand_in(other_school)
    become("ec_worker")

    assert set(turns(16).values()) == {8}


def test_interactive_goes_before_bulk_of_any_org_but_bulk_is_not_starved(
    school: School, other_school: School, become: Become
) -> None:
    for _ in range(20):
        hand_in(other_school, queue=Queue.BULK)
    for _ in range(100):
        hand_in(school)
    become("ec_worker")

    offered = Counter(found.queue for found in (turn() for _ in range(200)) if found is not None)

    assert offered[Queue.INTERACTIVE] > 160
    assert 0 < offered[Queue.BULK] < 40


def test_concurrent_workers_are_spread_over_due_passes(school: School, become: Become) -> None:
    for _ in range(20):
        hand_in(school)
    become("ec_worker")
    warm_up(8)

    # The choice is random: eight workers alone may rarely all meet at two passes.
    answers = [one for _ in range(4) for one in together(8, lambda _: turn())]

    assert len({one.pass_id for one in answers if isinstance(one, Hint)}) >= 3


def test_poison_suspect_is_claimed_only_when_no_other_suspect_runs(
    school: School, other_school: School, become: Become, database: Database
) -> None:
    """With a poison suspect in each of two schools, the second is claimed only after the first has ended."""
    first, second = hand_in(school).hints[0], hand_in(other_school).hints[0]
    database.sql("update passes set lost = 2 where id in (%s, %s)", first.pass_id, second.pass_id)
    # The sibling passes would also be due, and the choice between schools with equal load is random.
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


def test_one_of_eight_concurrent_poison_suspect_claims_wins(school: School, become: Become, database: Database) -> None:
    hints = [hand_in(school).hints[0] for _ in range(8)]
    database.sql("update passes set lost = 2 where id = any (%s)", [hint.pass_id for hint in hints])
    become("ec_worker")
    warm_up(8)

    def claim(number: int) -> bool:
        with db.session(org=school.org):
            return passes.claim(hints[number].pass_id, org=school.org, lease_seconds=60) is not None

    assert sorted(together(8, claim)) == [False] * 7 + [True]  # type: ignore[type-var]


def test_queue_position_counts_only_other_org_passes_that_go_first(
    school: School, other_school: School, become: Become
) -> None:
    for _ in range(10):
        hand_in(other_school)
    mine = [hand_in(school) for _ in range(3)]

    with session_of(school, "alice"):
        places = [queue.place_of(one.submission) for one in mine]

    # Schools take turns: one of theirs goes before my first, and three of theirs and two of mine before my third.
    assert [place.position for place in places if place is not None] == [2, 4, 6]


def test_orgs_take_turns_when_only_one_pass_runs_at_a_time(
    school: School, other_school: School, become: Become, database: Database
) -> None:
    """With one pass at a time and a flood whose hints come first, the late school's first pass is among the first 15."""
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


def test_second_essay_of_an_author_goes_behind_the_first_of_every_other(school: School, become: Become) -> None:
    """Alice floods the queue. Bob and Zoe hand in later, and are read before her second essay, whatever the hints say."""
    flood = [hand_in(school) for _ in range(30)]
    later = [hand_in(school, name=name) for name in ("bob", "zoe")]
    become("ec_worker")
    firsts = {hint.pass_id for receipt in (flood[0], *later) for hint in receipt.hints}

    taken = Counter(take(flood[9].hints[number % 3]).pass_id in firsts for number in range(9))

    # One look in twenty goes by age alone.
    assert taken[True] >= 7


def test_later_essays_of_one_author_are_read_in_the_order_of_their_turns(school: School, become: Become) -> None:
    flood = [hand_in(school) for _ in range(3)]
    become("ec_worker")

    order = [take().pass_id for _ in range(9)]

    in_turn = [hint.pass_id for receipt in flood for hint in receipt.hints]
    assert sum(one in in_turn[:3] for one in order[:3]) >= 2
    assert sorted(order) == sorted(in_turn)


def test_flooding_author_is_told_of_a_place_behind_the_others(school: School, become: Become) -> None:
    flood = [hand_in(school) for _ in range(4)]
    bob = hand_in(school, name="bob")

    def position(receipt: Receipt, name: str) -> int:
        with session_of(school, name):
            place = queue.place_of(receipt.submission)
        assert place is not None
        return place.position

    assert position(bob, "bob") == 2
    assert [position(receipt, "alice") for receipt in flood] == [1, 3, 4, 5]


def test_new_version_of_a_waiting_essay_keeps_the_turn_of_its_essay(school: School, database: Database) -> None:
    first = hand_in(school)
    with session_of(school, "alice"):
        essays.receive(school.alice, Draft(title="T", text="Again.", source="app", essay=first.essay), org=school.org)

    turns_of = "select distinct turn from passes where org_id = %s and essay_id = %s"
    assert database.sql(turns_of, school.org, first.essay) == [(0,)]


@pytest.mark.parametrize("turns_of_the_due", [[0], [15], list(range(16))])
def test_choice_within_an_org_reads_no_more_than_it_needs_behind_a_long_queue(
    school: School, become: Become, database: Database, turns_of_the_due: list[int]
) -> None:
    """Thousands of waiting essays, and as many put off in every turn, cost no more entries of an index than a few."""
    receipt = hand_in(school)
    database.sql("update passes set turn = %s where submission_id = %s", turns_of_the_due[0], receipt.submission)
    database.sql(
        """
        insert into passes (id, org_id, submission_id, essay_id, user_id, audience_id, name, state, queue, turn, next_at)
        select uuidv7(), p.org_id, uuidv7(), p.essay_id, p.user_id, p.audience_id, 'grammar', 'queued', p.queue,
            case n %% 2 when 0 then n / 2 %% 16 else (%s::int[])[1 + n / 2 %% %s] end,
            now() + case n %% 2 when 0 then interval '1 hour' else interval '-1 minute' end
        from passes as p cross join generate_series(1, 6000) as n where p.id = %s
        """,
        turns_of_the_due, len(turns_of_the_due), receipt.hints[0].pass_id,
    )  # fmt: skip
    database.sql("vacuum (analyze) passes")  # the entries of deleted rows would be read once

    def read() -> int:
        database.sql("select pg_stat_force_next_flush()")
        [(entries,)] = database.sql(
            "select sum(idx_tup_read) from pg_stat_user_indexes where indexrelname in ('idx_passes_turn', 'idx_passes_author_turn')"
        )
        return int(str(entries))

    before = read()
    become("ec_worker")
    for _ in range(20):
        assert turn() is not None
    db.database.close_idle()
    eventually(lambda: read() >= before + 20)
    assert read() - before < 20 * 300
    database.sql("delete from passes where essay_id = %s and submission_id <> %s", receipt.essay, receipt.submission)
