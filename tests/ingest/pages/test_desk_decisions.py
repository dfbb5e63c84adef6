"""Tests of decisions on the desk: on an essay's page, in the review queue, own comments and saved ones."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.ingest.conftest import ApiUnderTest
from tests.ingest.pages.desk_day import Browser, Day, make_day, text_of

OWN = {
    "quote": "distracting",
    "about": "content:evidence",
    "kind": "issue",
    "severity": "major",
    "message": "Which study?",
}


@pytest.fixture
def day(api: ApiUnderTest) -> Iterator[Day]:
    """Give a school day in a database of its own."""
    return make_day(api)


@pytest.fixture
def ed(day: Day) -> Browser:
    """Give Ed's browser."""
    return day.sign_in("ed")


def review_of(day: Day, comment: str) -> dict[str, Any] | None:
    found = {one["id"]: one for one in day.comments(day.released)}
    review: dict[str, Any] | None = found[comment]["review"]
    return review


def test_decision_on_the_page_of_an_essay(day: Day, ed: Browser) -> None:
    comment, here = day.comment(day.released)["id"], f"/desk/essays/{day.released['essay_id']}?draft=1"
    address = f"/desk/comments/{comment}/decision"
    assert "Rejected" in text_of(ed.go(address, decision="reject", next=here))
    accepted = text_of(ed.go(address, decision="accept", next=here))
    assert "Accepted" in accepted
    assert "Rejected" not in accepted
    edited = text_of(
        ed.go(
            address, decision="edit", message="Say how many.", next_step="", suggestions="were\n\n had been ", next=here
        )
    )
    assert "As it was One subject, one verb. Try this: Write were." in edited
    assert "As it is now Say how many. For example: were , had been" in edited
    review = review_of(day, comment)
    assert review is not None
    assert review["original"]["message"] == "One subject, one verb."


def test_edit_that_cannot_be_used_is_shown_again(day: Day, ed: Browser) -> None:
    comment = day.comment(day.released)["id"]
    answer = ed.send(f"/desk/comments/{comment}/decision", decision="edit", message="", next_step="Look at the verb.")
    assert answer.status_code == 422
    assert "Look at the verb." in answer.text
    assert 'role="alert"' in answer.text
    assert ed.send(f"/desk/comments/{comment}/decision", decision="praise").status_code == 422
    assert review_of(day, comment) is None


@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example", "/\\evil.example"])
def test_decision_leads_nowhere_else(day: Day, ed: Browser, elsewhere: str) -> None:
    comment = day.comment(day.released)["id"]
    answer = ed.send(f"/desk/comments/{comment}/decision", decision="accept", next=elsewhere)
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/desk/review/{comment}")


def test_script_hears_that_a_decision_is_stored_and_nothing_else(day: Day, ed: Browser) -> None:
    comment = day.comment(day.released)["id"]
    answer = ed.client.post(
        f"/desk/comments/{comment}/decision",
        data={"csrf": ed.csrf, "decision": "reject"},
        headers={"X-Requested-With": "fetch"},
    )
    assert (answer.status_code, answer.data) == (204, b"")
    review = review_of(day, comment)
    assert review is not None
    assert review["decision"] == "rejected"


def test_queue_goes_from_comment_to_comment_and_back(day: Day, ed: Browser) -> None:
    day.api.database.sql(
        "update feedback set confidence = 0.1 where id = %s", unsure := day.comment(day.held, "content")["id"]
    )
    day.api.database.sql("update review_items set confidence_permille = 100 where feedback_id = %s", unsure)
    page, seen = ed.get("/desk/review"), []
    assert f"/desk/comments/{unsure}/decision" in page
    assert "12 comments to review" in text_of(page)
    assert 'rel="prev"' not in page
    while 'rel="next"' in page:
        seen.append(page.split("/desk/comments/")[1].split("/")[0])
        page = ed.get(page.split('rel="next"')[0].rsplit('href="', 1)[1].split('"')[0])
    assert "You are at the end of the list." in page
    assert len(set(seen)) == len(seen) == 12
    back, walked = ed.get(f"/desk/review/{seen[-1]}"), [seen[-1]]
    while 'rel="prev"' in back:
        back = ed.get(back.split('rel="prev"')[0].rsplit('href="', 1)[1].split('"')[0])
        walked.append(back.split("/desk/comments/")[1].split("/")[0])
    assert walked == seen[::-1]


@pytest.mark.parametrize("name", ["ed", "ada"])
def test_queue_can_be_that_of_one_assignment_or_course(day: Day, name: str) -> None:
    browser, school = day.sign_in(name), day.api.school
    page = browser.get(f"/desk/review?assignment={school.reviewed_assignment}")
    assert "6 comments to review" in text_of(page)
    following = page.split('rel="next"')[0].rsplit('href="', 1)[1].split('"')[0]
    assert f"assignment={school.reviewed_assignment}" in following
    assert "12 comments to review" in text_of(browser.get(f"/desk/review?course={school.course}"))
    browser.get("/desk/review?course=x", status=422)


def test_queue_shows_the_next_comment_after_a_decision(day: Day, ed: Browser) -> None:
    page = ed.get("/desk/review")
    comment = page.split("/desk/comments/")[1].split("/")[0]
    onward = page.split('name="next" value="')[1].split('"')[0]
    following = ed.go(f"/desk/comments/{comment}/decision", decision="accept", next=onward)
    assert f"/desk/comments/{comment}/decision" not in following
    assert "11 comments to review" in text_of(following)
    assert f"/desk/comments/{comment}/decision" not in ed.get("/desk/review")


def test_queue_shows_the_words_in_their_sentence(day: Day, ed: Browser) -> None:
    page = ed.get(f"/desk/review/{day.comment(day.released)['id']}")
    assert 'Phones <mark class="grammar">was</mark> distracting.' in page
    without_place = next(one for one in day.comments(day.released) if one["span"]["match"] == "none")
    assert "The words it names are not in the essay" in text_of(ed.get(f"/desk/review/{without_place['id']}"))


def test_own_comment_is_added_and_saved(day: Day, ed: Browser) -> None:
    address = f"/desk/submissions/{day.released['id']}/comments"
    page = text_of(ed.go(address, **OWN, save="on"))
    assert "Which study?" in page
    assert "Your teacher wrote this." in page
    added = next(one for one in day.comments(day.released) if one["message"] == "Which study?")
    assert (added["type"], added["severity"], added["span"]["quote"]) == ("evidence", "major", "distracting")
    [(saved,)] = day.api.database.sql("select id from saved_comments")
    assert "Which study?" in ed.get("/desk/saved")
    again = text_of(ed.go(address, quote="loud", saved_comment_id=str(saved)))
    assert again.count("Which study?") >= 2
    assert day.count("saved_comments") == 1


@pytest.mark.parametrize(
    "change", [{"quote": "not in it"}, {"quote": ""}, {"message": " "}, {"about": "content:nonsense"}, {"about": "x"}]
)
def test_own_comment_that_cannot_be_used_is_shown_again(day: Day, ed: Browser, change: dict[str, str]) -> None:
    before = day.count("feedback")
    answer = ed.send(f"/desk/submissions/{day.released['id']}/comments", **{**OWN, "next_step": "Name it.", **change})
    assert answer.status_code == 422, answer.text[:500]
    assert "Name it." in answer.text
    assert 'role="alert"' in answer.text
    assert day.count("feedback") == before


def test_words_of_a_comment_are_saved_for_later_and_deleted(day: Day, ed: Browser) -> None:
    page = ed.go(f"/desk/comments/{day.comment(day.released)['id']}/save")
    assert "One subject, one verb." in page
    [(saved,)] = day.api.database.sql("select id from saved_comments")
    ada = day.sign_in("ada")
    assert "One subject" not in ada.get("/desk/saved")
    assert ada.send(f"/desk/saved/{saved}/delete").status_code == 404
    assert "One subject" not in ed.go(f"/desk/saved/{saved}/delete")
    assert day.count("saved_comments") == 0


def test_saved_comment_is_written_on_its_page(day: Day, ed: Browser) -> None:
    fields = {"about": "grammar:article", "kind": "issue", "severity": "minor", "message": "A or an?"}
    assert "A or an?" in ed.go("/desk/saved", **fields)
    answer = ed.send("/desk/saved", **{**fields, "message": "", "next_step": "Say it aloud."})
    assert answer.status_code == 422
    assert "Say it aloud." in answer.text
    assert day.count("saved_comments") == 1
