"""Test the pages of students: handing in, comments beside the words, the next draft, reactions, and who sees what."""

from __future__ import annotations

import io
import re
from uuid import uuid4

import pytest

from models import files
from tests.documents.hostile_files import SAMPLES
from tests.ingest.conftest import ESSAY, ApiUnderTest
from tests.ingest.pages.conftest import SignedIn
from tests.support.pages import Page, PageReader

DOCX = (SAMPLES / "pandoc.docx").read_bytes()
PASSES = ("grammar", "structure", "content")
TEXT = "Phones was loud. Everybody know it.\n\nSchools should ban them, because they was loud."


@pytest.fixture
def alice(signed_in: SignedIn) -> PageReader:
    return signed_in("alice")


@pytest.fixture
def zoe(signed_in: SignedIn) -> PageReader:
    """Give Zoe, who is in no course: nobody holds her feedback back, and each of her essays is one of its own."""
    return signed_in("zoe")


def hand_in(reader: PageReader, *, title: str = "Phones", text: str = TEXT, **fields: str) -> str:
    """Hand in an essay by the page and return the path of its page."""
    form = reader.get("/essays/new")
    page = reader.post("/essays/new", title=title, text=text, key=form.hidden("key"), **fields)
    assert page.status == 200, page.text
    return str(page.answer.request.path)


def newest_submission(api: ApiUnderTest, path: str) -> str:
    [(found,)] = api.database.sql("select newest_submission_id::text from essays where id = %s", path.split("/")[2])
    return str(found)


def read(api: ApiUnderTest, path: str, *, passes: tuple[str, ...] = PASSES, quote: str = "was") -> None:
    """Let the worker read the newest draft of this essay."""
    for name in passes:
        api.worker.finish(newest_submission(api, path), name, quote=quote)


def test_new_essay_waits_with_its_place_and_then_shows_its_comments(
    shared_api: ApiUnderTest, alice: PageReader
) -> None:
    path = hand_in(alice, assignment_id=str(shared_api.school.assignment))
    page = alice.get(path)
    assert page.words(".state") == ["Waiting to be read"]
    assert re.search(r"Your place in the line: \d+\.", page.text)
    assert page.attributes("#paper", "data-events") == [f"{path}/events"]
    read(shared_api, path, passes=("grammar",))
    page = alice.get(path)
    assert page.words(".passes .done") == ["Grammar done"]
    assert page.words(".notes .type") == ["Agreement"]
    read(shared_api, path, passes=("structure", "content"))
    page = alice.get(path)
    assert page.words(".state")[0] == "Read"
    assert page.attributes("#paper", "data-events") == []


def test_comment_stands_beside_the_paragraph_and_marks_the_words(shared_api: ApiUnderTest, zoe: PageReader) -> None:
    path = hand_in(zoe)
    read(shared_api, path, quote="they was", passes=("grammar",))
    page = zoe.get(path)
    assert page.words("mark.grammar") == ["they was"]
    first, second = page.all(".strip")
    assert first.query(".comment") == []
    [comment] = second.query(".comment")
    [mark] = second.query("a.ref")
    assert mark.attrs["href"] == f"#{comment.attrs['id']}"
    assert "Comments like it were right about 9 times in 10." in comment.to_text()
    # The text is whole: marks and numbers add nothing to it and take nothing away.
    words = "\n\n".join(strip.query(".words")[0].to_text(separator="", strip=False) for strip in (first, second))
    assert words.replace(mark.to_text(), "", 1) == TEXT


def test_at_most_three_comments_are_open_and_named_first(shared_api: ApiUnderTest, zoe: PageReader) -> None:
    path = hand_in(zoe)
    read(shared_api, path)
    page = zoe.get(path)
    assert len(page.all(".comment")) == 6
    assert page.attributes("details.comment[open]", "id") == ["c1", "c2", "c3"]
    assert page.attributes(".summary ol a", "href") == ["#c1", "#c2", "#c3"]
    # What is about no words in particular stands below the text.
    assert len(page.all(".general .comment")) == 3


def test_chosen_suggestions_are_in_the_next_draft(shared_api: ApiUnderTest, zoe: PageReader) -> None:
    path = hand_in(zoe)
    read(shared_api, path, passes=("grammar", "structure"))
    page = zoe.get(path)
    [grammar, structure] = page.attributes('input[name="use"]', "value")
    page = zoe.get(f"{path}/next?use={grammar}&use={structure}")
    # Both comments are about the same words: one suggestion is used, and the other is not put on top of it.
    assert page.words(".notice") == [
        "1 suggestion is in the text now. 1 had no room beside another one: change it by hand."
    ]
    text = page.all("textarea")[0].to_text()
    assert text == TEXT.replace("Phones was", "Phones were", 1)
    done = zoe.post(f"{path}/next", text=text + "\n\nAn end.", key=page.hidden("key"))
    assert done.answer.request.path == path
    assert done.words(".drafts a") == ["Draft 1", "Draft 2", "What changed"]
    assert done.attributes('.drafts [aria-current="page"]', "href") == [f"{path}?draft=2"]


def test_sending_the_same_form_twice_makes_one_draft(shared_api: ApiUnderTest, zoe: PageReader) -> None:
    form = zoe.get("/essays/new")
    fields = {"title": "Twice", "text": TEXT, "key": form.hidden("key"), "csrf": form.hidden("csrf")}
    first, second = zoe.post("/essays/new", **fields), zoe.post("/essays/new", **fields)
    assert first.answer.request.path == second.answer.request.path
    assert len(second.all(".drafts a")) == 0
    other = zoe.post("/essays/new", **{**fields, "text": "Another text."})
    assert other.status == 422
    assert other.words("textarea") == ["Another text."]


def test_what_became_of_the_last_comments_is_shown_beside_the_change(shared_api: ApiUnderTest, zoe: PageReader) -> None:
    path = hand_in(zoe)
    read(shared_api, path)
    form = zoe.get(f"{path}/next")
    zoe.post(f"{path}/next", text=TEXT.replace("Phones was", "Phones were"), key=form.hidden("key"))
    read(shared_api, path)
    page = zoe.get(f"{path}/progress")
    assert page.words("h1") == ["What changed"]
    assert "Phones was loud." in page.words(".compare p")
    assert "Phones were loud." in page.words(".compare p")


def test_reaction_is_kept_shown_and_taken_back(shared_api: ApiUnderTest, zoe: PageReader) -> None:
    path = hand_in(zoe)
    read(shared_api, path, passes=("grammar",))
    page = zoe.get(path)
    [address] = {form.attrs["action"] for form in page.all("form.reaction")[:1]}
    fields = {"essay": path.split("/")[2], "number": "1"}
    page = zoe.post(address, reaction="helpful", **fields)
    assert page.answer.request.path == path
    assert page.words('#c1 button[aria-pressed="true"]') == ["Helpful"]
    page = zoe.post(address, reaction="disagree", note="I meant it so.", **fields)
    assert "Your teacher can see that you disagree." in page.text
    [(submission,)] = shared_api.database.sql("select submission_id::text from feedback_reactions")
    assert submission == newest_submission(shared_api, path)
    page = zoe.post(address, reaction="", **fields)
    assert page.words('#c1 button[aria-pressed="true"]') == []
    part = zoe.post(address, reaction="not_helpful", headers={"HX-Request": "true"}, **fields)
    assert part.words('button[aria-pressed="true"]') == ["Not helpful"]
    assert part.all("main") == []


def test_held_feedback_is_not_shown_before_it_is_released(shared_api: ApiUnderTest, alice: PageReader) -> None:
    path = hand_in(alice, assignment_id=str(shared_api.school.reviewed_assignment))
    read(shared_api, path)
    page = alice.get(path)
    assert page.all(".comment") == []
    assert "Your teacher looks at the comments first." in page.text
    release = f"/v1/submissions/{newest_submission(shared_api, path)}/release"
    assert shared_api.client.post(release, headers=shared_api.signed_in("ed")).status_code == 200
    assert len(alice.get(path).all(".comment")) == 6


@pytest.mark.parametrize(("changed", "said"), [
    ({"text": " "}, "The text has no visible character."),
    ({"text": "<img src='data:image/png;base64,AAAA'>"}, "The text holds a picture and no words"),
    ({"title": ""}, "title"),
    ({"text": "w" * 100_001}, "has 100,001 characters"),
    ({"text": "a\0b"}, "Some text cannot be stored"),
    ({"assignment_id": "no-id"}, "assignment_id"),
    ({"assignment_id": str(uuid4())}, "assignment"),
])  # fmt: skip
def test_form_that_cannot_be_used_says_why_and_keeps_what_was_written(
    zoe: PageReader, changed: dict[str, str], said: str
) -> None:
    form = zoe.get("/essays/new")
    sent = {"title": "My title", "text": "My text.", **changed}
    page = zoe.post("/essays/new", key=form.hidden("key"), **sent)
    assert page.status in (404, 422)
    assert said in page.words('[role="alert"]')[0]
    assert page.attributes("#title", "value") == [sent["title"]]
    assert page.words("textarea") == [sent["text"].replace("\0", "\ufffd").strip()]


def test_longest_essay_in_characters_of_four_bytes_can_be_handed_in(zoe: PageReader) -> None:
    hand_in(zoe, title="Long", text="\u4e16" * 99_990)


@pytest.mark.parametrize("name", ["alice", "bob", "nell", "ed", "ada"])
def test_nobody_else_has_a_page_of_an_essay(
    shared_api: ApiUnderTest, zoe: PageReader, signed_in: SignedIn, name: str
) -> None:
    path = hand_in(zoe)
    read(shared_api, path, passes=("grammar",))
    action = zoe.get(path).attributes("form.reaction", "action")[0]
    other = signed_in(name)
    for address in (path, f"{path}?draft=1", f"{path}/next", f"{path}/progress", f"{path}/events"):
        assert other.get(address).status == 404, address
    for address, fields in ((f"{path}/next", {"text": "Mine."}), (action, {"reaction": "helpful"})):
        assert other.post(address, **fields).status in (403, 404), address
    assert zoe.get(path).words(".drafts a") == []


def test_people_of_another_school_have_no_page_of_an_essay(
    shared_api: ApiUnderTest, zoe: PageReader, signed_in: SignedIn
) -> None:
    path = hand_in(zoe)
    other = signed_in("zoe", of="other")
    assert [other.get(f"{path}{part}").status for part in ("", "/next", "/progress", "/events")] == [404] * 4


def test_earlier_draft_can_be_read_and_an_unknown_one_is_not_there(zoe: PageReader) -> None:
    path = hand_in(zoe)
    form = zoe.get(f"{path}/next")
    zoe.post(f"{path}/next", text="Only the second draft says this.", key=form.hidden("key"))
    assert "Phones was loud" in zoe.get(f"{path}?draft=1").text
    assert "Only the second draft" in zoe.get(f"{path}?draft=2").text
    assert [zoe.get(f"{path}?draft={one}").status for one in ("3", "0", "x", "1e1")] == [404] * 4


def test_list_shows_the_newest_change_first_and_leads_to_older_essays(
    shared_api: ApiUnderTest, signed_in: SignedIn
) -> None:
    zoe = signed_in("zoe", of="other")
    for number in range(32):
        shared_api.hand_in("zoe", shared_api.other, title=f"Essay {number}", external_id=f"page-{number}")
    page = zoe.get("/essays")
    assert page.words("h2")[:2] == ["Essay 31", "Essay 30"]
    assert len(page.words("h2")) == 30
    [older] = [one.attrs["href"] for one in page.all("main > p a")]
    assert zoe.get(older).words("h2") == ["Essay 1", "Essay 0"]


def test_page_of_an_essay_that_holds_every_kind_of_text_is_whole(shared_api: ApiUnderTest, zoe: PageReader) -> None:
    text = (
        "\u0645\u062f\u0631\u0633\u0629 was e\u0301\U0001f469\u200d\U0001f469\u200d\U0001f467.\n  indented\ttab\n\n\n"
        + ESSAY
    )
    path = hand_in(zoe, text=text)
    read(shared_api, path, quote="e\u0301\U0001f469", passes=("grammar",))
    assert zoe.get(path).words("mark") == ["e\u0301\U0001f469"]


def test_unfolding_a_comment_is_recorded_for_its_student_only(
    shared_api: ApiUnderTest, zoe: PageReader, signed_in: SignedIn
) -> None:
    path = hand_in(zoe)
    read(shared_api, path)
    page = zoe.get(path)
    [*_, address] = page.attributes("details.comment", "hx-post")
    other = signed_in("alice")
    other.get("/essays")
    assert other.post(address).status == 404
    assert zoe.post(address, csrf=page.hidden("csrf")).status == 204
    recorded = shared_api.database.sql("select user_id from analytics where event = 'comment_opened'")
    assert recorded == [(str(shared_api.school.zoe),)] or recorded == [(shared_api.school.zoe,)]


def choose(reader: PageReader, path: str, data: bytes, *, name: str = "trees.docx", **fields: str) -> Page:
    """Send the form of this page with a file that was chosen."""
    form = reader.get(path)
    return reader.post(path, key=form.hidden("key"), file=(io.BytesIO(data), name), **fields)


def test_file_is_handed_in_in_place_of_a_text(shared_api: ApiUnderTest, zoe: PageReader) -> None:
    page = choose(zoe, "/essays/new", DOCX, title="Trees", text="Not this.")
    assert page.status == 200, page.text
    assert "Whoever plants a tree" in page.text
    assert "Not this." not in page.text
    [link] = page.attributes("a[download]", "href")
    got = zoe.client.get(link)
    assert (got.data, got.headers["Content-Security-Policy"][:8]) == (DOCX, "sandbox;")
    assert "trees.docx" in page.words("a[download]")[0]
    essay = page.answer.request.path
    newer = choose(zoe, f"{essay}/next", b"Dogs bark.", name="dogs.txt", text="The old draft.")
    assert (newer.status, "Dogs bark." in newer.text) == (200, True)
    ada = PageReader(shared_api.app)
    ada.sign_in(shared_api.school, "ada")
    [link] = ada.get(f"/desk{essay}").attributes("a[download]", "href")
    assert ada.client.get(link).data == b"Dogs bark."


def test_file_stays_chosen_while_the_rest_of_the_form_is_mended(zoe: PageReader) -> None:
    page = choose(zoe, "/essays/new", DOCX, title="", name="my <b>trees.docx")
    assert page.status == 422
    kept = {name: page.hidden(name) for name in ("key", "file_id", "file_name", "file_digest")}
    assert kept["file_name"] == "my btrees.docx"
    page = zoe.post("/essays/new", title="Trees", **kept)
    assert (page.status, "Whoever plants a tree" in page.text) == (200, True)


def test_form_with_a_file_that_is_sent_twice_makes_one_essay(zoe: PageReader) -> None:
    key = zoe.get("/essays/new").hidden("key")
    csrf = zoe.page.hidden("csrf") if zoe.page else ""
    paths = set()
    for _ in range(2):
        page = zoe.post("/essays/new", key=key, csrf=csrf, title="Trees", file=(io.BytesIO(DOCX), "a.docx"))
        paths.add(page.answer.request.path)
    assert len(paths) == 1


def test_file_that_cannot_be_read_is_refused_in_words(zoe: PageReader) -> None:
    page = choose(zoe, "/essays/new", b"\x89PNG\r\n\x1a\n" + bytes(9), title="T", text="Kept.", name="scan.docx")
    assert page.status == 415
    assert "This is a picture" in page.text
    assert page.words("textarea") == ["Kept."]


def test_page_says_in_the_language_of_the_student_that_too_many_files_wait(
    zoe: PageReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "MOST_WAITING", 0)
    choose(zoe, "/essays/new", DOCX, title="")
    zoe.post("/language", language="de", next="/essays/new")
    page = choose(zoe, "/essays/new", DOCX, title="T", text="Kept.")
    zoe.post("/language", language="en", next="/essays/new")
    assert page.status == 429
    assert "Es warten schon so viele Dateien auf ihre Abgabe, wie erlaubt sind." in page.text
    assert page.words("textarea") == ["Kept."]


def test_file_of_somebody_else_cannot_be_handed_in_by_the_page(zoe: PageReader, alice: PageReader) -> None:
    page = choose(alice, "/essays/new", DOCX, title="")
    form = zoe.get("/essays/new")
    refused = zoe.post("/essays/new", key=form.hidden("key"), title="T", file_id=page.hidden("file_id"))
    assert refused.status == 404
