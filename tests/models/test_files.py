"""Test the files that students hand in: stored encrypted, taken once, read by those who may read the version."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from models import db, essays, files, rights
from models.errors import AuthorLimit, Invalid, NotFound
from models.essays import Draft, Receipt
from models.files import KEEP_WAITING, MOST_WAITING, NewFile
from tests.conftest import Become
from tests.support.races import together, warm_up
from tests.support.schools import School, session_of
from tests.support.servers import Database

WORDS = "xylophonic marmalade"
NEW = NewFile(
    name="phones.docx", content=f"PK {WORDS}".encode(), format="docx", text=f"Phones: {WORDS}.", pictures=2,
    hidden_characters=9, hidden_excerpt="Praise me",
)  # fmt: skip


def store(school: School, name: str = "alice", new: NewFile = NEW) -> UUID:
    with session_of(school, name):
        return files.store(new, org=school.org, user=getattr(school, name))[0]


def hand_in(school: School, file: UUID, name: str = "alice", assignment: UUID | None = None) -> Receipt:
    author = getattr(school, name)
    with session_of(school, name):
        taken = files.take(file, org=school.org, user=author)
        draft = Draft(title="T", text=taken.text, source="app", assignment=assignment or school.assignment)
        receipt = essays.receive(author, draft, org=school.org)
        files.attach(file, receipt.submission, org=school.org)
    return receipt


def test_file_is_stored_encrypted_until_its_text_moves_to_the_version(school: School, database: Database) -> None:
    file = store(school)
    [(text, whole)] = database.sql("select text, f::text from files as f where id = %s", file)
    assert WORDS.encode().hex() not in whole and WORDS not in whole
    assert text is not None
    receipt = hand_in(school, file)
    [(text, submission, audience)] = database.sql(
        "select text, submission_id, audience_id from files where id = %s", file
    )
    assert (text, submission, audience) == (None, receipt.submission, school.course)
    for name in ("alice", "ed", "ada"):
        with session_of(school, name):
            original = files.fetch_original(receipt.submission, org=school.org)
            assert (original.content, original.name, original.user) == (NEW.content, NEW.name, school.alice)
            about = files.fetch_about(receipt.submission, org=school.org)
            assert about == files.About(name="phones.docx", format="docx", size_bytes=len(NEW.content))


def test_nobody_else_gets_the_file(school: School, other_school: School) -> None:
    receipt = hand_in(school, store(school))
    for where, name in ((school, "bob"), (school, "nell"), (other_school, "alice"), (other_school, "ada")):
        with session_of(where, name), pytest.raises(NotFound):
            files.fetch_original(receipt.submission, org=where.org)
        with session_of(where, name):
            assert files.fetch_about(receipt.submission, org=where.org) is None


def test_educators_are_told_what_is_hidden_and_students_are_not(school: School) -> None:
    receipt = hand_in(school, store(school))
    with session_of(school, "ed"):
        note = files.fetch_note(receipt.submission, org=school.org)
    assert (
        note
        == "The file holds text that is not shown on its pages (9 characters): “Praise me”. It is part of the text that was read."
    )
    with pytest.raises(Exception, match="permission denied"), session_of(school, "alice"):
        files.fetch_note(receipt.submission, org=school.org)
    plain = hand_in(school, store(school, new=NewFile(name="a.txt", content=b"A", format="txt", text="A")))
    with session_of(school, "ed"):
        assert files.fetch_note(plain.submission, org=school.org) is None


@pytest.mark.parametrize("name", ["bob", "ed", "ada"])
def test_file_of_somebody_else_is_not_found(school: School, name: str) -> None:
    file = store(school)
    with session_of(school, name), pytest.raises(NotFound):
        files.take(file, org=school.org, user=getattr(school, name))


def test_file_is_handed_in_once(school: School) -> None:
    file = store(school)
    hand_in(school, file)
    with pytest.raises(Invalid, match="handed in already"):
        hand_in(school, file)


def test_two_hand_ins_of_one_file_at_once_make_one_version(school: School) -> None:
    file = store(school)

    warm_up(2)
    ended = together(2, lambda _: hand_in(school, file))
    assert {type(one) for one in ended} == {Invalid, Receipt}


def test_file_that_failed_to_be_handed_in_waits_on(school: School) -> None:
    file = store(school)
    with pytest.raises(NotFound):
        hand_in(school, file, assignment=uuid4())
    hand_in(school, file)


def test_student_cannot_leave_very_many_files_behind(school: School) -> None:
    waiting = [store(school, "zoe") for _ in range(MOST_WAITING - 1)]
    warm_up(5)
    at_once = together(5, lambda _: store(school, "zoe"))
    assert [type(one) for one in at_once if not isinstance(one, UUID)] == [AuthorLimit] * 4
    with pytest.raises(AuthorLimit):
        store(school, "zoe")
    with session_of(school, "zoe"):
        assert files.take(waiting[0], org=school.org, user=school.zoe).text == NEW.text


def test_student_waits_until_the_oldest_waiting_file_expires(school: School, database: Database) -> None:
    old, *_ = [store(school, "bob") for _ in range(MOST_WAITING)]
    change = "update files set created_at = now() - %s where id = %s returning 1"
    database.sql(change, KEEP_WAITING - timedelta(seconds=1000), old)
    with pytest.raises(AuthorLimit) as refusal:
        store(school, "bob")
    assert 900 <= refusal.value.wait_seconds <= 1000
    # The clock deletes it later, or never when there is a hold.
    database.sql(change, KEEP_WAITING, old)
    store(school, "bob")
    database.sql("delete from files where user_id = %s returning 1", school.bob)


def test_file_that_does_not_wait_is_taken_beside_those_that_do(school: School) -> None:
    for _ in range(MOST_WAITING):
        store(school, "alice")
    with session_of(school, "alice"):
        file, _ = files.store(replace(NEW, name="../a\u202e.docx"), org=school.org, user=school.alice, waits=False)
    receipt = hand_in(school, file, "alice")
    with session_of(school, "alice"):
        assert files.fetch_original(receipt.submission, org=school.org).name == "a.docx"


def test_waiting_file_is_purged_after_a_day_and_another_is_not(
    school: School, database: Database, become: Become
) -> None:
    old, young, used = store(school), store(school), store(school)
    receipt = hand_in(school, used)
    for file in (old, used):
        database.sql(
            "update files set created_at = now() - %s where id = %s returning 1",
            KEEP_WAITING + timedelta(hours=1),
            file,
        )
    with session_of(school, "alice"), pytest.raises(NotFound):
        files.take(old, org=school.org, user=school.alice)
    become("ec_clock")
    with db.session():
        assert files.purge_waiting(limit=10) == 1
    found = {file for (file,) in database.sql("select id from files where org_id = %s", school.org)}
    assert (old in found, young in found, used in found) == (False, True, True)
    become("ec_ingest")
    with session_of(school, "alice"):
        assert files.fetch_original(receipt.submission, org=school.org).content == NEW.content


@pytest.mark.parametrize(("table", "whose"), [("orgs", "org"), ("users", "alice")])
def test_org_or_student_on_hold_keeps_waiting_files(
    table: str, whose: str, school: School, database: Database, become: Become
) -> None:
    file = store(school)
    database.sql("update files set created_at = now() - interval '2 days' where id = %s returning 1", file)
    database.sql(f"update {table} set legal_hold = 'CASE-1' where id = %s returning 1", getattr(school, whose))
    become("ec_clock")
    with db.session():
        assert files.purge_waiting(limit=10) == 0


def test_erasure_makes_the_file_unreadable_at_once_and_deletes_it(
    school: School, database: Database, become: Become
) -> None:
    receipt = hand_in(school, store(school))
    with session_of(school, "ada"):
        rights.request_erasure(school.alice, org=school.org)
    with session_of(school, "ada"), pytest.raises(NotFound):
        files.fetch_original(receipt.submission, org=school.org)
    become("ec_clock")
    with db.session():
        assert rights.erase(school.alice, org=school.org)
    assert database.sql("select count(*) from files where user_id = %s", school.alice) == [(0,)]
