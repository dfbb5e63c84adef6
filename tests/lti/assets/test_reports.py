"""Test the report that feedback on a document is ready: sent once, to where it belongs, whatever happens meanwhile."""

from __future__ import annotations

import json

import pytest

from models import db, leased_rows
from models.jobs import RowTable
from standalone.lti_course import CLAIM
from tests.lti.conftest import Platform
from tests.support.asset_platform import SETTINGS, AssetPlatform
from tests.support.asset_work import as_worker, give_feedback, returned, take_in, work
from tests.support.lms_work import read_open_passes
from tests.support.races import eventually
from tests.support.schools import connect_as
from tests.support.worker_process import kill, start_worker

TEXT = b"<p>They <b>was</b> late.</p>"


def test_comment_is_in_the_students_language(platform: Platform, lms: AssetPlatform) -> None:
    take_in(platform, lms.notice(lms.asset(TEXT)))
    platform.api.database.sql("update users set language = 'de' where id in (select user_id from essays) returning 1")
    give_feedback(platform)
    assert lms.taken_reports[0]["comment"].startswith("Deine Rückmeldung")
    platform.api.database.sql("update users set language = null where id in (select user_id from essays) returning 1")


@pytest.mark.parametrize(
    ("status", "state", "error"),
    [
        (409, "done", "superseded"),
        (400, "gave_up", "lms_request_refused"),
        (403, "gave_up", "lms_request_refused"),
        (404, "gave_up", "lms_gone"),
        (429, "queued", "lms_busy"),
        (502, "queued", "lms_busy"),
    ],
)
def test_report_that_is_not_taken(platform: Platform, lms: AssetPlatform, status: int, state: str, error: str) -> None:
    take_in(platform, lms.notice(lms.asset(TEXT)))
    lms.answers["/reports"] = [status]
    give_feedback(platform)
    assert returned(platform)[0][:2] == (state, error)


def test_second_notice_sends_a_report_that_was_given_up(platform: Platform, lms: AssetPlatform) -> None:
    asset = lms.asset(TEXT)
    take_in(platform, lms.notice(asset))
    lms.answers["/reports"] = [404]
    give_feedback(platform)
    assert returned(platform)[0][:2] == ("gave_up", "lms_gone")
    assert take_in(platform, lms.notice(asset)) == ("accepted", None, 1)
    work(platform, RowTable.RETURNS)
    assert returned(platform)[0][0] == "done"
    assert len(platform.api.database.sql("select from submissions")) == 1
    assert platform.api.database.sql("select place ? 'person', place ? 'asset' from arrivals") == [(False, True)]


def test_repeat_has_the_same_time_so_the_lms_keeps_one(platform: Platform, lms: AssetPlatform) -> None:
    take_in(platform, lms.notice(lms.asset(TEXT)))
    give_feedback(platform)
    # A worker that was killed after it had sent leaves the row as the clock finds it.
    platform.api.database.sql("update returns set state = 'queued', finished_at = null, external_id = null returning 1")
    work(platform, RowTable.RETURNS)
    first, second = lms.taken_reports
    assert first == second
    assert len(lms.reports) == 1
    assert returned(platform)[0][0] == "done"


@pytest.mark.slow(reason="starts a worker as a process of its own")
def test_worker_that_is_killed_after_it_has_sent_leaves_one_report(platform: Platform, lms: AssetPlatform) -> None:
    take_in(platform, lms.notice(lms.asset(TEXT)))
    database, org = platform.api.database, platform.api.school.org
    with as_worker(database):
        read_open_passes(database, org)
    lms.answers_reports.clear()
    worker = start_worker(database, org=org, source=platform.id, tables=[RowTable.RETURNS])
    eventually(lambda: len(lms.taken_reports) == 1)
    kill(worker)
    lms.answers_reports.set()
    database.sql("update returns set lease_until = now() - interval '1 second' returning 1")
    connect_as("ec_clock", database)
    with db.session():
        assert leased_rows.free_expired(leased_rows.RETURNS, limit=9) == 1
    work(platform, RowTable.RETURNS)
    first, second = lms.taken_reports
    assert first == second
    assert [state for state, _, _ in returned(platform)] == ["done"]


def test_report_goes_where_a_launch_has_said_when_the_notice_does_not(platform: Platform, lms: AssetPlatform) -> None:
    silent = {CLAIM + "assetreport": None, CLAIM + "activity": {"id": "activity-9"}}
    take_in(platform, lms.notice(lms.asset(TEXT), **silent))
    give_feedback(platform)
    assert returned(platform) == [("gave_up", "not_wanted", None)]

    lms.claims = {
        CLAIM + "activity": {"id": "activity-9", "title": "Ours"},
        CLAIM + "assetreport": {"report_url": f"{lms.url}/reports", "scope": ["report-as-they-say"]},
    }  # fmt: skip
    platform.open("2", SETTINGS)
    lms.claims, registered = {}, lms.tool["scope"]
    lms.tool["scope"] += " report-as-they-say"
    platform.api.database.sql("update returns set state = 'queued', finished_at = null returning 1")
    work(platform, RowTable.RETURNS)
    assert returned(platform)[0][0] == "done"
    assert lms.scopes[-1] == "report-as-they-say"
    lms.tool["scope"] = registered


def test_no_token_is_in_a_log_a_row_or_an_error(
    platform: Platform, lms: AssetPlatform, logged: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    lms.answers = {"/assets": [500, 401], "/reports": [503]}
    notice = lms.notice(lms.asset(TEXT))
    body = lms.batch(notice)
    platform.api.client.post(f"/lti/notices/{platform.id}", json=body)
    for _ in range(3):
        work(platform, RowTable.ARRIVALS)
    give_feedback(platform)
    work(platform, RowTable.RETURNS)
    assert returned(platform)[0][0] == "done"
    secrets = [*lms.tokens_given, body["notices"][0]["jwt"]]
    assert len(secrets) > 4
    written = capsys.readouterr().err + logged.text
    tables = platform.api.database.sql(
        "select relname from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r'"
    )
    stored = "".join(json.dumps(platform.api.database.sql(f"select t::text from {name} as t")) for (name,) in tables)
    assert [one for one in secrets if one in written + stored] == []
