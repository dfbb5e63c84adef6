"""Test the machinery of leased rows: claims, lanes, leases, hints of the clock, and workers that die."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from uuid import uuid4

import pytest

from models import db, leased_rows
from models.broker import DELIVERIES_SHARE, HintBroker, make_broker
from models.errors import FenceLost
from models.jobs import Queue, RowTable
from models.leased_rows import DELIVERIES, TABLES, HeldRow
from tests.conftest import Become
from tests.support.deliveries import Hooked, hook, make_runner, ping
from tests.support.races import eventually, together, warm_up
from tests.support.receiver import Receiver
from tests.support.schools import School
from tests.support.servers import ROOT, Database
from workers.deliveries.retry_policy import WAITS
from workers.duties import rows as duties
from workers.job.leases import Leases


def claim(hooked: Hooked, *, lease_seconds: float = 60) -> HeldRow | None:
    with db.session(org=hooked.school.org):
        return leased_rows.claim_next(DELIVERIES, org=hooked.school.org, lane=hooked.id, lease_seconds=lease_seconds)


def states(database: Database) -> list[object]:
    return [state for (state,) in database.sql("select state from deliveries order by id")]


def test_every_table_has_a_wait_after_each_attempt_but_the_last() -> None:
    assert {name: len(waits) + 1 for name, waits in WAITS.items()} == {
        # A look at a site comes back at its interval, whatever came of it.
        name: one.attempts
        for name, one in TABLES.items()
        if name is not RowTable.MOODLE_SITES
    }


def test_of_eight_concurrent_claims_as_many_win_as_may_run_at_once(
    hooked: Hooked, become: Become, database: Database
) -> None:
    ping(hooked, 5)
    become("ec_worker")
    warm_up(8)
    won = [one for one in together(8, lambda _: claim(hooked)) if one is not None]
    assert all(isinstance(one, HeldRow) for one in won)
    assert len({one.id for one in won if isinstance(one, HeldRow)}) == len(won) == DELIVERIES.at_once
    assert states(database).count("running") == DELIVERIES.at_once


def test_two_workers_never_send_one_delivery_twice_at_once(hooked: Hooked, receiver: Receiver, become: Become) -> None:
    sent = ping(hooked, 12)
    become("ec_worker")
    warm_up(8)
    runners = [make_runner() for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        with receiver.held():
            running = [pool.submit(runner.run, hooked.hint) for runner in runners]
            receiver.await_requests(DELIVERIES.at_once)
        assert all(one.result(60) for one in running)
    assert receiver.ids() == dict.fromkeys(map(str, sent), 1)
    assert max(receiver.most_at_once[str(one)] for one in sent) == 1
    assert receiver.most_at_once["all"] <= DELIVERIES.at_once


def test_a_slow_endpoint_does_not_hold_up_another(
    school: School, hooked: Hooked, receiver: Receiver, become: Become
) -> None:
    with Receiver() as quick:
        of_the_quick = hook(school, quick.url)
        ping(hooked, 4)
        ping(of_the_quick, 2)
        become("ec_worker")
        slow = [threading.Thread(target=make_runner().run, args=(hooked.hint,)) for _ in range(2)]
        with receiver.held():
            for thread in slow:
                thread.start()
            receiver.await_requests(2)
            assert claim(hooked) is None
            assert make_runner().run(of_the_quick.hint)
            assert len(quick.received) == 2
        for thread in slow:
            thread.join(60)


def test_a_school_of_slow_endpoints_leaves_a_thread_to_the_others(
    school: School, hooked: Hooked, receiver: Receiver, become: Become, database: Database
) -> None:
    other = hook(school, receiver.url)
    ping(hooked)
    ping(other)
    become("ec_worker")
    runner = make_runner(most_of_org=1)
    slow = threading.Thread(target=runner.run, args=(hooked.hint,))
    with receiver.held():
        slow.start()
        receiver.await_requests(1)
        assert not runner.run(other.hint)
        assert sorted(states(database), key=str) == ["queued", "running"]
        assert runner.run(replace(other.hint, org_id=uuid4()))
    slow.join(60)
    assert runner.run(other.hint)
    assert states(database) == ["done", "done"]


def test_the_consumer_of_deliveries_holds_a_share_of_the_threads(broker: HintBroker) -> None:
    assert broker.consume(Queue.DELIVERIES, prefetch=64)._prefetch == 32 // DELIVERIES_SHARE  # type: ignore[attr-defined]
    assert broker.consume(Queue.DELIVERIES, prefetch=2)._prefetch == 1  # type: ignore[attr-defined]
    assert broker.consume(Queue.INTERACTIVE, prefetch=64)._prefetch == 32  # type: ignore[attr-defined]


def test_the_clock_hints_each_lane_once_and_again_when_redis_lost_the_hints(
    school: School, hooked: Hooked, receiver: Receiver, become: Become, database: Database, broker: HintBroker
) -> None:
    other = hook(school, receiver.url)
    ping(hooked, 5)
    ping(other)
    become("ec_clock")
    assert duties.send_row_hints(broker) == DELIVERIES.at_once + 1
    assert duties.send_row_hints(broker) == 0
    broker.client.flushdb()
    assert duties.send_row_hints(broker) == 0
    database.sql(
        "update deliveries set hinted_at = hinted_at - interval '6 seconds', next_at = next_at - interval '7 seconds'"
    )
    assert duties.send_row_hints(broker) == DELIVERIES.at_once + 1


def test_lost_hint_is_sent_again_though_other_lanes_keep_the_queue_full(
    school: School, hooked: Hooked, receiver: Receiver, become: Become, database: Database, broker: HintBroker
) -> None:
    other = hook(school, receiver.url)
    ping(hooked)
    become("ec_clock")
    assert duties.send_row_hints(broker) == 1
    broker.client.flushdb()
    broker.send([other.hint])
    for seconds, hints in ((60, 0), (leased_rows.LOST_HINT_SECONDS, 1), (0, 0)):
        shift = f"interval '{seconds} seconds'"
        database.sql(f"update deliveries set hinted_at = hinted_at - {shift}, next_at = next_at - {shift}")
        assert duties.send_row_hints(broker) == hints


def test_rows_wait_while_redis_is_away(hooked: Hooked, become: Become, database: Database) -> None:
    ping(hooked)
    become("ec_clock")
    nowhere = make_broker("redis://127.0.0.1:1/0")
    assert duties.send_row_hints(nowhere) == 0
    assert database.sql("select hinted_at from deliveries") == [(None,)]


def test_an_expired_lease_is_freed_and_the_overtaken_worker_stores_nothing(
    hooked: Hooked, become: Become, database: Database
) -> None:
    ping(hooked)
    become("ec_worker")
    lost = claim(hooked)
    assert lost is not None
    become("ec_clock")
    assert duties.free_row_leases() == 0
    database.sql("update deliveries set lease_until = now() - interval '1 second'")
    assert duties.free_row_leases() == 1
    become("ec_worker")
    again = claim(hooked)
    assert again is not None
    assert (again.id, again.attempt, again.fence) == (lost.id, 2, 2)
    with pytest.raises(FenceLost), db.session(org=lost.org):
        leased_rows.end(lost, state="done")
    assert states(database) == ["running"]


def test_a_row_whose_last_worker_died_is_given_up(hooked: Hooked, become: Become, database: Database) -> None:
    ping(hooked)
    database.sql("update deliveries set attempt = 7")
    become("ec_worker")
    assert claim(hooked) is not None
    database.sql("update deliveries set lease_until = now() - interval '1 second'")
    become("ec_clock")
    assert duties.free_row_leases() == 1
    assert database.sql("select state, error from deliveries") == [("gave_up", "worker_lost")]


def test_leases_renew_and_hand_back_rows(hooked: Hooked, become: Become, database: Database) -> None:
    ping(hooked)
    become("ec_worker")
    held = claim(hooked, lease_seconds=5)
    assert held is not None
    leases = Leases(lease_seconds=300, longest_seconds=600)
    with leases.holding(held):
        leases.renew_all()
        assert database.sql("select lease_until > now() + interval '200 seconds' from deliveries") == [(True,)]
        assert leases.hand_back() == 1
    assert database.sql("select state, attempt from deliveries") == [("queued", 0)]


KILLED = """
import sys, uuid
from models import db, settings
from tests.support.deliveries import make_runner
from tests.support.schools import load_keys
from models.jobs import RowHint, RowTable
load_keys()
db.connect(settings.StoreSettings(database_url=sys.argv[1], program="test", pool_size=4, pool_wait_seconds=5.0))
make_runner().run(RowHint(org_id=uuid.UUID(sys.argv[2]), lane_id=uuid.UUID(sys.argv[3]), table=RowTable.DELIVERIES))
"""


def test_kill_9_between_sending_and_recording_sends_again_with_the_same_id(
    hooked: Hooked, receiver: Receiver, become: Become, database: Database
) -> None:
    [delivery] = ping(hooked)
    with receiver.held():
        worker = subprocess.Popen(
            [sys.executable, "-c", KILLED, database.role_url("ec_worker"), str(hooked.school.org), str(hooked.id)],
            cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        receiver.await_requests()
        worker.send_signal(signal.SIGKILL)
        worker.wait(60)
    database.sql("update deliveries set lease_until = now() - interval '1 second'")
    become("ec_clock")
    eventually(lambda: duties.free_row_leases() == 1)
    become("ec_worker")
    assert make_runner().run(hooked.hint)
    assert receiver.ids() == {str(delivery): 2}
    assert database.sql("select state, attempt from deliveries") == [("done", 2)]
