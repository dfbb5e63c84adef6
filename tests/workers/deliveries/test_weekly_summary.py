"""Test that a weekly summary reaches whoever wants it, once, and what happens when it cannot be sent."""

from __future__ import annotations

import email
import email.policy
import json
from email.headerregistry import Address
from pathlib import Path
from uuid import UUID

import pytest

from models import weekly_summaries
from models.jobs import RowHint, RowTable
from outgoing.settings import MailSettings
from tests.conftest import Become
from tests.support.schools import School, session_of
from tests.support.servers import Database
from workers.deliveries.emails import EmailSender
from workers.deliveries.runner import RowRunner
from workers.deliveries.weekly_summary import SummaryWork
from workers.job.leases import Leases

COURSE = {
    "id": "01a22871-12e5-7bf9-b756-3999b022d079", "name": "English 9", "handed_in": 3, "week_before": 0, "waiting": 0,
    "not_revised": 0, "students": 3, "struggles": [],
}  # fmt: skip


def runner(mail: str | None) -> RowRunner:
    settings = MailSettings(url=mail, sender=Address(addr_spec="post@essaycoach.example")) if mail else None
    work = SummaryWork(EmailSender(settings), url="https://essays.example")
    return RowRunner(
        {RowTable.WEEKLY_SUMMARIES: work}, leases=Leases(lease_seconds=60, longest_seconds=60), lease_seconds=60
    )


@pytest.fixture
def hint(school: School, database: Database, become: Become) -> RowHint:
    """Let Ed want the summary, and give the hint of one that is due."""
    with session_of(school, "ed"):
        weekly_summaries.choose(school.ed, org=school.org, wanted=True)
    database.sql(
        "insert into weekly_summaries (org_id, user_id, week, courses) values (%s, %s, '2026-11-23', %s)",
        school.org, school.ed, json.dumps([{**COURSE, "id": str(school.course)}, COURSE]),
    )  # fmt: skip
    become("ec_worker")
    return RowHint(org_id=school.org, lane_id=school.org, table=RowTable.WEEKLY_SUMMARIES)


def state(database: Database, user: UUID) -> tuple[object, ...]:
    [found] = database.sql(
        "select state, error, attempt, next_at > now() from weekly_summaries where user_id = %s", user
    )
    return found


def test_it_is_sent_once(hint: RowHint, school: School, database: Database, tmp_path: Path) -> None:
    assert runner(f"file:{tmp_path}").run(hint)
    assert runner(f"file:{tmp_path}").run(hint)
    [file] = tmp_path.glob("*.eml")
    message = email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
    assert message["To"] == school.email("ed")
    assert message["Subject"] == "Your courses in the week of Monday 23 November 2026"
    text = message.get_content()
    assert text.count("English 9\n  3 drafts handed in (none the week before).\n") == 1
    assert "https://essays.example/desk\n" in text
    assert state(database, school.ed)[:3] == ("done", None, 1)


@pytest.mark.parametrize(
    "change",
    [
        "delete from weekly_summary_readers where user_id = %s",
        "update users set disabled_at = now() where id = %s",
        "update users set role = 'student' where id = %s",
        "delete from enrollments where user_id = %s",
    ],
)
def test_who_no_longer_wants_it_or_has_left_gets_none(
    change: str, hint: RowHint, school: School, database: Database, tmp_path: Path
) -> None:
    database.sql(change, school.ed)
    assert runner(f"file:{tmp_path}").run(hint)
    assert list(tmp_path.glob("*.eml")) == []
    assert state(database, school.ed)[0] == "nothing"


def test_mail_server_that_is_away_is_tried_again(hint: RowHint, school: School, database: Database) -> None:
    assert runner("smtp://127.0.0.1:9?tls=no").run(hint)
    assert state(database, school.ed) == ("queued", "mail_not_sent", 1, True)


def test_without_a_mail_server_the_row_says_so(hint: RowHint, school: School, database: Database) -> None:
    assert runner(None).run(hint)
    assert state(database, school.ed)[:3] == ("gave_up", "no_mail_server", 1)
