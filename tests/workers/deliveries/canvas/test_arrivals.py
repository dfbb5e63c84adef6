"""Take hand-ins from a Canvas: each attempt once, whatever happens between its event and now."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from models import canvas_sites, connections, db, essays, files, rights
from models.jobs import RowTable
from tests.conftest import Become
from tests.support.canvas import ANA, BO, GROUP, THROTTLED, TOKEN, CanvasSite, Submission
from tests.support.canvas_work import ConnectedCanvas, comments, run, take
from tests.support.failing_server import Fault
from tests.support.lms_work import read_open_passes
from tests.support.schools import session_of
from tests.support.servers import Database
from workers.deliveries.runner import RowRunner
from workers.duties.rows import look_back_at_canvas
from workers.lms import canvas_hand_ins


def stored(database: Database) -> list[tuple[Any, ...]]:
    return database.sql("select state, error, attempt from arrivals order by id")


def test_attempts_are_versions_of_one_essay(
    connected: ConnectedCanvas, site: CanvasSite, runner: RowRunner, become: Become, database: Database
) -> None:
    for text in ("<p>They was <b>late</b>.</p>", "<p>They were late.</p>"):
        take(connected, site, runner, database, text=text)
    assert stored(database) == [("accepted", None, 1)] * 2
    assert database.sql("select version, source from submissions order by id") == [(1, "webhook"), (2, "webhook")]
    assert database.sql("select name, external_id from courses where source_id is not null") == [("Writing 101", "7")]
    assert database.sql("select title, external_id from assignments where source_id is not null") == [
        ("Essay one", "31")
    ]
    [(version,)] = database.sql("select id from submissions where version = 1")
    become("ec_ingest")
    with session_of(connected.school, "ada"):
        assert essays.fetch_writing(version, org=connected.school.org)["text"] == "They was late."


def test_sis_id_leads_to_the_person_of_the_roster(
    connected: ConnectedCanvas, site: CanvasSite, runner: RowRunner, database: Database
) -> None:
    site.people[ANA]["sis_user_id"] = "alice-sis"
    take(connected, site, runner, database)
    assert database.sql("select user_id from essays") == [(connected.school.alice,)]


def test_erased_student_is_named_to_canvas_no_more(
    connected: ConnectedCanvas, site: CanvasSite, runner: RowRunner, become: Become, database: Database
) -> None:
    first = site.hand_in(ANA, group=GROUP)
    connected.hear(first)
    run(connected, runner, database)
    [(user, place)] = database.sql("select e.user_id, a.place from arrivals as a, essays as e")
    assert isinstance(place, dict)
    assert place["user"] == str(ANA)
    become("ec_ingest")
    with session_of(connected.school, "ada"):
        rights.request_erasure(user, org=connected.school.org)
    become("ec_clock")
    with db.session():
        assert rights.erase(user, org=connected.school.org)
    [(after,)] = database.sql("select place from arrivals")
    assert after == {name: value for name, value in place.items() if name != "user"}
    # The next attempt of the group has the author that Canvas names.
    become("ec_ingest")
    site.hand_in(BO, group=GROUP)  # the first attempt, as Canvas shows it for this member
    connected.hear(site.hand_in(BO, group=GROUP))
    [(newest,)] = database.sql("select place ->> 'user' from arrivals order by id desc limit 1")
    assert newest == str(BO)


def test_file_is_the_essay_and_its_original_is_kept(
    connected: ConnectedCanvas, site: CanvasSite, runner: RowRunner, become: Become, database: Database
) -> None:
    content = b"This is my essay.\n\nIts second paragraph."
    take(connected, site, runner, database, text=None, files={"essay.txt": content, "photo.jpg": b"not read"})
    assert stored(database) == [("accepted", None, 1)]
    [(submission,)] = database.sql("select id from submissions")
    become("ec_ingest")
    with session_of(connected.school, "ada"):
        original = files.fetch_original(submission, org=connected.school.org)
    assert (original.name, original.content) == ("essay.txt", content)


def test_newer_attempt_supersedes_the_one_that_waits(
    connected: ConnectedCanvas, site: CanvasSite, runner: RowRunner, database: Database
) -> None:
    connected.hear(site.hand_in(ANA, "First."))
    event = site.hand_in(ANA, "Second.")
    run(connected, runner, database)
    connected.hear(event)
    run(connected, runner, database)
    assert stored(database) == [("superseded", "edited_since", 1), ("accepted", None, 1)]
    assert len(database.sql("select from submissions")) == 1


def test_withdrawn_hand_in_is_not_taken(
    connected: ConnectedCanvas, site: CanvasSite, runner: RowRunner, database: Database
) -> None:
    connected.hear(site.hand_in(ANA))
    site.submissions[ANA].state = "unsubmitted"
    run(connected, runner, database)
    assert stored(database) == [("superseded", "withdrawn", 1)]


def test_answer_that_is_older_than_the_event_is_asked_for_again(
    connected: ConnectedCanvas, site: CanvasSite, runner: RowRunner, database: Database
) -> None:
    site.hand_in(ANA)
    connected.hear(site.hand_in(ANA))
    site.submissions[ANA].attempt = 1
    run(connected, runner, database)
    assert stored(database) == [("queued", "lms_behind", 1)]
    # In an older copy still, nothing was handed in yet.
    site.submissions[ANA].attempt, site.submissions[ANA].state = 0, "unsubmitted"
    run(connected, runner, database)
    assert stored(database) == [("queued", "lms_behind", 2)]
    site.submissions[ANA].attempt, site.submissions[ANA].state = 2, "submitted"
    run(connected, runner, database)
    assert stored(database) == [("accepted", None, 3)]


def test_course_that_the_event_does_not_name_is_looked_up(
    connected: ConnectedCanvas, site: CanvasSite, runner: RowRunner, database: Database
) -> None:
    connected.hear(site.hand_in(ANA), course=False)
    run(connected, runner, database)
    assert database.sql("select external_id from courses where source_id is not null") == [("7",)]
    read_open_passes(database, connected.school.org)
    run(connected, runner, database, RowTable.RETURNS)
    assert len(comments(site)) == 1


@pytest.mark.parametrize(
    ("about", "fault", "error"),
    [
        ("submission", Fault(status=401, body=b"{}", headers={"WWW-Authenticate": "Bearer"}), "lms_token_refused"),
        ("submission", THROTTLED, "lms_busy"),
        ("assignment", Fault(status=503), "lms_busy"),
        ("assignment", Fault(breaks_off=True), "lms_unreachable"),
        ("store", Fault(body=b"half"), "lms_file_incomplete"),
    ],
)
def test_error_of_canvas_is_never_no_essay(
    connected: ConnectedCanvas, site: CanvasSite, runner: RowRunner, database: Database, about: str, fault: Fault, error: str
) -> None:  # fmt: skip
    site.fail(about, fault)
    take(connected, site, runner, database, files={"essay.txt": b"The whole essay."} if about == "store" else {})
    assert stored(database) == [("queued", error, 1)]
    run(connected, runner, database)
    assert stored(database) == [("accepted", None, 2)]


def test_deleted_hand_in_is_given_up_and_shown(
    connected: ConnectedCanvas, site: CanvasSite, runner: RowRunner, database: Database
) -> None:
    connected.hear(site.hand_in(ANA))
    site.submissions.clear()
    run(connected, runner, database)
    assert stored(database) == [("gave_up", "lms_gone", 1)]


def test_look_back_finds_what_no_event_told_and_doubles_nothing(
    connected: ConnectedCanvas, site: CanvasSite, runner: RowRunner, become: Become, database: Database
) -> None:
    take(connected, site, runner, database)
    site.hand_in(BO, "Nobody told.")
    site.hand_in(ANA, "Second.")
    site.submissions[99] = Submission(id=99, user=99, attempt=0, state="unsubmitted")
    become("ec_ingest")
    with session_of(connected.school, "ada"):
        assert [canvas_sites.look_back(connected.source) for _ in range(2)] == [1, 1]
    assert [state for state, *_ in stored(database)] == ["accepted", "queued"]
    become("ec_worker")
    for _ in range(2):
        run(connected, runner, database)
    assert [(state, error) for state, error, _ in stored(database)] == [
        ("accepted", None), ("superseded", "looked_back"), ("accepted", None), ("accepted", None),
    ]  # fmt: skip
    for event in (site.event("submission_created", BO), site.event("submission_updated", ANA)):
        connected.hear(event)
    run(connected, runner, database)
    assert database.sql("select count(*) from submissions") == [(3,)]


def test_clock_looks_once_a_day_for_what_no_event_told(
    connected: ConnectedCanvas, site: CanvasSite, runner: RowRunner, become: Become, database: Database
) -> None:
    take(connected, site, runner, database)
    site.hand_in(BO, "Nobody told.")
    database.sql("update sources set disabled_at = now()")
    become("ec_clock")
    assert look_back_at_canvas() == 0
    database.sql("update sources set disabled_at = null")
    assert [look_back_at_canvas() for _ in range(2)] == [1, 0]
    become("ec_worker")
    for _ in range(2):
        run(connected, runner, database)
    assert [state for state, *_ in stored(database)] == ["accepted", "superseded", "accepted"]
    database.sql("update canvas_sites set looked_back_at = now() - interval '25 hours'")
    become("ec_clock")
    assert [look_back_at_canvas() for _ in range(2)] == [1, 0]
    database.sql("update canvas_sites set looked_back_at = now() - interval '25 hours'")
    assert look_back_at_canvas() == 0, "the look before waits still"
    due = "select next_at > now() and next_at < now() + interval '1 hour' from arrivals where state = 'queued'"
    assert database.sql(due) == [(True,)], "hand-ins do not wait for it"
    become("ec_ingest")
    with session_of(connected.school, "ada"):
        assert canvas_sites.look_back(connected.source) == 1
    assert database.sql(due) == [(False,)], "who asks for it does not wait"


def test_look_back_keeps_groups_together_and_fails_as_other_rows_do(
    connected: ConnectedCanvas, site: CanvasSite, runner: RowRunner, become: Become, database: Database
) -> None:
    for member in (ANA, BO):
        event = site.hand_in(member, group=GROUP)
    connected.hear(event)
    run(connected, runner, database)
    become("ec_ingest")
    with session_of(connected.school, "ada"):
        canvas_sites.look_back(connected.source)
    become("ec_worker")
    site.fail("submissions", THROTTLED)
    run(connected, runner, database)
    assert stored(database) == [("accepted", None, 1), ("queued", "lms_busy", 1)]
    run(connected, runner, database)
    assert stored(database) == [("accepted", None, 1), ("superseded", "looked_back", 2)]


def test_look_back_finds_the_author_of_a_group(
    connected: ConnectedCanvas, site: CanvasSite, runner: RowRunner, become: Become, database: Database
) -> None:
    site.hand_in(BO, group=GROUP)
    connected.hear(site.hand_in(ANA, group=GROUP))
    run(connected, runner, database)
    for member in (ANA, BO):
        site.hand_in(member, group=GROUP)
    become("ec_ingest")
    with session_of(connected.school, "ada"):
        canvas_sites.look_back(connected.source)
    become("ec_worker")
    for _ in range(2):
        run(connected, runner, database)
    [(author, one), (same, two)] = database.sql("select user_id, version from submissions order by id")
    assert (author, one, two) == (same, 1, 2)


def test_site_that_lists_without_end_is_not_listened_to(
    connected: ConnectedCanvas,
    site: CanvasSite,
    runner: RowRunner,
    become: Become,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(canvas_hand_ins, "MOST_LISTED", 1)
    take(connected, site, runner, database)
    site.hand_in(BO)
    become("ec_ingest")
    with session_of(connected.school, "ada"):
        canvas_sites.look_back(connected.source)
    become("ec_worker")
    run(connected, runner, database)
    assert stored(database)[1:] == [("queued", "lms_answer_too_large", 1)]


def test_course_that_is_gone_does_not_keep_others_from_being_looked_at(
    connected: ConnectedCanvas, site: CanvasSite, runner: RowRunner, become: Become, database: Database
) -> None:
    take(connected, site, runner, database)
    connected.hear(site.hand_in(BO))
    run(connected, runner, database)
    database.sql("""update arrivals set place = place || '{"course": "8"}' where place ->> 'user' = '5'""")
    become("ec_ingest")
    with session_of(connected.school, "ada"):
        assert canvas_sites.look_back(connected.source) == 2
    become("ec_worker")
    site.fail("submissions", Fault(status=404))
    run(connected, runner, database)
    assert sorted((state, error) for state, error, _ in stored(database)[2:]) == [
        ("gave_up", "lms_gone"), ("superseded", "looked_back"),
    ]  # fmt: skip
    become("ec_ingest")
    with session_of(connected.school, "ada"):
        assert canvas_sites.look_back(connected.source) == 2
    assert [state for state, *_ in stored(database)] == ["accepted"] * 2 + ["queued"] * 2, (
        "of each course only the last look is kept"
    )


def test_look_after_one_that_was_given_up_sees_its_days_too(
    connected: ConnectedCanvas, site: CanvasSite, runner: RowRunner, become: Become, database: Database
) -> None:
    take(connected, site, runner, database)
    database.sql("update canvas_sites set created_at = now() - interval '60 days'")
    for days, seen in ((7, 7), (60, 30)):
        become("ec_clock")
        assert look_back_at_canvas() == 1
        become("ec_worker")
        site.fail("submissions", Fault(status=404))
        run(connected, runner, database)
        assert stored(database)[1:] == [("gave_up", "lms_gone", 1)]
        since = f"now() - interval '{days} days'"
        database.sql(f"update arrivals set changed_at = {since} where state = 'gave_up'")
        database.sql("update canvas_sites set looked_back_at = null")
        become("ec_clock")
        assert look_back_at_canvas() == 1
        [(back,)] = database.sql(
            "select round(extract(epoch from now() - changed_at) / 86400)::integer from arrivals where state = 'queued'"
        )
        assert back == seen
        become("ec_worker")
        run(connected, runner, database)
        database.sql("update canvas_sites set looked_back_at = null")


def test_rows_of_a_disabled_source_wait(
    connected: ConnectedCanvas, site: CanvasSite, runner: RowRunner, become: Become, database: Database
) -> None:
    connected.hear(site.hand_in(ANA))
    for disabled in (True, False):
        become("ec_ingest")
        with session_of(connected.school, "ada"):
            connections.change_source(connected.source, org=connected.school.org, disabled=disabled)
        become("ec_worker")
        run(connected, runner, database)
        assert stored(database)[0][0] == ("queued" if disabled else "accepted")


def test_token_is_in_no_row_address_or_log_line(
    connected: ConnectedCanvas, site: CanvasSite, runner: RowRunner, database: Database, said: Callable[[], str]
) -> None:
    site.token = "another"
    take(connected, site, runner, database)
    assert stored(database) == [("queued", "lms_token_refused", 1)]
    rows = database.sql(
        "select row_to_json(a)::text from arrivals as a union all select encode(token, 'escape') from canvas_sites"
    )
    assert TOKEN not in str(rows)
    assert [one for one in site.sent if TOKEN in one.url] == []
    lines = said()
    assert "lms_token_refused" in lines
    assert TOKEN not in lines
