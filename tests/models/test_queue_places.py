"""Test the count of what waits, the places that come from it, and that the cost of both does not grow with the backlog."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID, uuid4

import pytest

from models import db, essays, passes, queue
from models.jobs import Hint, Queue
from models.queue import QueuePlace
from tests.conftest import Become
from tests.support.races import eventually, together, warm_up
from tests.support.schools import School, hand_in
from tests.support.servers import Database


@pytest.fixture(autouse=True)
def empty_queue(database: Database) -> Iterator[None]:
    """Delete all passes and counts before and after each test."""
    empty = "delete from passes; delete from queue_marks; delete from queue_snapshot"
    database.sql(empty)
    yield
    database.sql(empty)


def fill(database: Database, waiting: dict[UUID, int], *, lane: str = "interactive", age: str = "1 hour") -> None:
    """Let so many essays of each org wait, the oldest first, handed in a second apart; add the orgs that are new."""
    database.sql(
        """
        set session_replication_role = replica;
        insert into orgs (id, slug, name) select o.id, 'place-' || left(o.id::text, 23), 'S' from unnest(%s::uuid[]) as o (id)
        on conflict do nothing;
        insert into passes (org_id, submission_id, essay_id, user_id, audience_id, name, state, queue, next_at, hinted_at)
        select o.id, e.id, e.id, e.id, o.id, p.name, 'queued', %s, now() - %s::interval + make_interval(secs => e.n), now()
        from unnest(%s::uuid[], %s::integer[]) as o (id, essays)
        cross join lateral (select uuidv7() as id, n from generate_series(1, o.essays) as n) as e
        cross join unnest(array['grammar', 'structure', 'content']) as p (name);
        set session_replication_role = origin
        """,
        [str(one) for one in waiting], lane, age, [str(one) for one in waiting], list(waiting.values()),
    )  # fmt: skip


def count_all(become: Become, *, limit: int) -> None:
    """Count everything that waits, in slices, as the clock."""
    become("ec_clock")
    for _ in range(60):
        with db.session():
            queue.count_waiting(limit=limit)


def entries_read(database: Database) -> int:
    """Return how many index entries of passes were read so far."""
    database.sql("select pg_stat_force_next_flush()")
    [(entries,)] = database.sql("select sum(idx_tup_read) from pg_stat_user_indexes where relname = 'passes'")
    return int(str(entries))


def await_end_of_connections(database: Database) -> None:
    """Wait until all other connections have ended: what they read is counted with their end."""
    others = "select from pg_stat_activity where datname = current_database() and backend_type = 'client backend' and pid <> pg_backend_pid()"
    eventually(lambda: database.sql(others) == [], what="the end of all other connections")


def place(database: Database, org: UUID, number: int) -> QueuePlace:
    """Return the place of the org's essay with this number."""
    [(essay,)] = database.sql(
        "select submission_id from passes where org_id = %s group by 1 order by min(next_at) offset %s limit 1",
        org,
        number - 1,
    )
    with db.session(org=org, role="ec_admin"):
        found = queue.place_of(UUID(str(essay)))
    assert found is not None
    return found


def test_place_is_exact_up_to_100_and_rounded_beyond(database: Database, become: Become) -> None:
    """Essay 20 of the long queue goes behind 19 of its own, and up to 20 of each of three other schools: 10, 20 and 20."""
    long = uuid4()
    fill(database, {long: 700, uuid4(): 10, uuid4(): 50, uuid4(): 200})
    count_all(become, limit=100)
    become("ec_ingest")

    assert (place(database, long, 20).position, place(database, long, 20).age_seconds) == (70, 0)
    for number, others in ((60, 10 + 50 + 60), (400, 10 + 50 + 200), (699, 10 + 50 + 200)):
        found = place(database, long, number)
        assert found.position == pytest.approx(number + others, rel=0.05)
        assert found.position % 10 == 0
        assert 0 < found.age_seconds < 60


def test_bulk_essay_waits_behind_all_interactive_ones(database: Database, become: Become) -> None:
    mine = uuid4()
    fill(database, {uuid4(): 5, uuid4(): 20})
    fill(database, {mine: 3}, lane="bulk")
    become("ec_ingest")

    assert place(database, mine, 3).position == 5 + 20 + 3
    assert place(database, mine, 3).age_seconds == 0


def test_place_without_a_count_is_still_at_least_100(database: Database, become: Become) -> None:
    mine = uuid4()
    fill(database, {mine: 200, uuid4(): 200})
    become("ec_ingest")

    assert place(database, mine, 150).position >= 100
    assert place(database, mine, 150).age_seconds > 60


@pytest.mark.parametrize("limit", [7, 100, 10_000])
def test_count_in_slices_is_the_count_of_the_whole(limit: int, database: Database, become: Become) -> None:
    sizes = {uuid4(): size for size in (1, 1, 2, 5, 9, 40)}
    fill(database, sizes)
    fill(database, {uuid4(): 30}, age="-1 hour")  # not due
    count_all(become, limit=limit)

    [(fair,)] = database.sql("select fair from queue_snapshot where queue = 'interactive'")

    assert fair == [sum(min(size, 2**k) for size in sizes.values()) for k in range(21)]


def test_two_clocks_count_each_slice_once(database: Database, become: Become) -> None:
    fill(database, {uuid4(): 50})
    become("ec_clock")
    warm_up(4)

    def count(_: int) -> int:
        with db.session():
            return queue.count_waiting(limit=10_000)

    assert sum(int(str(one)) for one in together(4, count)) % 150 == 0
    assert database.sql("select fair[21] from queue_snapshot where queue = 'interactive'") == [(50,)]


def test_due_pass_is_found_behind_many_schools_that_wait_for_later(database: Database, become: Become) -> None:
    fill(database, {uuid4(): 1 for _ in range(300)}, age="-1 hour")
    due = uuid4()
    fill(database, {due: 1})
    become("ec_worker")

    for _ in range(20):
        with db.session():
            found = queue.next_due(Hint(org_id=due, pass_id=uuid4(), queue=Queue.INTERACTIVE))
        assert found is not None
        assert found.org_id == due


@pytest.mark.parametrize("backlog", [{"schools": 1, "each": 3000}, {"schools": 500, "each": 6}])
def test_turn_and_place_read_no_more_behind_a_backlog(
    backlog: dict[str, int], database: Database, become: Become
) -> None:
    orgs = [uuid4() for _ in range(backlog["schools"])]
    fill(database, dict.fromkeys(orgs, backlog["each"]))
    count_all(become, limit=10_000)
    database.sql("vacuum (analyze) passes")

    become("ec_worker")
    await_end_of_connections(database)
    before = entries_read(database)
    for _ in range(20):
        with db.session():
            assert queue.next_due(Hint(org_id=orgs[0], pass_id=uuid4(), queue=Queue.INTERACTIVE)) is not None
    db.database.close_idle()
    eventually(lambda: entries_read(database) >= before + 20)
    assert entries_read(database) - before < 20 * 100
    become("ec_ingest")
    [(last,)] = database.sql(
        "select submission_id from passes where org_id = %s order by next_at desc limit 1", orgs[-1]
    )
    await_end_of_connections(database)
    before = entries_read(database)
    for _ in range(20):
        with db.session(org=orgs[-1], role="ec_admin"):
            assert queue.place_of(UUID(str(last))) is not None
    db.database.close_idle()
    eventually(lambda: entries_read(database) >= before + 20)
    assert entries_read(database) - before < 20 * 1000


def test_status_reads_little_behind_a_backlog_that_came_after_its_plan(
    school: School, database: Database, become: Become
) -> None:
    """The plan was made while nothing waited, so an index of waiting passes looked cheap. Then many come, and nobody analyses."""
    fill(database, {uuid4(): 10_000})
    database.sql("update passes set state = 'cancelled', finished_at = now()")
    database.sql("vacuum (full, analyze) passes")
    version = hand_in(school).submission
    become("ec_ingest")

    def look() -> None:
        with db.session(org=school.org, role="ec_admin"):
            assert essays.fetch_status(version, org=school.org, with_place=True)[0]["place"] is not None

    look()
    fill(database, {uuid4(): 1500, **{uuid4(): 3 for _ in range(500)}})
    before = entries_read(database)
    for _ in range(20):
        look()
    db.database.close_idle()
    eventually(lambda: entries_read(database) >= before + 20)
    assert entries_read(database) - before < 20 * 1000


def test_version_left_open_is_found_in_its_slice_only(school: School, database: Database, become: Become) -> None:
    first, second = hand_in(school).submission, hand_in(school).submission
    database.sql(
        "update passes set state = 'gave_up', error = 'crashed', finished_at = now() where org_id = %s", school.org
    )
    become("ec_clock")

    with db.session():
        before = UUID(int=first.int - 1)
        assert passes.end_of_slice(before, size=1, most_open=9) == first
        assert passes.end_of_slice(before, size=9, most_open=1) == first
        assert passes.end_of_slice(first, size=2, most_open=9) == passes.LAST_ID
        assert passes.close_finished(limit=10, after=first, until=second) == 1
    assert database.sql("select id from submissions where completed_at is null and org_id = %s", school.org) == [
        (first,)
    ]
