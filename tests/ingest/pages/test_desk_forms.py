"""Tests of the educator's desk: its lists, its releases, and what its forms do."""

from __future__ import annotations

import logging
from html import unescape
from uuid import UUID, uuid4

import pytest

from models import ai_responses, desk
from tests.ingest.conftest import ApiUnderTest
from tests.ingest.pages.desk_day import Day, make_day, read, record_answer, text_of
from tests.support.schools import session_of

MARKUP = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)> {{7*7}} \u202eevil"


@pytest.fixture
def own(api: ApiUnderTest) -> Day:
    """Give a school day in a database of its own, which the test may change."""
    return make_day(api)


def test_list_says_who_waits_for_release_and_who_has_not_revised(own: Day) -> None:
    ed, school = own.sign_in("ed"), own.api.school
    released = text_of(ed.get(f"/desk/assignments/{school.assignment}"))
    assert "Alice" in released
    assert "Not revised since the comments of" in released
    assert "6 comments" in released
    held = text_of(ed.get(f"/desk/assignments/{school.reviewed_assignment}"))
    assert "Waits for release" in held
    assert "Not revised" not in held
    assert "Release 1 draft…" in held
    own.api.hand_in("alice", assignment_id=str(school.assignment), text="Another draft.")
    revised = text_of(ed.get(f"/desk/assignments/{school.assignment}"))
    assert "Draft 2" in revised
    assert "Waiting to be read" in revised
    assert "Not revised" not in revised


def test_longer_list_costs_no_more_statements(own: Day, caplog: pytest.LogCaptureFixture) -> None:
    ed, address = own.sign_in("ed"), f"/desk/assignments/{own.api.school.assignment}"

    def statements() -> int:
        caplog.clear()
        with caplog.at_level(logging.DEBUG, logger="peewee"):
            ed.get(address)
        return len([one for one in caplog.records if one.name == "peewee"])

    ed.get(address)
    few = statements()
    read(own.api, "bob", assignment_id=str(own.api.school.assignment))
    assert "Bob" in ed.get(address)
    assert 0 < statements() == few


def test_lists_have_pages(own: Day, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.pages.desk.PAGE", 1)
    ed, school = own.sign_in("ed"), own.api.school
    read(own.api, "bob", assignment_id=str(school.assignment))
    for address, first, second in (
        (f"/desk/courses/{school.course}", "Reviewed", "Phones"),
        (f"/desk/assignments/{school.assignment}", "Bob", "Alice"),
    ):
        page = ed.get(address)
        assert first in page
        older = page.split("cursor=")[1].split('"')[0]
        assert second in ed.get(f"{address}?cursor={older}")
    ed.get("/desk?cursor=nonsense", status=422)


def test_release_of_all_says_first_what_it_will_do(own: Day) -> None:
    ed, address = own.sign_in("ed"), f"/desk/assignments/{own.api.school.reviewed_assignment}/release"
    own.api.hand_in("alice", assignment_id=str(own.api.school.reviewed_assignment))
    page = text_of(ed.get(address))
    assert "1 draft of 1 student is held. After this the student can read the comments. Mail is not sent." in page
    assert "1 more draft is still being read. It stays held." in page
    assert own.api.client.get(own.held["links"]["feedback"], headers=own.api.signed_in("bob")).status_code != 200
    assert "Released" in text_of(ed.go(address))
    assert own.api.client.get(own.held["links"]["feedback"], headers=own.api.signed_in("bob")).status_code == 200
    assert "Nothing is held that could be released." in text_of(ed.get(address))


def test_one_draft_is_released(own: Day) -> None:
    ed = own.sign_in("ed")
    assert "Release this draft" in ed.get(f"/desk/essays/{own.held['essay_id']}")
    page = text_of(ed.go(f"/desk/submissions/{own.held['id']}/release"))
    assert "The student sees the comments." in page
    assert "Release this draft" not in page


def test_failed_readings_are_tried_again(own: Day) -> None:
    receipt = own.api.hand_in("alice", assignment_id=str(own.api.school.assignment), text="A second draft of it.")
    for name in ("grammar", "structure", "content"):
        own.api.worker.give_up(receipt["id"], name)
    ed = own.sign_in("ed")
    assert "Try the failed readings again" in ed.get(f"/desk/essays/{receipt['essay_id']}")
    ed.go(f"/desk/submissions/{receipt['id']}/retry")
    states = own.api.database.sql("select distinct state from passes where submission_id = %s", receipt["id"])
    assert states == [("queued",)]


def test_texts_of_others_are_shown_as_text(own: Day) -> None:
    school = own.api.school
    essay = read(own.api, "bob", assignment_id=str(school.assignment), title=MARKUP, text=f"It was {MARKUP} and so on.")
    ed, comment = own.sign_in("ed"), own.comment(essay)["id"]
    own.api.client.put(
        f"/v1/feedback/{comment}/reaction",
        json={"reaction": "disagree", "note": MARKUP},
        headers=own.api.signed_in("bob"),
    )
    edit = {"decision": "edit", "message": MARKUP, "next_step": MARKUP, "suggestions": MARKUP}
    assert ed.send(f"/desk/comments/{comment}/decision", **edit).status_code == 303
    assert ed.send(f"/desk/comments/{comment}/save").status_code == 303
    # A comment that waits for no decision has a page in the queue too.
    addresses = [
        f"/desk/assignments/{school.assignment}", f"/desk/essays/{essay['essay_id']}", f"/desk/review/{comment}",
        "/desk/disagreements", f"/desk/comments/{comment}/why", "/desk/saved",
    ]  # fmt: skip
    for address in addresses:
        page = ed.get(address)
        assert "<script>alert" not in page, address
        assert "<img" not in page, address
        assert "49" not in text_of(page).split(), address
        assert any(part in page for part in ("&lt;script&gt;", "One subject", "evil")), address
    assert "raw <b>" not in ed.get(f"/desk/comments/{comment}/why")


def test_why_shows_the_real_answer_and_leaves_a_record(own: Day) -> None:
    ed, comment = own.sign_in("ed"), own.comment(own.released)["id"]
    before = own.reads()
    page = unescape(ed.get(f"/desk/comments/{comment}/why"))
    assert own.reads() == before + 1
    assert "prompt-77" in page
    assert "local, rules" in page
    assert "0.0045 US dollars, 1200 tokens sent, 300 received, 2.1 seconds" in page
    assert '"message": "raw <b>words</b> of the model"' in page
    other = own.comment(own.released, "content")["id"]
    assert "There is no answer on record" in ed.get(f"/desk/comments/{other}/why")


def test_rubric_is_tried_on_a_sample_and_on_a_text(own: Day) -> None:
    ed, rubric = own.sign_in("ed"), str(own.api.school.rubric)
    page = text_of(ed.go("/desk/rubrics", rubric=rubric, sample="1"))
    assert "Homework is something every student have to do" in page
    assert "it is deleted after a day" in page
    assert "Accept" not in page
    assert "My own text." in text_of(ed.go("/desk/rubrics", rubric=rubric, text="My own text.", prompt="Why?"))
    assert [one for (one,) in own.api.database.sql("select trial_prompt from essays where trial_until is not null order by id")] == [
        None, "Why?",
    ]  # fmt: skip
    assert ed.send("/desk/rubrics", rubric=str(uuid4()), sample="0").status_code == 404
    assert ed.send("/desk/rubrics", rubric="x", sample="0").status_code == 404
    own.api.database.sql("update orgs set ai_policy = 'none' where id = %s", own.api.school.org)
    refused = ed.send("/desk/rubrics", rubric=rubric, text="My long text.")
    assert refused.status_code == 409
    assert "My long text." in refused.text


def test_only_those_who_decide_about_a_comment_see_its_answer(own: Day) -> None:
    school, comment = own.api.school, UUID(own.comment(own.released)["id"])
    for name, prompt in (("ed", "prompt-77"), ("ada", "prompt-77"), ("nell", None)):
        with session_of(school, name):
            found = ai_responses.fetch_answer(comment, org=school.org)
        assert (found and found["prompt_version"]) == prompt, name
    with session_of(own.api.other, "ada"):
        assert ai_responses.fetch_answer(comment, org=own.api.other.org) is None
    own.api.database.sql("delete from enrollments where user_id = %s", school.ed)
    with session_of(school, "ed"):
        assert ai_responses.fetch_answer(comment, org=school.org) is None


def test_answer_about_a_comment_that_was_carried_over_is_that_of_the_draft_before(own: Day) -> None:
    school, first = own.api.school, own.comment(own.released)["id"]
    second = own.api.hand_in("alice", assignment_id=str(school.assignment))
    record_answer(own.api, second["id"], "alice", prompt="prompt-78")
    own.api.worker.finish(second["id"], "grammar")
    carried = own.comment(second)["id"]
    for carried_from, prompt in ((None, "prompt-78"), (first, "prompt-77")):
        own.api.database.sql("update feedback set carried_from = %s where id = %s", carried_from, carried)
        with session_of(school, "ed"):
            found = ai_responses.fetch_answer(UUID(carried), org=school.org)
        assert found is not None
        assert found["prompt_version"] == prompt


def test_desk_counts_only_what_the_reader_may_see(own: Day) -> None:
    school, essay, submission = own.api.school, UUID(own.released["essay_id"]), UUID(own.released["id"])
    for name, is_seen in (("ed", True), ("ada", True), ("nell", False)):
        with session_of(school, name):
            assert desk.count_in_essays([essay], org=school.org) == ({essay: 6} if is_seen else {})
            assert desk.count_in_courses([school.course], org=school.org) == {school.course: 12 if is_seen else 0}
            counts = {"essays": 1, "waiting": 6} if is_seen else {"essays": 0, "waiting": 0}
            assert desk.count_in_assignments([school.assignment], org=school.org) == {school.assignment: counts}
            assert set(desk.feedback_times([submission], org=school.org)) == ({submission} if is_seen else set())
            held = desk.count_held(school.reviewed_assignment, org=school.org)
            assert held == {"ready": int(is_seen), "reading": 0, "failed": 0}
