"""Tests of the educator's desk: what its pages show, and to whom."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import pytest

from tests.ingest.conftest import ApiUnderTest
from tests.ingest.pages.desk_day import Day, make_day, text_of


@pytest.fixture(scope="module")
def day(shared_api: ApiUnderTest) -> Iterator[Day]:
    """Give one school day for the tests that change nothing of it."""
    return make_day(shared_api)


def pages(day: Day) -> dict[str, str]:
    """Return the address of every page, and words that it shows."""
    school, comment = day.api.school, day.comment(day.released)["id"]
    return {
        "/desk": "English 9",
        f"/desk/courses/{school.course}": "Phones",
        f"/desk/assignments/{school.assignment}": "Alice",
        f"/desk/assignments/{school.reviewed_assignment}/release": "1 draft of 1 student is held.",
        f"/desk/essays/{day.released['essay_id']}": "One subject, one verb.",
        f"/desk/essays/{day.released['essay_id']}?draft=1": "It is right like this.",
        "/desk/review": "One subject, one verb.",
        f"/desk/review/{comment}": "One subject, one verb.",
        "/desk/review/end": "You are at the end of the list.",
        "/desk/disagreements": "It is right like this.",
        f"/desk/comments/{comment}/why": "prompt-77",
        "/desk/saved": "Only you see them.",
        "/desk/rubrics": "Argument",
    }


def forms(day: Day) -> dict[str, dict[str, str]]:
    """Return the address of every form that is about something of the school's, with fields that would do something."""
    comment, held, school = day.comment(day.held)["id"], day.held["id"], day.api.school
    own = {"quote": "distracting", "about": "content:evidence", "kind": "issue", "message": "Which study?"}
    return {
        f"/desk/comments/{comment}/decision": {"decision": "reject"},
        f"/desk/comments/{comment}/save": {},
        f"/desk/submissions/{held}/comments": own,
        f"/desk/submissions/{held}/release": {},
        f"/desk/submissions/{held}/retry": {},
        f"/desk/assignments/{school.reviewed_assignment}/release": {},
    }


def changed_rows(day: Day) -> list[object]:
    """Return what the forms could change, as counts."""
    database = day.api.database
    [released] = database.sql("select count(*) from submissions where released_at is not null")
    counts = [day.count(table) for table in ("feedback", "feedback_reviews", "saved_comments", "essays")]
    return [released, *counts]


@pytest.mark.parametrize("name", ["ed", "ada"])
def test_educator_and_admin_read_every_page(day: Day, name: str) -> None:
    browser = day.sign_in(name)
    for address, shown in pages(day).items():
        page = browser.get(address)
        assert shown in text_of(page), address
        assert 'style="' not in page, address
        assert "<script>" not in page, address


def test_sign_in_leads_to_the_desk(day: Day) -> None:
    browser = day.sign_in("ed")
    answer = browser.client.get("/")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/desk")
    page = browser.get("/desk")
    assert "English 10" not in page  # Nell's
    assert all(name in page for name in ("To review", "Disagreements", "Saved comments", "Try a rubric"))


def test_another_educators_things_are_not_found_at_any_door(day: Day) -> None:
    nell, before = day.sign_in("nell"), changed_rows(day)
    about_ed = [address for address in pages(day) if any(character.isdigit() for character in address)]
    for address in about_ed:
        nell.get(address, status=404)
    for address, fields in forms(day).items():
        assert nell.send(address, **fields).status_code == 404, address
    for address in ("/desk", "/desk/review", "/desk/disagreements"):
        page = nell.get(address)
        assert not any(words in page for words in ("English 9", "Alice", "Bob", "One subject")), address
    filtered = nell.get(f"/desk/review?course={day.api.school.course}")
    assert "Nothing waits for you" in filtered
    assert changed_rows(day) == before


def test_student_finds_no_page_of_the_desk(day: Day) -> None:
    alice, before = day.sign_in("alice"), changed_rows(day)
    for address in pages(day):
        alice.get(address, status=404)
    others = {"/desk/saved": {"about": "content:evidence", "kind": "issue", "message": "M"}, "/desk/rubrics": {}}
    for address, fields in {**forms(day), **others}.items():
        assert alice.send(address, **fields).status_code == 404, address
    assert changed_rows(day) == before


def test_stranger_is_sent_to_sign_in(day: Day) -> None:
    for address in pages(day):
        answer = day.api.client.get(address)
        assert (answer.status_code, answer.headers["Location"].split("?")[0]) == (303, "/sign-in"), address


@pytest.mark.parametrize("token", [None, "wrong"])
def test_form_without_its_token_changes_nothing(day: Day, token: str | None) -> None:
    ed, before = day.sign_in("ed"), changed_rows(day)
    saved = {"/desk/saved": {"about": "content:evidence", "kind": "issue", "message": "M"}}
    previews = {"/desk/rubrics": {"rubric": str(day.api.school.rubric), "sample": "0"}}
    for address, fields in {**forms(day), **saved, **previews, f"/desk/saved/{uuid4()}/delete": {}}.items():
        data = {**fields, "other": "x"} if token is None else {**fields, "csrf": token}
        assert ed.client.post(address, data=data).status_code == 403, address
    assert changed_rows(day) == before


def test_form_from_another_site_changes_nothing(day: Day) -> None:
    ed, before = day.sign_in("ed"), changed_rows(day)
    for address, fields in forms(day).items():
        answer = ed.client.post(address, data={**fields, "csrf": ed.csrf}, headers={"Sec-Fetch-Site": "cross-site"})
        assert answer.status_code == 403, address
    assert changed_rows(day) == before


def test_unknown_ids_and_drafts_are_not_found(day: Day) -> None:
    ed, some = day.sign_in("ed"), uuid4()
    for address in (
        f"/desk/courses/{some}", f"/desk/assignments/{some}", f"/desk/assignments/{some}/release", f"/desk/essays/{some}",
        f"/desk/review/{some}", f"/desk/comments/{some}/why", f"/desk/essays/{day.released['essay_id']}?draft=9",
        f"/desk/essays/{day.released['essay_id']}?draft=x",
    ):  # fmt: skip
        ed.get(address, status=404)


@pytest.mark.parametrize("which", ["essay", "review", "disagreements"])
def test_reading_a_students_words_leaves_a_record(day: Day, which: str) -> None:
    addresses = {
        "essay": f"/desk/essays/{day.released['essay_id']}", "review": "/desk/review", "disagreements": "/desk/disagreements",
    }  # fmt: skip
    ed, before = day.sign_in("ed"), day.reads()
    ed.get(addresses[which])
    assert day.reads() > before
