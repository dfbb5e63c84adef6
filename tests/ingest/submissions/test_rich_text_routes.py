"""Tests of HTML and embedded pictures at every route that takes an essay: what is stored, counted, refused and said."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from documents.rich_text.recognise import MAX_TAGS
from ingest.web.schemas import MAX_CHARACTERS
from tests.ingest.conftest import ApiUnderTest, Headers, Refused, piece

PICTURE = "data:image/png;base64," + "iVBORw0KGgo" * 4_000
HTML = f'<p>First, shops&nbsp;keep a street alive.</p><p>Second, they was <b>near</b>.<img src="{PICTURE}"></p>'
TEXT = "First, shops keep a street alive.\n\nSecond, they was near."


def by_person(api: ApiUnderTest, text: str) -> Any:
    return api.client.post("/v1/submissions", json=piece(text=text), headers=api.signed_in("alice"))


def by_key(api: ApiUnderTest, text: str) -> Any:
    body = piece(text=text, student={"external_id": uuid4().hex})
    return api.client.post("/v1/submissions", json=body, headers=api.with_key())


def by_webhook(api: ApiUnderTest, text: str) -> Any:
    return api.lms.deliver(piece(text=text, student={"external_id": uuid4().hex}))


ROUTES = {"person": by_person, "API key": by_key, "webhook": by_webhook}


def staff(api: ApiUnderTest) -> Headers:
    return api.signed_in("ada")


@pytest.fixture(params=ROUTES.values(), ids=ROUTES)
def hand_in(request: pytest.FixtureRequest) -> Any:
    """Hand in a text by each of the routes: `hand_in(api, text)`."""
    return request.param


def test_html_is_stored_as_plain_text_and_pictures_are_named(shared_api: ApiUnderTest, hand_in: Any) -> None:
    answer = hand_in(shared_api, HTML)
    assert answer.status_code == 202, answer.text
    pointer = "/data/text" if hand_in is by_webhook else "/text"
    detail = "holds 1 embedded picture; only the words are read and kept"
    assert answer.json["warnings"] == [{"pointer": pointer, "detail": detail}]
    written = shared_api.client.get(answer.json["links"]["text"], headers=staff(shared_api)).json
    assert (written["text"], written["format"], written["pictures_left_out"]) == (TEXT, "html", 1)
    assert (written["characters"], written["words"]) == (len(TEXT), 10)
    status = shared_api.client.get(answer.json["links"]["self"], headers=staff(shared_api)).json
    assert (status["format"], status["pictures_left_out"]) == ("html", 1)
    essay = shared_api.client.get(answer.json["links"]["essay"], headers=staff(shared_api)).json
    assert (essay["format"], essay["versions"][0]["format"], essay["versions"][0]["words"]) == ("html", "html", 10)


def test_format_is_that_of_each_version(shared_api: ApiUnderTest) -> None:
    alice = shared_api.signed_in("alice")
    first = shared_api.hand_in(text="<p>One &amp; two.</p>")
    second = shared_api.hand_in(text="One < two.", essay_id=first["essay_id"])
    assert "warnings" not in first
    essay = shared_api.client.get(second["links"]["essay"], headers=alice).json
    assert [one["format"] for one in essay["versions"]] == ["html", "plain"]
    items = shared_api.client.get("/v1/essays", headers=alice).json["items"]
    assert next(one["format"] for one in items if one["id"] == first["essay_id"]) == "plain"
    assert shared_api.client.get(second["links"]["text"], headers=alice).json["text"] == "One < two."


def test_comments_are_anchored_in_the_plain_text_and_everybody_reads_of_the_picture(shared_api: ApiUnderTest) -> None:
    receipt = shared_api.hand_in("alice", assignment_id=str(shared_api.school.assignment), text=HTML)
    shared_api.worker.finish(receipt["id"], "grammar", quote="they was")
    for who in ("alice", "ed"):
        found = shared_api.client.get(receipt["links"]["feedback"], headers=shared_api.signed_in(who)).json
        span = found["comments"][0]["span"]
        assert TEXT[span["start"] : span["end"]] == span["quote"] == "they was"
        assert "1 embedded picture in the text, because only words are read" in found["summary"]["not_checked"]


def test_limits_count_the_words_and_not_the_tags(shared_api: ApiUnderTest, hand_in: Any, refused: Refused) -> None:
    picture = '<img src="data:image/png;base64,' + "A" * 150_000 + '">'
    assert hand_in(shared_api, "Words of an essay. " * 50 + picture).status_code == 202
    assert hand_in(shared_api, "<p>" + "word " * 19_000 + "</p>" + "<p></p>" * 5_000).status_code == 202
    problem = refused(hand_in(shared_api, "<p>" + "x" * (MAX_CHARACTERS + 1) + "</p>"), 422, "essay-too-long")
    assert problem["detail"] == "The text has 100,001 characters; at most 100,000 are read."
    problem = refused(hand_in(shared_api, "<p>x</p>" * MAX_TAGS), 422, "essay-too-long")
    assert problem["detail"] == "The text has more than 50,000 tags."


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        (f'<img src="{PICTURE}">', "holds a picture and no words; hand in the words as text"),
        (f"![my essay]({PICTURE})", "holds a picture and no words; hand in the words as text"),
        (PICTURE, "holds a picture and no words; hand in the words as text"),
        (f'<p>&nbsp;</p><p><img src="{PICTURE}"></p>', "holds a picture and no words; hand in the words as text"),
        ("<p><br></p><p>&nbsp;</p>", "is blank"),
    ],
    ids=["img", "Markdown", "address", "editor", "empty editor"],
)
def test_text_without_words_is_refused(
    shared_api: ApiUnderTest, hand_in: Any, refused: Refused, text: str, detail: str
) -> None:
    problem = refused(hand_in(shared_api, text), 422, "essay-empty")
    pointer = "/data/text" if hand_in is by_webhook else "/text"
    assert problem["errors"] == [{"pointer": pointer, "detail": detail}]


def test_repeated_request_is_compared_by_what_was_sent(shared_api: ApiUnderTest, refused: Refused) -> None:
    headers = {**shared_api.signed_in("alice"), "Idempotency-Key": uuid4().hex}
    first = shared_api.client.post("/v1/submissions", json=piece(text=HTML), headers=headers)
    again = shared_api.client.post("/v1/submissions", json=piece(text=HTML), headers=headers)
    assert (again.status_code, again.json) == (202, first.json)
    plain = shared_api.client.post("/v1/submissions", json=piece(text=TEXT), headers=headers)
    refused(plain, 422, "idempotency-key-reused")


def test_title_has_no_tags_either(shared_api: ApiUnderTest) -> None:
    receipt = shared_api.hand_in("alice", title="<p>Tom &amp; <em>Jerry</em></p>")
    kept = shared_api.hand_in("alice", title="  I <3  dogs ")
    for one, title in ((receipt, "Tom & Jerry"), (kept, "  I <3  dogs ")):
        assert shared_api.client.get(one["links"]["text"], headers=shared_api.signed_in("alice")).json["title"] == title


def test_samples_of_a_rubric_are_read_as_essays_are(shared_api: ApiUnderTest, refused: Refused) -> None:
    ed = shared_api.signed_in("ed")
    levels = [{"name": "weak", "points": 0, "description": ""}, {"name": "strong", "points": 2, "description": ""}]
    rubric = shared_api.client.post(
        "/v1/rubrics", json={"name": uuid4().hex, "criteria": [{"name": "voice", "levels": levels}]}, headers=ed
    ).json["id"]
    at = f"/v1/rubrics/{rubric}/try"
    [sample] = shared_api.client.post(at, json={"texts": [HTML]}, headers=ed).json["submissions"]
    assert shared_api.client.get(sample["links"]["text"], headers=ed).json["text"] == TEXT
    problem = refused(shared_api.client.post(at, json={"texts": ["Words.", PICTURE]}, headers=ed), 422, "essay-empty")
    assert problem["errors"][0]["pointer"] == "/texts/1"
