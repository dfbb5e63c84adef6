"""Test that no machine reads once the policy of an org is `none`, also when passes wait or a call is about to be made."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from models import db, essays, feedback, lineage, passes
from models.essays import Draft, Receipt
from models.jobs import Hint, PassName, Queue
from models.own_comments import CommentPlace, OwnComment, add
from models.users import data_key
from tests.conftest import Become
from tests.support.local_engine import shared_provider
from tests.support.schools import School, session_of
from tests.support.servers import Database
from workers.job.leases import Leases
from workers.job.run_pass import PassRunner
from workers.providers.choice import ProviderChooser
from workers.providers.contract import Provider
from workers.settings import ProviderSettings

TEXT = (
    "Schools should ban mobile phones during lessons. They distracts us from learning, and my friend and me are no exception.\n\n"
    "First, a phone buzzes and everyone look up. In conclusion, phones should stay in the bag."
)
LOCAL = ProviderSettings(name="local", api_key=None, base_url=None, model=None)


@pytest.fixture
def choose() -> ProviderChooser:
    return ProviderChooser(LOCAL, timeout_seconds=10, local=shared_provider())


def running(choose: Callable[[str], Provider]) -> PassRunner:
    leases = Leases(lease_seconds=12.0, longest_seconds=60)
    return PassRunner(choose_provider=choose, leases=leases, lease_seconds=12.0, use_ensemble=False)


def hand_in(school: School, name: str = "zoe", *, text: str = TEXT, external_id: str | None = None) -> Receipt:
    draft = Draft(title="Phones", text=text, source="app", external_id=external_id)
    with session_of(school, name):
        return essays.receive(getattr(school, name), draft, org=school.org)


def set_policy(database: Database, school: School, policy: str) -> None:
    database.sql("update orgs set ai_policy = %s where id = %s", policy, school.org)


def run_all(runner: PassRunner, receipt: Receipt) -> None:
    for hint in receipt.hints:
        runner.run(hint)


def states(database: Database, receipt: Receipt) -> list[tuple[object, ...]]:
    return database.sql(
        "select name, state, error from passes where submission_id = %s order by name", receipt.submission
    )


def ending(database: Database, school: School, receipt: Receipt) -> tuple[object, str]:
    """Return the status of the submission, and whether a machine reads it."""
    [[status]] = database.sql("select status from submissions where id = %s", receipt.submission)
    with db.session(org=school.org):
        return status, "on" if essays.is_read(essays.fetch_status(receipt.submission, org=school.org)) else "off"


UNREAD = [(name, "cancelled", "reading_off") for name in sorted(PassName)]


def test_waiting_passes_are_cancelled_without_a_call(
    database: Database, school: School, become: Become, choose: ProviderChooser
) -> None:
    receipt = hand_in(school)
    set_policy(database, school, "none")
    become("ec_worker")
    run_all(running(choose), receipt)
    assert states(database, receipt) == UNREAD
    assert database.sql("select 1 from ai_responses") == []
    assert ending(database, school, receipt) == ("completed", "off")
    become("ec_ingest")
    with session_of(school, "zoe"):
        found = feedback.fetch(receipt.submission, org=school.org, released_only=True)
    assert (found["status"], found["comments"]) == ("completed", [])


def test_policy_that_changes_between_claim_and_call_stops_the_call(
    database: Database, school: School, become: Become, choose: ProviderChooser
) -> None:
    receipt = hand_in(school)
    become("ec_worker")

    def choose_late(policy: str) -> Provider:
        """Choose the provider, and let an admin change the policy at this moment, after the essay was loaded."""
        provider = choose(policy)
        set_policy(database, school, "none")
        return provider

    run_all(running(choose_late), receipt)
    assert states(database, receipt) == UNREAD
    assert database.sql("select 1 from ai_responses") == []
    assert ending(database, school, receipt) == ("completed", "off")


def test_version_that_was_partly_read_is_partial(
    database: Database, school: School, become: Become, choose: ProviderChooser
) -> None:
    receipt = hand_in(school)
    become("ec_worker")
    runner = running(choose)
    runner.run(receipt.hints[0])
    set_policy(database, school, "none")
    run_all(runner, receipt)
    assert sorted(str(state) for _, state, _ in states(database, receipt)) == ["cancelled", "cancelled", "done"]
    assert ending(database, school, receipt) == ("partial", "on")


def test_older_version_is_superseded_and_not_unread(
    database: Database, school: School, become: Become, choose: ProviderChooser
) -> None:
    first, second = hand_in(school, external_id="a"), hand_in(school, external_id="a")
    set_policy(database, school, "none")
    become("ec_worker")
    run_all(running(choose), first)
    run_all(running(choose), second)
    assert ending(database, school, first) == ("superseded", "on")
    assert ending(database, school, second) == ("completed", "off")


def test_rerun_that_is_stopped_keeps_the_comments_of_the_reading_before(
    database: Database, school: School, become: Become, choose: ProviderChooser
) -> None:
    receipt = hand_in(school, "ed")
    become("ec_worker")
    run_all(running(choose), receipt)
    before = database.sql("select count(*) from feedback where superseded_at is null")
    assert before != [(0,)]
    become("ec_ingest")
    with session_of(school, "ed"):
        again = db.rows("select pass_id from rerun_passes(%s::uuid[], 'bulk')", ([receipt.submission],))
    set_policy(database, school, "none")
    become("ec_worker")
    for one in again:
        running(choose).run(Hint(org_id=school.org, pass_id=one["pass_id"], queue=Queue.BULK))
    assert states(database, receipt) == UNREAD
    assert ending(database, school, receipt) == ("completed", "on")
    assert database.sql("select count(*) from feedback where superseded_at is null") == before
    assert database.sql("select count(*) from ai_responses") == [(3,)]


def test_rerun_reads_a_version_whose_passes_were_stopped(
    database: Database, school: School, become: Become, choose: ProviderChooser
) -> None:
    receipt = hand_in(school, "ed")
    set_policy(database, school, "none")
    become("ec_worker")
    run_all(running(choose), receipt)
    become("ec_ingest")
    with session_of(school, "ed"):
        assert db.rows("select pass_id from rerun_passes(%s::uuid[], 'bulk')", ([receipt.submission],)) == []
    set_policy(database, school, "local")
    with session_of(school, "ed"):
        again = db.rows("select pass_id from rerun_passes(%s::uuid[], 'interactive')", ([receipt.submission],))
    assert {one["pass_id"] for one in again} == {hint.pass_id for hint in receipt.hints}
    become("ec_worker")
    run_all(running(choose), receipt)
    assert {state for _, state, _ in states(database, receipt)} == {"done"}
    assert ending(database, school, receipt) == ("completed", "on")


def test_replay_by_the_clock_queues_nothing(database: Database, school: School, become: Become) -> None:
    receipt = hand_in(school)
    become("ec_worker")
    with db.session(org=school.org):
        held = passes.claim(receipt.hints[0].pass_id, org=school.org, lease_seconds=60)
        assert held is not None
        passes.give_up(held, error="refused")
    set_policy(database, school, "none")
    become("ec_clock")
    with db.session(org=school.org):
        assert db.rows("select * from replay_passes(%s, 'bulk')", ([held.id],)) == []
    assert ("grammar", "gave_up", "refused") in states(database, receipt)


def test_batch_that_is_waited_for_is_left(
    database: Database, school: School, become: Become, choose: ProviderChooser
) -> None:
    receipt = hand_in(school)
    database.sql(
        "update passes set queue = 'bulk', error = 'in_batch', batch = 'b', batch_call = uuidv7() where submission_id = %s",
        receipt.submission,
    )
    set_policy(database, school, "none")
    become("ec_worker")
    run_all(running(choose), receipt)
    assert states(database, receipt) == UNREAD
    assert database.sql("select 1 from passes where batch is not null") == []


def test_every_submission_ends_when_the_policy_changes_while_workers_run(
    database: Database, school: School, become: Become, choose: ProviderChooser
) -> None:
    """Four workers race with an admin. A pass has a call exactly when it was read, and every submission ends."""
    receipts = [hand_in(school, external_id=f"essay-{number}") for number in range(6)]
    become("ec_worker")
    runner, started = running(choose), threading.Event()

    def work(mine: int) -> None:
        for receipt in receipts[mine::4]:
            for hint in receipt.hints:
                runner.run(hint)
                started.set()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    assert started.wait(60)
    set_policy(database, school, "none")
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
    for receipt in receipts:
        run_all(runner, receipt)

    wrong = database.sql(
        "select p.state, p.error from passes as p where (p.state = 'done') <> exists ("
        " select from ai_responses as a where a.submission_id = p.submission_id and a.pass = p.name and a.outcome = 'ok')"
        " or p.state not in ('done', 'cancelled')"
    )
    assert wrong == []
    endings = {ending(database, school, receipt) for receipt in receipts}
    assert endings <= {("completed", "on"), ("partial", "on"), ("completed", "off")}
    assert ("completed", "on") in endings or ("partial", "on") in endings
    assert database.sql("select 1 from submissions where completed_at is null") == []


def test_comment_by_hand_on_an_unread_version_is_followed_when_the_next_is_read(
    database: Database, school: School, become: Become, choose: ProviderChooser
) -> None:
    set_policy(database, school, "none")
    first = hand_in(school, "ed", external_id="a")
    wanted = OwnComment(
        pass_name="content", type="evidence", kind="issue", severity="minor", message="Who says so?", next_step="", suggestions=(),
    )  # fmt: skip
    with session_of(school, "ed"):
        comment, _ = add(
            wanted,
            CommentPlace(quote="everyone look up"),
            org=school.org,
            submission=first.submission,
            educator=school.ed,
        )
    set_policy(database, school, "local")
    second = hand_in(school, "ed", text=TEXT + " Thank you.", external_id="a")
    become("ec_worker")
    with db.session(org=school.org):
        key = data_key(school.ed, org=school.org)
        earlier = lineage.fetch_earlier(second.submission, "content", org=school.org, key=key)
        assert earlier is not None
        assert [one.id for one in earlier.comments] == [comment]
        assert lineage.fetch_earlier(second.submission, "grammar", org=school.org, key=key) is None
    run_all(running(choose), second)
    assert database.sql("select resolution from feedback where id = %s", comment) == [("persisting",)]
    assert database.sql("select origin from feedback where carried_from = %s", comment) == [("educator",)]
    become("ec_ingest")
    with session_of(school, "ed"):
        progress = lineage.fetch_progress(first.essay, org=school.org, released_only=False)
    assert [(one["resolution"], one["decided_in_version"]) for one in progress["comments"]] == [("persisting", 2)]
