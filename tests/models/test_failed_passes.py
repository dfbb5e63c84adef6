"""Test what the database itself lets people do with failed passes, whatever the program asks for."""

from __future__ import annotations

import pytest

from models import db, essays, failed_passes
from models.essays import Draft, Receipt
from models.jobs import Queue
from tests.conftest import Become
from tests.support.schools import School, session_of
from tests.support.servers import Database

FUNCTIONS = ("select * from replay_passes(%s, 'bulk')", "select * from discard_passes(%s)")


def hand_in_failed(school: School, database: Database, *, reason: str = "refused") -> Receipt:
    """Hand in an essay of Alice and mark all its passes as given up for this reason."""
    with session_of(school, "alice"):
        draft = Draft(title="T", text="Words.", source="app", assignment=school.assignment)
        receipt = essays.receive(school.alice, draft, org=school.org)
    database.sql(
        "update passes set state = 'gave_up', error = %s, finished_at = now(), attempt = 8 where submission_id = %s",
        reason, receipt.submission,
    )  # fmt: skip
    database.sql("update submissions set status = 'failed', completed_at = now() where id = %s", receipt.submission)
    return receipt


def states(database: Database, receipt: Receipt) -> set[tuple[object, ...]]:
    return set(
        database.sql(
            "select state, attempt, lost, discarded_at is null from passes where submission_id = %s", receipt.submission
        )
    )


@pytest.mark.parametrize("statement", FUNCTIONS)
@pytest.mark.parametrize("name", ["nell", "other"])
def test_user_outside_the_course_cannot_replay_or_discard_its_passes(
    school: School, other_school: School, database: Database, become: Become, statement: str, name: str
) -> None:
    """Nell teaches another course. The database refuses her, and another school's admin, even if ingest forgets to check."""
    receipt = hand_in_failed(school, database)
    ids = [hint.pass_id for hint in receipt.hints]
    before = states(database, receipt)

    with session_of(other_school, "ada") if name == "other" else session_of(school, name):
        assert db.rows(statement, (ids,)) == []

    assert states(database, receipt) == before


@pytest.mark.parametrize("name", ["ed", "ada"])
def test_course_educator_and_org_admin_can_replay_failed_passes(school: School, database: Database, name: str) -> None:
    receipt = hand_in_failed(school, database)
    with session_of(school, name):
        found = failed_passes.list_all(org=school.org, limit=10, submission=receipt.submission)
        hints = failed_passes.replay(found, org=school.org, queue=Queue.BULK)

    assert {hint.pass_id for hint in hints} == {hint.pass_id for hint in receipt.hints}
    assert states(database, receipt) == {("queued", 0, 0, True)}


def test_pass_given_up_after_crashes_is_replayed_as_poison_suspect(school: School, database: Database) -> None:
    """Otherwise each retry could crash more workers and disturb other passes."""
    receipt = hand_in_failed(school, database, reason="worker_lost")
    with session_of(school, "ada"):
        found = failed_passes.list_all(org=school.org, limit=10, submission=receipt.submission)
        failed_passes.replay(found, org=school.org, queue=Queue.INTERACTIVE)

    assert states(database, receipt) == {("queued", 0, 2, True)}
