"""What the database itself allows people to do about passes that gave up, whatever the program in front of it asks."""

from __future__ import annotations

import pytest

from models import db, essays, failed_passes
from models.audit import Actor
from models.essays import Draft, Receipt
from models.jobs import Queue
from tests.conftest import Become
from tests.support.schools import School, session_of
from tests.support.servers import Database

FUNCTIONS = ("select * from replay_passes(%s, 'bulk')", "select * from discard_passes(%s)")


def gave_up(school: School, database: Database, *, reason: str = "refused") -> Receipt:
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
@pytest.mark.parametrize("who", ["nell", "other"])
def test_whoever_cannot_see_a_course_changes_none_of_its_passes_even_by_their_ids(
    school: School, other_school: School, database: Database, become: Become, statement: str, who: str
) -> None:
    """Nell teaches another course, the other school's admin another school: an ingest that forgot to look is not enough."""
    receipt = gave_up(school, database)
    ids = [hint.pass_id for hint in receipt.hints]
    before = states(database, receipt)

    with session_of(other_school, "ada") if who == "other" else session_of(school, who):
        assert db.rows(statement, (ids,)) == []

    assert states(database, receipt) == before


@pytest.mark.parametrize("who", ["ed", "ada"])
def test_who_teaches_the_course_or_runs_the_org_may(school: School, database: Database, who: str) -> None:
    receipt = gave_up(school, database)
    with session_of(school, who):
        found = failed_passes.list_all(org=school.org, limit=10, submission=receipt.submission)
        hints = failed_passes.replay(
            found, org=school.org, queue=Queue.BULK, actor=Actor(role="educator", id=getattr(school, who))
        )

    assert {hint.pass_id for hint in hints} == {hint.pass_id for hint in receipt.hints}
    assert states(database, receipt) == {("queued", 0, 0, True)}


def test_an_essay_that_took_its_workers_along_comes_back_as_a_suspect(school: School, database: Database) -> None:
    """Else each retry would cost more deaths, beside everybody else's passes."""
    receipt = gave_up(school, database, reason="worker_lost")
    with session_of(school, "ada"):
        found = failed_passes.list_all(org=school.org, limit=10, submission=receipt.submission)
        failed_passes.replay(found, org=school.org, queue=Queue.INTERACTIVE, actor=Actor(role="admin", id=school.ada))

    assert states(database, receipt) == {("queued", 0, 2, True)}
