"""Test that nothing reads all that waits when it came after the plans and the statistics were made, as at a deadline."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from uuid import uuid4

import pytest

from models import db, essays, passes, queue
from models.essays import Draft, Receipt
from models.jobs import Hint, Queue
from models.passes import Claim
from monitoring import query
from tests.conftest import Become
from tests.models.test_cold_history import rows_read
from tests.support.schools import School, hand_in, session_of
from tests.support.servers import Database

SCHOOLS, OF_EACH, OF_OWN = 400, 40, 4_000
# Passes of many schools that have ended when the statistics are made, and wait when the statements run.
QUIET = f"""
set session_replication_role = replica;
alter table passes set (autovacuum_enabled = off);
insert into orgs (id, slug, name) select uuidv7(), 'sudden-' || n, 'S' from generate_series(1, {SCHOOLS}) as n
on conflict do nothing;
insert into passes (org_id, submission_id, essay_id, user_id, audience_id, name, state, queue, next_at, finished_at)
select o.id, e.id, e.id, e.id, o.id, 'grammar', 'cancelled', 'interactive', now(), now()
from (select id, {OF_EACH} as amount from orgs where slug like 'sudden-%%' union all select %s, {OF_OWN}) as o
cross join lateral (select uuidv7() as id from generate_series(1, o.amount)) as e;
reset session_replication_role;
analyze
"""
SUDDEN = """
set session_replication_role = replica;
update passes set state = 'queued', finished_at = null, next_at = now() - interval '1 minute', hinted_at = now() - interval '1 hour'
where state = 'cancelled';
reset session_replication_role
"""


ESSAYS = 12


@contextmanager
def counting() -> Iterator[Callable[[], int]]:
    """Give a function that returns how many rows were read since. PostgreSQL shows those of earlier transactions as well."""
    before = rows_read()
    yield lambda: rows_read() - before


Do = Callable[[School, Iterator[Receipt]], int]


def turn(school: School, _: Iterator[Receipt]) -> int:
    with db.session(), counting() as read:
        assert queue.next_due(Hint(org_id=school.org, pass_id=uuid4(), queue=Queue.INTERACTIVE)) is not None
        return read()


def claimed(school: School, own: Iterator[Receipt]) -> tuple[Claim, int]:
    with db.session(org=school.org), counting() as read:
        claim = passes.claim(next(own).hints[0].pass_id, org=school.org, lease_seconds=60)
        assert claim is not None
        return claim, read()


def claim_and_renew(school: School, own: Iterator[Receipt]) -> int:
    claim, amount = claimed(school, own)
    with db.session(org=school.org), counting() as read:
        assert passes.renew([claim], lease_seconds=60)
        return amount + read()


def fail(school: School, own: Iterator[Receipt]) -> int:
    claim, _ = claimed(school, own)
    with db.session(org=school.org), counting() as read:
        passes.fail(claim, error="overloaded", retry_in_seconds=0, counts=False)
        return read()


def give_up(school: School, own: Iterator[Receipt]) -> int:
    claim, _ = claimed(school, own)
    with db.session(org=school.org), counting() as read:
        passes.give_up(claim, error="crashed")
        return read()


def status(school: School, own: Iterator[Receipt]) -> int:
    with session_of(school, "alice"), counting() as read:
        assert essays.fetch_status(next(own).submission, org=school.org, with_place=True)
        return read()


def receive(school: School, _: Iterator[Receipt]) -> int:
    with session_of(school, "alice"), counting() as read:
        essays.receive(school.alice, Draft(title="T", text="Words.", source="app"), org=school.org)
        return read()


def as_clock(do: Callable[[], object]) -> Do:
    def carry_out(_school: School, _own: Iterator[Receipt]) -> int:
        with db.session(), counting() as read:
            do()
            return read()

    return carry_out


def _close_slice() -> None:
    until = passes.end_of_slice(passes.FIRST_ID, size=50, most_open=10)
    passes.close_finished(limit=100, until=until)


def scrape(_school: School, _own: Iterator[Receipt]) -> int:
    with db.session(), counting() as read:
        query.set_limits()
        db.rows((query.QUERIES / "queues.sql").read_text(encoding="utf-8"))
        return read()


# What each may read: a duty with a limit of 100 rows reads them for each lane, a scrape counts to 5,000.
DONE_BY: dict[str, tuple[str, Do, int]] = {
    "turn": ("ec_worker", turn, 500),
    "claim_and_renew": ("ec_worker", claim_and_renew, 100),
    "fail": ("ec_worker", fail, 100),
    "give_up": ("ec_worker", give_up, 100),
    "status": ("ec_ingest", status, 1_000),
    "receive": ("ec_ingest", receive, 300),
    "free_expired": ("ec_clock", as_clock(lambda: passes.free_expired(limit=100)), 100),
    "give_up_stalled": ("ec_clock", as_clock(lambda: passes.give_up_stalled(limit=100)), 100),
    "due_counts": ("ec_clock", as_clock(lambda: passes.due_counts(limit=100)), 300),
    "take_due": ("ec_clock", as_clock(lambda: passes.take_due(limit=100, stale_seconds=60, starved=list(Queue))), 1_000),
    "count_waiting": ("ec_clock", as_clock(lambda: queue.count_waiting(limit=500)), 2_500),
    "close_finished": ("ec_clock", as_clock(_close_slice), 500),
    "scrape": ("ec_monitor", scrape, 12_000),
}  # fmt: skip


@pytest.mark.parametrize("name", DONE_BY)
def test_backlog_is_not_read(name: str, school: School, database: Database, become: Become) -> None:
    role, do, most = DONE_BY[name]
    database.sql("delete from passes; delete from queue_snapshot; delete from queue_marks")
    database.sql(QUIET, school.org)
    own = iter([hand_in(school) for _ in range(ESSAYS)])
    become(role)
    for _ in range(6):  # PostgreSQL keeps a plan after the fifth time
        do(school, own)
    database.sql(SUDDEN)
    assert do(school, own) <= most
