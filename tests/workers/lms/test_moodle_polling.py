"""What a Moodle site says was handed in, and what may never be read as "nothing"."""

from __future__ import annotations

import copy
import json
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.support.failing_server import Fault
from tests.support.moodle import ANA, ASSIGNMENT, BO, COURSE, RECORDED, MoodleSite
from workers.lms import moodle_polling
from workers.lms.errors import LmsError, Trouble
from workers.lms.moodle import MAX_ANSWER_BYTES, Moodle
from workers.lms.moodle_people import fetch_person
from workers.lms.moodle_polling import Found, Known, fetch_hand_in, poll
from workers.lms.moodle_reading import read_assignments, read_hand_ins
from workers.lms.sending import CALL_SECONDS

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
NOON = int(datetime(2026, 11, 29, 12, tzinfo=UTC).timestamp())
SUBMISSIONS = "mod_assign_get_submissions"


def at(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def after(found: Found) -> Known:
    return Known(begins_at=LONG_AGO, seen_until=found.seen_until, looked_into=found.looked_into)


def keys(found: Found) -> set[str]:
    return {one.version_key for one in found.hand_ins}


def test_recorded_answers_are_read() -> None:
    (assignment,) = read_assignments(RECORDED["assignments"]["body"])
    assert (assignment.id, assignment.module, assignment.title) == (1, 2, "Essay one")
    assert (assignment.course, assignment.course_name) == (2, "Writing 101")
    ana, bo = read_hand_ins(RECORDED["submissions"]["body"]).hand_ins
    assert (ana.user, ana.content.text, ana.content.files, ana.version_key) == (
        4,
        "<p>They were late.</p>",
        (),
        "1:1:0:1795824125",
    )
    assert (bo.user, bo.content.text, [(one.name, one.size) for one in bo.content.files]) == (5, "", [("e.docx", 136)])
    nothing = read_hand_ins(RECORDED["submissions-none-since"]["body"])
    assert (nothing.hand_ins, nothing.looked_into, nothing.closed) == ((), {1}, frozenset())
    no_right = read_hand_ins(RECORDED["submissions-no-right"]["body"])
    assert (no_right.hand_ins, no_right.looked_into, no_right.closed) == ((), frozenset(), {1})


def test_edit_is_a_new_version_and_the_same_time_is_none(site: MoodleSite, moodle: Moodle) -> None:
    site.hand_in(ANA, "<p>They was late.</p>", at=NOON)
    first = poll(moodle, Known(begins_at=LONG_AGO))
    assert keys(first) == {f"1:1:0:{NOON}"}
    assert keys(poll(moodle, after(first))) == keys(first)
    site.hand_in(ANA, "<p>They were late.</p>", at=NOON + 60)
    second = poll(moodle, after(first))
    assert keys(second) == {f"1:1:0:{NOON + 60}"}
    [found] = second.hand_ins
    now = fetch_hand_in(moodle, assignment=found.assignment, hand_in=found.id, changed_at=found.changed_at)
    assert now is not None
    assert now.content.text == "<p>They were late.</p>"


def test_new_attempt_and_other_student_are_versions_of_their_own(site: MoodleSite, moodle: Moodle) -> None:
    site.hand_in(ANA, "One.", at=NOON)
    site.hand_in(ANA, "Two.", at=NOON, attempt=1)
    site.hand_in(BO, "Three.", at=NOON)
    assert len(keys(poll(moodle, Known(begins_at=LONG_AGO)))) == 3


def test_draft_and_hand_in_of_before_do_not_count(site: MoodleSite, moodle: Moodle) -> None:
    site.hand_in(ANA, "A draft.", at=NOON)
    site.submissions[0]["status"] = "draft"
    site.hand_in(BO, "An old one.", at=NOON - 1)
    assert keys(poll(moodle, Known(begins_at=at(NOON)))) == set()


def test_site_is_asked_for_what_is_new_only(site: MoodleSite, moodle: Moodle) -> None:
    site.hand_in(ANA, "One.", at=NOON)
    first = poll(moodle, Known(begins_at=LONG_AGO))
    poll(moodle, after(first))
    assert site.sent[-1].fields["since"] == str(NOON - 120)


def test_assignment_that_opens_later_is_read_from_the_beginning(site: MoodleSite, moodle: Moodle) -> None:
    other = copy.deepcopy(site.courses[0]["assignments"][0]) | {"id": 7, "cmid": 9}
    site.courses[0]["assignments"].append(other)
    site.closed_assignments.add(7)
    site.hand_in(BO, "Handed in early.", at=NOON - 5000)
    site.submissions[0]["assignment"] = 7
    site.hand_in(ANA, "One.", at=NOON)
    first = poll(moodle, Known(begins_at=LONG_AGO))
    assert (len(first.hand_ins), first.closed, first.looked_into) == (1, {7}, {ASSIGNMENT})
    site.closed_assignments.clear()
    assert "7:1:0" in " ".join(keys(poll(moodle, after(first))))


def test_missing_rights_are_never_no_essays(site: MoodleSite, moodle: Moodle) -> None:
    site.hand_in(ANA, "One.", at=NOON)
    site.closed_assignments.add(ASSIGNMENT)
    with pytest.raises(LmsError) as caught:
        poll(moodle, Known(begins_at=LONG_AGO))
    assert caught.value.trouble == Trouble.RIGHTS_MISSING
    site.closed_assignments.clear()
    site.courses.clear()
    with pytest.raises(LmsError) as caught:
        poll(moodle, Known(begins_at=LONG_AGO))
    assert caught.value.trouble == Trouble.RIGHTS_MISSING


@pytest.mark.parametrize(
    "answer",
    [
        {"exception": "x", "errorcode": "invalidtoken"},
        [],
        {},
        {"assignments": []},
        {"assignments": [{"assignmentid": 1}], "warnings": []},
        {"assignments": None, "warnings": []},
        {"assignments": [{"assignmentid": 2**63, "submissions": []}], "warnings": []},
    ],
)
def test_odd_answer_is_never_no_essays(site: MoodleSite, moodle: Moodle, answer: Any) -> None:
    site.fail(SUBMISSIONS, Fault(body=json.dumps(answer).encode()))
    with pytest.raises(LmsError):
        poll(moodle, Known(begins_at=LONG_AGO))


def test_names_and_texts_are_storable(site: MoodleSite, moodle: Moodle) -> None:
    site.courses[0]["fullname"] = "Writing\0\ud800 101"
    site.hand_in(ANA, "One\0 word.", at=NOON)
    found = poll(moodle, Known(begins_at=LONG_AGO))
    assert found.assignments[ASSIGNMENT].course_name == "Writing 101"
    now = fetch_hand_in(moodle, assignment=ASSIGNMENT, hand_in=found.hand_ins[0].id, changed_at=at(NOON))
    assert now is not None
    assert now.content.text == "One word."


def test_listed_courses_alone_are_asked_for(site: MoodleSite, moodle: Moodle) -> None:
    site.hand_in(ANA, "One.", at=NOON)
    assert len(poll(moodle, Known(begins_at=LONG_AGO, courses=(COURSE,))).hand_ins) == 1
    with pytest.raises(LmsError):
        poll(moodle, Known(begins_at=LONG_AGO, courses=(99,)))


def test_look_keeps_no_texts_of_the_whole_school(site: MoodleSite, moodle: Moodle) -> None:
    site.hand_in(ANA, "One.", at=NOON, files={"e.docx": b"x"})
    site.hand_in(BO, "Two.", at=NOON)
    found = poll(moodle, Known(begins_at=LONG_AGO))
    assert [one.content for one in found.hand_ins] == [moodle_polling.NO_CONTENT] * 2


def test_group_assignment_is_left_out(site: MoodleSite, moodle: Moodle) -> None:
    site.courses[0]["assignments"][0]["teamsubmission"] = 1
    site.hand_in(ANA, "Ours.", at=NOON)
    assert poll(moodle, Known(begins_at=LONG_AGO)).hand_ins == ()


def test_too_large_answer_is_asked_for_in_parts(site: MoodleSite, moodle: Moodle) -> None:
    for number in range(6):
        site.hand_in(ANA, "x" * (MAX_ANSWER_BYTES // 4), at=NOON + number, attempt=number)
    assert len(poll(moodle, Known(begins_at=at(NOON))).hand_ins) == 6


def test_many_assignments_are_asked_for_in_batches(site: MoodleSite, moodle: Moodle) -> None:
    pattern = site.courses[0]["assignments"][0]
    site.courses[0]["assignments"] = [{**pattern, "id": number} for number in range(1, 61)]
    site.hand_in(ANA, "One.", at=NOON)
    assert len(poll(moodle, Known(begins_at=LONG_AGO)).hand_ins) == 1
    asked = [sum(name.startswith("assignmentids") for name in one.fields) for one in site.sent[1:]]
    assert asked == [moodle_polling.BATCH, moodle_polling.BATCH, 10]


def test_slow_site_is_read_in_several_looks_and_nothing_is_left_out(site: MoodleSite, moodle: Moodle) -> None:
    pattern = site.courses[0]["assignments"][0]
    site.courses[0]["assignments"] = [{**pattern, "id": number} for number in range(1, 61)]
    site.hand_in(ANA, "In the last batch.", at=NOON)
    site.submissions[0]["assignment"] = 60
    in_haste = replace(moodle, ends_at=time.monotonic() + CALL_SECONDS)
    first = poll(in_haste, Known(begins_at=LONG_AGO))
    assert len(first.looked_into) == moodle_polling.BATCH
    assert len(keys(first) | keys(poll(moodle, after(first)))) == 1


def test_large_site_is_read_from_the_beginning_once(
    site: MoodleSite, moodle: Moodle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moodle_polling, "BATCH", 1)
    pattern = site.courses[0]["assignments"][0]
    site.courses[0]["assignments"] = [{**pattern, "id": number} for number in range(1, 19)]
    beginning = str(int(LONG_AGO.timestamp()))

    def hand_in(assignment: int, *, at: int) -> None:
        site.hand_in(1000 + len(site.submissions), "One.", at=at)
        site.submissions[-1]["assignment"] = assignment

    def from_the_beginning() -> int:
        return sum(one.fields.get("since") == beginning for one in site.sent)

    class Large(Moodle):
        @property
        def has_time(self) -> bool:
            return from_the_beginning() < 6  # all of an assignment takes its time, what is new in it does not

    for number in range(1, 19):
        hand_in(number, at=NOON + number)
    known, seen, read = Known(begins_at=LONG_AGO), set[str](), []
    for round_number in range(5):
        site.sent.clear()
        found = poll(Large(client=moodle.client, site=moodle.site, token=moodle.token), known)
        known, seen = after(found), seen | keys(found)
        read.append(from_the_beginning())
        hand_in(1 + round_number, at=NOON + 100 * (1 + round_number))
    assert read == [6, 6, 6, 0, 0]
    assert len(seen) == 18 + 4


def test_assignment_that_was_read_in_part_is_read_again(
    site: MoodleSite, moodle: Moodle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moodle_polling, "BATCH", 1)
    pattern = site.courses[0]["assignments"][0]
    site.courses[0]["assignments"] = [{**pattern, "id": number} for number in (2, 1)]
    site.hand_in(BO, "Mine.", at=NOON)
    site.submissions[0]["assignment"] = 2
    for number in range(6):
        site.hand_in(ANA, "x" * (MAX_ANSWER_BYTES // 4), at=NOON + number, attempt=number)

    class InHaste(Moodle):
        @property
        def has_time(self) -> bool:
            return len(site.sent) < 4  # the list, all of 2, all of 1, and a half of 1

    known = Known(begins_at=at(NOON), looked_into=frozenset({1, 2}))
    first = poll(InHaste(client=moodle.client, site=moodle.site, token=moodle.token), known)
    assert first.looked_into == {2}
    second = poll(moodle, replace(after(first), begins_at=at(NOON)))
    assert len(keys(first) | keys(second)) == 7
    assert second.looked_into == {1, 2}


def test_endless_hand_in_holds_up_no_other_assignment(site: MoodleSite, moodle: Moodle) -> None:
    pattern = site.courses[0]["assignments"][0]
    site.courses[0]["assignments"] = [{**pattern, "id": number} for number in (1, 2)]
    site.hand_in(BO, "Mine.", at=NOON)
    site.submissions[0]["assignment"] = 2
    site.hand_in(ANA, "x" * MAX_ANSWER_BYTES, at=NOON)
    found = poll(moodle, Known(begins_at=at(NOON)))
    assert (len(found.hand_ins), found.looked_into, found.too_large) == (1, {2}, {1})


def test_time_to_come_hides_nothing_that_is_handed_in_until_then(site: MoodleSite, moodle: Moodle) -> None:
    site.hand_in(ANA, "One.", at=NOON + 10**9)
    first = poll(moodle, Known(begins_at=LONG_AGO))
    site.hand_in(BO, "Two.", at=int(time.time()))
    assert len(keys(poll(moodle, after(first)))) == 2


def test_hand_in_is_fetched_as_it_is_now(site: MoodleSite, moodle: Moodle) -> None:
    hand_in = site.hand_in(ANA, "One.", at=NOON)
    site.hand_in(ANA, "Two.", at=NOON + 60)
    found = fetch_hand_in(moodle, assignment=ASSIGNMENT, hand_in=hand_in, changed_at=at(NOON))
    assert found is not None
    assert (found.content.text, found.changed_at) == ("Two.", at(NOON + 60))
    site.submissions[0]["status"] = "draft"
    assert fetch_hand_in(moodle, assignment=ASSIGNMENT, hand_in=hand_in, changed_at=at(NOON)) is None
    site.closed_assignments.add(ASSIGNMENT)
    with pytest.raises(LmsError):
        fetch_hand_in(moodle, assignment=ASSIGNMENT, hand_in=hand_in, changed_at=at(NOON))


def test_hand_in_is_fetched_without_those_of_the_class_after_it(site: MoodleSite, moodle: Moodle) -> None:
    hand_ins = [site.hand_in(1000 + number, "One.", at=NOON + number) for number in range(5)]
    for number, hand_in in enumerate(hand_ins):
        moment = at(NOON + number)
        found = fetch_hand_in(moodle, assignment=ASSIGNMENT, hand_in=hand_in, changed_at=moment)
        assert found is not None
        assert found.id == hand_in
    asked = [(one.fields["since"], one.fields["before"]) for one in site.sent]
    assert asked == [(str(NOON + number),) * 2 for number in range(5)]


def test_person_has_an_id_number_where_the_site_shows_it(site: MoodleSite, moodle: Moodle) -> None:
    assert fetch_person(moodle, user=ANA).sis_id is None
    site.people[1]["idnumber"] = " sis-ana "
    person = fetch_person(moodle, user=ANA)
    assert (person.name, person.sis_id) == ("Ana Learner", "sis-ana")
    assert fetch_person(moodle, user=99).name is None


def test_real_site_is_read(real_moodle: Moodle) -> None:
    found = poll(real_moodle, Known(begins_at=LONG_AGO))
    assert found.assignments
    again = poll(real_moodle, after(found))
    assert keys(again) <= keys(found)
    for one in found.hand_ins:
        now = fetch_hand_in(real_moodle, assignment=one.assignment, hand_in=one.id, changed_at=one.changed_at)
        assert now is not None
        assert replace(now, content=moodle_polling.NO_CONTENT) == one
        assert fetch_person(real_moodle, user=one.user).id == one.user
