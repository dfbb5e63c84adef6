"""Take hand-ins from a Moodle site: each version once, whatever the site does meanwhile."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from models import arrivals, connections, essays, files, moodle_sites
from models.jobs import RowTable
from models.leased_rows import ARRIVALS
from tests.conftest import Become
from tests.support.failing_server import Fault
from tests.support.lms_work import Connected, ended, make_due, make_lms_runner
from tests.support.moodle import ANA, ASSIGNMENT, BO, TOKEN, MoodleSite
from tests.support.moodle_work import NOON, connect_moodle, look
from tests.support.schools import School, session_of
from tests.support.servers import Database
from workers.deliveries.arrivals import FETCHES
from workers.deliveries.runner import RowRunner
from workers.duties import rows as duties

SUBMISSIONS = "mod_assign_get_submissions"


def stored(database: Database) -> list[tuple[Any, ...]]:
    return database.sql("select state, error, attempt from arrivals order by id")


def versions(database: Database) -> list[tuple[Any, ...]]:
    return database.sql("select version, status, source from submissions order by id")


def site_row(database: Database) -> tuple[Any, ...]:
    [found] = database.sql("select state, error, error_about, attempt, succeeded_at is not null from moodle_sites")
    return found


def test_edit_is_version_two_and_unchanged_time_is_nothing(
    connected: Connected, site: MoodleSite, runner: RowRunner, database: Database
) -> None:
    site.hand_in(ANA, "<p>They was late.</p>", at=NOON)
    look(connected, runner, database)
    look(connected, runner, database)
    assert versions(database) == [(1, "queued", "webhook")]
    assert stored(database) == [("accepted", None, 1)]
    site.hand_in(ANA, "<p>They were late.</p>", at=NOON + 60)
    look(connected, runner, database)
    assert [version for version, _, _ in versions(database)] == [1, 2]
    assert len(database.sql("select from essays")) == 1


def test_student_course_and_assignment_are_made_on_first_sight(
    connected: Connected, site: MoodleSite, runner: RowRunner, become: Become, database: Database
) -> None:
    site.hand_in(ANA, "<p>My <b>essay</b>.</p>", at=NOON)
    look(connected, runner, database)
    become("ec_ingest")
    with session_of(connected.school, "ada"):
        [essay] = [one for one in essays.list_essays(org=connected.school.org, limit=9) if one["title"] == "Essay one"]
        assert essays.fetch_writing(essay["newest_submission_id"], org=connected.school.org)["text"] == "My essay."
    assert database.sql("select name, external_id from courses where source_id is not null") == [("Writing 101", "2")]
    assert database.sql("select title, external_id from assignments where source_id is not null") == [
        ("Essay one", "1")
    ]
    assert database.sql("select count(*) from lms_people") == [(1,)]


def test_id_number_leads_to_the_person_of_the_roster(
    connected: Connected, site: MoodleSite, runner: RowRunner, database: Database
) -> None:
    site.people[1]["idnumber"] = "alice-sis"
    site.hand_in(ANA, "Mine.", at=NOON)
    site.hand_in(BO, "His.", at=NOON)
    look(connected, runner, database)
    authors = {author for (author,) in database.sql("select user_id from essays")}
    assert connected.school.alice in authors
    assert len(authors) == 2


def test_file_is_the_essay_and_its_original_is_kept(
    connected: Connected, site: MoodleSite, runner: RowRunner, become: Become, database: Database
) -> None:
    content = b"This is my essay, and it has many more words than the note.\n\nIts second paragraph."
    site.hand_in(ANA, "<p>See my file.</p>", at=NOON, files={"essay.txt": content, "photo.jpg": b"not read"})
    look(connected, runner, database)
    [(submission,)] = database.sql("select id from submissions")
    become("ec_ingest")
    with session_of(connected.school, "ada"):
        original = files.fetch_original(submission, org=connected.school.org)
    assert (original.name, original.content) == ("essay.txt", content)
    assert site.sent[-1].path.endswith("essay.txt")


@pytest.mark.parametrize(
    ("text", "given", "reason"),
    [
        ("", {}, "no_text"),
        ("See my file.", {"essay.docx": b"PK\x03\x04 half a file"}, "file_unreadable"),
        ("", {"photo.jpg": b"x"}, "file_unsupported"),
        ("w " * 60_000, {}, "essay_too_long"),
    ],
)
def test_hand_in_without_an_essay_is_refused_and_shown(
    connected: Connected,
    site: MoodleSite,
    runner: RowRunner,
    become: Become,
    database: Database,
    text: str,
    given: dict[str, bytes],
    reason: str,
) -> None:
    site.hand_in(ANA, text, at=NOON, files=given)
    look(connected, runner, database)
    look(connected, runner, database)
    assert stored(database) == [("refused", reason, 1)]
    assert versions(database) == []
    become("ec_ingest")
    with session_of(connected.school, "ada"):
        [shown] = arrivals.list_arrivals(connected.source, org=connected.school.org, limit=9, state="refused")
        assert shown.error == reason
        assert arrivals.replay(connected.source) == 1
    become("ec_worker")
    site.hand_in(ANA, "Now with words.", at=NOON, files={})
    runner.run(connected.hint(RowTable.ARRIVALS))
    assert stored(database) == [("accepted", None, 1)]


def test_edit_while_it_waits_is_taken_once_as_it_is_now(
    connected: Connected, site: MoodleSite, runner: RowRunner, database: Database
) -> None:
    site.hand_in(ANA, "First.", at=NOON)
    runner.run(connected.hint(RowTable.MOODLE_SITES))
    site.hand_in(ANA, "Second.", at=NOON + 60)
    runner.run(connected.hint(RowTable.ARRIVALS))
    look(connected, runner, database)
    assert [(state, error) for state, error, _ in stored(database)] == [
        ("superseded", "edited_since"),
        ("accepted", None),
    ]
    assert len(versions(database)) == 1


def test_withdrawn_hand_in_is_not_taken(
    connected: Connected, site: MoodleSite, runner: RowRunner, database: Database
) -> None:
    site.hand_in(ANA, "First.", at=NOON)
    runner.run(connected.hint(RowTable.MOODLE_SITES))
    site.submissions[0]["status"] = "draft"
    runner.run(connected.hint(RowTable.ARRIVALS))
    assert stored(database) == [("superseded", "withdrawn", 1)]
    assert versions(database) == []


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault(body=json.dumps({"exception": "x", "errorcode": "invalidtoken"}).encode()), "lms_token_refused"),
        (Fault(body=json.dumps({"exception": "x", "errorcode": "dmlreadexception"}).encode()), "lms_failed"),
        (Fault(status=503), "lms_busy"),
        (Fault(body=b"<html>"), "lms_unreadable"),
        (Fault(breaks_off=True), "lms_unreachable"),
    ],
)
def test_error_of_the_site_is_never_no_essays(
    connected: Connected, site: MoodleSite, runner: RowRunner, database: Database, fault: Fault, error: str
) -> None:
    site.hand_in(ANA, "First.", at=NOON)
    site.fail(SUBMISSIONS, fault)
    look(connected, runner, database)
    assert site_row(database) == ("queued", error, SUBMISSIONS, 0, False)
    site.fail("core_user_get_users_by_field", fault)
    look(connected, runner, database)
    assert site_row(database) == ("queued", None, None, 0, True)
    assert stored(database) == [("queued", error, 1)]
    look(connected, runner, database)
    assert stored(database) == [("accepted", None, 2)]


def test_missing_keys_use_up_no_attempt(
    connected: Connected, site: MoodleSite, runner: RowRunner, database: Database
) -> None:
    site.hand_in(ANA, "First.", at=NOON)
    look(connected, runner, database)
    site.hand_in(ANA, "Second.", at=NOON + 60)
    database.sql("create table kept as select * from user_keys")
    database.sql("delete from user_keys")
    look(connected, runner, database)
    assert stored(database)[1] == ("queued", "keys_missing", 0)
    database.sql("insert into user_keys select * from kept")
    look(connected, runner, database)
    assert stored(database)[1] == ("accepted", None, 1)


def test_crash_never_ends_the_looks_at_a_site(
    connected: Connected, site: MoodleSite, runner: RowRunner, database: Database
) -> None:
    database.sql("alter table arrivals add constraint odd check (version_key = 'odd') not valid")
    site.hand_in(ANA, "First.", at=NOON)
    look(connected, runner, database)
    assert site_row(database)[:2] == ("queued", "crashed")
    database.sql("alter table arrivals drop constraint odd")
    look(connected, runner, database)
    assert stored(database) == [("accepted", None, 1)]


def test_hand_in_that_is_gone_for_good_is_given_up(
    connected: Connected, site: MoodleSite, runner: RowRunner, database: Database
) -> None:
    site.hand_in(ANA, "First.", at=NOON)
    runner.run(connected.hint(RowTable.MOODLE_SITES))
    site.fail(SUBMISSIONS, Fault(body=json.dumps({"exception": "x", "errorcode": "invalidrecord"}).encode()))
    runner.run(connected.hint(RowTable.ARRIVALS))
    assert stored(database) == [("gave_up", "lms_gone", 1)]


def test_ends_are_counted_by_what_became_of_the_hand_in(
    connected: Connected, site: MoodleSite, runner: RowRunner, database: Database
) -> None:
    site.hand_in(ANA, "First.", at=NOON)
    look(connected, runner, database)
    site.hand_in(BO, "", at=NOON, files={"photo.jpg": b"x"})
    look(connected, runner, database)
    site.hand_in(ANA, "Second.", at=NOON + 60)
    make_due(database)
    runner.run(connected.hint(RowTable.MOODLE_SITES))
    site.hand_in(ANA, "Third.", at=NOON + 120)
    runner.run(connected.hint(RowTable.ARRIVALS))
    assert sorted(state for state, _, _ in stored(database)) == ["accepted", "accepted", "refused", "superseded"]
    assert ended(database, RowTable.ARRIVALS) == {"accepted": 2, "refused": 1, "superseded": 1}


def test_school_whose_every_hand_in_crashes_is_counted(
    connected: Connected, site: MoodleSite, runner: RowRunner, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.hand_in(ANA, "First.", at=NOON)
    site.hand_in(BO, "Another.", at=NOON)
    monkeypatch.delitem(FETCHES, "moodle")
    look(connected, runner, database)
    assert stored(database) == [("gave_up", "crashed", 1)] * 2
    assert ended(database, RowTable.ARRIVALS) == {"gave_up": 2}


def test_failed_attempt_is_counted_only_after_the_last(
    connected: Connected, site: MoodleSite, runner: RowRunner, database: Database
) -> None:
    site.hand_in(ANA, "First.", at=NOON)
    runner.run(connected.hint(RowTable.MOODLE_SITES))
    site.fail(SUBMISSIONS, Fault(status=503))
    runner.run(connected.hint(RowTable.ARRIVALS))
    assert stored(database) == [("queued", "lms_busy", 1)]
    assert ended(database, RowTable.ARRIVALS) == {}
    database.sql("update arrivals set attempt = %s", ARRIVALS.attempts - 1)
    make_due(database)
    site.fail(SUBMISSIONS, Fault(status=503))
    runner.run(connected.hint(RowTable.ARRIVALS))
    assert stored(database) == [("gave_up", "lms_busy", ARRIVALS.attempts)]
    assert ended(database, RowTable.ARRIVALS) == {"gave_up": 1}


def test_hand_in_whose_last_worker_died_is_counted_and_an_earlier_one_is_not(
    connected: Connected, site: MoodleSite, runner: RowRunner, become: Become, database: Database
) -> None:
    site.hand_in(ANA, "First.", at=NOON)
    site.hand_in(BO, "Another.", at=NOON)
    runner.run(connected.hint(RowTable.MOODLE_SITES))
    database.sql(
        "update arrivals set state = 'running', started_at = now(), lease_until = now() - interval '1 second',"
        " attempt = case when id = (select id from arrivals order by id limit 1) then %s else 1 end",
        ARRIVALS.attempts,
    )
    become("ec_clock")
    assert duties.free_row_leases() == 2
    assert stored(database) == [("gave_up", "worker_lost", ARRIVALS.attempts), ("queued", "worker_lost", 1)]
    assert ended(database, RowTable.ARRIVALS) == {"gave_up": 1}


def test_missing_rights_are_named_and_nothing_is_skipped_for_good(
    connected: Connected, site: MoodleSite, runner: RowRunner, database: Database
) -> None:
    site.hand_in(ANA, "First.", at=NOON)
    site.closed_assignments.add(ASSIGNMENT)
    look(connected, runner, database)
    assert site_row(database)[1] == "lms_rights_missing"
    site.closed_assignments.clear()
    look(connected, runner, database)
    assert stored(database) == [("accepted", None, 1)]


def test_source_that_may_not_add_courses_refuses_and_replays(
    school: School, site: MoodleSite, become: Become, database: Database
) -> None:
    connected = connect_moodle(school, site, creates_courses=False)
    become("ec_worker")
    site.hand_in(ANA, "First.", at=NOON)
    look(connected, make_lms_runner(), database)
    assert stored(database) == [("refused", "assignment_unknown", 1)]


def test_disabled_source_calls_nobody_and_loses_nothing(
    connected: Connected, site: MoodleSite, runner: RowRunner, become: Become, database: Database
) -> None:
    site.hand_in(ANA, "First.", at=NOON)
    runner.run(connected.hint(RowTable.MOODLE_SITES))
    calls = len(site.sent)
    become("ec_ingest")
    with session_of(connected.school, "ada"):
        connections.change_source(connected.source, org=connected.school.org, disabled=True)
    become("ec_worker")
    look(connected, runner, database)
    assert len(site.sent) == calls
    assert stored(database) == [("queued", None, 0)]
    become("ec_ingest")
    with session_of(connected.school, "ada"):
        connections.change_source(connected.source, org=connected.school.org, disabled=False)
        moodle_sites.look_now(connected.source, org=connected.school.org)
    become("ec_worker")
    look(connected, runner, database)
    assert stored(database) == [("accepted", None, 1)]


def test_new_token_is_used_from_the_next_look_on(
    connected: Connected, site: MoodleSite, runner: RowRunner, become: Become, database: Database
) -> None:
    site.hand_in(ANA, "First.", at=NOON)
    become("ec_ingest")
    with session_of(connected.school, "ada"):
        moodle_sites.change_site(connected.source, org=connected.school.org, changes={"token": "0" * 32})
    become("ec_worker")
    look(connected, runner, database)
    assert site_row(database)[1] == "lms_token_refused"
    become("ec_ingest")
    with session_of(connected.school, "ada"):
        moodle_sites.change_site(connected.source, org=connected.school.org, changes={"token": TOKEN, "courses": [2]})
    become("ec_worker")
    look(connected, runner, database)
    assert stored(database) == [("accepted", None, 1)]


def test_erased_student_is_not_taken_again(
    connected: Connected, site: MoodleSite, runner: RowRunner, database: Database
) -> None:
    site.hand_in(ANA, "First.", at=NOON)
    look(connected, runner, database)
    database.sql("delete from users where id in (select user_id from lms_people)")
    make_due(database)
    look(connected, runner, database)
    assert versions(database) == []
    assert database.sql("select state, submission_id from arrivals") == [("accepted", None)]


def test_token_is_in_no_log_line_and_not_in_the_database(
    connected: Connected,
    site: MoodleSite,
    runner: RowRunner,
    database: Database,
    said: Callable[[], str],
) -> None:
    site.hand_in(ANA, "First.", at=NOON)
    invalid = Fault(body=json.dumps({"exception": "x", "errorcode": "invalidtoken", "message": TOKEN}).encode())
    site.fail(SUBMISSIONS, invalid, Fault(breaks_off=True), Fault(status=500))
    for _ in range(5):
        look(connected, runner, database)
    lines = said()
    assert "site not read" in lines
    assert TOKEN not in lines
    assert not [one.path for one in site.sent if TOKEN in one.path]
    for table in ("moodle_sites", "arrivals", "sources", "system_logs", "audit_log"):
        found = database.sql(f"select to_jsonb(t)::text from {table} as t")
        assert TOKEN not in str(found)
        assert TOKEN.encode().hex() not in str(found)
